/*
 * pieces.c - an answer whose body comes in pieces, as fast as the socket takes it: a file, say,
 * that other threads read.
 *
 * One piece is asked for at a time, when little is left to be sent. So at most AHEAD and a piece
 * wait in memory, whatever the body's length and however slow the reader.
 *
 * Invariant:  c->pieces is set iff c->in_pieces; the source hears `done` once, at the end of a
 * turn, and nothing after it.
 */
#include "conn/internal.h"

#include "base/mem.h"

struct pl_pieces {
	struct pl_body_source source;
	uint64_t given; /* queued so far; all there is to give is source.length */
	size_t asked;   /* of the piece that is awaited; 0: none */
};

enum { PIECE = 128 * 1024, AHEAD = 128 * 1024 };

int pl_conn_respond_from(struct pl_conn *c, struct pl_http_reply *reply,
			 const struct pl_body_source *source)
{
	struct pl_buf *head;
	if (c->phase != PL_PH_OWED)
		return PL_ESTATE;
	struct pl_pieces *p = PL_NEW(struct pl_pieces);
	int err = p ? pl_answer_head(c, reply, source->length, &head) : PL_ENOMEM;
	if (err) {
		pl_free(p);
		return err;
	}
	p->source = *source;
	if (!pl_http_reply_has_body(reply))
		p->given = source->length;
	c->endpoint = NULL; /* no on_close is due any more: the source is told */
	c->pieces = p;
	c->in_pieces = true;
	pl_conn_enter(c, PL_PH_PIECES, 0);
	if (!pl_conn_put(c, head->at, head->len))
		pl_conn_resume_later(c);
	return 0;
}

/* Whoever takes nothing is let go of; while the source is at work, nobody is to blame. */
static void await_reader(struct pl_conn *c)
{
	pl_conn_set_deadline(c, pl_conn_time_to_leave(c, c->set->options->close_ms));
}

static bool wants_more(const struct pl_conn *c)
{
	const struct pl_pieces *p = c->pieces;
	return p->given == p->source.length || (!p->asked && pl_conn_unsent(c) <= AHEAD);
}

void pl_conn_body(struct pl_conn *c, struct pl_frame *piece)
{
	if (c->phase != PL_PH_PIECES)
		return; /* it broke; `done` is on its way */
	struct pl_pieces *p = c->pieces;
	if (!piece || !piece->len || piece->len > p->asked) {
		/* The length was promised: nothing else can be said any more. */
		pl_conn_break(c, 1006, PL_S("body cannot be read"));
		return;
	}
	p->asked = 0;
	p->given += piece->len;
	if (pl_conn_put_frame(c, piece))
		return;
	await_reader(c);
	if (wants_more(c))
		pl_conn_resume_later(c);
}

void pl_pieces_sent(struct pl_conn *c)
{
	if (wants_more(c))
		pl_conn_resume_later(c); /* the source must not be called in the flush */
}

void pl_pieces_end(struct pl_conn *c, bool is_whole)
{
	struct pl_body_source source = c->pieces->source;
	pl_free(c->pieces);
	c->parser = (struct pl_http_parser){0};
	c->in_pieces = false;
	source.done(source.ctx, is_whole);
}

static void ask(struct pl_conn *c)
{
	struct pl_pieces *p = c->pieces;
	uint64_t left = p->source.length - p->given;
	p->asked = left < PIECE ? (size_t)left : PIECE;
	pl_conn_set_deadline(c, 0);
	p->source.want(c, p->source.ctx, p->given, p->asked);
}

void pl_pieces_resume(struct pl_conn *c)
{
	if (!wants_more(c))
		return;
	if (c->pieces->given < c->pieces->source.length) {
		ask(c);
		return;
	}
	pl_pieces_end(c, true);
	pl_answer_end(c);
	pl_http_resume(c);
}
