/* limits.h - how often one may do what. One set for the whole server, shared by the workers. */
#ifndef PL_CHAT_LIMITS_H
#define PL_CHAT_LIMITS_H

#include "base/limiter.h"

/* id, what one token buys, and whom the bucket belongs to */
#define PL_LIMIT_MAP(X)                                                                \
	X(MESSAGES, "one stored message, per user")                                    \
	X(CHATS, "the same, of a dialect that has a window of its own per connection") \
	X(REQUESTS, "one request of any kind, per connection")                         \
	X(HISTORY, "one page of history or list, per user")                            \
	X(CREATES, "one new conversation or group, per user")                          \
	X(CONNECTS, "one connection of a dialect that counts them, per user")          \
	X(UPLOADS, "one upload begun, per user")                                       \
	X(AUTH_FAILURES, "one refused token, per address")                             \
	X(LOGINS, "one login or registration, per address")                            \
	X(LOGINS_BY_NAME, "one login, per name")                                       \
	X(CALLS, "one call begun, per user")                                           \
	X(SIGNALS, "one thing said in a call, per user")

enum pl_limit {
#define X(id, doc) PL_LIMIT_##id,
	PL_LIMIT_MAP(X)
#undef X
		PL_LIMIT__COUNT
};

struct pl_rate {
	uint32_t per_minute, burst; /* per_minute 0: no limit */
};

struct pl_limits {
	struct pl_limiter *by[PL_LIMIT__COUNT];
};

int pl_limits_init(struct pl_limits *, const struct pl_rate rates[PL_LIMIT__COUNT]) PL_MUST_CHECK;
void pl_limits_fini(struct pl_limits *);
/* [any thread] As pl_limiter_take. */
int pl_limits_take(struct pl_limits *, enum pl_limit, struct pl_slice whose, uint64_t now_ms,
		   uint64_t *retry_ms) PL_MUST_CHECK;
/* [any thread] Whether so many could be taken now. */
bool pl_limits_has(struct pl_limits *, enum pl_limit, struct pl_slice whose, uint32_t n,
		   uint64_t now_ms);

#endif
