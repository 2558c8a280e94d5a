/*
 * roster_wait.c - who sat down and is not told yet who sits there: hears of no change before that,
 * and then of those that the members do not show, so that the list of a client is never wrong.
 *
 * Each worker numbers its changes. The members say up to which number of each worker they show them
 * (`shown`). What comes meanwhile is held: with a higher number it is told after the members, else
 * never. Members that come before a change which they show wait for it.
 *
 * Invariants:  a waiting room exists iff somebody waits in it;  a seat is marked iff its peer waits
 * in its room;  a wait is in `early` iff its members are here.
 */
#include "chat/hub.h"

#include "base/mem.h"

enum { HELD_MAX = 1 << 16, HELD_FIRST = 8, TRIM_FROM = 64 };

struct wait {
	struct pl_list node, early;
	struct pl_peer *peer;
	uint64_t change; /* of its seat */
	size_t from;     /* the first change that it was not told, counted from the room's first */
	struct pl_event *members;
};

struct waiting_room {
	struct pl_topic_id topic;
	struct pl_list waits; /* as they began */
	struct pl_event **held;
	size_t base, n, cap; /* held[0] is number `base` */
};

static struct waiting_room *open_room(struct pl_hub *hub, struct pl_slice topic)
{
	struct waiting_room *r = pl_map_get(&hub->awaited, topic);
	if (r)
		return r;
	r = PL_NEW(struct waiting_room);
	if (!r)
		return NULL;
	memcpy(r->topic.at, topic.at, sizeof(r->topic.at));
	pl_list_init(&r->waits);
	if (!pl_map_put(&hub->awaited, pl_topic_slice(&r->topic), r))
		return r;
	pl_free(r);
	return NULL;
}

static void free_room(struct waiting_room *r)
{
	for (size_t i = 0; i < r->n; i++)
		pl_event_release(r->held[i]);
	pl_free(r->held);
	pl_free(r);
}

static void free_wait(struct wait *w)
{
	pl_list_remove(&w->node);
	if (w->members)
		pl_list_remove(&w->early);
	pl_event_release(w->members);
	pl_free(w);
}

/* What nobody waits for any more. */
static void trim(struct waiting_room *r)
{
	const struct wait *first = PL_CONTAINER(r->waits.next, struct wait, node);
	size_t gone = first->from - r->base;
	if (gone < TRIM_FROM || gone < r->n / 2)
		return;
	for (size_t i = 0; i < gone; i++)
		pl_event_release(r->held[i]);
	memmove(r->held, r->held + gone, (r->n - gone) * sizeof(struct pl_event *));
	r->base += gone;
	r->n -= gone;
}

static void end_wait(struct pl_hub *hub, struct waiting_room *r, struct wait *w)
{
	struct pl_peer *p = w->peer;
	bool waits_on = false;
	free_wait(w);
	PL_LIST_EACH (it, &r->waits) {
		waits_on |= PL_CONTAINER(it, struct wait, node)->peer == p;
	}
	if (!waits_on)
		pl_room_mark_waiting(&hub->rooms, &p->member, pl_topic_slice(&r->topic), false);
	if (!pl_list_empty(&r->waits)) {
		trim(r);
		return;
	}
	pl_map_remove(&hub->awaited, pl_topic_slice(&r->topic));
	free_room(r);
}

int pl_roster_wait(struct pl_hub *hub, struct pl_peer *p, struct pl_slice topic, uint64_t change)
{
	struct wait *w = PL_NEW(struct wait);
	struct waiting_room *r = w ? open_room(hub, topic) : NULL;
	if (!r) {
		pl_free(w);
		return PL_ENOMEM;
	}
	w->peer = p;
	w->change = change;
	w->from = r->base + r->n;
	pl_list_append(&r->waits, &w->node);
	pl_room_mark_waiting(&hub->rooms, &p->member, topic, true);
	return 0;
}

/* The first of the peer's, up to this change. */
static struct wait *find(const struct waiting_room *r, uint64_t peer, uint64_t change)
{
	PL_LIST_EACH (it, &r->waits) {
		struct wait *w = PL_CONTAINER(it, struct wait, node);
		if (w->peer->id == peer && w->change <= change)
			return w;
	}
	return NULL;
}

