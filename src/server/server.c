/* server.c - composition: what is made of what, in which order it starts, and in which it ends. */
#include "server/internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/pattern.h"

#include <unistd.h>

/* ---- before the start ---- */

static void free_new(struct parley_server *s)
{
	for (size_t i = 0; i < s->nmounts; i++)
		pl_free(s->mounts[i].pattern);
	pl_sio_free(s->sio);
	pl_sio_admin_free(s->admin);
	pl_handlers_free(s->handlers);
	pl_drive_fini(&s->drive);
	pthread_mutex_destroy(&s->tls.lock);
	pl_free(s->prefix);
	pl_free(s);
}

int pl_server_new(const struct pl_server_options *o, struct parley_server **out)
{
	struct parley_server *s = PL_NEW(struct parley_server);
	if (!s)
		return PL_ENOMEM;
	s->config = o->config;
	s->log = o->log;
	s->events = o->events;
	s->is_chat = o->is_chat;
	s->is_driven = o->is_driven;
	s->workers = o->workers;
	pthread_mutex_init(&s->tls.lock, NULL);
	int err = pl_drive_init(&s->drive);
	if (!err && o->prefix && !(s->prefix = pl_strdup(o->prefix)))
		err = PL_ENOMEM;
	if (!err)
		err = pl_handlers_new(s, s->prefix, &s->handlers);
	if (!err)
		err = pl_sio_new(s, s->handlers, &s->sio);
	if (err) {
		free_new(s);
		return err;
	}
	*out = s;
	return 0;
}

int pl_server_serve(struct parley_server *s, const struct parley_endpoint *e, size_t size,
		    const char **why)
{
	return s->phase == PL_IS_NEW ? pl_handlers_add(s->handlers, e, size, why) : PL_ESTATE;
}

static int copy_pattern(const struct parley_server *s, const char *pattern, const char **why,
			char **out)
{
	struct pl_buf b;
	pl_buf_init(&b, PL_PATTERN_MAX + 1);
	pl_buf_printf(&b, "%s%s", s->prefix ? s->prefix : "", pattern);
	pl_buf_putc(&b, '\0');
	int err = b.err;
	if (err == PL_ETOOBIG)
		*why = "the pattern is too long";
	else if (!err)
		*why = pl_pattern_fault(b.at);
	if (err != PL_ENOMEM && *why)
		err = PL_EINVAL;
	if (!err && !(*out = pl_strdup(b.at)))
		err = PL_ENOMEM;
	pl_buf_fini(&b);
	return err;
}

int pl_server_mount(struct parley_server *s, const char *pattern, const char *dialect,
		    const char **why)
{
	size_t row = dialect ? pl_dialect_named(dialect) : pl_dialect_count;
	struct pl_mount m = {.pattern = NULL, .dialect = row};
	if (s->phase != PL_IS_NEW)
		return PL_ESTATE;
	if (row == pl_dialect_count) {
		*why = "no such dialect";
		return PL_EINVAL;
	}
	if (s->nmounts == PL_MOUNTS_MAX)
		return PL_ELIMIT;
	int err = pattern ? copy_pattern(s, pattern, why, &m.pattern) : 0;
	if (!err)
		s->mounts[s->nmounts++] = m;
	return err;
}

/* ---- parts ---- */

static void on_store_fatal(void *ctx, const char *why)
{
	struct parley_server *s = ctx;
	s->events.on_fatal(s->events.ctx, why);
}

static void finish_op(void *ctx, struct pl_op *op)
{
	pl_hub_finish(((struct parley_server *)ctx)->bus, op);
}

static int open_store(struct parley_server *s, struct pl_buf *why)
{
	const struct pl_config *c = s->config;
	bool is_memory = c->store_kind == PL_STORE_MEMORY;
	char *path = NULL;
	int err = is_memory ? 0 : pl_config_path(c, PL_DATABASE_NAME, &path);
	struct pl_store_options o = {.path = path,
				     .readers = c->store_readers,
				     .queue_max = c->store_queue,
				     .log = s->log,
				     .metrics = &s->store_metrics,
				     .finish = finish_op,
				     .fatal = on_store_fatal,
				     .ctx = s};
	if (!err)
		err = pl_store_open(&o, &s->store);
	if (err)
		pl_buf_printf(why, "store %s: %s\n", path ? path : "", pl_strerror(err));
	pl_free(path);
	return err;
}

