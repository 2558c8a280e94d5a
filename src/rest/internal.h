/* internal.h - what the files of this folder share. Not for other layers. */
#ifndef PL_REST_INTERNAL_H
#define PL_REST_INTERNAL_H

#include "rest/rest.h"

enum pl_rest_access {
	PL_REST_KEY,    /* with the admin key */
	PL_REST_ANYONE, /* without */
	PL_REST_OPTION, /* without, if struct pl_rest says so (is_open) */
};

/* One route: who may ask, and who answers. */
struct pl_rest_row {
	enum pl_http_method method;
	const char *path;
	enum pl_rest_access access;
	void (*answer)(struct pl_rest *, struct pl_conn *, const struct pl_request *);
	/* The connection went away while the answer was owed. NULL: it never is, beyond answer().
	 */
	void (*gone)(struct pl_conn *);
};

/* admin.c: whether the request carries the key. */
bool pl_admin_allows(const struct pl_admin_key *, const struct pl_http_request *);

/* Whether the asker is an administrator, or is believed to be one. */
bool pl_rest_is_admin(const struct pl_rest *, const struct pl_request *);

/* Routes: health.c, metrics.c, stats.c, broadcast.c */
void pl_rest_health(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_ready(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_metrics(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_stats(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_stats_gone(struct pl_conn *);
void pl_rest_broadcast(struct pl_rest *, struct pl_conn *, const struct pl_request *);

/* body.c: the JSON object that was sent, valid until the parser's next use; NULL: refuse with
 * *status and *why. */
const struct pl_json *pl_rest_body(struct pl_json_parser *, const struct pl_request *,
				   unsigned *status, const char **why);

/* cors.c: from which page a call comes, kept for answers that come later. */
enum { PL_ORIGIN_MAX = 256 };
struct pl_cors {
	char origin[PL_ORIGIN_MAX];
	size_t len; /* 0: from no page */
};
/* False: from a page that may not ask, and has been told so. */
bool pl_cors_enter(struct pl_cors *, struct pl_conn *, const struct pl_request *);
/* The first of an answer's headers, at most PL_CORS_HEADERS; returns how many. */
enum { PL_CORS_HEADERS = 4 };
size_t pl_cors_put(struct pl_http_header *, const struct pl_cors *);
/* As pl_rest_reply_buf, for that page's eyes. retry_ms 0: nothing is said about another try. */
void pl_cors_reply(struct pl_conn *, const struct pl_cors *, unsigned status, struct pl_buf *,
		   uint64_t retry_ms);
/* {"error":text,"message":text} */
void pl_cors_fail(struct pl_conn *, const struct pl_cors *, unsigned status, const char *text,
		  uint64_t retry_ms);

/* turn.c, see visit.h: for who has a token */
void pl_rest_turn(struct pl_rest *, struct pl_conn *, const struct pl_request *);

/* accounts.c */
void pl_rest_register(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_login(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_logout(struct pl_rest *, struct pl_conn *, const struct pl_request *);
/* Every other path beside these, and what browsers ask before they ask. */
void pl_rest_no_such_call(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_preflight(struct pl_rest *, struct pl_conn *, const struct pl_request *);
/* account_call.c: answers, sooner or later. PL_ENOMEM: the caller has to. */
int pl_account_begin(struct pl_rest *, struct pl_conn *, const struct pl_cors *, bool is_login,
		     struct pl_slice name, struct pl_slice password) PL_MUST_CHECK;
void pl_rest_account_gone(struct pl_conn *);
/* files.c */
void pl_rest_file(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_file_gone(struct pl_conn *);
/* users.c */
void pl_rest_user_list(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_user_add(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_user_password(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_user_disable(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_user_enable(struct pl_rest *, struct pl_conn *, const struct pl_request *);
void pl_rest_user_gone(struct pl_conn *);

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
