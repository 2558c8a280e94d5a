/*
 * ids.c - finding a connection by its id: 16 bytes for each instead of the map's 60. The ids are
 * random and ours, so that their own bytes are the hash.
 */
#include "handler/internal.h"

enum { FIRST_CAP = 64, IDS_MAX = 1 << 26 };

static uint32_t home_of(const struct pl_ids *t, const char *id)
{
	uint64_t some; /* eight random hexadecimal digits */
	memcpy(&some, id, sizeof(some));
	return (uint32_t)(some * 0x9e3779b97f4a7c15u >> 32) & (t->cap - 1);
}

static uint32_t slot_of(const struct pl_ids *t, const char *id)
{
	uint32_t i = home_of(t, id);
	while (t->slots[i] && memcmp(t->slots[i]->id, id, PL_UUID_TEXT) != 0)
		i = (i + 1) & (t->cap - 1);
	return i;
}

void pl_ids_fini(struct pl_ids *t)
{
	pl_free(t->slots);
	*t = (struct pl_ids){0};
}

static int grow(struct pl_ids *t)
{
	struct pl_ids bigger = {.cap = t->cap ? t->cap * 2 : FIRST_CAP, .len = t->len};
	bigger.slots = pl_zalloc(bigger.cap, sizeof(parley_conn *));
	if (!bigger.slots)
		return PL_ENOMEM;
	for (uint32_t i = 0; i < t->cap; i++)
		if (t->slots[i])
			bigger.slots[slot_of(&bigger, t->slots[i]->id)] = t->slots[i];
	pl_free(t->slots);
	*t = bigger;
	return 0;
}

int pl_ids_add(struct pl_ids *t, parley_conn *c)
{
	if (t->len >= IDS_MAX)
		return PL_ELIMIT;
	if ((t->len + 1) * 2 > t->cap && grow(t))
		return PL_ENOMEM;
	t->slots[slot_of(t, c->id)] = c;
	t->len++;
	return 0;
}

/* Moves later entries of the run back over the hole. */
static void close_hole(struct pl_ids *t, uint32_t hole)
{
	uint32_t mask = t->cap - 1;
	for (uint32_t i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
		uint32_t home = home_of(t, t->slots[i]->id);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* already between its home and here */
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole] = NULL;
}

void pl_ids_remove(struct pl_ids *t, const parley_conn *c)
{
	uint32_t slot = t->cap ? slot_of(t, c->id) : 0;
	if (!t->cap || t->slots[slot] != c)
		return;
	t->len--;
	close_hole(t, slot);
}

parley_conn *pl_ids_find(const struct pl_ids *t, struct pl_slice id)
{
	return t->cap && id.len == PL_UUID_TEXT ? t->slots[slot_of(t, id.at)] : NULL;
}
