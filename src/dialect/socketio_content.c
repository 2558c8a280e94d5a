/*
 * socketio_content.c - what is said, which may be any JSON value with binary values in it: kept as
 * text that every dialect can show, and given back as it was.
 *
 *     format          content                      metadata
 *     0               the text
 *     JSON            JSON                         {"type":...} where it is no type of ours
 *     BYTES           a data: URL
 *     JSON | PIECES   JSON with data: URLs in it   "pieces": where they stand, [at, length, ...]
 *
 * Only this dialect sets a format, so what the format promises of the metadata was written here.
 */
#include "dialect/socketio_internal.h"

#include "wire/base64.h"
#include "wire/json_write.h"
#include "wire/socketio.h"

enum { JSON = 1, BYTES = 2, PIECES = 4, TYPED = 8 }; /* 16 is PL_UPLOAD_FORMAT */
enum { CONTENT_MAX = 16 << 20, DEEPEST = 64, METADATA_MAX = 1024 };

#define URL "data:application/octet-stream;base64,"

/* ---- in ---- */

struct piece {
	struct pl_slice raw, bytes; /* as it stood in the JSON; what it stands for */
};

struct pieces {
	struct pl_session *session;
	struct piece at[PL_SOCKETIO_PIECES_MAX];
	size_t n;
};

static int find_pieces(struct pieces *p, const struct pl_json *v, int depth)
{
	struct pl_slice bytes = pl_socketio_binary(p->session, v);
	int err = 0;
	if (bytes.at) {
		if (p->n == PL_SOCKETIO_PIECES_MAX)
			return PL_EINVAL;
		p->at[p->n++] = (struct piece){v->raw, bytes};
		return 0;
	}
	if (depth == DEEPEST)
		return PL_EINVAL;
	for (const struct pl_json *c = v->child; !err && c; c = c->next)
		err = find_pieces(p, c, depth + 1);
	return err;
}

static void put_url(struct pl_buf *b, struct pl_slice bytes)
{
	PL_PUT(b, URL);
	pl_base64_encode(b, bytes);
}

/* The JSON with data: URLs in the place of its pieces; where they stand, into the metadata. */
static void put_json(const struct pieces *p, const struct pl_json *v, struct pl_buf *content,
		     struct pl_buf *metadata)
{
	const char *from = v->raw.at, *end = v->raw.at + v->raw.len;
	if (p->n) {
		PL_PUT(metadata, "\"pieces\":[");
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct piece *piece = &p->at[i];
		pl_buf_put(content, from, (size_t)(piece->raw.at - from));
		size_t at = content->len;
		PL_PUT(content, "\"");
		put_url(content, piece->bytes);
		PL_PUT(content, "\"");
		pl_buf_printf(metadata, "%s%zu,%zu", i ? "," : "", at, content->len - at);
		from = piece->raw.at + piece->raw.len;
	}
	pl_buf_put(content, from, (size_t)(end - from));
	if (p->n)
		PL_PUT(metadata, "]");
}

static bool is_nothing(const struct pl_json *v)
{
	if (!v)
		return true;
	switch (v->type) {
	case PL_JSON_NULL: return true;
	case PL_JSON_BOOL: return !v->boolean;
	case PL_JSON_INT: return !v->integer;
	case PL_JSON_NUMBER: return v->number >= 0 && v->number <= 0;
	case PL_JSON_STRING: return !v->str.len;
	case PL_JSON_ARRAY:
	case PL_JSON_OBJECT: return false;
	}
	return true;
}

static uint32_t put_value(struct pieces *p, const struct pl_json *v, struct pl_buf *content,
			  struct pl_buf *metadata)
{
	if (pl_json_is(v, PL_JSON_STRING)) {
		pl_buf_puts(content, v->str);
		return 0;
	}
	if (p->n == 1 && p->at[0].raw.at == v->raw.at) {
		put_url(content, p->at[0].bytes);
		return BYTES;
	}
	put_json(p, v, content, metadata);
	return p->n ? JSON | PIECES : JSON;
}

/* Types of ours are kinds; any other one is text with a mark. What the system says, nobody else
 * says. */
static bool is_kind(struct pl_slice type)
{
	return pl_slice_is(type, "text") || pl_slice_is(type, "image") || pl_slice_is(type, "file");
}

static int fill(struct pl_op *op, struct pieces *p, const struct pl_json *v, struct pl_slice type,
		struct pl_buf *content, struct pl_buf *metadata)
{
	struct pl_op_send *o = &op->send;
	bool is_typed = type.len && !is_kind(type);
	PL_PUT(metadata, "{");
	if (is_typed) {
		PL_PUT(metadata, "\"type\":");
		pl_json_put_str(metadata, type);
	}
	if (is_typed && p->n > 0 && !(p->n == 1 && p->at[0].raw.at == v->raw.at))
		PL_PUT(metadata, ",");
	o->format = put_value(p, v, content, metadata) | (is_typed ? TYPED : 0);
	PL_PUT(metadata, "}");
	int err = content->err ? content->err : metadata->err;
	if (!err && content->at)
		err = pl_arena_copy(&op->arena, pl_buf_slice(content), &o->content);
	if (!err && metadata->len > 2)
		err = pl_arena_copy(&op->arena, pl_buf_slice(metadata), &o->metadata);
	return err;
}

