/*
 * track.c - sockets that may come back, and what they missed.
 *
 * A track belongs to its socket while that is there. When the line breaks it remembers the rooms
 * and the data, and for a while what is recorded is also for it.
 *
 * What a client has had is what its offset says, and everything before. It may be: nothing, an
 * event of this record, one that was replayed when it last came (`carried`), or what it came with
 * then (`start`). Whoever moved here from another worker, and heard nothing since, has one of the
 * last two.
 */
#include "socketio/recovery.h"

#include "base/clock.h"

enum { GONE_MAX = 65536, MISSED_MAX = 1 << 24 };

/* ---- what is missed ---- */

void pl_missed_fini(struct pl_sio_missed *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		pl_kept_let_go(m->at[i]);
	pl_free(m->at);
	*m = (struct pl_sio_missed){.at = NULL};
}

int pl_missed_add(struct pl_sio_missed *m, struct pl_sio_kept *k)
{
	if (m->n == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 16;
		struct pl_sio_kept **at =
			cap <= MISSED_MAX ? pl_realloc(m->at, cap * sizeof(struct pl_sio_kept *))
					  : NULL;
		if (!at)
			return PL_ENOMEM;
		m->at = at;
		m->cap = cap;
	}
	m->at[m->n++] = pl_kept_hold(k);
	m->bytes += k->bytes;
	return 0;
}

/* ---- life ---- */

static void on_expiry(struct pl_timer *timer);

static struct pl_sio_track *track_new(struct pl_sio_hall *hall, const char *pid, uint64_t identity)
{
	struct pl_sio_track *t = PL_NEW(struct pl_sio_track);
	if (!t)
		return NULL;
	memcpy(t->pid, pid, PID_LEN);
	t->hall = hall;
	t->identity = identity;
	pl_timer_init(&t->timer, on_expiry);
	if (!pl_ids_add(&hall->site->tracks, t->pid))
		return t;
	pl_free(t);
	return NULL;
}

struct pl_sio_track *pl_track_new(struct pl_sio_hall *hall, uint64_t identity)
{
	char pid[PID_LEN];
	pl_random_text(pid, PID_LEN);
	return track_new(hall, pid, identity);
}

struct pl_sio_track *pl_track_adopt(struct pl_sio_hall *hall, struct pl_slice pid,
				    uint64_t identity, const char *id)
{
	struct pl_sio_track *t = pid.len == PID_LEN ? track_new(hall, pid.at, identity) : NULL;
	if (t)
		memcpy(t->id, id, SOCKET_ID);
	return t;
}

struct pl_sio_track *pl_track_find(struct pl_sio_site *s, struct pl_slice pid)
{
	char *found = pl_ids_find(&s->tracks, pid);
	return found ? PL_CONTAINER(found, struct pl_sio_track, pid) : NULL;
}

static void drop_carried(struct pl_sio_track *t)
{
	for (uint32_t i = 0; i < t->ncarried; i++)
		pl_kept_let_go(t->carried[i]);
	pl_free(t->carried);
	t->carried = NULL;
	t->ncarried = 0;
}

/* It is there again, or never will be. */
static void forget_absence(struct pl_sio_track *t)
{
	if (!t->is_gone)
		return;
	t->is_gone = false;
	pl_timer_stop(&t->timer);
	t->hall->site->ngone--;
	pl_free(t->rooms);
	t->rooms = NULL;
	t->nrooms = 0;
	pl_sio_hall_leave(t->hall);
}

void pl_track_free(struct pl_sio_track *t)
{
	if (!t)
		return;
	pl_ids_remove(&t->hall->site->tracks, t->pid);
	drop_carried(t);
	if (t->free_data)
		t->free_data(t->data);
	forget_absence(t);
	pl_free(t->rooms);
	pl_free(t);
}

static void on_expiry(struct pl_timer *timer)
{
	struct pl_sio_track *t = PL_CONTAINER(timer, struct pl_sio_track, timer);
	struct pl_sio_site *s = t->hall->site;
	uintptr_t before = pl_sio_enter(s);
	pl_record_trim(t->hall->record, pl_now_ms());
	pl_track_free(t);
	pl_sio_leave(s, before);
}

