/*
 * admin_batch.c - the batches of the feed: one of a worker's turn, on its way to the workers where
 * an administrator looks on, and told there to each of them.
 *
 * Bounds: a batch has PL_ADMIN_BATCH_MAX bytes, PL_ADMIN_BATCHES_MAX of a worker may be unread.
 * What does not fit is counted, not kept; an administrator who missed something gets a new list,
 * which is right again.
 */
#include "socketio/admin_internal.h"
#include "socketio/internal.h"

enum { SLOW_PART = 4 /* of the backlog that closes a session */ };

/* ---- batches ---- */

void pl_admin_batch_release(struct pl_admin_batch *b)
{
	if (!b || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	atomic_fetch_sub(&b->admin->unread[b->from], 1);
	pl_buf_fini(&b->events);
	pl_free(b);
}

void pl_admin_count_dropped(struct pl_sio_admin_site *s, uint32_t n)
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

struct pl_admin_batch *pl_admin_batch_of(struct pl_sio_admin_site *s)
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
		pl_admin_count_dropped(s, 1);
	else if (!s->is_shipping) {
		s->is_shipping = true;
		pl_loop_post(s->loop, &s->ship);
	}
	return s->open;
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
		pl_admin_count_dropped(b->admin->sites[b->from], 1);
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

void pl_admin_on_ship(struct pl_task *t)
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
		memcpy(&len, b->events.at + at, PL_ADMIN_LENGTH);
		tell_event(s, pl_slice(b->events.at + at + PL_ADMIN_LENGTH, len), only);
		at += PL_ADMIN_LENGTH + len;
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
