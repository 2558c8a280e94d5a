/*
 * admin_feed.c - what happens on a worker, told to the workers where an administrator looks on.
 *
 *     callbacks of the engine ──► open batch ──► (mailbox of this turn) ──► every worker with
 *     administrators ──► each of them, or `later` while he waits for his list of sockets
 *
 * Nothing is written down while nobody looks on: the first event that finds nobody ends the watch.
 *
 * Bounds: a batch has PL_ADMIN_BATCH_MAX bytes, PL_ADMIN_BATCHES_MAX of a worker may be unread.
 * What does not fit is counted, not kept; an administrator who missed something gets a new list,
 * which is right again.
 */
#include "socketio/admin_internal.h"
#include "socketio/internal.h"

#include "base/clock.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

enum {
	LENGTH = sizeof(uint32_t),
	HANDSHAKES_MAX = 1 << 22,
	SLOW_PART = 4, /* of the backlog that closes a session */
};

/* ---- batches ---- */

void pl_admin_batch_release(struct pl_admin_batch *b)
{
	if (!b || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	atomic_fetch_sub(&b->admin->unread[b->from], 1);
	pl_buf_fini(&b->events);
	pl_free(b);
}

static void count_dropped(struct pl_sio_admin_site *s, uint32_t n)
{
	s->dropped += n;
	pl_metric_add(pl_loop_metrics(s->loop), PL_M_ADMIN_DROPPED, n);
}

static bool is_looked_at(const struct pl_sio_admin *a)
{
	for (uint32_t i = 0; i < a->nsites; i++)
		if (atomic_load_explicit(&a->present[i], memory_order_relaxed))
			return true;
	return false;
}

static struct pl_admin_batch *new_batch(struct pl_sio_admin_site *s)
{
	struct pl_admin_batch *b = PL_NEW(struct pl_admin_batch);
	if (!b)
		return NULL;
	atomic_init(&b->refs, 1);
	b->admin = s->admin;
	b->from = s->index;
	pl_buf_init(&b->events, PL_ADMIN_BATCH_MAX);
	atomic_fetch_add(&s->admin->unread[s->index], 1);
	return b;
}

/* The batch that the next event goes into, or NULL: nobody wants it, or it is dropped. */
static struct pl_admin_batch *batch_of(struct pl_sio_admin_site *s)
{
	struct pl_sio_admin *a = s->admin;
	if (s->open)
		return s->open;
	if (!is_looked_at(a)) {
		s->is_watching = false;
		s->dropped = 0;
		pl_sio_site_watch(s->sio, &s->brief);
		return NULL;
	}
	if (atomic_load(&a->unread[s->index]) < PL_ADMIN_BATCHES_MAX)
		s->open = new_batch(s);
	if (!s->open)
		count_dropped(s, 1);
	else if (!s->is_shipping) {
		s->is_shipping = true;
		pl_loop_post(s->loop, &s->ship);
	}
	return s->open;
}

/* ---- events ---- */

/* Where an event begins in the batch, or NULL. */
static struct pl_buf *begin(struct pl_sio_admin_site *s, size_t *at)
{
	static const char none[LENGTH];
	struct pl_admin_batch *b = batch_of(s);
	if (!b)
		return NULL;
	*at = b->events.len;
	pl_buf_put(&b->events, none, LENGTH);
	return &b->events;
}

/* What did not fit is taken back. */
static void end(struct pl_sio_admin_site *s, struct pl_buf *b, size_t at)
{
	uint32_t len = (uint32_t)(b->len - at - LENGTH);
	if (!b->err) {
		memcpy(b->at + at, &len, LENGTH);
		return;
	}
	b->len = at;
	b->err = 0;
	count_dropped(s, 1);
}

static void put_now(struct pl_buf *b)
{
	pl_buf_putc(b, ',');
	pl_json_put_iso(b, pl_wall_ms());
	pl_buf_putc(b, ']');
}

static void put_who(struct pl_buf *b, const parley_socket *socket)
{
	pl_json_put_str(b, pl_in(parley_socket_namespace(socket)));
	pl_buf_putc(b, ',');
	pl_json_put_str(b, pl_in(parley_socket_id(socket)));
}

static void tell_room(struct pl_sio_admin_site *s, const parley_socket *socket,
		      struct pl_slice room, bool joined)
{
	size_t at = 0;
	struct pl_buf *b = pl_utf8_valid(room) ? begin(s, &at) : NULL;
	if (!b)
		return;
	pl_buf_puts(b, joined ? PL_S("[\"room_joined\",") : PL_S("[\"room_left\","));
	pl_json_put_str(b, pl_in(parley_socket_namespace(socket)));
	pl_buf_putc(b, ',');
	pl_json_put_str(b, room);
	pl_buf_putc(b, ',');
	pl_json_put_str(b, pl_in(parley_socket_id(socket)));
	put_now(b);
	end(s, b, at);
}

static void on_room(void *ctx, parley_socket *socket, struct pl_slice room, bool joined)
{
	tell_room(ctx, socket, room, joined);
}

static void tell_connected(struct pl_sio_admin_site *s, parley_socket *socket)
{
	size_t at = 0;
	struct pl_buf *b = begin(s, &at);
	if (!b)
		return;
	PL_PUT(b, "[\"socket_connected\",");
	pl_admin_put_socket(b, socket, pl_admin_handshake_of(s, socket));
	put_now(b);
	end(s, b, at);
}

static void tell_disconnected(struct pl_sio_admin_site *s, const parley_socket *socket,
			      const char *reason)
{
	size_t at = 0;
	struct pl_buf *b = begin(s, &at);
	if (!b)
		return;
	PL_PUT(b, "[\"socket_disconnected\",");
	put_who(b, socket);
	pl_buf_putc(b, ',');
	pl_json_put_str(b, pl_slice_str(reason));
	put_now(b);
	end(s, b, at);
}

/* In the order of the original: into its own room before it is there, out of all of them after it
 * has gone. */
static void on_socket(void *ctx, parley_socket *socket, bool connected, const char *reason)
{
	struct pl_sio_admin_site *s = ctx;
	struct pl_admin_rooms rooms;
	if (connected) {
		tell_room(s, socket, pl_in(parley_socket_id(socket)), true);
		tell_connected(s, socket);
		return;
	}
	tell_disconnected(s, socket, reason);
	pl_admin_rooms_of(socket, &rooms);
	for (size_t i = 0; i < rooms.n; i++)
		tell_room(s, socket, pl_in(rooms.at[i]), false);
}

static void on_transport(void *ctx, parley_socket *socket)
{
	struct pl_sio_admin_site *s = ctx;
	size_t at = 0;
	struct pl_buf *b = begin(s, &at);
	if (!b)
		return;
	PL_PUT(b, "[\"socket_updated\",{\"id\":");
	pl_json_put_str(b, pl_in(parley_socket_id(socket)));
	PL_PUT(b, ",\"nsp\":");
	pl_json_put_str(b, pl_in(parley_socket_namespace(socket)));
	PL_PUT(b, ",\"transport\":");
	pl_json_put_str(b, pl_admin_transport(socket));
	PL_PUT(b, "}]");
	end(s, b, at);
}

/* The name of an event whose arguments are too much to show: the first string of an array. */
static struct pl_slice name_of(struct pl_slice json)
{
	size_t n = 2;
	if (json.len < 3 || json.at[1] != '"')
		return PL_S("\"\"");
	while (n < json.len && json.at[n] != '"')
		n += json.at[n] == '\\' ? 2 : 1;
	return n < json.len && n < PL_ADMIN_EVENT_MAX ? pl_slice(json.at + 1, n) : PL_S("\"\"");
}

static void put_event(struct pl_buf *b, struct pl_slice json)
{
	if (json.len <= PL_ADMIN_EVENT_MAX) {
		pl_json_put_raw(b, json);
		return;
	}
	pl_buf_putc(b, '[');
	pl_buf_puts(b, name_of(json));
	PL_PUT(b, ",\"(");
	pl_buf_put_u64(b, json.len);
	PL_PUT(b, " bytes)\"]");
}

static void on_event(void *ctx, parley_socket *socket, struct pl_slice json, bool is_received)
{
	struct pl_sio_admin_site *s = ctx;
	size_t at = 0;
	/* Or what is told here would have to be told again. */
	if (parley_socket_user(socket) == s->admin)
		return;
	struct pl_buf *b = begin(s, &at);
	if (!b)
		return;
	pl_buf_puts(b, is_received ? PL_S("[\"event_received\",") : PL_S("[\"event_sent\","));
	put_who(b, socket);
	pl_buf_putc(b, ',');
	put_event(b, json);
	put_now(b);
	end(s, b, at);
}

/* ---- clients ---- */

static struct pl_slice key_of(const uint64_t *number)
{
	return pl_slice(number, sizeof(*number));
}

const struct pl_admin_handshake *pl_admin_handshake_of(const struct pl_sio_admin_site *s,
						       parley_socket *socket)
{
	uint64_t number = pl_eio_number(pl_socket_engine(socket));
	return pl_map_get(&s->handshakes, key_of(&number));
}

/* Who cannot be remembered is shown without it. */
static void remember(struct pl_sio_admin_site *s, const struct pl_eio *eio)
{
	const struct pl_sio_client *c = pl_eio_user(eio);
	struct pl_request *q = c->request ? pl_sio_request_unpack(c->request) : NULL;
	struct pl_admin_handshake *h = q ? pl_admin_handshake_new(eio, q, pl_wall_ms()) : NULL;
	pl_free(q);
	if (h && pl_map_put(&s->handshakes, key_of(&h->number), h))
		pl_free(h);
}

/* What the sockets are told may be another reason: of the connection it is that we closed it. */
static int reason_of(const char *text)
{
	for (int i = 0; i < PL_ADMIN_REASONS; i++)
		if (!strcmp(text, pl_eio_reason_text((enum pl_eio_reason)i)))
			return i;
	return PL_EIO_FORCED;
}

static void on_engine(void *ctx, struct pl_eio *eio, bool opened, const char *reason)
{
	struct pl_sio_admin_site *s = ctx;
	uint64_t number = pl_eio_number(eio);
	if (!opened) {
		s->closed[reason_of(reason)]++;
		pl_free(pl_map_remove(&s->handshakes, key_of(&number)));
		return;
	}
	s->opened++;
	if (!s->admin->is_production)
		remember(s, eio);
}

/* ---- on the way ---- */

struct delivery {
	struct pl_task task;
	struct pl_sio_admin_site *to;
	struct pl_admin_batch *batch;
};

static void arrive(struct pl_task *);

static void send_to(struct pl_sio_admin_site *to, struct pl_admin_batch *b)
{
	struct delivery *d = PL_NEW(struct delivery);
	if (!d) {
		count_dropped(b->admin->sites[b->from], 1);
		return;
	}
	atomic_fetch_add(&b->refs, 1);
	*d = (struct delivery){.task.run = arrive, .to = to, .batch = b};
	pl_loop_post(to->loop, &d->task);
}

static void ship(struct pl_sio_admin_site *s)
{
	struct pl_sio_admin *a = s->admin;
	struct pl_admin_batch *b = s->open;
	if (!b)
		return;
	s->open = NULL;
	b->number = ++s->batches;
	b->dropped = s->dropped;
	s->dropped = 0;
	for (uint32_t i = 0; i < a->nsites; i++)
		if (atomic_load_explicit(&a->present[i], memory_order_relaxed))
			send_to(a->sites[i], b);
	pl_admin_batch_release(b);
}

static void on_ship(struct pl_task *t)
{
	struct pl_sio_admin_site *s = PL_CONTAINER(t, struct pl_sio_admin_site, ship);
	s->is_shipping = false;
	ship(s);
}

uint64_t pl_admin_feed_cut(struct pl_sio_admin_site *s)
{
	/* They hear of what was dropped, though nothing comes after it. */
	if (s->dropped && !s->open)
		s->open = new_batch(s);
	ship(s);
	return s->batches;
}

/* ---- there ---- */

void pl_admin_say(struct pl_admin *a, struct pl_slice json)
{
	(void)pl_sio_emit_json(a->socket, json); /* who is too slow for it is being closed */
}

bool pl_admin_is_slow(const struct pl_admin *a)
{
	const struct pl_eio_options *o = &a->site->sio->sio->path->eio;
	return pl_eio_backlog(pl_socket_engine(a->socket)) > o->out_hard / SLOW_PART;
}

/* He needs a new list now. */
static void blind(struct pl_admin *a)
{
	a->view = PL_ADMIN_BLIND;
	pl_admin_feed_forget(a);
}

static void push(struct pl_admin *a, struct pl_sio_shared *event)
{
	if (a->view != PL_ADMIN_SEEING)
		return;
	if (pl_admin_is_slow(a)) {
		pl_metric_add(pl_loop_metrics(a->site->loop), PL_M_ADMIN_DROPPED, 1);
		blind(a);
	} else {
		pl_sio_push(a->socket, event);
	}
}

/* To all who see here, or to one of them. */
static void tell_event(struct pl_sio_admin_site *s, struct pl_slice json, struct pl_admin *only)
{
	struct pl_sio_shared event;
	pl_buf_clear(&s->packet);
	if (pl_sio_shared_event(&event, PL_ADMIN_NAMESPACE, json, NULL, 0, false, &s->packet))
		return;
	if (only)
		push(only, &event);
	PL_LIST_EACH (it, &s->here)
		if (!only)
			push(PL_CONTAINER(it, struct pl_admin, node), &event);
	pl_sio_shared_fini(&event);
}

static void tell(struct pl_sio_admin_site *s, const struct pl_admin_batch *b, struct pl_admin *only)
{
	for (size_t at = 0; at < b->events.len;) {
		uint32_t len;
		memcpy(&len, b->events.at + at, LENGTH);
		tell_event(s, pl_slice(b->events.at + at + LENGTH, len), only);
		at += LENGTH + len;
	}
}

static void keep(struct pl_admin *a, struct pl_admin_batch *b)
{
	pl_buf_put(&a->later, &b, sizeof(b));
	if (a->later.err)
		blind(a);
	else
		atomic_fetch_add(&b->refs, 1);
}

static void arrive(struct pl_task *t)
{
	struct delivery *d = PL_CONTAINER(t, struct delivery, task);
	struct pl_admin_batch *b = d->batch;
	PL_LIST_EACH (it, &d->to->here) {
		struct pl_admin *a = PL_CONTAINER(it, struct pl_admin, node);
		if (a->view == PL_ADMIN_WAITING)
			keep(a, b);
		else if (b->dropped)
			blind(a);
	}
	tell(d->to, b, NULL);
	pl_admin_batch_release(b);
	pl_free(d);
}

/* Takes the first that waits; NULL: none. The caller's reference now. */
static struct pl_admin_batch *shift(struct pl_admin *a)
{
	struct pl_admin_batch *b = NULL;
	if (a->later.len) {
		memcpy(&b, a->later.at, sizeof(b));
		pl_buf_drop(&a->later, sizeof(b));
	}
	return b;
}

void pl_admin_feed_resume(struct pl_admin *a, const uint64_t *numbers)
{
	struct pl_admin_batch *b;
	a->view = PL_ADMIN_SEEING;
	while ((b = shift(a))) {
		bool is_news = b->number > numbers[b->from];
		if (is_news && b->dropped)
			blind(a);
		else if (is_news)
			tell(a->site, b, a);
		pl_admin_batch_release(b);
	}
	pl_buf_fini(&a->later);
}

void pl_admin_feed_forget(struct pl_admin *a)
{
	struct pl_admin_batch *b;
	while ((b = shift(a)))
		pl_admin_batch_release(b);
	pl_buf_fini(&a->later);
}

/* ---- a worker's ---- */

void pl_admin_feed_init(struct pl_sio_admin_site *s)
{
	s->brief = (struct pl_sio_watch){.ctx = s, .on_engine = on_engine};
	s->full = (struct pl_sio_watch){.ctx = s,
					.on_engine = on_engine,
					.on_socket = on_socket,
					.on_room = on_room,
					.on_transport = on_transport,
					.on_event = on_event};
	s->ship.run = on_ship;
	pl_map_init(&s->handshakes, HANDSHAKES_MAX);
	pl_buf_init(&s->packet, PL_ADMIN_PACKET_MAX);
	pl_sio_site_watch(s->sio, &s->brief);
}

void pl_admin_feed_begin(struct pl_sio_admin_site *s)
{
	if (s->is_watching || s->admin->is_production)
		return;
	s->is_watching = true;
	pl_sio_site_watch(s->sio, &s->full);
}

void pl_admin_feed_fini(struct pl_sio_admin_site *s)
{
	pl_admin_batch_release(s->open);
	PL_MAP_EACH (it, &s->handshakes)
		pl_free(it->value);
	pl_map_fini(&s->handshakes);
	pl_buf_fini(&s->packet);
}
