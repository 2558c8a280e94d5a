/* socketio.c - the text of Socket.IO packets. The head is read once, from left to right. */
#include "wire/socketio.h"

static bool is_digit(const char *at, const char *end)
{
	return at < end && *at >= '0' && *at <= '9';
}

static bool is_binary(enum pl_sio_type type)
{
	return type == PL_SIO_BINARY_EVENT || type == PL_SIO_BINARY_ACK;
}

/* "n-" from *at on. Stops counting above max: the number cannot overflow. */
static int read_attachments(const char **at, const char *end, uint32_t max, uint32_t *out)
{
	const char *c = *at;
	uint64_t n = 0;
	if (!is_digit(c, end) || *c == '0')
		return PL_EPROTO;
	for (; is_digit(c, end) && n <= max; c++)
		n = n * 10 + (uint64_t)(*c - '0');
	if (n > max)
		return PL_ELIMIT;
	if (c == end || *c != '-')
		return PL_EPROTO;
	*at = c + 1;
	*out = (uint32_t)n;
	return 0;
}

/* "/name," or "/name" and nothing more. */
static int read_namespace(const char **at, const char *end, struct pl_slice *out)
{
	size_t left = (size_t)(end - *at);
	size_t look = left < PL_SIO_NAMESPACE_MAX + 1 ? left : PL_SIO_NAMESPACE_MAX + 1;
	const char *comma = memchr(*at, ',', look);
	if (!comma && left > PL_SIO_NAMESPACE_MAX)
		return PL_EPROTO;
	*out = pl_slice(*at, comma ? (size_t)(comma - *at) : left);
	*at = comma ? comma + 1 : end;
	return 0;
}

static int read_id(const char **at, const char *end, struct pl_sio_head *h)
{
	const char *c = *at;
	uint64_t id = 0;
	for (; is_digit(c, end) && c - *at < PL_SIO_ID_DIGITS; c++)
		id = id * 10 + (uint64_t)(*c - '0');
	if (is_digit(c, end))
		return PL_EPROTO;
	h->has_id = c > *at;
	h->id = id;
	*at = c;
	return 0;
}

int pl_sio_read_head(struct pl_slice text, uint32_t max_attachments, struct pl_sio_head *out)
{
	struct pl_sio_head h = {.nsp = PL_S("/")};
	if (!text.len || text.at[0] < '0' || text.at[0] > '0' + PL_SIO_BINARY_ACK)
		return PL_EPROTO;
	const char *at = text.at + 1, *end = text.at + text.len;
	h.type = (enum pl_sio_type)(text.at[0] - '0');
	int err =
		is_binary(h.type) ? read_attachments(&at, end, max_attachments, &h.attachments) : 0;
	if (!err && at < end && *at == '/')
		err = read_namespace(&at, end, &h.nsp);
	if (!err)
		err = read_id(&at, end, &h);
	/* "23-[...]": attachments of a type that has none. No JSON that fits begins like that. */
	if (!err && at < end && *at == '-')
		err = PL_EPROTO;
	if (err)
		return err;
	h.json = pl_slice(at, (size_t)(end - at));
	*out = h;
	return 0;
}

bool pl_sio_is_reserved(struct pl_slice event)
{
	static const struct pl_slice names[] = {
		PL_S("connect"),       PL_S("connect_error"), PL_S("disconnect"),
		PL_S("disconnecting"), PL_S("newListener"),   PL_S("removeListener"),
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (pl_slice_eq(event, names[i]))
			return true;
	return false;
}

static bool is_event(const struct pl_json *json)
{
	const struct pl_json *name = pl_json_is(json, PL_JSON_ARRAY) ? json->child : NULL;
	if (pl_json_is(name, PL_JSON_STRING))
		return !pl_sio_is_reserved(name->str);
	return pl_json_is(name, PL_JSON_INT) || pl_json_is(name, PL_JSON_NUMBER);
}

bool pl_sio_payload_fits(const struct pl_sio_head *h, const struct pl_json *json)
{
	switch (h->type) {
	case PL_SIO_CONNECT: return !json || json->type == PL_JSON_OBJECT;
	case PL_SIO_DISCONNECT: return !json;
	case PL_SIO_EVENT:
	case PL_SIO_BINARY_EVENT: return is_event(json);
	case PL_SIO_ACK:
	case PL_SIO_BINARY_ACK: return pl_json_is(json, PL_JSON_ARRAY);
	case PL_SIO_CONNECT_ERROR: break;
	}
	return false;
}

int pl_sio_placeholder(const struct pl_json *v, uint32_t attachments, uint32_t *num)
{
	if (!pl_json_bool(pl_json_get(v, "_placeholder"), false))
		return PL_ENOTFOUND;
	int64_t n = pl_json_i64(pl_json_get(v, "num"), -1);
	if (n < 0 || n >= attachments)
		return PL_EPROTO;
	*num = (uint32_t)n;
	return 0;
}

int pl_sio_each_placeholder(const struct pl_json *root, uint32_t attachments,
			    int (*visit)(void *ctx, const struct pl_json *, uint32_t num),
			    void *ctx)
{
	/* What comes after each container that we are in. */
	const struct pl_json *after[PL_JSON_MAX_DEPTH + 1];
	size_t depth = 0;
	for (const struct pl_json *v = root; v;) {
		uint32_t num = 0;
		int err = pl_sio_placeholder(v, attachments, &num);
		bool is_inner = err == PL_ENOTFOUND;
		if (!err)
			err = visit(ctx, v, num);
		if ((err && !is_inner) || depth == sizeof(after) / sizeof(*after))
			return err && !is_inner ? err : PL_EPROTO;
		/* Beside the root stands what is somebody else's. */
		const struct pl_json *next = v == root ? NULL : v->next;
		if (is_inner && v->child) {
			after[depth++] = next;
			next = v->child;
		}
		while (!next && depth)
			next = after[--depth];
		v = next;
	}
	return 0;
}

static int pass(void *ctx, const struct pl_json *v, uint32_t num)
{
	(void)ctx, (void)v, (void)num;
	return 0;
}

bool pl_sio_placeholders_fit(const struct pl_json *root, uint32_t attachments)
{
	return !pl_sio_each_placeholder(root, attachments, pass, NULL);
}

void pl_sio_put_head(struct pl_buf *b, const struct pl_sio_head *h)
{
	pl_buf_putc(b, (char)('0' + h->type));
	if (h->attachments) {
		pl_buf_put_u64(b, h->attachments);
		pl_buf_putc(b, '-');
	}
	if (!pl_slice_is(h->nsp, "/")) {
		pl_buf_puts(b, h->nsp);
		pl_buf_putc(b, ',');
	}
	if (h->has_id)
		pl_buf_put_u64(b, h->id);
}

void pl_sio_put_placeholder(struct pl_buf *b, uint32_t num)
{
	PL_PUT(b, "{\"_placeholder\":true,\"num\":");
	pl_buf_put_u64(b, num);
	pl_buf_putc(b, '}');
}
