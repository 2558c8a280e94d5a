/* topics.c - linear probing with backward-shift deletion, as in base/map.c. */
#include "chat/topics.h"

#include "base/id.h"
#include "base/map.h"
#include "base/mem.h"
#include "chat/room.h"

enum { FIRST_CAP = 8 };

void pl_topics_init(struct pl_topics *t, size_t max)
{
	*t = (struct pl_topics){.max = max < PL_TOPICS_MAX ? (uint32_t)max : PL_TOPICS_MAX};
	pl_random_bytes(t->seed, sizeof(t->seed));
}

void pl_topics_fini(struct pl_topics *t)
{
	pl_free(t->slots);
	*t = (struct pl_topics){.max = t->max};
}

static uint32_t hash_of(const struct pl_topics *t, struct pl_slice topic)
{
	return (uint32_t)pl_siphash(t->seed, topic);
}

/* Where this topic is, or the free slot where it would go. Needs a table that is not full. */
static uint32_t slot_of(const struct pl_topics *t, struct pl_slice topic, uint32_t hash)
{
	uint32_t i = hash & (t->cap - 1);
	while (t->slots[i].room &&
	       (t->slots[i].hash != hash || !pl_slice_eq(pl_room_topic(t->slots[i].room), topic)))
		i = (i + 1) & (t->cap - 1);
	return i;
}

struct pl_room *pl_topics_get(const struct pl_topics *t, struct pl_slice topic)
{
	return t->cap ? t->slots[slot_of(t, topic, hash_of(t, topic))].room : NULL;
}

static void take_free(struct pl_topics *t, struct pl_topic_slot slot)
{
	uint32_t i = slot.hash & (t->cap - 1);
	while (t->slots[i].room)
		i = (i + 1) & (t->cap - 1);
	t->slots[i] = slot;
}

static int grow(struct pl_topics *t)
{
	struct pl_topics bigger = *t;
	bigger.cap = t->cap ? t->cap * 2 : FIRST_CAP;
	bigger.slots = pl_zalloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return PL_ENOMEM;
	for (uint32_t i = 0; i < t->cap; i++)
		if (t->slots[i].room)
			take_free(&bigger, t->slots[i]);
	pl_free(t->slots);
	*t = bigger;
	return 0;
}

int pl_topics_put(struct pl_topics *t, struct pl_room *room)
{
	if (t->len >= t->max)
		return PL_ELIMIT;
	if ((t->len + 1) * UINT64_C(4) > t->cap * UINT64_C(3) && grow(t))
		return PL_ENOMEM;
	take_free(t, (struct pl_topic_slot){room, hash_of(t, pl_room_topic(room))});
	t->len++;
	return 0;
}

/* Moves later entries of the run back over the hole, so that no tombstones are needed. */
static void close_hole(struct pl_topics *t, uint32_t hole)
{
	uint32_t mask = t->cap - 1;
	for (uint32_t i = (hole + 1) & mask; t->slots[i].room; i = (i + 1) & mask) {
		uint32_t home = t->slots[i].hash & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* already between its home and here */
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole] = (struct pl_topic_slot){NULL, 0};
}

void pl_topics_remove(struct pl_topics *t, const struct pl_room *room)
{
	struct pl_slice topic = pl_room_topic(room);
	uint32_t slot = t->cap ? slot_of(t, topic, hash_of(t, topic)) : 0;
	if (!t->cap || t->slots[slot].room != room)
		return;
	t->len--;
	close_hole(t, slot);
}
