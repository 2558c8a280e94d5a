/* server.c - composition: what is made of what, in which order it starts, and in which it ends. */
#include "server/internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <unistd.h>

/* ---- parts ---- */

static void on_store_fatal(void *ctx, const char *why)
{
	struct pl_server *s = ctx;
	s->events.on_fatal(s->events.ctx, why);
}

static void finish_op(void *ctx, struct pl_op *op)
{
	pl_hub_finish(((struct pl_server *)ctx)->bus, op);
}

static int open_store(struct pl_server *s, struct pl_buf *why)
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

static int load_tls(const struct pl_config *c, struct pl_buf *why, struct pl_tls_context **out)
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

/* ---- what the REST routes ask ---- */

static const char *why_not_ready(void *ctx)
{
	struct pl_server *s = ctx;
	/* First: the store may be gone already. */
	if (atomic_load(&s->is_leaving))
		return "the server is stopping";
	return pl_store_ready(s->store) ? NULL : "the store does not take writes";
}

static bool certificate_days(void *ctx, int64_t *days)
{
	struct pl_server *s = ctx;
	struct pl_tls_context *t = pl_tls_holder_get(&s->tls);
	*days = pl_tls_context_days_left(t);
	pl_tls_context_release(t);
	return true;
}

static int init_rest(struct pl_server *s, uint32_t n)
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
					  .ctx = s};
	/* A reload exchanges a certificate, but never the first one for none. */
	if (s->tls.context)
		s->rest.certificate_days = certificate_days;
	return 0;
}

/* ---- sites ---- */

static void fill_routes(struct pl_site *site)
{
	size_t n = 0;
	site->qrypt = pl_qrypt_endpoint;
	site->qrypt.ctx = &site->gateway;
	site->routes[n++] = (struct pl_route){PL_HTTP_OTHER, "/ws", &site->qrypt};
	site->routes[n++] = (struct pl_route){PL_HTTP_OTHER, "/", &site->qrypt};
	n += pl_rest_routes(&site->rest, &site->routes[n]);
	site->by_path = (struct pl_router){.routes = site->routes, .count = n};
	site->by_qrypt =
		(struct pl_router){.routes = site->routes, .count = n, .fallback = &site->qrypt};
}

static int init_site(struct pl_server *s, struct pl_site *site, uint32_t index)
{
	const struct pl_settings *o = site->settings = pl_settings_retain(s->settings);
	int err =
		pl_worker_init(&site->worker, index, s->config->engine, s->log, s->gate, &o->conn);
	if (err)
		return err;
	err = pl_hub_init(&site->hub, site->worker.loop, s->bus, pl_settings_limits(o), &o->chat);
	site->has_hub = !err;
	if (!err)
		err = pl_gateway_init(&site->gateway, &site->hub, &o->gateway, index,
				      o->conn.ws.max_message);
	site->has_gateway = !err;
	if (err)
		return err;
	site->hub.store = s->store;
	pl_rest_init(&site->rest, &s->rest, &site->hub);
	site->rest.key = o->admin;
	fill_routes(site);
	for (size_t i = 0; i < s->nbound; i++) {
		site->points[i] = s->bound[i];
		site->points[i].router =
			s->speaks[i] == PL_SPEAKS_QRYPT ? &site->by_qrypt : &site->by_path;
	}
	return pl_worker_listen(&site->worker, site->points, s->nbound);
}

static uint32_t count_workers(const struct pl_config *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t n = c->workers ? c->workers : cores > 0 ? (uint32_t)cores : 1;
	return n < PL_BUS_NODES_MAX ? n : PL_BUS_NODES_MAX;
}

static int start_sites(struct pl_server *s, struct pl_auth *auth, struct pl_buf *why)
{
	uint32_t n = count_workers(s->config);
	s->sites = pl_zalloc(n, sizeof(*s->sites));
	if (!s->sites)
		return PL_ENOMEM;
	int err = init_rest(s, n);
	for (; !err && s->nsites < n; s->nsites++) {
		struct pl_site *site = &s->sites[s->nsites];
		err = init_site(s, site, s->nsites);
		if (!err)
			pl_gateway_set_auth(&site->gateway, pl_auth_retain(auth));
	}
	if (err == PL_ESTATE)
		pl_buf_printf(why,
			      "engine io_uring: not allowed by this kernel, or not built in\n");
	for (uint32_t i = 0; !err && i < n; i++)
		err = pl_worker_start(&s->sites[i].worker);
	return err;
}

