/*
 * publish.c - to many sockets of a namespace, on all workers: events, joining, leaving, the end.
 *
 * The worker that says it tells its own sockets at once, and the others by the bus; any other
 * thread tells all by the bus. What travels is one struct pl_sio_note in the event's arena, with
 * all that it points to.
 */
#include "socketio/internal.h"

#include "wire/pattern.h"

enum { PAYLOAD_MAX = 15 << 20 };
/* Of one worker; and what an event takes besides, about. */
enum { WAITING_MAX = 64 << 20, EVENT_BYTES = 1024 };

/* ---- targets ---- */

static bool is_name(struct parley_slice room)
{
	return room.at && room.len && room.len <= ROOM_NAME_MAX;
}

static bool are_names(const struct parley_slice *rooms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_name(rooms[i]))
			return false;
	return true;
}

_Static_assert(sizeof(struct parley_slice) == sizeof(struct pl_slice), "one can be the other");

static const struct pl_slice *ours(const struct parley_slice *rooms)
{
	return (const struct pl_slice *)(const void *)rooms;
}

static int target_of(const struct parley_target *t, struct pl_sio_target *out)
{
	*out = (struct pl_sio_target){.rooms = NULL};
	if (!t)
		return 0;
	if (t->nrooms > ROOMS_TOLD_MAX || t->nexcept > ROOMS_TOLD_MAX)
		return PL_ELIMIT;
	if ((t->nrooms && !t->rooms) || (t->nexcept && !t->except) ||
	    !are_names(t->rooms, t->nrooms) || !are_names(t->except, t->nexcept))
		return PL_EINVAL;
	*out = (struct pl_sio_target){.rooms = ours(t->rooms),
				      .nrooms = t->nrooms,
				      .except = ours(t->except),
				      .nexcept = t->nexcept,
				      .but = t->but};
	return 0;
}

static bool is_defined(const struct pl_sio *sio, struct pl_slice nsp)
{
	for (size_t i = 0; i < sio->ndefs; i++) {
		const struct pl_sio_def *d = sio->defs[i];
		if (d->is_pattern ? pl_pattern_match(d->nsp.name, nsp) : pl_slice_eq(d->name, nsp))
			return true;
	}
	return false;
}

/* ---- to other workers ---- */

enum what { EMIT, JOIN, LEAVE, DISCONNECT };

/* What travels. */
struct pl_sio_note {
	enum what what;
	bool is_volatile, close;
	struct pl_slice nsp, room;
	struct pl_sio_target target;
	struct pl_slice packet, json; /* of an event: the text, and the array in it */
	struct pl_slice *attachments;
	uint32_t nattachments;
};

static int copy_slices(struct pl_arena *a, const struct pl_slice *from, size_t n,
		       struct pl_slice **out)
{
	struct pl_slice *to = pl_arena_array(a, n, sizeof(*to));
	int err = to || !n ? 0 : PL_ENOMEM;
	for (size_t i = 0; !err && i < n; i++)
		err = pl_arena_copy(a, from[i].at ? from[i] : PL_S(""), &to[i]);
	*out = to;
	return err;
}

/* Everything that the note points to becomes the event's. */
static int copy_note(struct pl_arena *a, const struct pl_sio_note *from, struct pl_sio_note *to)
{
	struct pl_slice *rooms = NULL, *except = NULL;
	*to = *from;
	if (pl_arena_copy(a, from->nsp, &to->nsp) || pl_arena_copy(a, from->room, &to->room) ||
	    pl_arena_copy(a, from->packet, &to->packet) ||
	    copy_slices(a, from->target.rooms, from->target.nrooms, &rooms) ||
	    copy_slices(a, from->target.except, from->target.nexcept, &except) ||
	    copy_slices(a, from->attachments, from->nattachments, &to->attachments))
		return PL_ENOMEM;
	to->target.rooms = rooms;
	to->target.except = except;
	to->target.but = NULL; /* it is nowhere else */
	to->json = pl_slice(to->packet.at + (to->packet.len - from->json.len), from->json.len);
	return 0;
}

static size_t cost_of(const struct pl_event *e)
{
	return e->arena.used + EVENT_BYTES;
}

