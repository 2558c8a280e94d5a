/*
 * arena.h - memory with the lifetime of one message or one job: allocate
 * freely, free all at once. Not thread-safe; may be handed from thread to
 * thread with what it belongs to.
 */
#ifndef PL_BASE_ARENA_H
#define PL_BASE_ARENA_H

#include "base/slice.h"

struct pl_arena_block;

struct pl_arena {
	struct pl_arena_block *blocks; /* newest first */
	size_t used, max;              /* bytes handed out; never more than max */
};

/* One that may hold at most PL_ARENA_SMALL takes no more than it hands out: for what lives long. */
enum { PL_ARENA_SMALL = 4096 };
void pl_arena_init(struct pl_arena *, size_t max);
/* Frees everything that was handed out. */
void pl_arena_fini(struct pl_arena *);

/* Zeroed, aligned for any type. NULL: no memory or over the limit. */
void *pl_arena_alloc(struct pl_arena *, size_t n);
/* Zeroed array; a product that overflows is NULL. */
void *pl_arena_array(struct pl_arena *, size_t count, size_t size);
/*
 * A copy of s, NUL-terminated behind its length. 0, or PL_ENOMEM. An empty slice gives an
 * empty one (at not NULL); a slice with at == NULL stays NULL, so that "absent" survives.
 */
int pl_arena_copy(struct pl_arena *, struct pl_slice s, struct pl_slice *out);

#endif
