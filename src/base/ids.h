/*
 * ids.h - things by an id that nobody but us chooses: its own random bytes are the hash. An open
 * table of pointers, 16 bytes for each thing where the map takes 60.
 *
 * The ids are borrowed: they must live, unchanged, inside the things (PL_CONTAINER leads back).
 * Bounded from birth. Not thread-safe.
 */
#ifndef PL_BASE_IDS_H
#define PL_BASE_IDS_H

#include "base/err.h"
#include "base/slice.h"

struct pl_ids {
	char **slots;      /* each is the first byte of an id; NULL: free */
	uint32_t cap, len; /* cap: 0 or a power of two; at most half full */
	uint32_t id_len;   /* of all ids; at least 8, the first 8 bytes random */
};

/* No memory until the first one. */
void pl_ids_init(struct pl_ids *, uint32_t id_len);
void pl_ids_fini(struct pl_ids *);
/* PL_ENOMEM, PL_ELIMIT; PL_EEXISTS: one is called so. */
int pl_ids_add(struct pl_ids *, char *id) PL_MUST_CHECK;
/* Only if this very one is there. */
void pl_ids_remove(struct pl_ids *, const char *id);
/* NULL: none is called so. */
char *pl_ids_find(const struct pl_ids *, struct pl_slice id);

/* Any order; the table must not change meanwhile. */
#define PL_IDS_EACH(it, t)                                                   \
	for (char **it = (t)->slots; it && it < (t)->slots + (t)->cap; it++) \
		if (*it)

#endif
