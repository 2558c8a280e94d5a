/*
 * visit.c - who asks, by the token of the request.
 *
 * Invariants:  a visit is on its way with one op and ends with it;  visit->conn is NULL iff the
 * connection went away.
 */
#include "rest/visit.h"

#include "base/clock.h"
#include "base/mem.h"

enum { RETRY_MS = 1000 };

/* Lies in the op's arena. */
struct visit {
	struct pl_rest *rest;
	struct pl_conn *conn;
	struct pl_cors from;
	enum pl_limit limit;
	pl_visit_answer *answer;
};

void pl_rest_visit_gone(struct pl_conn *c)
{
	struct visit *v = pl_conn_user(c);
	if (v)
		v->conn = NULL;
}

static void refuse(struct pl_conn *c, const struct pl_cors *from, int err)
{
	if (err == PL_EBUSY || err == PL_ESTORE || err == PL_ENOMEM)
		pl_cors_fail(c, from, 503, "Not now", RETRY_MS);
	else
		pl_cors_fail(c, from, 401, "Unauthorized", 0);
}

static void receive(struct visit *v, struct pl_conn *c, const struct pl_op *op)
{
	struct pl_hub *hub = v->rest->hub;
	struct pl_slice user = pl_uuid_slice(&op->sign_in.user.id);
	uint64_t wait_ms = 0;
	if (op->err) {
		refuse(c, &v->from, op->err);
	} else if (pl_limits_take(hub->limits, v->limit, user, pl_now_ms(), &wait_ms)) {
		pl_metric_add(hub->metrics, PL_M_RATE_LIMITED, 1);
		pl_cors_fail(c, &v->from, 429, "Too many requests", wait_ms + 1);
	} else {
		v->answer(v->rest, c, &v->from, &op->sign_in.user);
	}
}

static void on_known(struct pl_op *op)
{
	struct visit *v = op->owner;
	struct pl_conn *c = v->conn;
	if (c) {
		pl_conn_set_user(c, NULL);
		receive(v, c, op);
	}
	pl_op_free(op);
}

int pl_visit_check(struct pl_rest *r, struct pl_slice token, struct pl_arena *a,
		   struct pl_identity *out)
{
	const struct pl_auth *auth = r->accounts.auth ? *r->accounts.auth : NULL;
	if (!auth || !token.len)
		return PL_EDENIED;
	return pl_auth_check(auth, r->accounts.parser, token, pl_wall_ms() / 1000, a, out, NULL);
}

static int check_token(struct pl_rest *r, const struct pl_request *q, struct pl_op *op)
{
	struct pl_slice token = pl_token_bearer(pl_http_header(&q->http->head, "Authorization"));
	struct pl_identity who;
	int err = pl_visit_check(r, token, &op->arena, &who);
	if (err)
		return err;
	op->sign_in.issued_s = who.issued_s;
	op->sign_in.claims = (struct pl_user){.subject = who.subject};
	return 0;
}

/* How long an address has to wait that brings one bad token after the other; 0: not at all. */
static uint64_t note_failure(struct pl_rest *r, struct pl_conn *c)
{
	struct pl_ip from = pl_ip_site(*pl_conn_from(c));
	uint64_t wait_ms = 0;
	pl_metric_add(r->hub->metrics, PL_M_AUTH_FAILED, 1);
	if (!pl_limits_take(r->hub->limits, PL_LIMIT_AUTH_FAILURES,
			    pl_slice(from.b, sizeof(from.b)), pl_now_ms(), &wait_ms))
		return 0;
	pl_metric_add(r->hub->metrics, PL_M_RATE_LIMITED, 1);
	return wait_ms + 1;
}

void pl_visit_turn_away(struct pl_rest *r, struct pl_conn *c, const struct pl_cors *from, int err)
{
	uint64_t wait_ms = err == PL_ENOMEM ? 0 : note_failure(r, c);
	if (wait_ms)
		pl_cors_fail(c, from, 429, "Too many refused tokens", wait_ms);
	else
		refuse(c, from, err);
}

void pl_rest_visit(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q,
		   enum pl_limit limit, pl_visit_answer *answer)
{
	struct pl_cors from;
	if (!pl_cors_enter(&from, c, q))
		return;
	struct pl_op *op = pl_op_new(PL_OP_SIGN_IN, r->hub->loop, on_known, NULL);
	struct visit *v = op ? pl_arena_alloc(&op->arena, sizeof(*v)) : NULL;
	int err = v ? check_token(r, q, op) : PL_ENOMEM;
	if (err) {
		if (op)
			pl_op_free(op);
		pl_visit_turn_away(r, c, &from, err);
		return;
	}
	*v = (struct visit){.rest = r, .conn = c, .from = from, .limit = limit, .answer = answer};
	op->owner = v;
	pl_conn_set_user(c, v);
	pl_hub_submit(r->hub, op);
}