void pl_roster_wait_no_more(struct pl_hub *hub, struct pl_peer *p, struct pl_slice topic)
{
	struct waiting_room *r;
	while ((r = pl_map_get(&hub->awaited, topic))) {
		struct wait *w = find(r, p->id, UINT64_MAX);
		if (!w)
			return;
		end_wait(hub, r, w);
	}
}

static int make_place(struct waiting_room *r)
{
	if (r->n < r->cap)
		return 0;
	size_t cap = r->cap ? r->cap * 2 : HELD_FIRST;
	struct pl_event **moved =
		cap > HELD_MAX ? NULL : pl_realloc(r->held, cap * sizeof(struct pl_event *));
	if (!moved)
		return cap > HELD_MAX ? PL_ELIMIT : PL_ENOMEM;
	r->held = moved;
	r->cap = cap;
	return 0;
}

void pl_roster_hold(struct pl_hub *hub, struct pl_event *e)
{
	struct waiting_room *r = pl_map_get(&hub->awaited, e->topics[0]);
	hub->changes_heard[e->node] = e->change;
	if (!r)
		return;
	int err = make_place(r);
	if (err)
		pl_log(hub->log, PL_ERROR, "chat", "a change of a roster was lost: %s",
		       pl_strerror(err));
	else
		r->held[r->n++] = pl_event_retain(e);
}

/* ---- the members ---- */

static void tell(struct pl_peer *p, const struct pl_event *e)
{
	struct pl_encoded *words = e->origin == p->id ? NULL : p->ops->encode(e);
	if (!words)
		return;
	p->ops->push(p, e, words);
	p->ops->free_encoded(words);
}

static bool is_ready(const struct pl_hub *hub, const struct wait *w)
{
	for (uint32_t i = 0; i < pl_bus_nodes(hub->bus); i++)
		if (hub->changes_heard[i] < w->members->shown[i])
			return false;
	return true;
}

static void answer(struct pl_hub *hub, struct wait *w)
{
	struct waiting_room *r = pl_map_get(&hub->awaited, w->members->topics[0]);
	tell(w->peer, w->members);
	for (size_t i = w->from - r->base; i < r->n; i++)
		if (r->held[i]->change > w->members->shown[r->held[i]->node])
			tell(w->peer, r->held[i]);
	end_wait(hub, r, w);
}

static struct wait *next_ready(const struct pl_hub *hub)
{
	PL_LIST_EACH (it, &hub->early) {
		struct wait *w = PL_CONTAINER(it, struct wait, early);
		if (is_ready(hub, w))
			return w;
	}
	return NULL;
}

void pl_roster_answer(struct pl_hub *hub)
{
	struct wait *w;
	while ((w = next_ready(hub)))
		answer(hub, w);
}

void pl_roster_members_came(struct pl_hub *hub, struct pl_event *e)
{
	struct waiting_room *r = pl_map_get(&hub->awaited, e->topics[0]);
	struct wait *w = r ? find(r, e->only, e->change) : NULL;
	/* The answers come in order: one that is missing never comes (there was no memory). */
	while (w && w->change < e->change && !w->members) {
		end_wait(hub, r, w);
		r = pl_map_get(&hub->awaited, e->topics[0]);
		w = r ? find(r, e->only, e->change) : NULL;
	}
	if (!w)
		return;
	PL_LIST_EACH (it, &r->waits) {
		w = PL_CONTAINER(it, struct wait, node);
		if (w->peer->id != e->only || w->change != e->change)
			continue;
		w->members = pl_event_retain(e);
		pl_list_append(&hub->early, &w->early);
		pl_roster_answer(hub);
		return;
	}
}

void pl_roster_wait_fini(struct pl_hub *hub)
{
	PL_MAP_EACH (it, &hub->awaited) {
		struct waiting_room *r = it->value;
		while (!pl_list_empty(&r->waits))
			free_wait(PL_CONTAINER(r->waits.next, struct wait, node));
		free_room(r);
	}
	pl_map_fini(&hub->awaited);
}
