/* definition.c - what a program says about namespaces: checked, completed with the defaults, and
 * each kept in one block. */
#include "socketio/internal.h"

#include "handler/given.h"
#include "wire/pattern.h"

enum {
	EVENTS_MAX = 10000, /* of one namespace */
	EVENT_NAME_MAX = 255,
	LOG_LIMIT = 1 << 24, /* events that are kept for those who come back */
};

/* ---- the set ---- */

int pl_sio_new(parley_server *server, struct pl_handlers *handlers, struct pl_sio **out)
{
	struct pl_sio *s = PL_NEW(struct pl_sio);
	if (!s)
		return PL_ENOMEM;
	atomic_init(&s->server, server);
	s->handlers = handlers;
	s->refs = 1;
	pthread_mutex_init(&s->lock, NULL);
	pl_random_bytes(s->seed, sizeof(s->seed));
	*out = s;
	return 0;
}

void pl_sio_release(struct pl_sio *s)
{
	bool is_last = !--s->refs;
	pthread_mutex_unlock(&s->lock);
	if (!is_last)
		return;
	for (size_t i = 0; i < s->ndefs; i++)
		pl_free(s->defs[i]);
	for (size_t i = 0; i < s->nengines; i++)
		pl_free(s->engines[i]);
	pl_free(s->path);
	pl_bundle_free(s->bundle);
	pthread_mutex_destroy(&s->lock);
	pl_free(s);
}

void pl_sio_free(struct pl_sio *s)
{
	if (!s)
		return;
	atomic_store(&s->server, NULL);
	pthread_mutex_lock(&s->lock);
	pl_sio_release(s);
}

size_t pl_sio_count(const struct pl_sio *s)
{
	return s->ndefs + s->nengines + (s->path != NULL);
}

/* ---- namespaces ---- */

static bool is_name(struct pl_slice name)
{
	return name.len && name.len <= PL_SIO_NAMESPACE_MAX && name.at[0] == '/' &&
	       !memchr(name.at, ',', name.len);
}

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?{") != NULL;
}

static const char *name_fault(const struct pl_sio *s, const char *name)
{
	if (!name || !is_name(pl_slice_str(name)))
		return "a namespace is called /something: at most 255 bytes, without a comma";
	for (size_t i = 0; i < s->ndefs; i++)
		if (!strcmp(s->defs[i]->nsp.name, name))
			return "the namespace is there already";
	return is_pattern(name) ? pl_pattern_fault(name) : NULL;
}

static const char *events_fault(const struct parley_on *events)
{
	for (size_t i = 0; events && events[i].event; i++) {
		struct pl_slice name = pl_slice_str(events[i].event);
		if (i == EVENTS_MAX || name.len > EVENT_NAME_MAX)
			return "events: at most 10,000, with names of at most 255 bytes";
		if (pl_sio_is_reserved(name))
			return "events: connect, connect_error, disconnect, disconnecting, "
			       "newListener and removeListener are reserved";
		if (!events[i].handle)
			return "events: one has no function";
		for (size_t j = 0; j < i; j++)
			if (pl_slice_is(name, events[j].event))
				return "events: one is there twice";
	}
	return NULL;
}

static const char *limits_fault(const struct parley_namespace *n)
{
	if (n->authorize_ms > PL_GIVEN_MS_MAX || n->recovery_ms > PL_GIVEN_MS_MAX)
		return "authorize_ms, recovery_ms: at most a week";
	if (n->max_rooms > PL_GIVEN_ROOMS_MAX)
		return "max_rooms: at most 67,108,864";
	if (n->max_rooms_each >= PL_SEATS_MAX)
		return "max_rooms_each: at most 4,095";
	if (n->recovery_events > LOG_LIMIT)
		return "recovery_events: at most 16,777,216";
	return NULL;
}

static size_t count_events(const struct parley_on *events)
{
	size_t n = 0;
	while (events && events[n].event)
		n++;
	return n;
}

/* FNV-1a: the table does not change, and nobody else puts anything into it. */
static uint32_t hash_of(struct pl_slice name)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (uint8_t)name.at[i]) * 16777619u;
	return h;
}

static uint32_t slot_of(const struct pl_sio_def *d, struct pl_slice name)
{
	uint32_t i = hash_of(name) & d->mask;
	while (d->index[i] && !pl_slice_is(name, d->nsp.events[d->index[i] - 1].event))
		i = (i + 1) & d->mask;
	return i;
}

