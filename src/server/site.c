/* site.c - one worker's share of the server: what is spoken where, and its life. */
#include "server/internal.h"

#include "dialect/first_frame.h"

#include "wire/pattern.h"

/* ---- where ---- */

static const struct pl_endpoint *dialect_of(const struct pl_site *site, size_t row, bool guests)
{
	if (!pl_dialects[row].endpoint)
		return NULL;
	return guests && pl_dialects[row].guests ? &site->for_guests[row] : &site->dialects[row];
}

/* A row of the table whose path, on listeners for everything, does not say who may come. */
static const struct pl_endpoint *find_guests(const struct pl_finder *f,
					     const struct pl_http_request *q)
{
	const struct pl_site *site = f->site;
	bool may_come = f->takes_guests && site->server->is_chat;
	if (may_come && f->is_for_all && pl_slice_is(q->path, "/"))
		return &site->by_first_frame_for_guests;
	for (size_t i = 0; may_come && i < pl_dialect_count; i++)
		if (pl_dialects[i].guests && pl_slice_is(q->path, pl_dialects[i].path_of_all))
			return &site->for_guests[i];
	return NULL;
}

/* Socket.IO, which takes plain requests too; of upgrades: endpoints, then mounts. What the
 * endpoints refuse (their prefix) is still free for a mount with that prefix. */
static const struct pl_endpoint *find(void *ctx, const struct pl_http_request *q, unsigned *status)
{
	const struct pl_finder *f = ctx;
	struct pl_site *site = f->site;
	const struct parley_server *s = site->server;
	const struct pl_endpoint *e = site->sio ? pl_sio_find(site->sio, q) : NULL;
	if (e || !q->wants_upgrade)
		return e;
	if (site->handlers)
		e = pl_handler_find(site->handlers, q, status);
	for (size_t i = 0; !e && i < s->nmounts; i++)
		if (s->mounts[i].pattern && pl_pattern_match(s->mounts[i].pattern, q->path))
			e = dialect_of(site, s->mounts[i].dialect, f->takes_guests);
	return e ? e : find_guests(f, q);
}

/* What answers where the path does not decide: the listener's dialect, else what is mounted so. */
static const struct pl_endpoint *fallback(struct pl_site *site, enum pl_speaks speaks, bool guests)
{
	const struct parley_server *s = site->server;
	size_t row = pl_dialect_spoken(speaks);
	for (size_t i = 0; row == pl_dialect_count && i < s->nmounts; i++)
		if (!s->mounts[i].pattern)
			row = s->mounts[i].dialect;
	return row < pl_dialect_count ? dialect_of(site, row, guests) : NULL;
}

/* The rows of all listeners; behind them, from *common on, those of the listeners for everything.
 */
static size_t fill_routes(struct pl_site *site, size_t *common)
{
	size_t n = 0;
	*common = 0;
	if (!site->server->has_chat)
		return 0;
	n += pl_rest_routes(&site->rest, site->routes);
	for (size_t i = 0; site->server->is_chat && i < pl_dialect_count; i++)
		if (pl_dialects[i].path)
			site->routes[n++] = (struct pl_route){PL_HTTP_OTHER, pl_dialects[i].path,
							      &site->dialects[i]};
	*common = n;
	if (site->server->is_chat)
		site->routes[n++] = (struct pl_route){PL_HTTP_OTHER, "/", &site->by_first_frame};
	for (size_t i = 0; site->server->is_chat && i < pl_dialect_count; i++)
		if (pl_dialects[i].path_of_all)
			site->routes[n++] = (struct pl_route){
				PL_HTTP_OTHER, pl_dialects[i].path_of_all, &site->dialects[i]};
	return n;
}

static int listen_everywhere(struct pl_site *site)
{
	const struct parley_server *s = site->server;
	size_t common, all = fill_routes(site, &common);
	for (size_t i = 0; i < s->nbound; i++) {
		site->finders[i] =
			(struct pl_finder){site, s->takes_guests[i], s->speaks[i] == PL_SPEAKS_ALL};
		site->routers[i] = (struct pl_router){
			.routes = site->routes,
			.count = s->speaks[i] == PL_SPEAKS_ALL ? all : common,
			.fallback = fallback(site, s->speaks[i], s->takes_guests[i]),
			.find = find,
			.find_ctx = &site->finders[i],
			.finds_plain = site->sio != NULL,
		};
		site->points[i] = s->bound[i];
		site->points[i].router = &site->routers[i];
	}
	if (s->has_control)
		site->routers[s->nbound - 1] = (struct pl_router){
			.routes = site->control_routes,
			.count = pl_rest_routes(&site->control, site->control_routes)};
	pl_conns_set_routers(site->worker.conns, site->routers, s->nbound);
	return pl_worker_listen(&site->worker, site->points, s->nbound);
}

/* ---- what ---- */

/* What the gateway must be able to parse. */
static size_t max_message(const struct pl_config *c, const struct pl_settings *o)
{
	size_t most = o->conn.ws.max_message;
	for (size_t i = 0; i < pl_dialect_count; i++) {
		size_t its = pl_dialects[i].options ? pl_dialects[i].options(c).max_message : 0;
		most = its > most ? its : most;
	}
	return most;
}

static void init_dialect(struct pl_site *site, size_t row)
{
	const struct pl_dialect_row *d = &pl_dialects[row];
	struct pl_endpoint *both[] = {&site->dialects[row], &site->for_guests[row]};
	if (!d->endpoint)
		return;
	if (d->options)
		site->habits[row] = d->options(site->server->config);
	for (size_t i = 0; i < 2; i++) {
		const struct pl_endpoint *prototype = i && d->guests ? d->guests : d->endpoint;
		*both[i] = *prototype;
		both[i]->ctx = &site->gateway;
		both[i]->ws = d->options ? &site->habits[row] : NULL;
	}
}

