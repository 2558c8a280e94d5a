/* limits.c - the server's rate limits. */
#include "chat/limits.h"

enum { KEYS = 32768 };

int pl_limits_init(struct pl_limits *l, const struct pl_rate rates[PL_LIMIT__COUNT])
{
	*l = (struct pl_limits){{NULL}};
	for (int i = 0; i < PL_LIMIT__COUNT; i++) {
		int err = rates[i].per_minute ? pl_limiter_new(rates[i].per_minute, rates[i].burst,
							       KEYS, &l->by[i])
					      : 0;
		if (err) {
			pl_limits_fini(l);
			return err;
		}
	}
	return 0;
}

void pl_limits_fini(struct pl_limits *l)
{
	for (int i = 0; i < PL_LIMIT__COUNT; i++) {
		pl_limiter_free(l->by[i]);
		l->by[i] = NULL;
	}
}

int pl_limits_take(struct pl_limits *l, enum pl_limit which, struct pl_slice whose, uint64_t now_ms,
		   uint64_t *retry_ms)
{
	return pl_limiter_take(l->by[which], whose, 1, now_ms, retry_ms);
}

bool pl_limits_has(struct pl_limits *l, enum pl_limit which, struct pl_slice whose, uint32_t n,
		   uint64_t now_ms)
{
	return pl_limiter_has(l->by[which], whose, n, now_ms);
}
