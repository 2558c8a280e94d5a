/* native.c - the envelope of the native dialect, its errors, its rate rule, and its endpoints. */
#include "dialect/native_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

enum { WAITING_MAX = 256, WAITING_BYTES = 16 << 20 };

static const struct pl_message_row *const tables[] = {pl_native_rooms, pl_native_messages, NULL};

void pl_native_fail(struct pl_session *s, struct pl_slice error)
{
	struct pl_buf *b = pl_session_out(s);
	PL_PUT(b, "{\"type\":\"error\",\"error\":");
	pl_json_put_str(b, error);
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

/* Every frame counts. The window begins anew with the first frame that comes too many, after it. */
static bool is_too_fast(struct native *n)
{
	const struct pl_gateway_options *o = n->session.gateway->options;
	uint64_t now_ms = pl_now_ms();
	if (!n->window_ms)
		n->window_ms = now_ms;
	if (!o->native_messages || ++n->said <= o->native_messages)
		return false;
	if (now_ms - n->window_ms < o->native_window_ms)
		return true;
	n->said = 0;
	n->window_ms = now_ms;
	return false;
}

static void refuse_haste(struct pl_session *s)
{
	pl_metric_add(s->gateway->hub->metrics, PL_M_RATE_LIMITED, 1);
	pl_native_fail(s, PL_S("Rate limit exceeded"));
	if (s->conn)
		pl_conn_close(s->conn, 1008, PL_S("Rate limit exceeded"));
}

static const struct pl_custom_message *find_custom(const struct pl_session *s, struct pl_slice type)
{
	const struct pl_custom_message *c = s->gateway->native_handlers;
	while (c && c->type && !pl_slice_is(type, c->type))
		c++;
	return c && c->type ? c : NULL;
}

/* What is not there or of the wrong kind is ignored, as are types that nobody knows. */
static void answer(struct pl_session *s, const struct pl_message_row *row,
		   const struct pl_verdict *v)
{
	switch (v->what) {
	case PL_TOO_FAST: pl_native_fail(s, PL_S("Rate limit exceeded")); return;
	case PL_FIELD_BAD:
	case PL_FAILED:
		if (row->failed.text)
			pl_native_fail(s, pl_slice_str(row->failed.text));
		return;
	default: return;
	}
}

static void on_object(struct pl_session *s, const struct pl_json *root)
{
	struct pl_slice type = pl_json_get_str(root, "type"), none = {NULL, 0};
	const struct pl_custom_message *custom = find_custom(s, type);
	if (custom) {
		custom->handle(s, root, custom->ctx);
		return;
	}
	const struct pl_message_row *row = pl_dispatch_find(tables, type);
	if (!row)
		return;
	struct pl_verdict v = pl_dispatch(row, s, none, root);
	answer(s, row, &v);
}

static void on_text(struct pl_session *s, struct pl_slice text)
{
	const struct pl_json *root;
	if (is_too_fast(pl_native_of(s))) {
		refuse_haste(s);
		return;
	}
	int err = pl_json_parse(s->gateway->messages, text, &root);
	if (err || pl_json_is_absent(root))
		pl_native_fail(s, PL_S("Invalid message format"));
	else if (pl_json_is(root, PL_JSON_OBJECT))
		on_object(s, root);
}

#define DIALECT(no_token)                                                                 \
	{                                                                                 \
		.name = "native", .peer_ops = &pl_native_peer_ops, .on_text = on_text,    \
		.on_signed_in = pl_native_on_signed_in, .on_expiry = pl_native_on_expiry, \
		.size = sizeof(struct native), .find_token = pl_native_find_token,        \
		.on_no_token = (no_token), .on_end = pl_native_forget_rooms,              \
		.waiting_max = WAITING_MAX, .waiting_bytes = WAITING_BYTES                \
	}

static const struct pl_dialect members_only = DIALECT(pl_native_refuse);
static const struct pl_dialect with_guests = DIALECT(pl_native_welcome_guest);

static void on_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	pl_session_open(c, q, pl_conn_ctx(c), &members_only);
}

static void on_guest_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	pl_session_open(c, q, pl_conn_ctx(c), &with_guests);
}

const struct pl_endpoint pl_native_endpoint = {
	.on_upgrade = on_upgrade,
	.on_message = pl_session_message,
	.on_close = pl_session_close,
};

const struct pl_endpoint pl_native_guest_endpoint = {
	.on_upgrade = on_guest_upgrade,
	.on_message = pl_session_message,
	.on_close = pl_session_close,
};
