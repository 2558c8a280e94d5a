/*
 * publish.c - to many sockets of a namespace, on all workers: events, joining, leaving, the end.
 *
 * The worker that says it tells its own sockets at once, and the others by the bus; any other
 * thread tells all by the bus. What travels is one struct pl_sio_note in the event's arena, with
 * all that it points to.
 */
#include "socketio/recovery.h"

#include "wire/pattern.h"

enum { PAYLOAD_MAX = 15 << 20 };
/* Of one worker; and what an event takes besides, about. */
enum { WAITING_MAX = 64 << 20, EVENT_BYTES = 1024 };

/* ---- targets ---- */

static bool are_names(const struct parley_slice *rooms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!pl_is_room_name(rooms[i]))
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

int pl_slices_copy(struct pl_arena *a, const struct pl_slice *from, size_t n,
		   const struct pl_slice **out)
{
	struct pl_slice *to = pl_arena_array(a, n, sizeof(*to));
	int err = to || !n ? 0 : PL_ENOMEM;
	for (size_t i = 0; !err && i < n; i++)
		err = pl_arena_copy(a, from[i].at ? from[i] : PL_S(""), &to[i]);
	*out = to;
	return err;
}

int pl_sio_event_copy(struct pl_arena *a, const struct pl_sio_event *from, struct pl_sio_event *to)
{
	const struct pl_sio_target *t = &from->target;
	*to = *from;
	to->target.but = NULL; /* it is nowhere else */
	if (pl_arena_copy(a, from->packet, &to->packet) ||
	    pl_slices_copy(a, t->rooms, t->nrooms, &to->target.rooms) ||
	    pl_slices_copy(a, t->except, t->nexcept, &to->target.except) ||
	    pl_slices_copy(a, from->attachments, from->nattachments, &to->attachments))
		return PL_ENOMEM;
	if (from->json.len)
		to->json =
			pl_slice(to->packet.at + (to->packet.len - from->json.len), from->json.len);
	return 0;
}

/* Everything that the note points to becomes the event's. */
static int copy_note(struct pl_arena *a, const struct pl_sio_note *from, struct pl_sio_note *to)
{
	*to = *from;
	if (pl_arena_copy(a, from->nsp, &to->nsp) || pl_arena_copy(a, from->room, &to->room) ||
	    pl_arena_copy(a, from->pid, &to->pid) || pl_arena_copy(a, from->offset, &to->offset) ||
	    pl_sio_event_copy(a, &from->event, &to->event))
		return PL_ENOMEM;
	if (!from->heard)
		return 0;
	uint64_t *heard = pl_arena_array(a, PL_SIO_SOURCES, sizeof(*heard));
	if (heard)
		memcpy(heard, from->heard, PL_SIO_SOURCES * sizeof(*heard));
	to->heard = heard;
	return heard ? 0 : PL_ENOMEM;
}

