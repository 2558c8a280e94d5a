/*
 * room.c - who is in a room.
 *
 * Invariants:  a member's seat and the room's place point at each other:
 * place.member->seats[place.seat] is {room, the place's index};  a room is in the index iff it has
 * a member;  order in a room means nothing (leaving moves the last into the hole).
 */
#include "chat/room.h"

#include "base/mem.h"
#include "chat/seats.h"

/* Packed like a seat: there are as many. */
struct __attribute__((packed, aligned(4))) place {
	struct pl_member *member;
	uint32_t seat; /* its number among the member's */
};

/* With the topic in one block, and of a room with one member nothing else. */
struct pl_room {
	union {
		struct place alone; /* cap 0: the only place */
		struct place *places;
	};
	char *alias; /* NULL: none, or nobody there is on a roster */
	uint32_t count, cap;
	uint32_t topic_len;
	char topic[];
};

enum { KINDS_MAX = 16, MEMBERS_MAX = 1 << 24, FIRST_CAP = 2, SHRINK_FROM = 64 };

void pl_rooms_init(struct pl_rooms *rooms, size_t max, struct pl_metrics *metrics)
{
	pl_topics_init(&rooms->by_topic, max);
	rooms->metrics = metrics;
	rooms->seats_max = PL_SEATS_MAX;
}

void pl_rooms_fini(struct pl_rooms *rooms)
{
	pl_topics_fini(&rooms->by_topic);
}

struct pl_slice pl_room_topic(const struct pl_room *r)
{
	return pl_slice(r->topic, r->topic_len);
}

static struct place *place_at(struct pl_room *r, uint32_t i)
{
	return r->cap ? &r->places[i] : &r->alone;
}

/* The topic begins where the struct's padding would. */
static size_t size_of(struct pl_slice topic)
{
	size_t n = offsetof(struct pl_room, topic) + topic.len;
	return n > sizeof(struct pl_room) ? n : sizeof(struct pl_room);
}

