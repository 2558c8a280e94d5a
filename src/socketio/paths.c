/* paths.c - what a program says about the server's path and about bare engines: checked, completed
 * with the defaults, and each kept in one block. */
#include "socketio/internal.h"

#include "handler/given.h"
#include "wire/chars.h"

enum {
	PATH_MAX_LEN = 128,
	ORIGINS_MAX = 256,
	SESSIONS_MAX = 1 << 20,
};

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
	if (o->ping_interval_ms > PL_GIVEN_MS_MAX || o->ping_timeout_ms > PL_GIVEN_MS_MAX ||
	    o->upgrade_timeout_ms > PL_GIVEN_MS_MAX)
		return "ping_interval_ms, ping_timeout_ms, upgrade_timeout_ms: at most a week";
	if (max_payload > PL_GIVEN_BYTES_MAX || max_backlog > PL_GIVEN_BYTES_MAX)
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
	size_t hard = pl_given_or(backlog, 4 << 20);
	return (struct pl_eio_options){
		.ping_interval_ms = (uint32_t)pl_given_or(interval, 25000),
		.ping_timeout_ms = (uint32_t)pl_given_or(timeout, 20000),
		.upgrade_timeout_ms = (uint32_t)pl_given_or(upgrade, 10000),
		.max_payload = (uint32_t)pl_given_or(payload, 1000000),
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
	size_t n = count_origins(origins), texts = strlen(path) + 2 + pl_given_text_size(more);
	for (size_t i = 0; i < n; i++)
		texts += pl_given_text_size(origins[i]);
	struct pl_sio_path *p = pl_zalloc(1, sizeof(*p) + n * sizeof(struct pl_slice) + texts);
	if (!p)
		return NULL;
	struct pl_slice *list = (struct pl_slice *)(void *)(p + 1);
	char *at = (char *)(list + n);
	for (size_t i = 0; i < n; i++)
		list[i] = pl_slice_str(pl_given_text_put(&at, origins[i]));
	*kept = pl_given_text_put(&at, more);
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

/* ---- the server ---- */

static const char *server_fault(const struct parley_socketio *o)
{
	if (o->max_payload > PL_GIVEN_BYTES_MAX || o->max_backlog > PL_GIVEN_BYTES_MAX)
		return "max_payload, max_backlog: at most 1 GiB";
	if (o->max_attachments > PL_SIO_ATTACHMENTS_MAX)
		return "max_attachments: at most 64";
	return o->connect_timeout_ms > PL_GIVEN_MS_MAX ? "connect_timeout_ms: at most a week"
						       : NULL;
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
	if (!given || !pl_given_take(given, size, &o, sizeof(o))) {
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
	o.connect_timeout_ms = (uint32_t)pl_given_or(o.connect_timeout_ms, 10000);
	o.max_attachments = (uint32_t)pl_given_or(o.max_attachments, 10);
	p->server = o;
	s->path = p;
	return 0;
}

/* ---- bare engines ---- */

int pl_sio_add_engine(struct pl_sio *s, const struct parley_engineio *given, size_t size,
		      const char **why)
{
	struct parley_engineio o;
	struct pl_sio_path *p;
	const char *none;
	if (s->nsites)
		return PL_ESTATE;
	if (!given || !pl_given_take(given, size, &o, sizeof(o))) {
		*why = "not a struct parley_engineio that this library knows";
		return PL_EINVAL;
	}
	*why = s->nengines == ENGINES_MAX ? "too many engines" : NULL;
	if (!*why && (o.max_payload > PL_GIVEN_BYTES_MAX || o.max_backlog > PL_GIVEN_BYTES_MAX))
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