static int open_files(struct parley_server *s, struct pl_buf *why)
{
	const struct pl_config *c = s->config;
	bool is_memory = c->store_kind == PL_STORE_MEMORY;
	char *path = NULL;
	int err = pl_config_path(c, is_memory ? PL_FILES_SCRATCH_NAME : PL_FILES_NAME, &path);
	struct pl_files_options o = {.path = path,
				     .is_scratch = is_memory,
				     .threads = c->files_threads,
				     .keep_free = c->files_keep_free,
				     .log = s->log};
	if (!err)
		err = pl_files_new(&o, &s->files);
	if (err)
		pl_buf_printf(why, "files %s: %s\n", path ? path : "", pl_strerror(err));
	pl_free(path);
	return err;
}

int pl_server_load_tls(const struct pl_config *c, struct pl_buf *why, struct pl_tls_context **out)
{
	struct pl_tls_context *t = NULL;
	if (c->tls_certificate && c->tls_key) {
		int err = pl_tls_context_new(c->tls_certificate, c->tls_key, why, &t);
		if (err) {
			pl_buf_putc(why, '\n');
			return err;
		}
	}
	*out = t;
	return 0;
}

static bool has_keys(const struct pl_config *c)
{
	return c->auth_secret || c->auth_secret_file || c->auth_keys.n || c->auth_jwks;
}

int pl_server_load_auth(const struct parley_server *s, const struct pl_config *c,
			struct pl_buf *why, struct pl_auth **out)
{
	*out = NULL;
	return s->has_chat || has_keys(c) ? pl_settings_auth(c, why, out) : 0;
}

static bool wants_chat(const struct parley_server *s)
{
	const struct pl_listen_list *l = &s->config->listen;
	bool wanted = s->is_chat || s->nmounts;
	for (size_t i = 0; i < l->n; i++)
		wanted |= pl_dialect_spoken(l->at[i].speaks) < pl_dialect_count;
	return wanted;
}

static int make_data(const struct parley_server *s, struct pl_buf *why)
{
	const struct pl_config *c = s->config;
	bool is_needed = s->is_chat || (s->has_chat && (c->store_kind != PL_STORE_MEMORY ||
							!has_keys(c) || c->accounts_enabled));
	int err = is_needed ? pl_config_make_data(c) : 0;
	if (err)
		pl_buf_printf(why, "data %s: %m\n", c->data);
	return err;
}

/* ---- what the REST routes ask ---- */

static const char *why_not_ready(void *ctx)
{
	struct parley_server *s = ctx;
	/* First: the store may be gone already. */
	if (atomic_load(&s->is_leaving))
		return "the server is stopping";
	return pl_store_ready(s->store) ? NULL : "the store does not take writes";
}

static bool certificate_days(void *ctx, int64_t *days)
{
	struct parley_server *s = ctx;
	struct pl_tls_context *t = pl_tls_holder_get(&s->tls);
	*days = pl_tls_context_days_left(t);
	pl_tls_context_release(t);
	return true;
}

static int init_rest(struct parley_server *s, uint32_t n)
{
	s->sets = pl_zalloc(n + 1, sizeof(*s->sets));
	s->hubs = pl_zalloc(n, sizeof(*s->hubs));
	if (!s->sets || !s->hubs)
		return PL_ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		s->sets[i] = &s->sites[i].worker.metrics;
		s->hubs[i] = &s->sites[i].hub;
	}
	s->sets[n] = &s->store_metrics;
	s->rest = (struct pl_rest_shared){.version = PARLEY_VERSION,
					  .born_ms = pl_now_ms(),
					  .sets = s->sets,
					  .nsets = n + 1,
					  .hubs = s->hubs,
					  .nhubs = n,
					  .why_not_ready = why_not_ready,
					  .broadcast = pl_server_broadcast,
					  .ctx = s};
	/* A reload exchanges a certificate, but never the first one for none. */
	if (s->tls.context)
		s->rest.certificate_days = certificate_days;
	return 0;
}

