/* limiter.c - token buckets in fixed memory, striped locks. */
#include "base/limiter.h"

#include "base/id.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>

enum { WAYS = 8, STRIPES = 32 };

/* Tokens are counted in thousandths of a minute's share: tokens * 60,000 flow units. */
struct bucket {
	uint64_t hash; /* 0: free */
	uint64_t level, seen_ms;
};

struct pl_limiter {
	uint64_t seed[2];
	uint64_t per_minute, full; /* full: burst in flow units */
	size_t sets;               /* a power of two, a multiple of STRIPES */
	struct bucket *buckets;
	pthread_mutex_t lock[STRIPES];
};

enum { UNIT = 60000 }; /* one token; per_minute units flow in each millisecond */

int pl_limiter_new(uint32_t per_minute, uint32_t burst, size_t keys, struct pl_limiter **out)
{
	struct pl_limiter *l = PL_NEW(struct pl_limiter);
	if (!l)
		return PL_ENOMEM;
	l->per_minute = per_minute;
	l->full = (uint64_t)(burst ? burst : 1) * UNIT;
	l->sets = STRIPES;
	while (l->sets * WAYS < keys && l->sets < 1u << 20)
		l->sets *= 2;
	l->buckets = pl_zalloc(l->sets * WAYS, sizeof(*l->buckets));
	if (!l->buckets) {
		pl_free(l);
		return PL_ENOMEM;
	}
	pl_random_bytes(l->seed, sizeof(l->seed));
	for (int i = 0; i < STRIPES; i++)
		pthread_mutex_init(&l->lock[i], NULL);
	*out = l;
	return 0;
}

void pl_limiter_free(struct pl_limiter *l)
{
	if (!l)
		return;
	for (int i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&l->lock[i]);
	pl_free(l->buckets);
	pl_free(l);
}

static uint64_t level_at(const struct pl_limiter *l, const struct bucket *b, uint64_t now_ms)
{
	uint64_t since = now_ms > b->seen_ms ? now_ms - b->seen_ms : 0;
	if (!b->hash || since > l->full / l->per_minute)
		return l->full;
	uint64_t level = b->level + since * l->per_minute;
	return level < l->full ? level : l->full;
}

static struct bucket *find(struct pl_limiter *l, uint64_t hash, uint64_t now_ms)
{
	struct bucket *set = &l->buckets[(hash & (l->sets - 1)) * WAYS], *fullest = set;
	for (int i = 0; i < WAYS; i++) {
		if (set[i].hash == hash)
			return &set[i];
		if (level_at(l, &set[i], now_ms) > level_at(l, fullest, now_ms))
			fullest = &set[i];
	}
	*fullest = (struct bucket){.hash = hash, .level = l->full, .seen_ms = now_ms};
	return fullest;
}

bool pl_limiter_has(struct pl_limiter *l, struct pl_slice key, uint32_t cost, uint64_t now_ms)
{
	if (!l || !l->per_minute)
		return true;
	uint64_t hash = pl_siphash(l->seed, key) | 1ull << 63;
	pthread_mutex_t *lock = &l->lock[hash & (STRIPES - 1)];
	pthread_mutex_lock(lock);
	uint64_t level = level_at(l, find(l, hash, now_ms), now_ms);
	pthread_mutex_unlock(lock);
	return level >= (uint64_t)cost * UNIT;
}

int pl_limiter_take(struct pl_limiter *l, struct pl_slice key, uint32_t cost, uint64_t now_ms,
		    uint64_t *retry_ms)
{
	if (!l || !l->per_minute || !cost)
		return 0;
	uint64_t hash = pl_siphash(l->seed, key) | 1ull << 63, price = (uint64_t)cost * UNIT;
	pthread_mutex_t *lock = &l->lock[hash & (STRIPES - 1)];
	pthread_mutex_lock(lock);
	struct bucket *b = find(l, hash, now_ms);
	b->level = level_at(l, b, now_ms);
	b->seen_ms = now_ms;
	uint64_t level = b->level;
	bool enough = level >= price;
	if (enough)
		b->level -= price;
	pthread_mutex_unlock(lock);
	if (!enough && retry_ms)
		*retry_ms = (price - level + l->per_minute - 1) / l->per_minute;
	return enough ? 0 : PL_ELIMIT;
}

void pl_limiter_give(struct pl_limiter *l, struct pl_slice key, uint32_t cost, uint64_t now_ms)
{
	if (!l || !l->per_minute)
		return;
	uint64_t hash = pl_siphash(l->seed, key) | 1ull << 63;
	pthread_mutex_t *lock = &l->lock[hash & (STRIPES - 1)];
	pthread_mutex_lock(lock);
	struct bucket *b = find(l, hash, now_ms);
	uint64_t level = level_at(l, b, now_ms) + (uint64_t)cost * UNIT;
	b->level = level < l->full ? level : l->full;
	b->seen_ms = now_ms;
	pthread_mutex_unlock(lock);
}
