/* calling.c - whether somebody may be called is asked of the store; everything else is said to the
 * keeper of the call. */
#include "dialect/calling.h"

#include "wire/json_write.h"

struct offer {
	struct pl_call_words words;
	pl_calling_fail *fail;
};

/* Whom one shares nothing with is as unknown as who is not there. */
static int verdict_on(const struct pl_op *op)
{
	bool is_stranger = op->err == PL_EDENIED || op->err == PL_EINVAL;
	if (!pl_session_is_still(op))
		return PL_EDENIED;
	return is_stranger ? PL_ENOTFOUND : op->err;
}

static void may_call(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	struct offer *o = pl_session_attached(op);
	int err = s ? verdict_on(op) : 0;
	o->words.ref = pl_session_ref(op);
	if (s && !err)
		err = pl_call_begin(s->gateway->hub, &s->peer, &op->shares.other, &o->words);
	if (s && err)
		o->fail(s, &o->words, err);
	pl_session_done(op);
}

static int fill(struct pl_op *op, struct pl_slice target, const struct pl_call_words *from,
		pl_calling_fail *fail)
{
	struct offer *o = pl_arena_alloc(&op->arena, sizeof(*o));
	if (!o)
		return PL_ENOMEM;
	*o = (struct offer){.words = *from, .fail = fail};
	pl_session_attach(op, o);
	if (pl_arena_copy(&op->arena, from->media, &o->words.media) ||
	    pl_arena_copy(&op->arena, from->body, &o->words.body) ||
	    pl_arena_copy(&op->arena, from->keys[0], &o->words.keys[0]) ||
	    pl_arena_copy(&op->arena, from->keys[1], &o->words.keys[1]) ||
	    pl_arena_copy(&op->arena, target, &op->shares.with))
		return PL_ENOMEM;
	return 0;
}

int pl_calling_begin(struct pl_session *s, struct pl_slice target,
		     const struct pl_call_words *words, pl_calling_fail *fail)
{
	if (pl_call_is_too_big(words))
		return PL_ETOOBIG;
	struct pl_op *op = pl_session_op(s, PL_OP_SHARES, may_call, words->ref);
	if (!op)
		return PL_ENOMEM;
	op->shares.user = s->peer.user.id;
	int err = fill(op, target, words, fail);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

int pl_calling_say(struct pl_session *s, struct pl_slice call, const struct pl_call_words *words)
{
	struct pl_uuid id;
	if (pl_call_parse(call, &id))
		return PL_ENOTFOUND;
	return pl_call_say(s->gateway->hub, &s->peer, &id, words);
}

void pl_calling_put_id(struct pl_buf *b, const struct pl_call_news *n)
{
	char room[PL_CALL_TEXT_MAX];
	PL_PUT(b, "\"callId\":");
	pl_json_put_str(b, pl_call_format(&n->id, n->began_ms, room));
}

void pl_calling_put_duration(struct pl_buf *b, const struct pl_call_news *n)
{
	PL_PUT(b, ",\"duration\":");
	if (n->has_duration)
		pl_buf_put_u64(b, n->duration_s);
	else
		PL_PUT(b, "null");
}
