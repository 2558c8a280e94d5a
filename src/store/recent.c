/* recent.c - two generations of hashes. Slots: open addressing, at most half full; the last added
 * is the first removed, so that a removal never breaks a chain. */
#include "store/recent.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * PL_RECENT_MAX };

void pl_recent_init(struct pl_recent *r)
{
	*r = (struct pl_recent){.mark = 0};
}

static void forget(struct pl_generation *g)
{
	pl_free(g->entries);
	pl_free(g->slots);
	*g = (struct pl_generation){.len = 0};
}

void pl_recent_fini(struct pl_recent *r)
{
	forget(&r->young);
	forget(&r->old);
}

/* The hash is SHA-256 of what a client chose: its bits are as good as random. */
static size_t first_slot(const uint8_t hash[16])
{
	uint32_t h;
	memcpy(&h, hash, sizeof(h));
	return h % SLOTS;
}

static int64_t find(const struct pl_generation *g, const uint8_t hash[16])
{
	uint32_t newest = 0;
	if (!g->slots)
		return 0;
	for (size_t i = first_slot(hash); g->slots[i]; i = (i + 1) % SLOTS)
		if (g->slots[i] > newest && !memcmp(g->entries[g->slots[i] - 1].hash, hash, 16))
			newest = g->slots[i];
	return newest ? g->entries[newest - 1].message : 0;
}

int64_t pl_recent_find(const struct pl_recent *r, const uint8_t hash[16])
{
	int64_t at = find(&r->young, hash);
	return at ? at : find(&r->old, hash);
}

static int prepare(struct pl_generation *g)
{
	if (g->slots)
		return 0;
	struct pl_retry *entries = pl_alloc(PL_RECENT_MAX * sizeof(*entries));
	uint32_t *slots = pl_zalloc(SLOTS, sizeof(*slots));
	if (!entries || !slots) {
		pl_free(entries);
		pl_free(slots);
		return PL_ENOMEM;
	}
	g->entries = entries;
	g->slots = slots;
	return 0;
}

static void link_entry(struct pl_generation *g, uint32_t number)
{
	size_t i = first_slot(g->entries[number - 1].hash);
	while (g->slots[i])
		i = (i + 1) % SLOTS;
	g->slots[i] = number;
}

int pl_recent_add(struct pl_recent *r, const struct pl_retry *e)
{
	struct pl_generation *g = &r->young;
	int err = prepare(g);
	if (!err && g->len == PL_RECENT_MAX)
		err = PL_ELIMIT;
	if (err)
		return err;
	g->entries[g->len++] = *e;
	link_entry(g, (uint32_t)g->len);
	return 0;
}

size_t pl_recent_added(const struct pl_recent *r, const struct pl_retry **first)
{
	*first = r->young.entries + r->mark;
	return r->young.len - r->mark;
}

void pl_recent_commit(struct pl_recent *r)
{
	r->mark = r->young.len;
	r->was_moved = r->moved;
}

static void unlink_last(struct pl_generation *g)
{
	size_t i = first_slot(g->entries[g->len - 1].hash);
	while (g->slots[i] != g->len)
		i = (i + 1) % SLOTS;
	g->slots[i] = 0;
	g->len--;
}

void pl_recent_rollback(struct pl_recent *r)
{
	while (r->young.len > r->mark)
		unlink_last(&r->young);
	r->moved = r->was_moved;
}

/* By place in the table; of two with the same place the later one last. */
static int by_place(const void *a, const void *b)
{
	const struct pl_retry *x = a, *y = b;
	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	int order = memcmp(x->hash, y->hash, sizeof(x->hash));
	return order ? order : x->message < y->message ? -1 : x->message > y->message;
}

void pl_recent_turn(struct pl_recent *r, int64_t last_log)
{
	forget(&r->old);
	r->old = r->young;
	r->young = (struct pl_generation){.len = 0};
	r->mark = r->moved = r->was_moved = 0;
	r->old_log = last_log;
	qsort(r->old.entries, r->old.len, sizeof(*r->old.entries), by_place);
	memset(r->old.slots, 0, SLOTS * sizeof(*r->old.slots));
	for (uint32_t i = 1; i <= r->old.len; i++)
		link_entry(&r->old, i);
}