static int find_or_open(struct pl_rooms *rooms, struct pl_slice topic, struct pl_room **out)
{
	struct pl_room *r = pl_topics_get(&rooms->by_topic, topic);
	if (!r) {
		r = pl_zalloc(1, size_of(topic));
		if (!r)
			return PL_ENOMEM;
		r->topic_len = (uint32_t)topic.len;
		memcpy(r->topic, topic.at, topic.len);
		int err = pl_topics_put(&rooms->by_topic, r);
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
	pl_topics_remove(&rooms->by_topic, r);
	if (r->cap)
		pl_free(r->places);
	pl_free(r->alias);
	pl_free(r);
	pl_metric_add(rooms->metrics, PL_M_ROOMS, -1);
}

/* Room for one more; the cap doubles. */
static int reserve_place(struct pl_room *r)
{
	if (r->count < (r->cap ? r->cap : 1))
		return 0;
	uint32_t cap = r->cap ? r->cap * 2 : FIRST_CAP;
	if (cap > MEMBERS_MAX)
		return PL_ELIMIT;
	struct place *moved = pl_realloc(r->cap ? r->places : NULL, cap * sizeof(*moved));
	if (!moved)
		return PL_ENOMEM;
	if (!r->cap)
		moved[0] = r->alone;
	r->places = moved;
	r->cap = cap;
	return 0;
}

int pl_room_join(struct pl_rooms *rooms, struct pl_member *m, struct pl_slice topic)
{
	struct pl_room *r;
	int err = find_or_open(rooms, topic, &r);
	if (err || pl_seats_find(m, r) != PL_NO_SEAT)
		return err;
	err = reserve_place(r);
	if (!err)
		err = pl_seats_reserve(m, rooms->seats_max);
	if (err) {
		close_if_empty(rooms, r);
		return err;
	}
	*place_at(r, r->count) = (struct place){m, pl_seats_add(m, r, r->count)};
	r->count++;
	return 0;
}

/* A crowd that went home leaves no hall behind. */
static void shrink(struct pl_room *r)
{
	if (r->cap < SHRINK_FROM || r->count > r->cap / 4)
		return;
	struct place *smaller = pl_realloc(r->places, r->cap / 2 * sizeof(*r->places));
	if (!smaller)
		return;
	r->places = smaller;
	r->cap /= 2;
}

static void stand_up(struct pl_rooms *rooms, struct pl_member *m, uint32_t seat)
{
	struct pl_room *r = m->seats[seat].room;
	uint32_t hole = m->seats[seat].index;
	struct place last = *place_at(r, --r->count);
	*place_at(r, hole) = last;
	last.member->seats[last.seat].index = hole & PL_SEAT_INDEX;
	pl_seats_remove(m, seat);
	if (seat < m->nseats)
		place_at(m->seats[seat].room, m->seats[seat].index)->seat = seat;
	shrink(r);
	close_if_empty(rooms, r);
}

bool pl_room_leave(struct pl_rooms *rooms, struct pl_member *m, struct pl_slice topic)
{
	struct pl_room *r = pl_topics_get(&rooms->by_topic, topic);
	uint32_t seat = r ? pl_seats_find(m, r) : PL_NO_SEAT;
	if (seat != PL_NO_SEAT)
		stand_up(rooms, m, seat);
	return seat != PL_NO_SEAT;
}

void pl_room_leave_all(struct pl_rooms *rooms, struct pl_member *m)
{
	while (m->nseats)
		stand_up(rooms, m, m->nseats - 1);
	pl_seats_free(m);
}

bool pl_room_has(const struct pl_rooms *rooms, const struct pl_member *m, struct pl_slice topic)
{
	const struct pl_room *r = pl_topics_get(&rooms->by_topic, topic);
	return r && pl_seats_find(m, r) != PL_NO_SEAT;
}

int pl_room_list(struct pl_rooms *rooms, struct pl_member *m, struct pl_slice topic,
		 struct pl_slice alias)
{
	struct pl_room *r = pl_topics_get(&rooms->by_topic, topic);
	uint32_t seat = r ? pl_seats_find(m, r) : PL_NO_SEAT;
	if (seat == PL_NO_SEAT)
		return PL_ENOTFOUND;
	if (!r->alias && alias.len) {
		r->alias = pl_memdup0(alias.at, alias.len);
		if (!r->alias)
			return PL_ENOMEM;
	}
	m->seats[seat].is_listed = true;
	return 0;
}

void pl_room_mark_waiting(struct pl_rooms *rooms, struct pl_member *m, struct pl_slice topic,
			  bool is_waiting)
{
	struct pl_room *r = pl_topics_get(&rooms->by_topic, topic);
	uint32_t seat = r ? pl_seats_find(m, r) : PL_NO_SEAT;
	if (seat != PL_NO_SEAT)
		m->seats[seat].is_waiting = is_waiting;
}

bool pl_seat_is_listed(const struct pl_member *m, uint32_t seat, struct pl_slice *topic,
		       struct pl_slice *alias)
{
	const struct pl_room *r = m->seats[seat].room;
	*topic = pl_room_topic(r);
	*alias = pl_slice_str(r->alias);
	return m->seats[seat].is_listed;
}

bool pl_room_is_listed(const struct pl_rooms *rooms, const struct pl_member *m,
		       struct pl_slice topic, struct pl_slice *alias)
{
	const struct pl_room *r = pl_topics_get(&rooms->by_topic, topic);
	uint32_t seat = r ? pl_seats_find(m, r) : PL_NO_SEAT;
	return seat != PL_NO_SEAT && pl_seat_is_listed(m, seat, &topic, alias);
}

size_t pl_room_size(const struct pl_rooms *rooms, struct pl_slice topic)
{
	const struct pl_room *r = pl_topics_get(&rooms->by_topic, topic);
	return r ? r->count : 0;
}

void pl_room_each(const struct pl_rooms *rooms, struct pl_slice topic,
		  void (*visit)(struct pl_member *, void *ctx), void *ctx)
{
	struct pl_room *r = pl_topics_get(&rooms->by_topic, topic);
	for (uint32_t i = 0; r && i < r->count; i++)
		visit(place_at(r, i)->member, ctx);
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
		struct pl_peer *p = PL_CONTAINER(place_at(r, i)->member, struct pl_peer, member);
		if ((e->origin && p->id == e->origin) || (e->only && p->id != e->only))
			continue;
		if (e->kind == PL_EV_ROSTER && p->member.seats[place_at(r, i)->seat].is_waiting)
			continue;
		struct pl_encoded *words = words_for(known, n, p->ops, e);
		if (words)
			p->ops->push(p, e, words);
	}
}

void pl_rooms_each(struct pl_rooms *rooms, const struct pl_event *e,
		   void (*tell)(struct pl_peer *, const struct pl_event *))
{
	for (size_t i = 0; i < e->ntopics; i++) {
		struct pl_room *r = pl_topics_get(&rooms->by_topic, e->topics[i]);
		for (uint32_t k = 0; r && k < r->count; k++)
			tell(PL_CONTAINER(place_at(r, k)->member, struct pl_peer, member), e);
	}
}

void pl_rooms_deliver(struct pl_rooms *rooms, const struct pl_event *e)
{
	struct wording known[KINDS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < e->ntopics; i++) {
		struct pl_room *r = pl_topics_get(&rooms->by_topic, e->topics[i]);
		if (r)
			deliver_to(r, e, known, &n);
	}
	for (size_t i = 0; i < n; i++)
		if (known[i].encoded)
			known[i].ops->free_encoded(known[i].encoded);
}
