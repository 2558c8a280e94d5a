/*
 * cors.c - calls from pages of other origins. Allowed are the pages that may open a WebSocket too;
 * each is answered by its own name, never by "*", and no cookie is involved.
 */
#include "rest/internal.h"

#include "wire/json_write.h"

enum { HEADERS_MAX = 8, RETRY_TEXT = 24, FAIL_MAX = 1024 };

static void put(struct pl_http_header *list, size_t *n, struct pl_slice name, struct pl_slice value)
{
	list[(*n)++] = (struct pl_http_header){name, value};
}

size_t pl_cors_put(struct pl_http_header *list, const struct pl_cors *from)
{
	size_t n = 0;
	put(list, &n, PL_S("Cache-Control"), PL_S("no-store"));
	put(list, &n, PL_S("X-Content-Type-Options"), PL_S("nosniff"));
	put(list, &n, PL_S("Vary"), PL_S("Origin"));
	if (from->len)
		put(list, &n, PL_S("Access-Control-Allow-Origin"),
		    pl_slice(from->origin, from->len));
	return n;
}

bool pl_cors_enter(struct pl_cors *from, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_slice origin = pl_http_header(&q->http->head, "Origin");
	from->len = 0;
	if (origin.len >= sizeof(from->origin) || !pl_conn_origin_allowed(c, q->http)) {
		pl_cors_fail(c, from, 403, "This origin is not allowed", 0);
		return false;
	}
	if (origin.len)
		memcpy(from->origin, origin.at, origin.len);
	from->len = origin.len;
	return true;
}

void pl_cors_reply(struct pl_conn *c, const struct pl_cors *from, unsigned status, struct pl_buf *b,
		   uint64_t retry_ms)
{
	struct pl_http_header headers[HEADERS_MAX];
	struct pl_buf retry;
	size_t n = pl_cors_put(headers, from);
	if (b->err) {
		pl_buf_fini(b);
		pl_rest_fail(c, 503, "no memory for the answer", NULL);
		return;
	}
	pl_buf_init(&retry, RETRY_TEXT);
	pl_buf_put_u64(&retry, (retry_ms + 999) / 1000);
	if (retry_ms && !retry.err)
		put(headers, &n, PL_S("Retry-After"), pl_buf_slice(&retry));
	struct pl_http_reply reply = {.status = status,
				      .type = PL_REST_JSON,
				      .body = pl_buf_slice(b),
				      .headers = headers,
				      .header_count = n};
	pl_conn_respond(c, &reply);
	pl_buf_fini(&retry);
	pl_buf_fini(b);
}

void pl_cors_fail(struct pl_conn *c, const struct pl_cors *from, unsigned status, const char *text,
		  uint64_t retry_ms)
{
	struct pl_buf b;
	pl_buf_init(&b, FAIL_MAX);
	PL_PUT(&b, "{\"error\":");
	pl_json_put_str(&b, pl_slice_str(text));
	PL_PUT(&b, ",\"message\":");
	pl_json_put_str(&b, pl_slice_str(text));
	PL_PUT(&b, "}\n");
	pl_cors_reply(c, from, status, &b, retry_ms);
}

void pl_rest_preflight(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_http_header headers[HEADERS_MAX];
	struct pl_cors from;
	(void)r;
	if (!pl_cors_enter(&from, c, q))
		return;
	size_t n = pl_cors_put(headers, &from);
	put(headers, &n, PL_S("Access-Control-Allow-Methods"),
	    PL_S("GET, POST, PUT, DELETE, OPTIONS"));
	put(headers, &n, PL_S("Access-Control-Allow-Headers"), PL_S("Content-Type, Authorization"));
	put(headers, &n, PL_S("Access-Control-Max-Age"), PL_S("600"));
	struct pl_http_reply reply = {.status = 204, .headers = headers, .header_count = n};
	pl_conn_respond(c, &reply);
}
