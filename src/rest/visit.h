/* visit.h - routes for people with a token: who asks is found first, then the route answers. */
#ifndef PL_REST_VISIT_H
#define PL_REST_VISIT_H

#include "rest/internal.h"

/* The answer, to somebody who is known and let in; `from` is for pl_cors_reply. */
typedef void pl_visit_answer(struct pl_rest *, struct pl_conn *, const struct pl_cors *from,
			     const struct pl_user *);

/*
 * Checks the bearer token of the request, then asks the store whether its user may still come in;
 * then `answer` is called, or a refusal is sent: 401, 403 (the page's origin), 429, 503. A user who
 * never was here is refused. Takes a token of `limit` per user. The route's `gone` is
 * pl_rest_visit_gone.
 */
void pl_rest_visit(struct pl_rest *, struct pl_conn *, const struct pl_request *, enum pl_limit,
		   pl_visit_answer *);
void pl_rest_visit_gone(struct pl_conn *);

/* For routes that go their own way: who the token speaks for, as pl_auth_check (PL_EDENIED also
 * without a token); and the refusal of who has none that is good. */
int pl_visit_check(struct pl_rest *, struct pl_slice token, struct pl_arena *,
		   struct pl_identity *) PL_MUST_CHECK;
void pl_visit_turn_away(struct pl_rest *, struct pl_conn *, const struct pl_cors *, int err);

#endif
