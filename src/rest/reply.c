/* reply.c - the form of every answer: headers that keep it out of caches and out of guesses. */
#include "rest/internal.h"

#include <stdio.h>

void pl_rest_reply(struct pl_conn *c, unsigned status, struct pl_slice type, struct pl_slice body,
		   const struct pl_http_header *extra)
{
	struct pl_http_header headers[3] = {
		{PL_S("Cache-Control"), PL_S("no-store")},
		{PL_S("X-Content-Type-Options"), PL_S("nosniff")},
	};
	if (extra)
		headers[2] = *extra;
	struct pl_http_reply reply = {.status = status,
				      .type = type,
				      .body = body,
				      .headers = headers,
				      .header_count = extra ? 3 : 2};
	pl_conn_respond(c, &reply);
}

void pl_rest_reply_buf(struct pl_conn *c, unsigned status, struct pl_slice type, struct pl_buf *b)
{
	if (b->err)
		pl_rest_fail(c, 503, "no memory for the answer", NULL);
	else
		pl_rest_reply(c, status, type, pl_buf_slice(b), NULL);
	pl_buf_fini(b);
}

void pl_rest_fail(struct pl_conn *c, unsigned status, const char *text,
		  const struct pl_http_header *extra)
{
	char room[128];
	int n = snprintf(room, sizeof(room), "{\"error\":\"%s\"}\n", text);
	pl_rest_reply(c, status, PL_REST_JSON, pl_slice(room, (size_t)n), extra);
}