static int start(struct pl_server *s, struct pl_buf *why)
{
	struct pl_auth *auth = NULL;
	int err = pl_config_make_data(s->config);
	if (err)
		pl_buf_printf(why, "data %s: %m\n", s->config->data);
	if (!err)
		err = pl_settings_new(s->config, NULL, why, &s->settings);
	if (!err)
		err = pl_settings_auth(s->config, why, &auth);
	if (!err)
		err = load_tls(s->config, why, &s->tls.context);
	if (!err)
		err = pl_server_bind(s, why);
	if (!err)
		err = pl_gate_new(&s->settings->gate, &s->gate);
	if (!err)
		err = pl_bus_local_new(&s->bus);
	if (!err)
		err = open_store(s, why);
	if (!err)
		err = start_sites(s, auth, why);
	pl_auth_release(auth);
	return err;
}

int pl_server_start(const struct pl_config *c, struct pl_log *log,
		    const struct pl_server_events *events, struct pl_buf *why,
		    struct pl_server **out)
{
	struct pl_server *s = PL_NEW(struct pl_server);
	if (!s)
		return PL_ENOMEM;
	s->config = c;
	s->log = log;
	s->events = *events;
	pthread_mutex_init(&s->tls.lock, NULL);
	int err = start(s, why);
	if (err) {
		if (!why->len)
			pl_buf_printf(why, "%s\n", pl_strerror(err));
		pl_server_free(s);
		return err;
	}
	s->config = NULL;
	*out = s;
	return 0;
}

/* ---- on every worker ---- */

struct visit {
	struct pl_task task;
	struct pl_site *site;
	struct pl_settings *settings; /* of a reload: one reference each */
	struct pl_auth *auth;
};

static int visit(struct pl_site *site, void (*run)(struct pl_task *), struct pl_settings *settings,
		 struct pl_auth *auth)
{
	struct visit *v = PL_NEW(struct visit);
	if (!v)
		return PL_ENOMEM;
	*v = (struct visit){.task.run = run, .site = site};
	v->settings = settings ? pl_settings_retain(settings) : NULL;
	v->auth = auth ? pl_auth_retain(auth) : NULL;
	pl_loop_post(site->worker.loop, &v->task);
	return 0;
}

static void visit_all(struct pl_server *s, void (*run)(struct pl_task *),
		      struct pl_settings *settings, struct pl_auth *auth)
{
	for (uint32_t i = 0; i < s->nsites; i++)
		if (visit(&s->sites[i], run, settings, auth))
			pl_log(s->log, PL_ERROR, "server", "worker %u was not told: out of memory",
			       i);
}

/* ---- reload ---- */

static void adopt(struct pl_task *t)
{
	struct visit *v = PL_CONTAINER(t, struct visit, task);
	struct pl_site *site = v->site;
	struct pl_settings *old = site->settings;
	site->settings = v->settings;
	pl_conns_set_options(site->worker.conns, &v->settings->conn);
	site->hub.options = &v->settings->chat;
	site->hub.limits = pl_settings_limits(v->settings);
	site->gateway.options = &v->settings->gateway;
	site->rest.key = v->settings->admin;
	pl_gateway_set_auth(&site->gateway, v->auth);
	pl_settings_release(old);
	pl_free(v);
}

static void keep_what_has_its_size(struct pl_conn_options *next, const struct pl_conn_options *now)
{
	next->ws.compress = now->ws.compress;
	next->deflate = now->deflate;
	next->ws.compress_above = now->ws.compress_above;
	next->ws.max_message = now->ws.max_message;
}

