/*
 * rooms.c - who is in which room of a namespace, on this worker, and whom a target means.
 *
 * Every socket is also in the room of everybody, whose name nobody can use, and in the room that is
 * called as itself: that one is not kept, the table of ids knows it.
 */
#include "socketio/internal.h"

static bool is_own(const parley_socket *k, struct pl_slice room)
{
	return pl_slice_eq(room, pl_slice(k->id, SOCKET_ID));
}

static void watch(parley_socket *k, struct pl_slice room, bool joined)
{
	const struct pl_sio_watch *w = k->hall->site->watch;
	if (w && w->on_room)
		w->on_room(w->ctx, k, room, joined);
}

int parley_socket_join(parley_socket *k, struct parley_slice room)
{
	if (!pl_is_room_name(room))
		return PARLEY_EINVAL;
	if (k->state != PL_SIO_CONNECTED)
		return PARLEY_ECLOSED;
	bool was_in = !k->hall->site->watch || parley_socket_in(k, room);
	int err =
		is_own(k, pl_in(room)) ? 0 : pl_room_join(&k->hall->rooms, &k->member, pl_in(room));
	if (!err && !was_in)
		watch(k, pl_in(room), true);
	return err;
}

int parley_socket_leave(parley_socket *k, struct parley_slice room)
{
	if (!pl_is_room_name(room))
		return PARLEY_EINVAL;
	if (pl_room_leave(&k->hall->rooms, &k->member, pl_in(room)))
		watch(k, pl_in(room), false);
	return 0;
}

bool parley_socket_in(const parley_socket *k, struct parley_slice room)
{
	return pl_is_room_name(room) &&
	       (is_own(k, pl_in(room)) || pl_room_has(&k->hall->rooms, &k->member, pl_in(room)));
}

size_t parley_socket_rooms(const parley_socket *k, struct parley_slice *out, size_t cap)
{
	size_t n = 0;
	if (cap)
		out[0] = parley_socket_id(k);
	n++;
	for (uint32_t i = 0; i < k->member.nseats; i++) {
		struct pl_slice name = pl_room_topic(k->member.seats[i].room);
		if (!name.len)
			continue;
		if (n < cap)
			out[n] = pl_out(name);
		n++;
	}
	return n;
}

/* ---- targets ---- */

static uint32_t next_stamp(struct pl_sio_site *s)
{
	if (!++s->stamp) { /* after four thousand million of them */
		PL_IDS_EACH(it, &s->ids)
		PL_CONTAINER(*it, parley_socket, id)->stamp = 0;
		s->stamp = 1;
	}
	return s->stamp;
}

struct walk {
	struct pl_sio_hall *hall;
	const parley_socket *but;
	uint32_t stamp; /* of those that were met; 0: nobody can be met twice */
	void (*visit)(parley_socket *, void *ctx);
	void *ctx;
};

static void meet(struct walk *w, parley_socket *k)
{
	if (k == w->but || k->state != PL_SIO_CONNECTED || (w->stamp && k->stamp == w->stamp))
		return;
	k->stamp = w->stamp ? w->stamp : k->stamp;
	if (w->visit)
		w->visit(k, w->ctx);
}

static void meet_member(struct pl_member *m, void *walk)
{
	meet(walk, PL_CONTAINER(m, parley_socket, member));
}

static void meet_room(struct walk *w, struct pl_slice room)
{
	parley_socket *own = pl_sio_site_socket(w->hall->site, room);
	if (own && own->hall == w->hall)
		meet(w, own);
	pl_room_each(&w->hall->rooms, room, meet_member, w);
}

void pl_target_each(struct pl_sio_hall *hall, const struct pl_sio_target *t,
		    void (*visit)(parley_socket *, void *ctx), void *ctx)
{
	struct walk w = {.hall = hall, .but = t->but};
	if (t->nrooms > 1 || t->nexcept)
		w.stamp = next_stamp(hall->site);
	for (size_t i = 0; i < t->nexcept; i++)
		meet_room(&w, t->except[i]);
	w.visit = visit;
	w.ctx = ctx;
	for (size_t i = 0; i < t->nrooms; i++)
		meet_room(&w, t->rooms[i]);
	if (!t->nrooms)
		pl_room_each(&hall->rooms, EVERYBODY, meet_member, &w);
}

struct collection {
	parley_socket **at;
	size_t n, cap;
};

static void count(parley_socket *k, void *ctx)
{
	(void)k;
	((struct collection *)ctx)->cap++;
}

static void collect(parley_socket *k, void *ctx)
{
	struct collection *c = ctx;
	c->at[c->n++] = k;
}

int pl_target_visit(struct pl_sio_hall *hall, const struct pl_sio_target *t,
		    void (*visit)(parley_socket *, void *ctx), void *ctx)
{
	struct collection c = {.at = NULL};
	pl_target_each(hall, t, count, &c);
	if (!c.cap)
		return 0;
	c.at = pl_zalloc(c.cap, sizeof(*c.at));
	if (!c.at)
		return PL_ENOMEM;
	pl_target_each(hall, t, collect, &c);
	/* They end with the turn: none of them goes meanwhile. */
	for (size_t i = 0; i < c.n; i++)
		if (c.at[i]->state == PL_SIO_CONNECTED)
			visit(c.at[i], ctx);
	pl_free(c.at);
	return (int)c.n;
}