/* ---- the start ---- */

static uint32_t count_workers(const struct parley_server *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t n = s->workers ? s->workers : s->config->workers;
	if (!n)
		n = cores > 0 ? (uint32_t)cores : 1;
	return n < PL_BUS_NODES_MAX ? n : PL_BUS_NODES_MAX;
}

static int start_sites(struct parley_server *s, struct pl_auth *auth, struct pl_buf *why)
{
	uint32_t n = count_workers(s);
	s->sites = pl_zalloc(n, sizeof(*s->sites));
	s->conns = pl_zalloc(n, sizeof(struct pl_conns *));
	if (!s->sites || !s->conns)
		return PL_ENOMEM;
	int err = s->has_chat ? init_rest(s, n) : 0;
	for (uint32_t i = 0; !err && i < n; i++) {
		s->nsites++; /* also a half-made one is to be freed */
		err = pl_site_init(&s->sites[i], s, i, auth);
	}
	for (uint32_t i = 0; !err && i < n; i++)
		s->conns[i] = s->sites[i].worker.conns;
	for (uint32_t i = 0; !err && i < n; i++)
		if (s->sites[i].sio)
			pl_sio_site_set_siblings(s->sites[i].sio, s->conns, n);
	if (err == PL_ESTATE)
		pl_buf_printf(why,
			      "engine io_uring: not allowed by this kernel, or not built in\n");
	if (!err && s->has_chat)
		pl_file_keeper_start(&s->file_keeper, &s->sites[0].hub, s->files,
				     s->settings->upload_expiry_ms,
				     s->config->store_kind != PL_STORE_MEMORY);
	if (!err && s->is_driven)
		err = pl_drive_attach(s);
	for (uint32_t i = s->is_driven; !err && i < n; i++)
		err = pl_worker_start(&s->sites[i].worker);
	return err;
}

static int start(struct parley_server *s, struct pl_buf *why)
{
	struct pl_auth *auth = NULL;
	s->has_chat = wants_chat(s);
	int err = make_data(s, why);
	if (!err)
		err = pl_settings_new(s->config, NULL, why, &s->settings);
	if (!err)
		err = pl_server_load_auth(s, s->config, why, &auth);
	if (!err)
		err = pl_server_load_tls(s->config, why, &s->tls.context);
	if (!err)
		err = pl_server_bind(s, why);
	if (!err)
		err = pl_gate_new(&s->settings->gate, &s->gate);
	if (!err && s->has_chat)
		err = pl_bus_local_new(&s->bus);
	if (!err && s->has_chat)
		err = open_store(s, why);
	if (!err && s->has_chat)
		err = open_files(s, why);
	/* Before the admin's namespace, for which an engine would be made with defaults. */
	if (!err)
		err = pl_server_add_socketio(s, why);
	if (!err)
		err = pl_server_make_admin(s, why);
	if (!err && (s->admin || (s->has_chat && s->config->accounts_enabled)))
		err = pl_hasher_new(s->config->accounts_threads, s->config->accounts_queue,
				    &s->hasher);
	if (!err)
		err = start_sites(s, auth, why);
	pl_auth_release(auth);
	return err;
}

/* ---- the end ---- */

static void say_goodbye(struct pl_task *t)
{
	struct pl_site *site = PL_CONTAINER(t, struct pl_site, goodbye);
	pl_worker_stop_accepting(&site->worker);
	if (site->sio)
		pl_sio_site_drain(site->sio);
	pl_conns_drain(site->worker.conns, "server is shutting down: reconnect in a moment");
	atomic_fetch_sub(&site->server->ngoodbyes, 1);
}

void pl_server_drain(struct parley_server *s)
{
	atomic_store(&s->is_leaving, true);
	atomic_store(&s->ngoodbyes, s->nsites);
	for (uint32_t i = 0; i < s->nsites; i++) {
		s->sites[i].goodbye.run = say_goodbye;
		pl_loop_post(s->sites[i].worker.loop, &s->sites[i].goodbye);
	}
}