static struct pl_sio_track *any(const struct pl_ids *tracks)
{
	PL_IDS_EACH(it, tracks)
	return PL_CONTAINER(*it, struct pl_sio_track, pid);
	return NULL;
}

void pl_tracks_free(struct pl_sio_site *s)
{
	struct pl_sio_track *t;
	uintptr_t before = pl_sio_enter(s);
	while ((t = any(&s->tracks)))
		pl_track_free(t);
	pl_sio_leave(s, before);
}

/* ---- going ---- */

int pl_track_set_rooms(struct pl_sio_track *t, const struct pl_slice *rooms, size_t n)
{
	size_t bytes = n * sizeof(*rooms);
	for (size_t i = 0; i < n; i++)
		bytes += rooms[i].len;
	struct pl_slice *copy = pl_alloc(bytes + 1);
	if (!copy)
		return PL_ENOMEM;
	char *at = (char *)(copy + n);
	for (size_t i = 0; i < n; i++) {
		memcpy(at, rooms[i].at, rooms[i].len);
		copy[i] = pl_slice(at, rooms[i].len);
		at += rooms[i].len;
	}
	t->rooms = copy;
	t->nrooms = n;
	return 0;
}

static int remember_rooms(struct pl_sio_track *t, const parley_socket *k)
{
	struct pl_slice *rooms = pl_zalloc(k->member.nseats + 1, sizeof(*rooms));
	size_t n = 0;
	if (!rooms)
		return PL_ENOMEM;
	for (uint32_t i = 0; i < k->member.nseats; i++) {
		struct pl_slice name = pl_room_topic(k->member.seats[i].room);
		if (name.len)
			rooms[n++] = name;
	}
	int err = pl_track_set_rooms(t, rooms, n);
	pl_free(rooms);
	return err;
}

void pl_track_rest(struct pl_sio_track *t)
{
	struct pl_sio_site *s = t->hall->site;
	t->is_gone = true;
	t->hall->users++;
	s->ngone++;
	pl_timer_set(s->loop, &t->timer, t->hall->def->nsp.recovery_ms);
}

void pl_track_leave(struct pl_sio_track *t, bool may_return)
{
	parley_socket *k = t->socket;
	struct pl_sio_site *s = t->hall->site;
	t->socket = NULL;
	k->extra->track = NULL;
	if (!may_return || s->is_closed || s->ngone >= GONE_MAX || remember_rooms(t, k)) {
		pl_track_free(t);
		return;
	}
	t->left = pl_record_next(t->hall->record);
	/* Data that nobody was told how to free may be gone. */
	if (k->free_data) {
		t->data = k->data;
		t->free_data = k->free_data;
		k->free_data = NULL;
	}
	pl_track_rest(t);
}

/* ---- coming ---- */

void pl_track_carry(struct pl_sio_track *t, struct pl_slice offset, struct pl_sio_missed *missed)
{
	drop_carried(t);
	t->carried = missed->at;
	t->ncarried = missed->n;
	*missed = (struct pl_sio_missed){.at = NULL};
	t->pongs = 0;
	t->start_len = (uint8_t)(offset.len <= OFFSET_MAX ? offset.len : 0);
	if (t->start_len)
		memcpy(t->start, offset.at, t->start_len);
	t->born = pl_record_next(t->hall->record);
	t->last = 0;
}

void pl_track_come(struct pl_sio_track *t, parley_socket *k)
{
	t->data = NULL;
	t->free_data = NULL;
	forget_absence(t);
	t->socket = k;
	memcpy(t->id, k->id, SOCKET_ID);
}

void pl_track_sent(parley_socket *k, uint64_t seq)
{
	if (k->extra && k->extra->track)
		k->extra->track->last = seq;
}

/* The first may answer a ping that was sent before what was replayed. */
void pl_track_on_pong(parley_socket *k)
{
	struct pl_sio_track *t = k->extra ? k->extra->track : NULL;
	if (!t || !t->ncarried || ++t->pongs < 2)
		return;
	struct pl_slice offset = t->carried[t->ncarried - 1]->offset;
	memcpy(t->start, offset.at, offset.len);
	t->start_len = (uint8_t)offset.len;
	drop_carried(t);
}

