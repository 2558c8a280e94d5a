/* ids.c - an open table of things by their random ids. */
#include "base/ids.h"

#include "base/mem.h"

enum { FIRST_CAP = 64, IDS_MAX = 1 << 26 };

void pl_ids_init(struct pl_ids *t, uint32_t id_len)
{
	*t = (struct pl_ids){.id_len = id_len};
}

void pl_ids_fini(struct pl_ids *t)
{
	pl_free(t->slots);
	pl_ids_init(t, t->id_len);
}

static uint32_t home_of(const struct pl_ids *t, const char *id)
{
	uint64_t some;
	memcpy(&some, id, sizeof(some));
	return (uint32_t)(some * 0x9e3779b97f4a7c15u >> 32) & (t->cap - 1);
}

static uint32_t slot_of(const struct pl_ids *t, const char *id)
{
	uint32_t i = home_of(t, id);
	while (t->slots[i] && memcmp(t->slots[i], id, t->id_len) != 0)
		i = (i + 1) & (t->cap - 1);
	return i;
}

static int grow(struct pl_ids *t)
{
	struct pl_ids bigger = *t;
	bigger.cap = t->cap ? t->cap * 2 : FIRST_CAP;
	bigger.slots = pl_zalloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return PL_ENOMEM;
	PL_IDS_EACH(it, t)
	bigger.slots[slot_of(&bigger, *it)] = *it;
	pl_free(t->slots);
	*t = bigger;
	return 0;
}

int pl_ids_add(struct pl_ids *t, char *id)
{
	if (t->len >= IDS_MAX)
		return PL_ELIMIT;
	if ((t->len + 1) * 2 > t->cap && grow(t))
		return PL_ENOMEM;
	uint32_t slot = slot_of(t, id);
	if (t->slots[slot])
		return PL_EEXISTS;
	t->slots[slot] = id;
	t->len++;
	return 0;
}

/* Moves later entries of the run back over the hole. */
static void close_hole(struct pl_ids *t, uint32_t hole)
{
	uint32_t mask = t->cap - 1;
	for (uint32_t i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
		uint32_t home = home_of(t, t->slots[i]);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* already between its home and here */
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole] = NULL;
}

void pl_ids_remove(struct pl_ids *t, const char *id)
{
	uint32_t slot = t->cap ? slot_of(t, id) : 0;
	if (!t->cap || t->slots[slot] != id)
		return;
	t->len--;
	close_hole(t, slot);
}

char *pl_ids_find(const struct pl_ids *t, struct pl_slice id)
{
	return t->cap && id.len == t->id_len ? t->slots[slot_of(t, id.at)] : NULL;
}