const struct parley_on *pl_sio_event(const struct pl_sio_def *d, struct pl_slice name)
{
	uint16_t found = d->index[slot_of(d, name)];
	return found ? &d->nsp.events[found - 1] : NULL;
}

static void complete(struct parley_namespace *n)
{
	n->authorize_ms = (uint32_t)pl_given_or(n->authorize_ms, 30000);
	n->max_rooms = pl_given_or(n->max_rooms, 1000000);
	n->max_rooms_each = pl_given_or(n->max_rooms_each, 1000);
	n->recovery_events = (uint32_t)pl_given_or(n->recovery_events, 10000);
}

static size_t slots_for(size_t events)
{
	size_t n = 2;
	while (n < 2 * events)
		n *= 2;
	return n;
}

/* The struct, its events, their index, the texts. */
static struct pl_sio_def *keep(const struct parley_namespace *n)
{
	size_t events = count_events(n->events), slots = slots_for(events);
	size_t texts = pl_given_text_size(n->name);
	for (size_t i = 0; i < events; i++)
		texts += pl_given_text_size(n->events[i].event);
	struct pl_sio_def *d = pl_zalloc(1, sizeof(*d) + (events + 1) * sizeof(struct parley_on) +
						    slots * sizeof(uint16_t) + texts);
	if (!d)
		return NULL;
	struct parley_on *on = (struct parley_on *)(void *)(d + 1);
	d->index = (uint16_t *)(void *)(on + events + 1);
	d->mask = (uint32_t)slots - 1;
	char *at = (char *)(d->index + slots);
	d->nsp = *n;
	d->nsp.name = pl_given_text_put(&at, n->name);
	d->nsp.events = on;
	d->name = pl_slice_str(d->nsp.name);
	d->is_pattern = is_pattern(d->nsp.name);
	for (size_t i = 0; i < events; i++) {
		on[i] = n->events[i];
		on[i].event = pl_given_text_put(&at, on[i].event);
		d->index[slot_of(d, pl_slice_str(on[i].event))] = (uint16_t)(i + 1);
	}
	complete(&d->nsp);
	return d;
}

static int add(struct pl_sio *s, const struct parley_namespace *n, const char **why,
	       struct pl_sio_def **out)
{
	const char *fault =
		s->ndefs == NAMESPACES_MAX ? "too many namespaces" : name_fault(s, n->name);
	if (!fault)
		fault = events_fault(n->events);
	if (!fault)
		fault = limits_fault(n);
	if (fault) {
		*why = fault;
		return PL_EINVAL;
	}
	int err = s->path ? 0
			  : pl_sio_set_options(s, &(struct parley_socketio){.path = NULL},
					       sizeof(struct parley_socketio), why);
	struct pl_sio_def *d = err ? NULL : keep(n);
	if (!d)
		return err ? err : PL_ENOMEM;
	s->defs[s->ndefs++] = d;
	*out = d;
	return 0;
}

/* A client's request is wanted later than in its first on_connect. */
static bool wants_request(const struct parley_namespace *n)
{
	return n->keep_request || n->authorize;
}

int pl_sio_add_namespace(struct pl_sio *s, const struct parley_namespace *given, size_t size,
			 const char **why)
{
	struct parley_namespace n;
	struct pl_sio_def *d;
	if (s->nsites)
		return PL_ESTATE;
	if (!given || size < sizeof(n.name) || !pl_given_take(given, size, &n, sizeof(n))) {
		*why = "not a struct parley_namespace that this library knows";
		return PL_EINVAL;
	}
	int err = add(s, &n, why, &d);
	if (!err)
		s->keeps_requests |= wants_request(&n);
	return err;
}

int pl_sio_add_house(struct pl_sio *s, const struct pl_sio_house *h, const char **why)
{
	struct pl_sio_def *d;
	if (s->nsites)
		return PL_ESTATE;
	int err = add(s, &h->nsp, why, &d);
	if (err)
		return err;
	d->is_house = true;
	d->has_own_recovery = h->has_own_recovery;
	d->on_pong = h->on_pong;
	s->keeps_requests |= h->nsp.keep_request;
	return 0;
}