/* Whoever publishes faster than the slowest worker hears: not without end. */
static bool has_room(const struct pl_sio *sio)
{
	for (uint32_t i = 0; i < sio->nsites; i++)
		if (sio->sites[i] && atomic_load_explicit(&sio->sites[i]->waiting,
							  memory_order_relaxed) > WAITING_MAX)
			return false;
	return true;
}

static void count(struct pl_sio *sio, size_t cost)
{
	for (uint32_t i = 0; i < sio->nsites; i++)
		if (sio->sites[i])
			atomic_fetch_add_explicit(&sio->sites[i]->waiting, cost,
						  memory_order_relaxed);
}

static int publish(struct pl_sio *sio, const struct pl_sio_note *n, const struct pl_sio_site *from)
{
	struct pl_event *e = has_room(sio) ? pl_event_new(PL_EV_RAW) : NULL;
	struct pl_sio_note *copy = e ? pl_arena_alloc(&e->arena, sizeof(*copy)) : NULL;
	if (!copy || copy_note(&e->arena, n, copy)) {
		pl_event_release(e);
		return e || has_room(sio) ? PL_ENOMEM : PL_EBUSY;
	}
	e->payload = pl_slice(copy, sizeof(*copy));
	e->origin = from ? from->node.index + 1 : 0;
	size_t cost = cost_of(e);
	e->wall_ms = cost; /* what it weighed: the bus takes memory of the arena, too */
	count(sio, cost);  /* before: it may be heard at once */
	int err = pl_bus_publish(sio->bus, e);
	if (err)
		count(sio, -cost);
	return err;
}

/* ---- on a worker ---- */

static void push(parley_socket *k, void *shared)
{
	pl_sio_push(k, shared);
}

static int tell(struct pl_sio_hall *hall, const struct pl_sio_note *n)
{
	struct pl_sio_shared shared;
	int err = pl_sio_shared_init(&shared, n->packet, n->json, n->attachments, n->nattachments,
				     n->is_volatile);
	if (err)
		return err;
	pl_target_each(hall, &n->target, push, &shared);
	pl_sio_shared_fini(&shared);
	return 0;
}

static void join(parley_socket *k, void *note)
{
	(void)parley_socket_join(k, pl_out(((const struct pl_sio_note *)note)->room));
}

static void leave(parley_socket *k, void *note)
{
	(void)parley_socket_leave(k, pl_out(((const struct pl_sio_note *)note)->room));
}

static void disconnect(parley_socket *k, void *note)
{
	parley_disconnect(k, ((const struct pl_sio_note *)note)->close);
}

/* 0 or PL_ENOMEM. */
static int carry_out(struct pl_sio_site *s, struct pl_sio_note *n)
{
	static void (*const visits[])(parley_socket *, void *) = {
		[JOIN] = join, [LEAVE] = leave, [DISCONNECT] = disconnect};
	struct pl_sio_hall *hall = pl_sio_hall_find(s, n->nsp);
	if (!hall)
		return 0; /* nobody is there */
	if (n->what == EMIT)
		return tell(hall, n);
	int met = pl_target_visit(hall, &n->target, visits[n->what], n);
	return met < 0 ? met : 0;
}

void pl_sio_on_event(struct pl_bus_node *node, struct pl_event *e)
{
	struct pl_sio_site *s = PL_CONTAINER(node, struct pl_sio_site, node);
	struct pl_sio_note n;
	atomic_fetch_sub_explicit(&s->waiting, (size_t)e->wall_ms, memory_order_relaxed);
	if (e->origin == node->index + 1)
		return;
	memcpy(&n, e->payload.at, sizeof(n));
	if (carry_out(s, &n))
		pl_log(pl_loop_log(s->loop), PL_ERROR, "socketio",
		       "a publication was lost: out of memory");
}

/* Here at once, elsewhere by the bus. */
static int say(struct pl_sio *sio, struct pl_sio_note *n, bool is_local)
{
	struct pl_sio_site *here = pl_sio_here(sio);
	if (!sio->bus)
		return PL_ESTATE;
	if (is_local && !here)
		return PL_ESTATE;
	int err = here ? carry_out(here, n) : 0;
	bool is_wanted = here ? pl_bus_nodes(sio->bus) > 1 && !is_local : true;
	return err || !is_wanted ? err : publish(sio, n, here);
}

