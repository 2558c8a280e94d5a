/* arena.c - blocks that grow by doubling, freed together. */
#include "base/arena.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdalign.h>

struct pl_arena_block {
	struct pl_arena_block *next;
	size_t used, cap;
	alignas(max_align_t) char at[];
};

enum { FIRST_BLOCK = 1024, LARGEST_BLOCK = 65536 };

void pl_arena_init(struct pl_arena *a, size_t max)
{
	*a = (struct pl_arena){.max = max};
}

void pl_arena_fini(struct pl_arena *a)
{
	for (struct pl_arena_block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		pl_free(b);
	}
	a->blocks = NULL;
	a->used = 0;
}

static struct pl_arena_block *add_block(struct pl_arena *a, size_t need)
{
	size_t cap = a->blocks ? a->blocks->cap * 2 : FIRST_BLOCK;
	if (cap > LARGEST_BLOCK)
		cap = LARGEST_BLOCK;
	if (a->max <= PL_ARENA_SMALL)
		cap = need;
	if (cap < need)
		cap = need;
	struct pl_arena_block *b = pl_alloc(sizeof(*b) + cap);
	if (!b)
		return NULL;
	b->next = a->blocks;
	b->used = 0;
	b->cap = cap;
	a->blocks = b;
	return b;
}

void *pl_arena_alloc(struct pl_arena *a, size_t n)
{
	size_t align = alignof(max_align_t);
	if (n > a->max - a->used || n > SIZE_MAX / 2)
		return NULL;
	size_t need = (n + align - 1) & ~(align - 1);
	struct pl_arena_block *b = a->blocks;
	if (!b || need > b->cap - b->used)
		b = add_block(a, need);
	if (!b)
		return NULL;
	void *at = b->at + b->used;
	b->used += need;
	a->used += n;
	return memset(at, 0, need);
}

void *pl_arena_array(struct pl_arena *a, size_t count, size_t size)
{
	return size && count > SIZE_MAX / size ? NULL : pl_arena_alloc(a, count * size);
}

int pl_arena_copy(struct pl_arena *a, struct pl_slice s, struct pl_slice *out)
{
	if (!s.at) {
		*out = s;
		return 0;
	}
	char *at = pl_arena_alloc(a, s.len + 1);
	if (!at)
		return PL_ENOMEM;
	if (s.len)
		memcpy(at, s.at, s.len);
	*out = pl_slice(at, s.len);
	return 0;
}
