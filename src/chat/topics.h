/*
 * topics.h - the rooms of a worker by their topic: 12 bytes for a slot where the map takes 32, for
 * there may be a million rooms with one member each.
 *
 * Keyed against flooding and bounded from birth, as a map is. A room's topic is in the room, which
 * must live as long as it is here. Not thread-safe.
 */
#ifndef PL_CHAT_TOPICS_H
#define PL_CHAT_TOPICS_H

#include "base/err.h"
#include "base/slice.h"

struct pl_room;

/* Packed: there are more of them than rooms. room NULL: free. */
struct __attribute__((packed, aligned(4))) pl_topic_slot {
	struct pl_room *room;
	uint32_t hash;
};

struct pl_topics {
	struct pl_topic_slot *slots;
	uint32_t cap, len, max; /* cap: 0 or a power of two; at most three quarters full */
	uint64_t seed[2];
};

enum { PL_TOPICS_MAX = 1 << 30 };

/* Never holds more than max rooms (and PL_TOPICS_MAX). No memory until the first one. */
void pl_topics_init(struct pl_topics *, size_t max);
/* Frees the table, not the rooms. */
void pl_topics_fini(struct pl_topics *);
/* NULL when absent. */
struct pl_room *pl_topics_get(const struct pl_topics *, struct pl_slice topic);
/* A room whose topic is not there yet. PL_ELIMIT when full, PL_ENOMEM. */
int pl_topics_put(struct pl_topics *, struct pl_room *) PL_MUST_CHECK;
/* Absent is fine. */
void pl_topics_remove(struct pl_topics *, const struct pl_room *);

/* Any order; the table must not change meanwhile. */
#define PL_TOPICS_EACH(it, t)                                                               \
	for (struct pl_topic_slot *it = (t)->slots; it && it < (t)->slots + (t)->cap; it++) \
		if (it->room)

#endif
