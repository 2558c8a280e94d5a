/* qrypt_answer.c - what the handlers of the QryptChat dialect have in common: finding their row and
 * answering. */
#include "dialect/qrypt_internal.h"

#include "wire/json_write.h"

const struct pl_words pl_qrypt_access_denied = {"ACCESS_DENIED", "Access denied to conversation"};

void pl_qrypt_fail_op(struct pl_session *s, const struct pl_op *op,
		      const struct pl_message_row *row)
{
	const struct pl_words *w = &row->failed;
	if (op->err == PL_EDENIED)
		w = &pl_qrypt_access_denied;
	else if (op->err == PL_ENOTFOUND && row->not_found.code)
		w = &row->not_found;
	pl_qrypt_fail(s, pl_session_ref(op), w, op->err == PL_EBUSY ? 1000 : 0);
}

const struct pl_message_row *pl_qrypt_row(const char *name)
{
	return pl_qrypt_find(pl_slice_str(name));
}

struct pl_session *pl_qrypt_answering(const struct pl_op *op, const char *row)
{
	struct pl_session *s = pl_session_of(op);
	if (!s)
		return NULL;
	if (!pl_session_is_still(op))
		pl_qrypt_fail(s, pl_session_ref(op), &pl_qrypt_row(row)->denied, 0);
	else if (op->err)
		pl_qrypt_fail_op(s, op, pl_qrypt_row(row));
	else
		return s;
	return NULL;
}

void pl_qrypt_reply(struct pl_session *s, struct pl_buf *b, struct pl_slice ref)
{
	pl_qrypt_end(b, ref);
	pl_session_send(s, b);
}

void pl_qrypt_reply_conversation(struct pl_session *s, const char *type, struct pl_slice ref,
				 const struct pl_uuid *id, const char *more)
{
	struct pl_buf *b = pl_session_out(s);
	pl_qrypt_begin(b, type);
	PL_PUT(b, "{\"conversationId\":");
	pl_json_put_uuid(b, id);
	pl_buf_puts(b, pl_slice_str(more));
	PL_PUT(b, "}");
	pl_qrypt_reply(s, b, ref);
}

struct pl_qrypt_place pl_qrypt_read_place(const struct pl_session *s, struct pl_slice text)
{
	struct pl_qrypt_place p = {.room = {NULL, 0}};
	if (pl_uuid_parse(text, &p.id) && !pl_hub_sits_in(&s->peer, text, &p.id))
		p.room = text;
	return p;
}
