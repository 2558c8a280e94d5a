/*
 * broadcast.c - POST /ws/broadcast: an event to everybody in the first namespace of Socket.IO.
 *
 * How large it may be is limited with the body of a request.
 */
#include "rest/internal.h"

#include "base/clock.h"

static void fail_for(struct pl_conn *c, const struct pl_cors *from, int err)
{
	switch (err) {
	case PL_EINVAL: pl_cors_fail(c, from, 400, "No event may have this name", 0); break;
	case PL_ETOOBIG: pl_cors_fail(c, from, 413, "The event is too large", 0); break;
	case PL_ENOTFOUND: pl_cors_fail(c, from, 404, "There is no Socket.IO here", 0); break;
	default: pl_cors_fail(c, from, 503, "The event cannot be sent now", 0); break;
	}
}

static void say_success(struct pl_conn *c, const struct pl_cors *from)
{
	struct pl_buf b;
	pl_buf_init(&b, 64);
	PL_PUT(&b, "{\"success\":true}\n");
	pl_cors_reply(c, from, 200, &b, 0);
}

/* Whoever knows the key may do it as often as he likes. */
static bool may_now(struct pl_rest *r, struct pl_conn *c, const struct pl_cors *from,
		    const struct pl_request *q)
{
	struct pl_ip site = pl_ip_site(*pl_conn_from(c));
	uint64_t wait_ms = 0;
	if (pl_rest_is_admin(r, q) ||
	    !pl_limits_take(r->hub->limits, PL_LIMIT_REQUESTS, pl_slice(site.b, sizeof(site.b)),
			    pl_now_ms(), &wait_ms))
		return true;
	pl_metric_add(r->hub->metrics, PL_M_RATE_LIMITED, 1);
	pl_cors_fail(c, from, 429, "Too many requests", wait_ms);
	return false;
}

void pl_rest_broadcast(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	const struct pl_rest_shared *s = r->shared;
	struct pl_cors from;
	unsigned status = 400;
	const char *why = NULL;
	if (!pl_cors_enter(&from, c, q) || !may_now(r, c, &from, q))
		return;
	const struct pl_json *root = pl_rest_body(r->bodies, q, &status, &why);
	struct pl_slice event = pl_json_get_str(root, "event");
	if (!root) {
		pl_cors_fail(c, &from, status, why, 0);
	} else if (!event.len) {
		pl_cors_fail(c, &from, 400, "The event is missing", 0);
	} else if (!s->broadcast) {
		pl_cors_fail(c, &from, 404, "There is no Socket.IO here", 0);
	} else {
		int err = s->broadcast(s->ctx, event, pl_json_get(root, "data"));
		if (err)
			fail_for(c, &from, err);
		else
			say_success(c, &from);
	}
}
