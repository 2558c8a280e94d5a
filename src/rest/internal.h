/* internal.h - what the files of this folder share. Not for other layers. */
#ifndef PL_REST_INTERNAL_H
#define PL_REST_INTERNAL_H

#include "rest/rest.h"

/* One route: who may ask, and who answers. */
struct pl_rest_row {
	enum pl_http_method method;
	const char *path;
	bool is_open; /* without the admin key */
	void (*answer)(struct pl_rest *, struct pl_conn *, const struct pl_request *);
	/* The connection went away while the answer was owed. NULL: it never is, beyond answer().
	 */
	void (*gone)(struct pl_conn *);
};

/* admin.c: whether the request carries the key. */
bool pl_admin_allows(const struct pl_admin_key *, const struct pl_http_request *);

/* Routes: health.c, metrics.c, stats.c */
void pl_rest_health(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_ready(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_metrics(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_stats(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_stats_gone(struct pl_conn *);

/* reply.c: every answer is for this caller alone (no-store) and is what it says it is (nosniff). */
void pl_rest_reply(struct pl_conn *, unsigned status, struct pl_slice type, struct pl_slice body,
		   const struct pl_http_header *extra); /* extra: one more, or NULL */
/* A body that could not be built becomes a 503. Frees the buffer. */
void pl_rest_reply_buf(struct pl_conn *, unsigned status, struct pl_slice type, struct pl_buf *);
/* {"error":...} with text as it is: a literal without quotes in it. */
void pl_rest_fail(struct pl_conn *, unsigned status, const char *text,
		  const struct pl_http_header *extra);

#define PL_REST_JSON PL_S("application/json; charset=utf-8")

#endif
