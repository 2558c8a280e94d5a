/*
 * rooms.c - who is in which room of an endpoint, on this worker, and telling them.
 *
 * Every connection is also in the room of everybody, whose name nobody can use. It sits there from
 * before its on_connect until after its on_close.
 */
#include "handler/internal.h"

int parley_join(parley_conn *c, struct parley_slice room)
{
	if (!pl_is_room_name(room))
		return PL_EINVAL;
	if (!pl_conn_is_open(c->conn))
		return PL_ECLOSED;
	return pl_room_join(&c->hall->rooms, &c->member, pl_in(room));
}

int parley_leave(parley_conn *c, struct parley_slice room)
{
	if (!pl_is_room_name(room))
		return PL_EINVAL;
	pl_room_leave(&c->hall->rooms, &c->member, pl_in(room));
	return 0;
}

bool parley_in_room(const parley_conn *c, struct parley_slice room)
{
	return pl_is_room_name(room) && pl_room_has(&c->hall->rooms, &c->member, pl_in(room));
}

size_t parley_rooms(const parley_conn *c, struct parley_slice *out, size_t cap)
{
	size_t n = 0;
	for (uint32_t i = 0; i < c->member.nseats; i++) {
		struct pl_slice name = pl_room_topic(c->member.seats[i].room);
		if (!name.len)
			continue;
		if (n < cap)
			out[n] = pl_out(name);
		n++;
	}
	return n;
}

size_t parley_room_size(const parley_conn *c, struct parley_slice room)
{
	return pl_is_room_name(room) ? pl_room_size(&c->hall->rooms, pl_in(room)) : 0;
}

/* ---- telling ---- */

static void forget_stamps(struct pl_ids *ids)
{
	PL_IDS_EACH(it, ids)
	PL_CONTAINER(*it, parley_conn, id)->stamp = 0;
}

static uint32_t next_stamp(struct pl_handler_site *s)
{
	if (!++s->stamp) { /* after four thousand million of them */
		forget_stamps(&s->ids);
		s->stamp = 1;
	}
	return s->stamp;
}

void pl_tell_begin(struct pl_telling *t, struct pl_hall *hall, size_t nrooms, enum pl_ws_op op,
		   struct pl_slice data)
{
	*t = (struct pl_telling){.hall = hall,
				 .shared = {.kind = op, .payload = data.at ? data : PL_S("")},
				 .stamp = nrooms > 1 ? next_stamp(hall->site) : 0};
}

/* Where all get the same frame it is made here: without memory for it nobody is disconnected. */
static bool has_frame(struct pl_telling *t)
{
	if (!t->hall->handler->def.compress && !t->shared.plain)
		t->shared.plain = pl_ws_frame(t->shared.kind, t->shared.payload);
	if (!t->hall->handler->def.compress && !t->shared.plain)
		t->err = PL_ENOMEM;
	return !t->err;
}

static void tell(struct pl_member *m, void *telling)
{
	struct pl_telling *t = telling;
	parley_conn *c = PL_CONTAINER(m, parley_conn, member);
	if (c == t->but || (t->stamp && c->stamp == t->stamp) || !has_frame(t))
		return;
	c->stamp = t->stamp ? t->stamp : c->stamp;
	pl_conn_push(c->conn, &t->shared);
}

void pl_tell_room(struct pl_telling *t, struct pl_slice room)
{
	if (room.at)
		pl_room_each(&t->hall->rooms, room, tell, t);
}

int pl_tell_end(struct pl_telling *t)
{
	pl_shared_fini(&t->shared);
	return t->err;
}

/* ---- broadcasts ---- */

struct pl_slice pl_audience_room(const struct pl_audience *a, size_t i)
{
	if (!a->own)
		return pl_in(a->rooms[i]);
	struct pl_slice name = pl_room_topic(a->own->member.seats[i].room);
	bool is_everybody = !name.len && a->n > 1; /* it is in other rooms: only those are meant */
	return is_everybody ? pl_slice(NULL, 0) : name;
}

static int audience_of(const parley_conn *from, const struct parley_to *to, struct pl_audience *out)
{
	static const struct parley_slice everybody = {"", 0};
	size_t n = to && !to->own_rooms ? to->nrooms : 0;
	*out = (struct pl_audience){.rooms = &everybody, .n = 1};
	if (to && to->own_rooms)
		*out = (struct pl_audience){.own = from, .n = from->member.nseats};
	if (n > ROOMS_TOLD_MAX)
		return PL_ELIMIT;
	if (n && !to->rooms)
		return PL_EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!pl_is_room_name(to->rooms[i]))
			return PL_EINVAL;
	if (n)
		*out = (struct pl_audience){.rooms = to->rooms, .n = n};
	return 0;
}

int parley_broadcast(parley_conn *from, struct parley_slice data, const struct parley_to *to)
{
	struct pl_hall *hall = from->hall;
	struct pl_handlers *h = hall->site->handlers;
	bool has_others = pl_bus_nodes(h->bus) > 1;
	enum pl_ws_op op = to && to->binary ? PL_WS_BINARY : PL_WS_TEXT;
	struct pl_audience audience;
	struct pl_telling t;
	int err = audience_of(from, to, &audience);
	if (!err)
		err = pl_publish_check(pl_in(data));
	if (err)
		return err;
	pl_tell_begin(&t, hall, audience.n, op, pl_in(data));
	t.but = to && to->include_self ? NULL : from;
	for (size_t i = 0; i < audience.n; i++)
		pl_tell_room(&t, pl_audience_room(&audience, i));
	err = pl_tell_end(&t);
	if (has_others && !err)
		err = pl_publish_rooms(h, hall->handler, &audience, op, pl_in(data), hall->site);
	return err;
}

int parley_broadcast_object(parley_conn *from, const struct parley_field *fields,
			    const struct parley_to *to)
{
	struct pl_slice text;
	int err = pl_object_make(from->hall->site, fields, &text);
	if (!err)
		err = parley_broadcast(from, pl_out(text), to);
	pl_object_done(from->hall->site);
	return err;
}