bool pl_server_is_empty(const struct parley_server *s)
{
	int64_t n = atomic_load(&s->ngoodbyes);
	for (uint32_t i = 0; i < s->nsites; i++)
		n += atomic_load_explicit(&s->sites[i].worker.metrics.v[PL_M_CONNECTIONS],
					  memory_order_relaxed);
	return n == 0;
}

void pl_server_stop_workers(struct parley_server *s)
{
	for (uint32_t i = 0; i < s->nsites; i++)
		if (s->sites[i].worker.has_thread)
			pl_loop_stop(s->sites[i].worker.loop);
	for (uint32_t i = 0; i < s->nsites; i++)
		pl_worker_join(&s->sites[i].worker);
}

/* What came home after the loop stopped still has to be taken in, or its memory is lost. What is
 * taken in starts nothing new; a question that goes from loop to loop gets home in a few rounds. */
static void empty_loops(struct parley_server *s)
{
	for (int round = 0; round < 4; round++)
		for (uint32_t i = 0; i < s->nsites; i++)
			if (s->sites[i].worker.loop)
				pl_loop_turn(s->sites[i].worker.loop, 0);
}

static void free_sites(struct parley_server *s)
{
	for (uint32_t i = 0; i < s->nsites; i++)
		pl_site_close(&s->sites[i]);
	empty_loops(s);
	for (uint32_t i = 0; i < s->nsites; i++)
		pl_site_fini(&s->sites[i]);
	pl_free(s->sites);
	pl_free(s->conns);
	s->sites = NULL;
	s->conns = NULL;
	s->nsites = 0;
}

/* Back to what it was before the start. */
static void dismantle(struct parley_server *s)
{
	/* Workers first: nothing new reaches the store. Then the store, whose answers the loops
	 * still take. */
	atomic_store(&s->is_leaving, true);
	pl_server_stop_workers(s);
	pl_drive_detach(s);
	for (uint32_t i = 0; i < s->nsites; i++)
		if (s->sites[i].has_hub)
			pl_hub_stop(&s->sites[i].hub);
	if (s->hasher)
		pl_hasher_stop(s->hasher);
	if (s->files)
		pl_files_stop(s->files);
	pl_store_close(s->store);
	empty_loops(s);
	pl_file_keeper_fini(&s->file_keeper);
	free_sites(s);
	pl_files_free(s->files);
	pl_hasher_free(s->hasher);
	pl_free(s->sets);
	pl_free(s->hubs);
	pl_server_unbind(s);
	pl_bus_free(s->bus);
	pl_gate_free(s->gate);
	pl_tls_context_release(s->tls.context);
	pl_settings_release(s->settings);
	s->store = NULL;
	s->hasher = NULL;
	s->files = NULL;
	s->sets = NULL;
	s->hubs = NULL;
	s->bus = NULL;
	s->gate = NULL;
	s->tls.context = NULL;
	s->settings = NULL;
	atomic_store(&s->is_leaving, false);
}

int pl_server_start(struct parley_server *s, struct pl_buf *why)
{
	if (s->phase != PL_IS_NEW)
		return PL_ESTATE;
	int err = start(s, why);
	if (!err) {
		s->phase = PL_IS_RUNNING;
		return 0;
	}
	if (!why->len)
		pl_buf_printf(why, "%s\n", pl_strerror(err));
	dismantle(s);
	return err;
}

void pl_server_free(struct parley_server *s)
{
	if (!s)
		return;
	s->phase = PL_HAS_ENDED;
	pl_server_stop_workers(s);
	pl_drive_close(s);
	dismantle(s);
	free_new(s);
}

/* ---- for people ---- */

bool pl_server_is_running(const struct parley_server *s)
{
	return s->phase == PL_IS_RUNNING;
}

bool pl_server_has_ended(const struct parley_server *s)
{
	return s->phase == PL_HAS_ENDED;
}

const char *pl_server_engine(const struct parley_server *s)
{
	return pl_loop_engine(s->sites[0].worker.loop) == PL_ENGINE_IO_URING ? "io_uring" : "epoll";
}

uint32_t pl_server_workers(const struct parley_server *s)
{
	return s->nsites;
}
