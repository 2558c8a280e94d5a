/*
 * hall.c - a namespace on one worker.
 *
 * Invariants:  a hall is in the site's map under its name;  one of a namespace that was defined by
 * its name is there from the first moment to the last;  one that fits a pattern goes with its last
 * user.
 */
#include "socketio/recovery.h"

#include "wire/pattern.h"

enum { HALLS_MAX = 1 << 20 };

void pl_sio_halls_init(struct pl_sio_site *s)
{
	pl_map_init(&s->halls, HALLS_MAX);
}

static void hall_free(struct pl_sio_hall *h)
{
	pl_rooms_fini(&h->rooms);
	pl_record_free(h->record);
	pl_free(h);
}

/* What is on its way to a line that broke counts as missed: until that is noticed, and as long as
 * its client may come back. */
static int open_record(struct pl_sio_hall *h)
{
	const struct parley_namespace *n = &h->def->nsp;
	const struct pl_eio_options *o = &h->site->sio->path->eio;
	uint64_t keep_ms = (uint64_t)n->recovery_ms + o->ping_interval_ms + o->ping_timeout_ms;
	return pl_record_new(n->recovery_events, keep_ms, &h->record);
}

static int hall_new(struct pl_sio_site *s, const struct pl_sio_def *d, struct pl_slice name,
		    struct pl_sio_hall **out)
{
	struct pl_sio_hall *h = pl_zalloc(1, sizeof(*h) + name.len);
	if (!h)
		return PL_ENOMEM;
	memcpy(h->text, name.at, name.len);
	h->name = pl_slice(h->text, name.len);
	h->site = s;
	h->def = d;
	/* One more of each for the room of everybody. */
	pl_rooms_init(&h->rooms, d->nsp.max_rooms + 1, pl_loop_metrics(s->loop));
	h->rooms.seats_max = (uint32_t)d->nsp.max_rooms_each + 1;
	int err = d->nsp.recovery_ms && !d->has_own_recovery ? open_record(h) : 0;
	if (!err)
		err = pl_map_put(&s->halls, h->name, h);
	if (err)
		hall_free(h);
	else
		*out = h;
	return err;
}

int pl_sio_halls_open(struct pl_sio_site *s)
{
	struct pl_sio_hall *h;
	int err = 0;
	for (size_t i = 0; !err && i < s->sio->ndefs; i++)
		if (!s->sio->defs[i]->is_pattern)
			err = hall_new(s, s->sio->defs[i], s->sio->defs[i]->name, &h);
	return err;
}

void pl_sio_halls_fini(struct pl_sio_site *s)
{
	PL_MAP_EACH (it, &s->halls)
		hall_free(it->value);
	pl_map_fini(&s->halls);
}

static const struct pl_sio_def *def_of(const struct pl_sio *s, struct pl_slice name)
{
	for (size_t i = 0; i < s->ndefs; i++)
		if (s->defs[i]->is_pattern && pl_pattern_match(s->defs[i]->nsp.name, name))
			return s->defs[i];
	return NULL;
}

struct pl_sio_hall *pl_sio_hall_find(const struct pl_sio_site *s, struct pl_slice name)
{
	return pl_map_get(&s->halls, name);
}

int pl_sio_hall_enter(struct pl_sio_site *s, struct pl_slice name, struct pl_sio_hall **out)
{
	struct pl_sio_hall *h = pl_sio_hall_find(s, name);
	const struct pl_sio_def *d = h ? NULL : def_of(s->sio, name);
	if (!h && !d)
		return PL_ENOTFOUND;
	int err = h ? 0 : hall_new(s, d, name, &h);
	if (err)
		return err;
	h->users++;
	*out = h;
	return 0;
}

void pl_sio_hall_leave(struct pl_sio_hall *h)
{
	if (--h->users)
		return;
	if (h->record)
		pl_record_clear(h->record);
	if (!h->def->is_pattern)
		return;
	pl_map_remove(&h->site->halls, h->name);
	hall_free(h);
}