/* ---- what is said ---- */

static int emit(struct pl_sio *sio, struct pl_buf *b, struct pl_sio_note *n, bool is_local,
		struct pl_slice event, const struct parley_field *args)
{
	struct pl_sio_head head = {.type = PL_SIO_EVENT, .nsp = n->nsp};
	struct pl_sio_packet p;
	int err = pl_packet_write(b, &head, event, args, &p);
	if (err)
		return err;
	size_t bytes = p.text.len;
	for (uint32_t i = 0; i < p.attached.n; i++)
		bytes += p.attached.at[i].len;
	if (bytes > PAYLOAD_MAX)
		return PL_ETOOBIG;
	n->packet = p.text;
	n->json = p.json;
	n->attachments = p.attached.at;
	n->nattachments = p.attached.n;
	return say(sio, n, is_local);
}

static int begin(const struct pl_sio *sio, const char *nsp, const struct parley_target *t,
		 struct pl_sio_note *n)
{
	n->nsp = pl_slice_str(nsp);
	n->is_volatile = t && t->is_volatile;
	if (!nsp)
		return PL_EINVAL;
	return is_defined(sio, n->nsp) ? target_of(t, &n->target) : PL_ENOTFOUND;
}

int pl_sio_emit_to(struct pl_sio *sio, const char *nsp, const struct parley_target *t,
		   struct pl_slice event, const struct parley_field *args)
{
	struct pl_sio_note n = {.what = EMIT};
	struct pl_sio_site *here = pl_sio_here(sio);
	struct pl_buf own;
	int err = event.at ? begin(sio, nsp, t, &n) : PL_EINVAL;
	if (err)
		return err;
	if (here) {
		err = emit(sio, &here->out, &n, t && t->local, event, args);
		pl_sio_written(here);
		return err;
	}
	pl_buf_init(&own, PACKET_MAX);
	err = emit(sio, &own, &n, t && t->local, event, args);
	pl_buf_fini(&own);
	return err;
}

static int change(struct pl_sio *sio, const char *nsp, const struct parley_target *t,
		  struct pl_sio_note *n)
{
	int err = begin(sio, nsp, t, n);
	return err ? err : say(sio, n, t && t->local);
}

int pl_sio_sockets_join(struct pl_sio *sio, const char *nsp, const struct parley_target *t,
			struct pl_slice room)
{
	if (!is_name(pl_out(room)))
		return PL_EINVAL;
	return change(sio, nsp, t, &(struct pl_sio_note){.what = JOIN, .room = room});
}

int pl_sio_sockets_leave(struct pl_sio *sio, const char *nsp, const struct parley_target *t,
			 struct pl_slice room)
{
	if (!is_name(pl_out(room)))
		return PL_EINVAL;
	return change(sio, nsp, t, &(struct pl_sio_note){.what = LEAVE, .room = room});
}

int pl_sio_sockets_disconnect(struct pl_sio *sio, const char *nsp, const struct parley_target *t,
			      bool close)
{
	return change(sio, nsp, t, &(struct pl_sio_note){.what = DISCONNECT, .close = close});
}

size_t pl_sio_sockets_each(struct pl_sio *sio, const char *nsp, const struct parley_target *t,
			   void (*visit)(parley_socket *, void *ctx), void *ctx)
{
	struct pl_sio_site *here = pl_sio_here(sio);
	struct pl_sio_hall *hall = here && nsp ? pl_sio_hall_find(here, pl_slice_str(nsp)) : NULL;
	struct pl_sio_target target;
	if (!hall || target_of(t, &target))
		return 0;
	int met = pl_target_visit(hall, &target, visit, ctx);
	return met > 0 ? (size_t)met : 0;
}

parley_socket *pl_sio_socket(struct pl_sio *sio, const char *nsp, struct pl_slice id)
{
	struct pl_sio_site *here = pl_sio_here(sio);
	parley_socket *k = here ? pl_sio_site_socket(here, id) : NULL;
	return k && k->state == PL_SIO_CONNECTED && nsp && pl_slice_is(k->hall->name, nsp) ? k
											   : NULL;
}
