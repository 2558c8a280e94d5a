/* definition.c - what a program says about namespaces, the server's path and bare engines: checked,
 * completed with the defaults, and each kept in one block. */
#include "socketio/internal.h"

#include "wire/chars.h"
#include "wire/pattern.h"

enum {
	SIZE_LIMIT = 1 << 30,      /* of messages and backlogs */
	TIME_LIMIT_MS = 604800000, /* a week */
	ROOMS_LIMIT = 1 << 26,
	PATH_MAX_LEN = 128,
	ORIGINS_MAX = 256,
	EVENTS_MAX = 10000, /* of one namespace */
	EVENT_NAME_MAX = 255,
	LOG_LIMIT = 1 << 24, /* events that are kept for those who come back */
	SESSIONS_MAX = 1 << 20,
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

/* ---- a caller's struct ---- */

/* It may be an older one, which is shorter, or a newer one that says nothing new. */
static bool take(const void *given, size_t size, void *out, size_t ours)
{
	const char *bytes = given;
	size_t known = size < ours ? size : ours;
	memset(out, 0, ours);
	memcpy(out, given, known);
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static size_t or_else(size_t given, size_t otherwise)
{
	return given ? given : otherwise;
}

static size_t text_size(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static const char *put_text(char **at, const char *s)
{
	size_t n = text_size(s);
	char *begin = *at;
	if (n)
		memcpy(begin, s, n);
	*at += n;
	return n ? begin : NULL;
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
	if (n->authorize_ms > TIME_LIMIT_MS || n->recovery_ms > TIME_LIMIT_MS)
		return "authorize_ms, recovery_ms: at most a week";
	if (n->max_rooms > ROOMS_LIMIT)
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
	n->authorize_ms = (uint32_t)or_else(n->authorize_ms, 30000);
	n->max_rooms = or_else(n->max_rooms, 1000000);
	n->max_rooms_each = or_else(n->max_rooms_each, 1000);
	n->recovery_events = (uint32_t)or_else(n->recovery_events, 10000);
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
	size_t texts = text_size(n->name);
	for (size_t i = 0; i < events; i++)
		texts += text_size(n->events[i].event);
	struct pl_sio_def *d = pl_zalloc(1, sizeof(*d) + (events + 1) * sizeof(struct parley_on) +
						    slots * sizeof(uint16_t) + texts);
	if (!d)
		return NULL;
	struct parley_on *on = (struct parley_on *)(void *)(d + 1);
	d->index = (uint16_t *)(void *)(on + events + 1);
	d->mask = (uint32_t)slots - 1;
	char *at = (char *)(d->index + slots);
	d->nsp = *n;
	d->nsp.name = put_text(&at, n->name);
	d->nsp.events = on;
	d->name = pl_slice_str(d->nsp.name);
	d->is_pattern = is_pattern(d->nsp.name);
	for (size_t i = 0; i < events; i++) {
		on[i] = n->events[i];
		on[i].event = put_text(&at, on[i].event);
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
	if (!given || size < sizeof(n.name) || !take(given, size, &n, sizeof(n))) {
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

/* ---- paths ---- */

static const char *path_fault(const struct pl_sio *s, struct pl_slice path)
{
	if (path.len < 2 || path.len > PATH_MAX_LEN || path.at[0] != '/' ||
	    !pl_chars_all(path, PL_C_TARGET) || memchr(path.at, '?', path.len))
		return "path: /something/, at most 128 characters";
	if (s->path && pl_slice_eq(s->path->path, path))
		return "the path is taken";
	for (size_t i = 0; i < s->nengines; i++)
		if (pl_slice_eq(s->engines[i]->path, path))
			return "the path is taken";
	return NULL;
}

static const char *habits_fault(const struct pl_eio_options *o, size_t max_payload,
				size_t max_backlog)
{
	if (o->ping_interval_ms > TIME_LIMIT_MS || o->ping_timeout_ms > TIME_LIMIT_MS ||
	    o->upgrade_timeout_ms > TIME_LIMIT_MS)
		return "ping_interval_ms, ping_timeout_ms, upgrade_timeout_ms: at most a week";
	if (max_payload > SIZE_LIMIT || max_backlog > SIZE_LIMIT)
		return "max_payload, max_backlog: at most 1 GiB";
	if (o->no_polling && o->no_websocket)
		return "no_polling, no_websocket: nothing is left";
	return NULL;
}

static size_t count_origins(const char *const *origins)
{
	size_t n = 0;
	while (origins && n <= ORIGINS_MAX && origins[n])
		n++;
	return n;
}

/* What all engines have in common. */
static struct pl_eio_options habits_of(uint32_t interval, uint32_t timeout, uint32_t upgrade,
				       size_t payload, size_t backlog)
{
	size_t hard = or_else(backlog, 4 << 20);
	return (struct pl_eio_options){
		.ping_interval_ms = (uint32_t)or_else(interval, 25000),
		.ping_timeout_ms = (uint32_t)or_else(timeout, 20000),
		.upgrade_timeout_ms = (uint32_t)or_else(upgrade, 10000),
		.max_payload = (uint32_t)or_else(payload, 1000000),
		.out_soft = (uint32_t)(hard / 4),
		.out_hard = (uint32_t)hard,
		.sessions_max = SESSIONS_MAX,
		.compress_above = 1024,
	};
}

/* The struct, the origins, the texts: the path ends with a slash. `more`: another text. */
static struct pl_sio_path *keep_path(const char *path, const char *const *origins, const char *more,
				     const char **kept)
{
	size_t n = count_origins(origins), texts = strlen(path) + 2 + text_size(more);
	for (size_t i = 0; i < n; i++)
		texts += text_size(origins[i]);
	struct pl_sio_path *p = pl_zalloc(1, sizeof(*p) + n * sizeof(struct pl_slice) + texts);
	if (!p)
		return NULL;
	struct pl_slice *list = (struct pl_slice *)(void *)(p + 1);
	char *at = (char *)(list + n);
	for (size_t i = 0; i < n; i++)
		list[i] = pl_slice_str(put_text(&at, origins[i]));
	*kept = put_text(&at, more);
	size_t len = strlen(path);
	memcpy(at, path, len);
	if (!len || at[len - 1] != '/')
		at[len++] = '/';
	p->path = pl_slice(at, len);
	p->eio.origins = list;
	p->eio.norigins = n;
	return p;
}

static void set_habits(struct pl_sio_path *p, struct pl_eio_options habits)
{
	habits.origins = p->eio.origins;
	habits.norigins = p->eio.norigins;
	p->eio = habits;
}

/* *out is to be freed by whoever finds fault with it. */
static int make_path(const struct pl_sio *s, const char *path, const char *const *origins,
		     struct pl_eio_options habits, const char *more, struct pl_sio_path **out,
		     const char **kept, const char **why)
{
	if (strnlen(path, PATH_MAX_LEN + 1) > PATH_MAX_LEN) {
		*why = "path: /something/, at most 128 characters";
		return PL_EINVAL;
	}
	if (count_origins(origins) > ORIGINS_MAX) {
		*why = "origins: at most 256";
		return PL_EINVAL;
	}
	struct pl_sio_path *p = keep_path(path, origins, more, kept);
	if (!p)
		return PL_ENOMEM;
	*why = path_fault(s, p->path);
	if (!*why)
		*why = habits_fault(&habits, habits.max_payload, habits.out_hard);
	if (*why) {
		pl_free(p);
		return PL_EINVAL;
	}
	set_habits(p, habits);
	*out = p;
	return 0;
}

static const char *server_fault(const struct parley_socketio *o)
{
	if (o->max_payload > SIZE_LIMIT || o->max_backlog > SIZE_LIMIT)
		return "max_payload, max_backlog: at most 1 GiB";
	if (o->max_attachments > PL_SIO_ATTACHMENTS_MAX)
		return "max_attachments: at most 64";
	return o->connect_timeout_ms > TIME_LIMIT_MS ? "connect_timeout_ms: at most a week" : NULL;
}

int pl_sio_set_options(struct pl_sio *s, const struct parley_socketio *given, size_t size,
		       const char **why)
{
	struct parley_socketio o;
	struct pl_sio_path *p;
	if (s->nsites)
		return PL_ESTATE;
	if (s->path) {
		*why = "the options were given before, or a namespace without them";
		return PL_EEXISTS;
	}
	if (!given || !take(given, size, &o, sizeof(o))) {
		*why = "not a struct parley_socketio that this library knows";
		return PL_EINVAL;
	}
	*why = server_fault(&o);
	if (*why)
		return PL_EINVAL;
	struct pl_eio_options habits =
		habits_of(o.ping_interval_ms, o.ping_timeout_ms, o.upgrade_timeout_ms,
			  o.max_payload, o.max_backlog);
	habits.no_polling = o.no_polling;
	habits.no_websocket = o.no_websocket;
	habits.no_upgrade = o.no_upgrade;
	habits.compress = o.compress;
	const char *client_dir;
	int err = make_path(s, o.path ? o.path : "/socket.io/", o.origins, habits, o.client_dir, &p,
			    &client_dir, why);
	if (err)
		return err;
	o.client_dir = client_dir;
	o.path = NULL; /* from here on it is `path` */
	o.origins = NULL;
	o.connect_timeout_ms = (uint32_t)or_else(o.connect_timeout_ms, 10000);
	o.max_attachments = (uint32_t)or_else(o.max_attachments, 10);
	p->server = o;
	s->path = p;
	return 0;
}

int pl_sio_add_engine(struct pl_sio *s, const struct parley_engineio *given, size_t size,
		      const char **why)
{
	struct parley_engineio o;
	struct pl_sio_path *p;
	const char *none;
	if (s->nsites)
		return PL_ESTATE;
	if (!given || !take(given, size, &o, sizeof(o))) {
		*why = "not a struct parley_engineio that this library knows";
		return PL_EINVAL;
	}
	*why = s->nengines == ENGINES_MAX ? "too many engines" : NULL;
	if (!*why && (o.max_payload > SIZE_LIMIT || o.max_backlog > SIZE_LIMIT))
		*why = "max_payload, max_backlog: at most 1 GiB";
	if (*why)
		return PL_EINVAL;
	struct pl_eio_options habits =
		habits_of(o.ping_interval_ms, o.ping_timeout_ms, o.upgrade_timeout_ms,
			  o.max_payload, o.max_backlog);
	int err = make_path(s, o.path ? o.path : "/engine.io/", o.origins, habits, NULL, &p, &none,
			    why);
	if (err)
		return err;
	o.path = NULL;
	o.origins = NULL;
	p->bare = o;
	s->engines[s->nengines++] = p;
	return 0;
}