struct pl_event *pl_note_event(const struct pl_sio_note *n, struct pl_sio_note **out)
{
	struct pl_event *e = pl_event_new(PL_EV_RAW);
	struct pl_sio_note *copy = e ? pl_arena_alloc(&e->arena, sizeof(*copy)) : NULL;
	if (!copy || copy_note(&e->arena, n, copy)) {
		pl_event_release(e);
		return NULL;
	}
	e->payload = pl_slice(copy, sizeof(*copy));
	*out = copy;
	return e;
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

static void count_at(struct pl_sio_site *s, size_t cost)
{
	if (s)
		atomic_fetch_add_explicit(&s->waiting, cost, memory_order_relaxed);
}

/* node: PL_SIO_SOURCES: all. Takes the event. */
static int post(struct pl_sio *sio, struct pl_event *e, uint32_t node)
{
	bool is_for_all = node == PL_SIO_SOURCES;
	uint32_t first = is_for_all ? 0 : node, last = is_for_all ? sio->nsites : node + 1;
	size_t cost = cost_of(e);
	e->wall_ms = cost; /* what it weighed: the bus takes memory of the arena, too */
	for (uint32_t i = first; i < last; i++) /* before: it may be heard at once */
		count_at(sio->sites[i], cost);
	int err = is_for_all ? pl_bus_publish(sio->bus, e) : pl_bus_send(sio->bus, node, e);
	for (uint32_t i = first; err && i < last; i++)
		count_at(sio->sites[i], -cost);
	return err;
}

int pl_note_send(struct pl_sio_site *from, uint32_t node, struct pl_event *e)
{
	e->origin = from->node.index + 1;
	return post(from->sio, e, node);
}

/* From a thread that is no worker's: one at a time, so that all hear them in the same order. */
static int publish_from_outside(struct pl_sio *sio, struct pl_event *e, struct pl_sio_note *n)
{
	pthread_mutex_lock(&sio->lock);
	n->event.from = 0;
	n->event.number = sio->published + 1;
	int err = post(sio, e, PL_SIO_SOURCES);
	sio->published += !err;
	pthread_mutex_unlock(&sio->lock);
	return err;
}

int pl_note_publish(struct pl_sio *sio, const struct pl_sio_note *n, struct pl_sio_site *from)
{
	struct pl_sio_note *copy;
	if (!has_room(sio))
		return PL_EBUSY;
	struct pl_event *e = pl_note_event(n, &copy);
	if (!e)
		return PL_ENOMEM;
	if (!from)
		return publish_from_outside(sio, e, copy);
	e->origin = from->node.index + 1;
	copy->event.from = from->node.index + 1;
	copy->event.number = pl_sio_next_number(from);
	int err = post(sio, e, PL_SIO_SOURCES);
	from->heard[from->node.index + 1] += !err;
	return err;
}

uint64_t pl_sio_next_number(const struct pl_sio_site *s)
{
	return s->heard[s->node.index + 1] + 1;
}

/* ---- on a worker ---- */

static void push(parley_socket *k, void *shared)
{
	pl_sio_push(k, shared);
}

static int tell(struct pl_sio_hall *hall, const struct pl_sio_event *e)
{
	struct pl_sio_shared shared;
	int err = pl_sio_shared_init(&shared, e->packet, e->json, e->attachments, e->nattachments,
				     e->is_volatile);
	if (err)
		return err;
	pl_target_each(hall, &e->target, push, &shared);
	pl_sio_shared_fini(&shared);
	return 0;
}

struct telling {
	struct pl_sio_shared shared;
	uint64_t seq;
};

static void push_recorded(parley_socket *k, void *telling)
{
	struct telling *t = telling;
	pl_sio_push(k, &t->shared);
	pl_track_sent(k, t->seq);
}

/* As it is recorded: with its offset. */
static int tell_recorded(struct pl_sio_hall *hall, const struct pl_sio_event *e)
{
	struct telling t;
	const struct pl_sio_kept *kept = pl_record_add(hall->record, e);
	if (!kept)
		return PL_ENOMEM;
	t.seq = kept->seq;
	int err = pl_sio_shared_init(&t.shared, kept->text, pl_kept_json(kept, e),
				     kept->attachments, kept->nattachments, false);
	if (err)
		return err;
	pl_target_each(hall, &e->target, push_recorded, &t);
	pl_sio_shared_fini(&t.shared);
	return 0;
}

int pl_hall_tell(struct pl_sio_hall *hall, const struct pl_sio_event *e)
{
	bool is_recorded = hall->record && hall->users && !e->is_volatile;
	return is_recorded ? tell_recorded(hall, e) : tell(hall, e);
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
		[PL_NOTE_JOIN] = join, [PL_NOTE_LEAVE] = leave, [PL_NOTE_DISCONNECT] = disconnect};
	struct pl_sio_hall *hall = pl_sio_hall_find(s, n->nsp);
	if (!hall)
		return 0; /* nobody is there */
	if (n->what == PL_NOTE_EMIT)
		return pl_hall_tell(hall, &n->event);
	int met = pl_target_visit(hall, &n->event.target, visits[n->what], n);
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
	if (n.event.number)
		s->heard[n.event.from] = n.event.number;
	if (n.what >= PL_NOTE_ASK)
		pl_recovery_hear(s, e, &n);
	else if (carry_out(s, &n))
		pl_log(pl_loop_log(s->loop), PL_ERROR, "socketio",
		       "a publication was lost: out of memory");
	pl_recovery_go_on(s);
}

/* Here at once, elsewhere by the bus. */
static int say(struct pl_sio *sio, struct pl_sio_note *n, bool is_local)
{
	struct pl_sio_site *here = pl_sio_here(sio);
	if (!sio->bus || (is_local && !here))
		return PL_ESTATE;
	bool is_for_others = !here || (pl_bus_nodes(sio->bus) > 1 && !is_local);
	if (here && is_for_others) {
		n->event.from = here->node.index + 1;
		n->event.number = pl_sio_next_number(here);
	}
	int err = here ? carry_out(here, n) : 0;
	return err || !is_for_others ? err : pl_note_publish(sio, n, here);
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
	n->event.packet = p.text;
	n->event.json = p.json;
	n->event.attachments = p.attached.at;
	n->event.nattachments = p.attached.n;
	return say(sio, n, is_local);
}

static int begin(const struct pl_sio *sio, const char *nsp, const struct parley_target *t,
		 struct pl_sio_note *n)
{
	n->nsp = pl_slice_str(nsp);
	n->event.is_volatile = t && t->is_volatile;
	n->event.from = PL_SIO_FROM_HERE;
	if (!nsp)
		return PL_EINVAL;
	return is_defined(sio, n->nsp) ? target_of(t, &n->event.target) : PL_ENOTFOUND;
}

int pl_sio_emit_to(struct pl_sio *sio, const char *nsp, const struct parley_target *t,
		   struct pl_slice event, const struct parley_field *args)
{
	struct pl_sio_note n = {.what = PL_NOTE_EMIT};
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
	if (!pl_is_room_name(pl_out(room)))
		return PL_EINVAL;
	return change(sio, nsp, t, &(struct pl_sio_note){.what = PL_NOTE_JOIN, .room = room});
}

int pl_sio_sockets_leave(struct pl_sio *sio, const char *nsp, const struct parley_target *t,
			 struct pl_slice room)
{
	if (!pl_is_room_name(pl_out(room)))
		return PL_EINVAL;
	return change(sio, nsp, t, &(struct pl_sio_note){.what = PL_NOTE_LEAVE, .room = room});
}

int pl_sio_sockets_disconnect(struct pl_sio *sio, const char *nsp, const struct parley_target *t,
			      bool close)
{
	return change(sio, nsp, t,
		      &(struct pl_sio_note){.what = PL_NOTE_DISCONNECT, .close = close});
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