int pl_socketio_read_content(struct pl_session *s, const struct pl_json *v, struct pl_slice type,
			     struct pl_op *op)
{
	struct pieces p = {.session = s};
	struct pl_buf content, metadata;
	if (is_nothing(v))
		return PL_EINVAL;
	int err = find_pieces(&p, v, 0);
	if (err)
		return err;
	pl_buf_init(&content, CONTENT_MAX);
	pl_buf_init(&metadata, METADATA_MAX);
	op->send.kind = is_kind(type) ? type : PL_S("text");
	err = pl_arena_copy(&op->arena, op->send.kind, &op->send.kind);
	if (!err)
		err = fill(op, &p, v, type, &content, &metadata);
	pl_buf_fini(&content);
	pl_buf_fini(&metadata);
	return err;
}

/* ---- out ---- */

/* The base64 of a data: URL of ours; at == NULL: it is none. */
static struct pl_slice base64_of(struct pl_slice url)
{
	struct pl_slice head = PL_S(URL);
	if (!pl_slice_starts(url, head))
		return (struct pl_slice){NULL, 0};
	return pl_slice(url.at + head.len, url.len - head.len);
}

/* Its bytes become the next piece. */
static bool take_piece(struct pl_socketio_pieces *p, struct pl_slice url)
{
	struct pl_slice text = base64_of(url);
	size_t n = 0;
	if (!text.at || p->n == PL_SOCKETIO_PIECES_MAX ||
	    pl_buf_reserve(&p->bytes, text.len / 4 * 3 + 3))
		return false;
	char *to = p->bytes.at + p->bytes.len;
	if (pl_base64_decode(text, to, p->bytes.cap - p->bytes.len, &n))
		return false;
	p->bytes.len += n;
	p->end[p->n++] = p->bytes.len;
	return true;
}

/* The next number of a list; false: there is none. */
static bool next_number(struct pl_slice *list, size_t *out)
{
	struct pl_slice rest;
	uint64_t v = 0;
	struct pl_slice text = pl_slice_cut(*list, ',', &rest);
	if (pl_slice_u64(text, SIZE_MAX, &v))
		return false;
	*list = rest;
	*out = (size_t)v;
	return true;
}

/* What stands between "pieces":[ and the ]} at the end. */
static struct pl_slice list_of(struct pl_slice metadata)
{
	struct pl_slice key = PL_S("\"pieces\":[");
	for (size_t at = metadata.len; at-- > 0;)
		if (metadata.len - at >= key.len + 2 && !memcmp(metadata.at + at, key.at, key.len))
			return pl_slice(metadata.at + at + key.len,
					metadata.len - at - key.len - 2);
	return (struct pl_slice){NULL, 0};
}

/* False: the metadata is not what the format promises; nothing is to be believed then. */
static bool put_with_pieces(struct pl_buf *b, struct pl_slice content, struct pl_slice metadata,
			    struct pl_socketio_pieces *p)
{
	struct pl_slice list = list_of(metadata);
	size_t from = 0, at, len;
	while (list.len) {
		if (!next_number(&list, &at) || !next_number(&list, &len))
			return false;
		if (at < from || at > content.len || len < 2 || len > content.len - at)
			return false;
		pl_buf_put(b, content.at + from, at - from);
		uint32_t number = p->n;
		if (!take_piece(p, pl_slice(content.at + at + 1, len - 2)))
			return false;
		pl_sio_put_placeholder(b, number);
		from = at + len;
	}
	pl_buf_put(b, content.at + from, content.len - from);
	return p->n > 0;
}

static void put_pieces(struct pl_buf *b, const struct pl_message *m, struct pl_slice content,
		       struct pl_socketio_pieces *p)
{
	size_t before = b->len;
	if (put_with_pieces(b, content, m->metadata, p))
		return;
	b->len = before;
	p->n = 0;
	pl_buf_puts(b, content);
}

void pl_socketio_put_content(struct pl_buf *b, const struct pl_message *m, struct pl_slice content,
			     struct pl_socketio_pieces *p)
{
	if (m->format & BYTES && p && take_piece(p, content))
		pl_sio_put_placeholder(b, p->n - 1);
	else if (m->format & PIECES && p)
		put_pieces(b, m, content, p);
	else if (m->format & JSON)
		pl_buf_puts(b, content);
	else
		pl_json_put_str(b, content);
}

/* The string that stands first in {"type":"...". */
static struct pl_slice type_of(struct pl_slice metadata)
{
	struct pl_slice head = PL_S("{\"type\":\"");
	if (!pl_slice_starts(metadata, head))
		return (struct pl_slice){NULL, 0};
	size_t from = head.len - 1, at = head.len;
	while (at < metadata.len && metadata.at[at] != '"')
		at += metadata.at[at] == '\\' ? 2 : 1;
	if (at >= metadata.len)
		return (struct pl_slice){NULL, 0};
	return pl_slice(metadata.at + from, at + 1 - from);
}

void pl_socketio_put_type(struct pl_buf *b, const struct pl_message *m)
{
	struct pl_slice type =
		m->format & TYPED ? type_of(m->metadata) : (struct pl_slice){NULL, 0};
	if (type.len)
		pl_buf_puts(b, type);
	else
		pl_json_put_str(b, m->kind.len ? m->kind : PL_S("text"));
}
