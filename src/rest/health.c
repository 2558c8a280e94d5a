/*
 * health.c - GET /health: the process lives and its loop turns, whatever else is wrong: restarting
 * it would not help. GET /ready: new traffic is welcome.
 */
#include "rest/internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

enum { ANSWER_MAX = 1024 };

void pl_rest_health(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_buf b;
	(void)q;
	pl_buf_init(&b, ANSWER_MAX);
	uint64_t up_ms = pl_now_ms() - r->shared->born_ms;
	PL_PUT(&b, "{\"status\":\"ok\",\"version\":");
	pl_json_put_str(&b, pl_slice_str(r->shared->version));
	PL_PUT(&b, ",\"uptime_s\":");
	pl_buf_put_u64(&b, up_ms / 1000);
	/* What clients of the chat + presence documents read. */
	PL_PUT(&b, ",\"success\":true,\"message\":\"Server is healthy\",\"timestamp\":");
	pl_json_put_iso(&b, pl_wall_ms());
	PL_PUT(&b, ",\"uptime\":");
	pl_json_put_f64(&b, (double)up_ms / 1000);
	PL_PUT(&b, "}\n");
	pl_rest_reply_buf(c, 200, PL_REST_JSON, &b);
}

void pl_rest_ready(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	const char *why = r->shared->why_not_ready(r->shared->ctx);
	struct pl_buf b;
	(void)q;
	pl_buf_init(&b, ANSWER_MAX);
	if (why) {
		PL_PUT(&b, "{\"status\":\"not ready\",\"reason\":");
		pl_json_put_str(&b, pl_slice_str(why));
		PL_PUT(&b, "}\n");
	} else {
		PL_PUT(&b, "{\"status\":\"ready\"}\n");
	}
	pl_rest_reply_buf(c, why ? 503 : 200, PL_REST_JSON, &b);
}
