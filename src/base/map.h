/*
 * map.h - hash map from bytes to a pointer, keyed against flooding (SipHash with
 * a random key per map) and bounded from birth.
 *
 * Keys are borrowed: they must live, unchanged, inside the value (or longer than the entry).
 * Not thread-safe. Open addressing, at most three quarters full.
 */
#ifndef PL_BASE_MAP_H
#define PL_BASE_MAP_H

#include "base/err.h"
#include "base/slice.h"

struct pl_map_slot {
	uint64_t hash;
	struct pl_slice key;
	void *value; /* NULL: free slot */
};

struct pl_map {
	struct pl_map_slot *slots;
	size_t cap, len, max;
	uint64_t seed[2];
};

/* Never holds more than max entries. No memory until the first put. */
void pl_map_init(struct pl_map *, size_t max);
/* Frees the table, not the values. */
void pl_map_fini(struct pl_map *);
/* NULL when absent. */
void *pl_map_get(const struct pl_map *, struct pl_slice key);
/* value != NULL. PL_EEXISTS when the key is there, PL_ELIMIT when full, PL_ENOMEM. */
int pl_map_put(struct pl_map *, struct pl_slice key, void *value) PL_MUST_CHECK;
/* The removed value, or NULL when absent. */
void *pl_map_remove(struct pl_map *, struct pl_slice key);

/* Any order; the map must not change meanwhile. */
#define PL_MAP_EACH(it, map)                                                                    \
	for (struct pl_map_slot *it = (map)->slots; it && it < (map)->slots + (map)->cap; it++) \
		if (it->value)

uint64_t pl_siphash(const uint64_t seed[2], struct pl_slice);

#endif
