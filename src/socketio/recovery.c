/*
 * recovery.c - the way back of a client that lost its line: to the track of its socket, on this
 * worker or on another one.
 *
 * Whoever comes back was let in first, as everybody is. Its old socket, if the old line has not
 * been missed yet, ends now. Then it is told what it missed, and only then that it is connected.
 *
 * On another worker the track is asked for: everybody answers, and who has it gives it away with
 * what was missed. Nothing may be lost or come twice on the way, though each worker hears the
 * publications of others at its own time. So a question waits until all that the asking worker
 * had heard was heard here, and so does an answer; and what the asking worker heard meanwhile is in
 * its own record, because it entered the namespace before it asked.
 */
#include "socketio/recovery.h"

#include "base/clock.h"

enum { ASK_MS = 3000 };

/* What waits until more was heard here. */
struct pl_sio_waiting {
	struct pl_sio_waiting *next;
	struct pl_event *event; /* one reference */
};

/* ---- on this worker ---- */

/* A line that nobody has missed yet. */
static void end_old_line(struct pl_sio_track *t)
{
	struct pl_sio_client *old = t->socket ? t->socket->client : NULL;
	if (!old)
		return;
	pl_client_end(old, "transport close");
	pl_eio_close(old->eio, PL_EIO_CLIENT_LEFT, 0);
}

/* The track of who says that it is called pid; NULL: it may not come back. */
static struct pl_sio_track *find(struct pl_sio_site *s, struct pl_slice nsp, struct pl_slice pid,
				 uint64_t identity)
{
	struct pl_sio_track *t = pl_track_find(s, pid);
	if (!t || !pl_slice_eq(t->hall->name, nsp) || t->identity != identity)
		return NULL;
	end_old_line(t);
	t = pl_track_find(s, pid); /* its end may have been the track's */
	/* One that we disconnected goes with the turn, and its track with it. */
	return t && t->socket ? NULL : t;
}

/* With what it missed, or not at all. */
static void settle(parley_handshake *h, struct pl_sio_track *t)
{
	struct pl_sio_missed missed = {.at = NULL};
	if (t && pl_track_missed(t, pl_handshake_offset(h), &missed)) {
		pl_track_free(t);
		t = NULL;
	}
	pl_handshake_settle(h, t, &missed);
	pl_missed_fini(&missed);
}

/* ---- asking ---- */

static int ask(parley_handshake *h)
{
	struct pl_sio_site *s = h->hall->site;
	struct pl_sio_note n = {.what = PL_NOTE_ASK,
				.nsp = h->name,
				.pid = pl_handshake_pid(h),
				.offset = pl_handshake_offset(h),
				.identity = h->identity,
				.ticket = ++s->ticket,
				.heard = s->heard};
	h->ticket = n.ticket;
	h->awaited = pl_bus_nodes(s->sio->bus) - 1;
	if (!h->awaited)
		return PL_ENOTFOUND;
	pl_handshake_keep_auth(h);
	int err = pl_note_publish(s->sio, &n, s);
	if (err)
		return err;
	pl_list_append(&s->fetching, &h->fetching);
	pl_timer_set(s->loop, &h->deadline, ASK_MS);
	return 0;
}

void pl_recovery_begin(parley_handshake *h)
{
	struct pl_sio_track *t = find(h->hall->site, h->name, pl_handshake_pid(h), h->identity);
	if (t || ask(h))
		settle(h, t);
}

static parley_handshake *asker(struct pl_sio_site *s, uint64_t ticket)
{
	PL_LIST_EACH (it, &s->fetching) {
		parley_handshake *h = PL_CONTAINER(it, parley_handshake, fetching);
		if (h->ticket == ticket)
			return h;
	}
	return NULL;
}

/* ---- being asked ---- */

static void answer(struct pl_sio_site *s, uint32_t to, struct pl_event *e)
{
	int err = e ? pl_note_send(s, to, e) : PL_ENOMEM;
	if (err) /* who asks does not wait for ever */
		pl_log(pl_loop_log(s->loop), PL_ERROR, "socketio",
		       "a client cannot come back: out of memory");
}

static void say_no(struct pl_sio_site *s, uint32_t to, const struct pl_sio_note *question)
{
	struct pl_sio_note n = {.what = PL_NOTE_NONE, .ticket = question->ticket}, *copy;
	answer(s, to, pl_note_event(&n, &copy));
}

static int give_events(struct pl_arena *a, const struct pl_sio_missed *m, struct pl_sio_given *g)
{
	int err = 0;
	g->events = pl_arena_array(a, m->n, sizeof(*g->events));
	g->offsets = pl_arena_array(a, m->n, sizeof(*g->offsets));
	if (m->n && (!g->events || !g->offsets))
		return PL_ENOMEM;
	for (; !err && g->nevents < m->n; g->nevents++) {
		const struct pl_sio_kept *k = m->at[g->nevents];
		struct pl_sio_event e = {.packet = k->text,
					 .attachments = k->attachments,
					 .nattachments = k->nattachments};
		err = pl_sio_event_copy(a, &e, &g->events[g->nevents]);
		if (!err)
			err = pl_arena_copy(a, k->offset, &g->offsets[g->nevents]);
	}
	return err;
}