static void init_rest(struct pl_site *site)
{
	struct parley_server *s = site->server;
	struct pl_accounts accounts = {.options = &site->settings->accounts,
				       .hasher = s->config->accounts_enabled ? s->hasher : NULL,
				       .auth = &site->gateway.auth,
				       .parser = site->gateway.tokens};
	pl_rest_init(&site->rest, &s->rest, &site->hub);
	pl_rest_init(&site->control, &s->rest, &site->hub);
	site->rest.key = site->settings->admin;
	site->rest.bodies = site->control.bodies = site->gateway.messages;
	site->rest.is_open = site->settings->open_rest;
	site->control.is_trusted = true;
	site->rest.files = site->control.files = s->files;
	site->rest.accounts = site->control.accounts = accounts;
	site->rest.turn = site->control.turn = &site->settings->calls.turn;
}

static int init_chat(struct pl_site *site, uint32_t index, struct pl_auth *auth)
{
	struct parley_server *s = site->server;
	const struct pl_settings *o = site->settings;
	int err =
		pl_hub_init(&site->hub, site->worker.loop, s->bus, pl_settings_limits(o), &o->chat);
	site->has_hub = !err;
	if (!err)
		err = pl_gateway_init(&site->gateway, &site->hub, &o->gateway, index,
				      max_message(s->config, o));
	site->has_gateway = !err;
	if (err)
		return err;
	pl_gateway_set_auth(&site->gateway, pl_auth_retain(auth));
	site->hub.store = s->store;
	err = pl_uploads_new(&site->hub, s->files, &o->uploads, &site->uploads);
	if (err)
		return err;
	site->gateway.uploads = site->uploads;
	init_rest(site);
	for (size_t i = 0; i < pl_dialect_count; i++)
		init_dialect(site, i);
	site->by_first_frame = pl_first_frame_endpoint;
	site->by_first_frame_for_guests = pl_first_frame_guest_endpoint;
	site->by_first_frame.ctx = site->by_first_frame_for_guests.ctx = &site->gateway;
	return 0;
}

static int init_handlers(struct pl_site *site, uint32_t index, struct pl_auth *auth)
{
	struct parley_server *s = site->server;
	if (!s->prefix && !pl_handlers_count(s->handlers) && !pl_sio_count(s->sio))
		return 0;
	int err = pl_handler_site_new(s->handlers, index, site->worker.loop, &site->handlers);
	if (!err)
		pl_handler_site_set_auth(site->handlers, auth ? pl_auth_retain(auth) : NULL);
	return err;
}

static int init_socketio(struct pl_site *site, uint32_t index)
{
	if (!pl_sio_count(site->server->sio))
		return 0;
	int err = pl_sio_site_new(site->server->sio, index, site->worker.loop, site->worker.conns,
				  site->handlers, &site->sio);
	if (!err && site->server->has_socketio)
		pl_sio_site_set_ctx(site->sio, "/", &site->gateway);
	if (!err && site->server->admin)
		err = pl_sio_admin_site_new(site->server->admin, site->worker.loop, site->sio,
					    site->server->hasher, &site->admin);
	return err;
}

int pl_site_init(struct pl_site *site, struct parley_server *s, uint32_t index,
		 struct pl_auth *auth)
{
	site->server = s;
	site->settings = pl_settings_retain(s->settings);
	int err = pl_worker_init(&site->worker, index, s->config->engine, s->log, s->gate,
				 &site->settings->conn);
	if (!err && s->has_chat)
		err = init_chat(site, index, auth);
	if (!err)
		err = init_handlers(site, index, auth);
	if (!err)
		err = init_socketio(site, index);
	return err ? err : listen_everywhere(site);
}

void pl_site_adopt(struct pl_site *site, struct pl_settings *settings, struct pl_auth *auth)
{
	struct pl_settings *old = site->settings;
	site->settings = settings;
	pl_conns_set_options(site->worker.conns, &settings->conn);
	if (site->handlers)
		pl_handler_site_set_auth(site->handlers, auth ? pl_auth_retain(auth) : NULL);
	if (site->has_gateway) {
		site->hub.options = &settings->chat;
		site->hub.limits = pl_settings_limits(settings);
		site->gateway.options = &settings->gateway;
		pl_uploads_set_options(site->uploads, &settings->uploads);
		if (!site->worker.index)
			site->server->file_keeper.expiry_ms = settings->upload_expiry_ms;
		site->rest.key = settings->admin;
		site->rest.is_open = settings->open_rest;
		site->rest.accounts.options = &settings->accounts;
		site->control.accounts.options = &settings->accounts;
		site->rest.turn = site->control.turn = &settings->calls.turn;
		pl_gateway_set_auth(&site->gateway, pl_auth_retain(auth));
	}
	pl_auth_release(auth);
	pl_settings_release(old);
}

/* ---- the end ---- */

void pl_site_close(struct pl_site *site)
{
	pl_worker_stop_accepting(&site->worker);
	pl_conns_free(site->worker.conns);
	pl_sio_site_close(site->sio);
	site->worker.conns = NULL;
}

void pl_site_fini(struct pl_site *site)
{
	pl_sio_site_free(site->sio);
	pl_sio_admin_site_free(site->admin);
	pl_handler_site_free(site->handlers);
	pl_uploads_free(site->uploads);
	if (site->has_gateway)
		pl_gateway_fini(&site->gateway);
	if (site->has_hub)
		pl_hub_fini(&site->hub);
	pl_worker_fini(&site->worker);
	pl_settings_release(site->settings);
}
