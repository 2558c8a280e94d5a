/*
 * room.c - who is in a room.
 *
 * Invariants:  room->peers[seat.index] is the peer for every seat of it;  a room is in the index
 * iff it has a peer;  order in a room means nothing (leaving moves the last into the hole).
 */
#include "chat/room.h"

#include "base/mem.h"

struct pl_room {
	struct pl_peer **peers;
	uint32_t count, cap;
	uint32_t topic_len;
	char topic[];
};

enum { KINDS_MAX = 8, PEERS_MAX = 1 << 24 };

void pl_rooms_init(struct pl_rooms *rooms, size_t max, struct pl_metrics *metrics)
{
	pl_map_init(&rooms->by_topic, max);
	rooms->metrics = metrics;
}

void pl_rooms_fini(struct pl_rooms *rooms)
{
	pl_map_fini(&rooms->by_topic);
}

static struct pl_slice topic_of(const struct pl_room *r)
{
	return pl_slice(r->topic, r->topic_len);
}

static int find_or_open(struct pl_rooms *rooms, struct pl_slice topic, struct pl_room **out)
{
	struct pl_room *r = pl_map_get(&rooms->by_topic, topic);
	if (!r) {
		r = pl_zalloc(1, sizeof(*r) + topic.len);
		if (!r)
			return PL_ENOMEM;
		r->topic_len = (uint32_t)topic.len;
		memcpy(r->topic, topic.at, topic.len);
		int err = pl_map_put(&rooms->by_topic, topic_of(r), r);
		if (err) {
			pl_free(r);
			return err;
		}
		pl_metric_add(rooms->metrics, PL_M_ROOMS, 1);
	}
	*out = r;
	return 0;
}

static void close_if_empty(struct pl_rooms *rooms, struct pl_room *r)
{
	if (r->count)
		return;
	pl_map_remove(&rooms->by_topic, topic_of(r));
	pl_free(r->peers);
	pl_free(r);
	pl_metric_add(rooms->metrics, PL_M_ROOMS, -1);
}

/* Room for one more element; the cap doubles. */
static int make_room(void **at, uint32_t *cap, uint32_t count, size_t size, uint32_t max)
{
	if (count < *cap)
		return 0;
	uint32_t bigger = *cap ? *cap * 2 : 1;
	if (bigger > max)
		return PL_ELIMIT;
	void *moved = pl_realloc(*at, bigger * size);
	if (!moved)
		return PL_ENOMEM;
	*at = moved;
	*cap = bigger;
	return 0;
}

static struct pl_seat *seat_in(const struct pl_peer *p, const struct pl_room *r)
{
	for (uint32_t i = 0; i < p->nseats; i++)
		if (p->seats[i].room == r)
			return &p->seats[i];
	return NULL;
}

int pl_room_join(struct pl_rooms *rooms, struct pl_peer *p, struct pl_slice topic)
{
	struct pl_room *r;
	int err = find_or_open(rooms, topic, &r);
	if (err || seat_in(p, r))
		return err;
	void *peers = r->peers, *seats = p->seats;
	err = make_room(&peers, &r->cap, r->count, sizeof(struct pl_peer *), PEERS_MAX);
	r->peers = peers;
	if (!err)
		err = make_room(&seats, &p->seats_cap, p->nseats, sizeof(*p->seats), PL_SEATS_MAX);
	p->seats = seats;
	if (err) {
		close_if_empty(rooms, r);
		return err;
	}
	p->seats[p->nseats++] = (struct pl_seat){r, r->count};
	r->peers[r->count++] = p;
	return 0;
}

static void stand_up(struct pl_rooms *rooms, struct pl_peer *p, struct pl_seat *s)
{
	struct pl_room *r = s->room;
	uint32_t hole = s->index;
	*s = p->seats[--p->nseats];
	r->peers[hole] = r->peers[--r->count];
	if (hole < r->count)
		seat_in(r->peers[hole], r)->index = hole;
	close_if_empty(rooms, r);
}

bool pl_room_leave(struct pl_rooms *rooms, struct pl_peer *p, struct pl_slice topic)
{
	struct pl_room *r = pl_map_get(&rooms->by_topic, topic);
	struct pl_seat *s = r ? seat_in(p, r) : NULL;
	if (s)
		stand_up(rooms, p, s);
	return s != NULL;
}

void pl_room_leave_all(struct pl_rooms *rooms, struct pl_peer *p)
{
	while (p->nseats)
		stand_up(rooms, p, &p->seats[p->nseats - 1]);
	pl_free(p->seats);
	p->seats = NULL;
	p->seats_cap = 0;
}

bool pl_room_has(const struct pl_rooms *rooms, const struct pl_peer *p, struct pl_slice topic)
{
	const struct pl_room *r = pl_map_get(&rooms->by_topic, topic);
	return r && seat_in(p, r);
}

size_t pl_room_size(const struct pl_rooms *rooms, struct pl_slice topic)
{
	const struct pl_room *r = pl_map_get(&rooms->by_topic, topic);
	return r ? r->count : 0;
}

/* ---- delivery ---- */

struct wording {
	const struct pl_peer_ops *ops;
	struct pl_encoded *encoded;
};

static struct pl_encoded *words_for(struct wording *known, size_t *n, const struct pl_peer_ops *ops,
				    const struct pl_event *e)
{
	for (size_t i = 0; i < *n; i++)
		if (known[i].ops == ops)
			return known[i].encoded;
	if (*n == KINDS_MAX)
		return NULL;
	known[*n] = (struct wording){ops, ops->encode(e)};
	return known[(*n)++].encoded;
}

static void deliver_to(struct pl_room *r, const struct pl_event *e, struct wording *known,
		       size_t *n)
{
	/* A push never makes a peer leave at once (connections end at the end of the turn). */
	for (uint32_t i = 0; i < r->count; i++) {
		struct pl_peer *p = r->peers[i];
		if (e->origin && p->id == e->origin)
			continue;
		struct pl_encoded *words = words_for(known, n, p->ops, e);
		if (words)
			p->ops->push(p, e, words);
	}
}

void pl_rooms_deliver(struct pl_rooms *rooms, const struct pl_event *e)
{
	struct wording known[KINDS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < e->ntopics; i++) {
		struct pl_room *r = pl_map_get(&rooms->by_topic, e->topics[i]);
		if (r)
			deliver_to(r, e, known, &n);
	}
	for (size_t i = 0; i < n; i++)
		if (known[i].encoded)
			known[i].ops->free_encoded(known[i].encoded);
}
