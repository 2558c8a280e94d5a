/* qrypt.c - the envelope of the QryptChat dialect, its errors, and its endpoint. */
#include "dialect/qrypt_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

enum { REF_MAX = 128, TYPE_SHOWN = 64 };

void pl_qrypt_begin(struct pl_buf *b, const char *type)
{
	PL_PUT(b, "{\"type\":\"");
	pl_buf_puts(b, pl_slice_str(type));
	PL_PUT(b, "\",\"payload\":");
}

static void put_time(struct pl_buf *b)
{
	PL_PUT(b, ",\"timestamp\":");
	pl_json_put_iso(b, pl_wall_ms());
	PL_PUT(b, "}");
}

void pl_qrypt_end_fresh(struct pl_buf *b)
{
	struct pl_uuid id = pl_uuid_v4();
	PL_PUT(b, ",\"requestId\":");
	pl_json_put_uuid(b, &id);
	put_time(b);
}

void pl_qrypt_end(struct pl_buf *b, struct pl_slice ref)
{
	if (!ref.len) {
		pl_qrypt_end_fresh(b);
		return;
	}
	PL_PUT(b, ",\"requestId\":");
	pl_json_put_str(b, ref);
	put_time(b);
}

static void put_error(struct pl_buf *b, struct pl_slice code, struct pl_slice text,
		      struct pl_slice ref, uint64_t retry_ms)
{
	pl_qrypt_begin(b, "error");
	PL_PUT(b, "{\"error\":");
	pl_json_put_str(b, text);
	PL_PUT(b, ",\"code\":");
	pl_json_put_str(b, code);
	PL_PUT(b, ",\"requestId\":");
	pl_json_put_str(b, ref);
	if (retry_ms) {
		PL_PUT(b, ",\"retry_after_ms\":");
		pl_buf_put_u64(b, retry_ms);
	}
	PL_PUT(b, "}");
}

void pl_qrypt_fail(struct pl_session *s, struct pl_slice ref, const struct pl_words *w,
		   uint64_t retry_ms)
{
	struct pl_buf *b = pl_session_out(s);
	put_error(b, pl_slice_str(w->code), pl_slice_str(w->text), ref, retry_ms);
	pl_qrypt_end(b, ref);
	pl_session_send(s, b);
}

/* What could not be read as a message cannot be answered by its id. */
static void fail_unread(struct pl_session *s)
{
	struct pl_buf *b = pl_session_out(s);
	put_error(b, PL_S("INVALID_MESSAGE"), PL_S("Invalid message format"),
		  (struct pl_slice){NULL, 0}, 0);
	pl_qrypt_end_fresh(b);
	pl_session_send(s, b);
}

static void fail_unknown(struct pl_session *s, struct pl_slice type, struct pl_slice ref)
{
	struct pl_buf *b = pl_session_out(s), t;
	pl_buf_init(&t, TYPE_SHOWN + 32);
	PL_PUT(&t, "Unknown message type: ");
	pl_buf_puts(&t, type);
	put_error(b, PL_S("UNKNOWN_MESSAGE_TYPE"), pl_buf_slice(&t), ref, 0);
	pl_qrypt_end(b, ref);
	pl_buf_fini(&t);
	pl_session_send(s, b);
}

static void fail_field(struct pl_session *s, struct pl_slice ref, const char *field)
{
	struct pl_buf *b = pl_session_out(s), t;
	pl_buf_init(&t, 128);
	pl_buf_printf(&t, "Invalid value: %s", field);
	put_error(b, PL_S("INVALID_DATA"), pl_buf_slice(&t), ref, 0);
	pl_qrypt_end(b, ref);
	pl_buf_fini(&t);
	pl_session_send(s, b);
}

struct envelope {
	struct pl_slice type, ref;
	const struct pl_json *payload;
};

/* The rules of the original parser: requestId must be there, as a string or null. */
static bool read_envelope(const struct pl_json *root, struct envelope *e)
{
	const struct pl_json *ref = pl_json_get(root, "requestId");
	e->type = pl_json_get_str(root, "type");
	e->payload = pl_json_get(root, "payload");
	e->ref = pl_json_str(ref);
	bool has_payload =
		pl_json_is(e->payload, PL_JSON_OBJECT) || pl_json_is(e->payload, PL_JSON_ARRAY);
	bool has_ref = pl_json_is(ref, PL_JSON_NULL) || (e->ref.at && e->ref.len <= REF_MAX);
	return e->type.len && has_payload && has_ref && pl_json_get_str(root, "timestamp").len;
}

static const struct pl_words too_fast = {"RATE_LIMITED", "Too many requests"};

static void answer(struct pl_session *s, const struct pl_message_row *row, struct pl_slice ref,
		   const struct pl_verdict *v)
{
	switch (v->what) {
	case PL_DONE: return;
	case PL_NOT_SIGNED_IN: pl_qrypt_fail(s, ref, &row->denied, 0); return;
	case PL_TOO_FAST: pl_qrypt_fail(s, ref, &too_fast, v->retry_ms); return;
	case PL_FIELD_MISSING: pl_qrypt_fail(s, ref, &row->missing, 0); return;
	case PL_FIELD_BAD: fail_field(s, ref, v->field); return;
	case PL_FAILED: pl_qrypt_fail(s, ref, &row->failed, 0); return;
	}
}

static void on_text(struct pl_session *s, struct pl_slice text)
{
	const struct pl_json *root;
	struct envelope e = {.payload = NULL};
	uint64_t retry_ms = 0;
	bool is_read = !pl_json_parse(s->gateway->messages, text, &root) && read_envelope(root, &e);
	if (!pl_dispatch_admit(s, &retry_ms)) {
		struct pl_slice none = {NULL, 0};
		pl_qrypt_fail(s, is_read ? e.ref : none, &too_fast, retry_ms);
		return;
	}
	if (!is_read) {
		fail_unread(s);
		return;
	}
	const struct pl_message_row *row = pl_qrypt_find(e.type);
	if (!row) {
		if (e.type.len > TYPE_SHOWN)
			fail_unread(s);
		else
			fail_unknown(s, e.type, e.ref);
		return;
	}
	struct pl_verdict v = pl_dispatch(row, s, e.ref, e.payload);
	answer(s, row, e.ref, &v);
}

const struct pl_dialect pl_qrypt_dialect = {
	.name = "qrypt",
	.peer_ops = &pl_qrypt_peer_ops,
	.on_text = on_text,
	.on_signed_in = pl_qrypt_on_signed_in,
	.on_expiry = pl_qrypt_on_expiry,
};

static void on_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	pl_session_open(c, q, pl_conn_ctx(c), &pl_qrypt_dialect);
}

const struct pl_endpoint pl_qrypt_endpoint = {
	.on_upgrade = on_upgrade,
	.on_message = pl_session_message,
	.on_close = pl_session_close,
};
