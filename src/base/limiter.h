/*
 * limiter.h - token buckets by key (user, address), shared by all workers.
 *
 * Fixed memory: a table of sets of eight; a new key displaces the fullest bucket of its set, which
 * is the one whose loss forgives least. Keys are hashed with a random key, so nobody can aim at a
 * set.
 */
#ifndef PL_BASE_LIMITER_H
#define PL_BASE_LIMITER_H

#include "base/err.h"
#include "base/slice.h"

struct pl_limiter;

/* per_minute tokens flow in, at most burst lie ready. per_minute 0: everything passes. `keys` is
 * rounded up. */
int pl_limiter_new(uint32_t per_minute, uint32_t burst, size_t keys,
		   struct pl_limiter **out) PL_MUST_CHECK;
void pl_limiter_free(struct pl_limiter *); /* NULL is fine */
/*
 * [any thread] Takes `cost` tokens or none. 0, or PL_ELIMIT and in *retry_ms (may be NULL) when it
 * is worth trying again. now_ms: monotonic. A NULL limiter lets everything pass.
 */
int pl_limiter_take(struct pl_limiter *, struct pl_slice key, uint32_t cost, uint64_t now_ms,
		    uint64_t *retry_ms) PL_MUST_CHECK;

/* [any thread] Gives back what was taken and turned out to be owed by nobody. */
void pl_limiter_give(struct pl_limiter *, struct pl_slice key, uint32_t cost, uint64_t now_ms);
/* [any thread] Whether `cost` tokens lie ready. Takes nothing. */
bool pl_limiter_has(struct pl_limiter *, struct pl_slice key, uint32_t cost, uint64_t now_ms);

#endif