/* ---- what it missed ---- */

/* The names of its rooms, its own id among them. */
static int index_rooms(const struct pl_sio_track *t, struct pl_map *out)
{
	pl_map_init(out, t->nrooms + 1);
	int err = pl_map_put(out, pl_slice(t->id, SOCKET_ID), out);
	for (size_t i = 0; !err && i < t->nrooms; i++)
		err = pl_map_put(out, t->rooms[i], out);
	return err;
}

static bool has_any(const struct pl_map *rooms, const struct pl_slice *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pl_map_get(rooms, names[i]))
			return true;
	return false;
}

static bool is_for(const struct pl_sio_track *t, const struct pl_map *rooms,
		   const struct pl_sio_kept *k)
{
	if (k->has_but && !memcmp(k->but, t->id, SOCKET_ID))
		return false;
	if (k->target.nrooms && !has_any(rooms, k->target.rooms, k->target.nrooms))
		return false;
	return !has_any(rooms, k->target.except, k->target.nexcept);
}

/* Where to begin: with which of the carried, and which number of the record. */
struct begin {
	uint32_t carried;
	uint64_t seq;
};

static bool find_offset(const struct pl_sio_track *t, struct pl_slice offset, struct begin *out)
{
	uint64_t seq;
	*out = (struct begin){.carried = 0, .seq = t->born};
	if (pl_slice_eq(offset, pl_slice(t->start, t->start_len)))
		return true;
	for (uint32_t i = 0; i < t->ncarried; i++) {
		out->carried = i + 1;
		if (pl_slice_eq(offset, t->carried[i]->offset))
			return true;
	}
	if (!pl_record_read(t->hall->record, offset, &seq) || seq < t->born)
		return false;
	out->seq = seq + 1;
	return true;
}

/* Events that the record has let go of do not count if it has had all that was for it. */
static bool skip_lost(const struct pl_sio_track *t, struct begin *b)
{
	uint64_t first = pl_record_first(t->hall->record);
	if (b->seq >= first)
		return true;
	if (t->last < b->seq && t->left > b->seq)
		b->seq = t->left;
	return b->seq >= first;
}

int pl_track_missed(const struct pl_sio_track *t, struct pl_slice offset, struct pl_sio_missed *out)
{
	const struct pl_sio_record *r = t->hall->record;
	size_t most = t->hall->site->sio->path->eio.out_hard / 2;
	struct pl_map rooms;
	struct begin b;
	*out = (struct pl_sio_missed){.at = NULL};
	if (!find_offset(t, offset, &b) || !skip_lost(t, &b))
		return PL_ENOTFOUND;
	int err = index_rooms(t, &rooms);
	for (uint32_t i = b.carried; !err && i < t->ncarried; i++)
		err = pl_missed_add(out, t->carried[i]);
	for (uint64_t i = b.seq; !err && i < pl_record_next(r); i++)
		if (is_for(t, &rooms, pl_record_at(r, i)))
			err = pl_missed_add(out, pl_record_at(r, i));
	pl_map_fini(&rooms);
	if (!err && out->bytes > most)
		err = PL_ELIMIT;
	if (err)
		pl_missed_fini(out);
	return err;
}

int pl_track_add_later(const struct pl_sio_track *t, const uint64_t *heard,
		       struct pl_sio_missed *out)
{
	const struct pl_sio_record *r = t->hall->record;
	struct pl_map rooms;
	int err = index_rooms(t, &rooms);
	for (uint64_t i = pl_record_first(r); !err && i < pl_record_next(r); i++) {
		struct pl_sio_kept *k = pl_record_at(r, i);
		bool is_later = k->from < PL_SIO_SOURCES && k->number > heard[k->from];
		if (is_later && is_for(t, &rooms, k))
			err = pl_missed_add(out, k);
	}
	pl_map_fini(&rooms);
	return err;
}