int pl_server_reload(struct pl_server *s, const struct pl_config *next, struct pl_buf *why)
{
	struct pl_settings *settings = NULL;
	struct pl_auth *auth = NULL;
	struct pl_tls_context *tls = NULL;
	int err = pl_settings_new(next, s->settings, why, &settings);
	if (!err)
		err = pl_settings_auth(next, why, &auth);
	if (!err)
		err = load_tls(next, why, &tls);
	if (!err)
		err = pl_gate_set(s->gate, &settings->gate);
	if (err) {
		pl_settings_release(settings);
		pl_auth_release(auth);
		pl_tls_context_release(tls);
		return err;
	}
	keep_what_has_its_size(&settings->conn, &s->settings->conn);
	if (tls && s->tls.context)
		pl_tls_holder_set(&s->tls, tls);
	else
		pl_tls_context_release(tls);
	visit_all(s, adopt, settings, auth);
	pl_auth_release(auth);
	pl_settings_release(s->settings);
	s->settings = settings;
	return 0;
}

/* ---- the end ---- */

static void say_goodbye(struct pl_task *t)
{
	struct visit *v = PL_CONTAINER(t, struct visit, task);
	pl_worker_stop_accepting(&v->site->worker);
	pl_conns_drain(v->site->worker.conns, "server is shutting down: reconnect in a moment");
	pl_free(v);
}

void pl_server_drain(struct pl_server *s)
{
	atomic_store(&s->is_leaving, true);
	visit_all(s, say_goodbye, NULL, NULL);
}

bool pl_server_is_empty(const struct pl_server *s)
{
	int64_t n = 0;
	for (uint32_t i = 0; i < s->nsites; i++)
		n += atomic_load_explicit(&s->sites[i].worker.metrics.v[PL_M_CONNECTIONS],
					  memory_order_relaxed);
	return n == 0;
}

static void stop_workers(struct pl_server *s)
{
	for (uint32_t i = 0; i < s->nsites; i++)
		if (s->sites[i].worker.has_thread)
			pl_loop_stop(s->sites[i].worker.loop);
	for (uint32_t i = 0; i < s->nsites; i++)
		pl_worker_join(&s->sites[i].worker);
}

/* What came home after the loop stopped still has to be taken in, or its memory is lost. What is
 * taken in starts nothing new; a question that goes from loop to loop gets home in a few rounds. */
static void empty_loops(struct pl_server *s)
{
	for (int round = 0; round < 4; round++)
		for (uint32_t i = 0; i < s->nsites; i++)
			if (s->sites[i].worker.loop)
				pl_loop_turn(s->sites[i].worker.loop, 0);
}

static void free_sites(struct pl_server *s)
{
	for (uint32_t i = 0; i < s->nsites; i++) {
		struct pl_site *site = &s->sites[i];
		pl_worker_stop_accepting(&site->worker);
		pl_conns_free(site->worker.conns);
		site->worker.conns = NULL;
	}
	empty_loops(s);
	for (uint32_t i = 0; i < s->nsites; i++) {
		struct pl_site *site = &s->sites[i];
		if (site->has_gateway)
			pl_gateway_fini(&site->gateway);
		if (site->has_hub)
			pl_hub_fini(&site->hub);
		pl_worker_fini(&site->worker);
		pl_settings_release(site->settings);
	}
	pl_free(s->sites);
}

void pl_server_free(struct pl_server *s)
{
	if (!s)
		return;
	/* Workers first: nothing new reaches the store. Then the store, whose answers the loops
	 * still take. */
	atomic_store(&s->is_leaving, true);
	stop_workers(s);
	for (uint32_t i = 0; i < s->nsites; i++)
		if (s->sites[i].has_hub)
			pl_hub_stop(&s->sites[i].hub);
	pl_store_close(s->store);
	empty_loops(s);
	free_sites(s);
	pl_free(s->sets);
	pl_free(s->hubs);
	pl_server_unbind(s);
	pl_bus_free(s->bus);
	pl_gate_free(s->gate);
	pl_tls_context_release(s->tls.context);
	pthread_mutex_destroy(&s->tls.lock);
	pl_settings_release(s->settings);
	pl_free(s);
}

/* ---- for people ---- */

const char *pl_server_engine(const struct pl_server *s)
{
	return pl_loop_engine(s->sites[0].worker.loop) == PL_ENGINE_IO_URING ? "io_uring" : "epoll";
}

uint32_t pl_server_workers(const struct pl_server *s)
{
	return s->nsites;
}