/* NULL: no memory. */
static struct pl_event *give(const struct pl_sio_track *t, const struct pl_sio_note *question,
			     const struct pl_sio_missed *missed)
{
	struct pl_sio_note n = {.what = PL_NOTE_GIVE,
				.nsp = t->hall->name,
				.pid = pl_slice(t->pid, PID_LEN),
				.offset = question->offset,
				.identity = t->identity,
				.ticket = question->ticket,
				.heard = t->hall->site->heard};
	struct pl_sio_note *copy;
	struct pl_event *e = pl_note_event(&n, &copy);
	struct pl_sio_given *g = e ? pl_arena_alloc(&e->arena, sizeof(*g)) : NULL;
	if (!g || pl_slices_copy(&e->arena, t->rooms, t->nrooms, &g->rooms) ||
	    give_events(&e->arena, missed, g)) {
		pl_event_release(e);
		return NULL;
	}
	memcpy(g->id, t->id, SOCKET_ID);
	g->nrooms = t->nrooms;
	g->data = t->data;
	g->free_data = t->free_data;
	copy->given = g;
	return e;
}

static void hear_ask(struct pl_sio_site *s, uint32_t from, const struct pl_sio_note *n)
{
	struct pl_sio_track *t = find(s, n->nsp, n->pid, n->identity);
	struct pl_sio_missed missed = {.at = NULL};
	bool is_told = t && !pl_track_missed(t, n->offset, &missed);
	struct pl_event *e = is_told ? give(t, n, &missed) : NULL;
	if (e) {
		t->free_data = NULL; /* it goes along */
		answer(s, from, e);
	} else {
		say_no(s, from, n);
	}
	pl_track_free(t);
	pl_missed_fini(&missed);
}

/* ---- being answered ---- */

static void hear_none(struct pl_sio_site *s, const struct pl_sio_note *n)
{
	parley_handshake *h = asker(s, n->ticket);
	if (h && !--h->awaited)
		settle(h, NULL);
}

static int copy_events(const struct pl_sio_given *g, struct pl_sio_missed *out)
{
	int err = 0;
	for (uint32_t i = 0; !err && i < g->nevents; i++) {
		struct pl_sio_kept *k = pl_kept_copy(&g->events[i], g->offsets[i]);
		err = k ? pl_missed_add(out, k) : PL_ENOMEM;
		if (k)
			pl_kept_let_go(k);
	}
	return err;
}

static int adopt(struct pl_sio_hall *hall, const struct pl_sio_note *n, struct pl_sio_track **out)
{
	const struct pl_sio_given *g = n->given;
	struct pl_sio_missed missed = {.at = NULL};
	struct pl_sio_track *t = pl_track_adopt(hall, n->pid, n->identity, g->id);
	int err = t ? pl_track_set_rooms(t, g->rooms, g->nrooms) : PL_ENOMEM;
	if (!err)
		err = copy_events(g, &missed);
	if (!err)
		err = pl_track_add_later(t, n->heard, &missed);
	if (err) {
		pl_missed_fini(&missed);
		pl_track_free(t);
		return err;
	}
	pl_track_carry(t, n->offset, &missed);
	t->data = g->data;
	t->free_data = g->free_data;
	pl_track_rest(t);
	*out = t;
	return 0;
}

/* It is kept here from now on, also if nobody waits for it any more. */
static void hear_give(struct pl_sio_site *s, const struct pl_sio_note *n)
{
	const struct pl_sio_given *g = n->given;
	parley_handshake *h = asker(s, n->ticket);
	struct pl_sio_track *t = NULL;
	struct pl_sio_hall *hall;
	int err = pl_sio_hall_enter(s, n->nsp, &hall);
	if (!err) {
		err = adopt(hall, n, &t);
		pl_sio_hall_leave(hall);
	}
	if (err && g->free_data)
		g->free_data(g->data);
	if (h)
		settle(h, t);
}

/* ---- in order ---- */

static bool has_heard(const struct pl_sio_site *s, const uint64_t *heard)
{
	for (size_t i = 0; heard && i < PL_SIO_SOURCES; i++)
		if (s->heard[i] < heard[i])
			return false;
	return true;
}

static void carry_out(struct pl_sio_site *s, struct pl_event *e)
{
	const struct pl_sio_note *n = (const struct pl_sio_note *)(const void *)e->payload.at;
	uintptr_t before = pl_sio_enter(s);
	switch (n->what) {
	case PL_NOTE_ASK: hear_ask(s, (uint32_t)e->origin - 1, n); break;
	case PL_NOTE_NONE: hear_none(s, n); break;
	default: hear_give(s, n); break;
	}
	pl_sio_leave(s, before);
}

static bool wait_for_more(struct pl_sio_site *s, struct pl_event *e)
{
	struct pl_sio_waiting *w = PL_NEW(struct pl_sio_waiting), **last = &s->deferred;
	if (!w)
		return false;
	while (*last)
		last = &(*last)->next;
	w->event = pl_event_retain(e);
	*last = w;
	return true;
}

void pl_recovery_hear(struct pl_sio_site *s, struct pl_event *e, const struct pl_sio_note *n)
{
	if (has_heard(s, n->heard) || !wait_for_more(s, e))
		carry_out(s, e);
}

void pl_recovery_go_on(struct pl_sio_site *s)
{
	struct pl_sio_waiting **at = &s->deferred, *w;
	while ((w = *at)) {
		const struct pl_sio_note *n = (const void *)w->event->payload.at;
		if (!has_heard(s, n->heard)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		carry_out(s, w->event);
		pl_event_release(w->event);
		pl_free(w);
	}
}

void pl_recovery_end(struct pl_sio_site *s)
{
	struct pl_sio_waiting *w;
	while ((w = s->deferred)) {
		const struct pl_sio_note *n = (const void *)w->event->payload.at;
		s->deferred = w->next;
		if (n->given && n->given->free_data)
			n->given->free_data(n->given->data);
		pl_event_release(w->event);
		pl_free(w);
	}
}
