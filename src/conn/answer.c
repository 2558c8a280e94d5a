/*
 * answer.c - answers to requests: whole ones, compressed where that is wished, and refusals. Those
 * whose body comes in pieces are in pieces.c.
 */
#include "conn/internal.h"

#include "base/clock.h"

#include <stdio.h>

enum { BODY_MAX = 64 << 20, HEAD_MAX = 65536 };

int pl_answer_head(struct pl_conn *c, struct pl_http_reply *reply, uint64_t length,
		   struct pl_buf **head)
{
	struct pl_buf *b = &c->set->head;
	bool is_last = c->set->is_draining || reply->status >= 500;
	reply->keep_alive = c->keep_alive && !is_last;
	reply->is_head = c->is_head;
	reply->now_ms = pl_wall_ms();
	pl_buf_clear(b);
	b->max = HEAD_MAX;
	int err = pl_http_write_reply_head(b, reply, length);
	if (!err)
		c->keep_alive = reply->keep_alive;
	*head = b;
	return err;
}

void pl_answer_end(struct pl_conn *c)
{
	pl_metric_add(c->set->metrics, PL_M_HTTP_REQUESTS, 1);
	if (c->phase == PL_PH_DEAD)
		return;
	if (c->keep_alive && !c->set->is_draining)
		pl_http_enter_head(c);
	else
		pl_conn_finish(c);
}

/* ---- compression ---- */

static bool can_gzip(struct pl_conns *set)
{
	return set->gzipper || !pl_gzipper_new(&set->options->deflate, &set->gzipper);
}

/* A part of something (206) is a part of its bytes as they are. */
static bool may_pack(const struct pl_http_reply *r)
{
	return r->compress_above && r->body.len >= r->compress_above && r->status != 206 &&
	       !r->encoding.len && pl_http_type_packs(r->type);
}

/* Also for HEAD, which is told what GET would be. */
static void pack(struct pl_conn *c, struct pl_http_reply *r)
{
	if (!may_pack(r))
		return;
	r->varies = true;
	if (!c->takes_gzip || !can_gzip(c->set) || pl_gzip(c->set->gzipper, r->body, &r->body) != 1)
		return;
	r->encoding = PL_S("gzip");
}

/* ---- whole answers ---- */

static void write_reply(struct pl_conn *c, struct pl_http_reply *reply)
{
	struct pl_buf *head;
	pack(c, reply);
	int err = reply->body.len > BODY_MAX ? PL_ETOOBIG : 0;
	if (!err)
		err = pl_answer_head(c, reply, reply->body.len, &head);
	if (err)
		pl_conn_break(c, 1006, PL_S("answer cannot be written"));
	else
		(void)pl_conn_put2(c, pl_buf_slice(head),
				   pl_http_reply_has_body(reply) ? reply->body : PL_S(""));
}

void pl_conn_respond(struct pl_conn *c, struct pl_http_reply *reply)
{
	if (c->phase != PL_PH_OWED)
		return;
	c->endpoint = NULL; /* the answer is given, also if it cannot be sent: no on_close is due */
	write_reply(c, reply);
	pl_answer_end(c);
	/* Who answers later may be in the middle of something: the next request is none of it. */
	if (c->phase == PL_PH_HEAD && !c->in_callback)
		pl_conn_resume_later(c);
}

void pl_conn_respond_text(struct pl_conn *c, unsigned status, const char *type,
			  struct pl_slice body)
{
	struct pl_http_reply reply = {.status = status, .type = pl_slice_str(type), .body = body};
	pl_conn_respond(c, &reply);
}

/* ---- refusals ---- */

void pl_http_refuse(struct pl_conn *c, unsigned status)
{
	char text[96];
	struct pl_slice reason = pl_http_reason(status);
	int n = snprintf(text, sizeof(text), "%u %.*s\n", status, PL_FMT(reason));
	if (status != 404 && status != 405 && status != 426)
		pl_metric_add(c->set->metrics, PL_M_HTTP_REFUSED, 1);
	c->phase = PL_PH_OWED;
	pl_conn_respond_text(c, status, "text/plain; charset=utf-8", pl_slice(text, (size_t)n));
}

void pl_http_refuse_and_close(struct pl_conn *c, unsigned status)
{
	c->keep_alive = false;
	pl_http_refuse(c, status);
}
