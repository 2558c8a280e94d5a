/* site.c - a worker's share of Socket.IO: its engines, which path is whose, whose thread runs a
 * callback, what is counted and watched. */
#include "socketio/recovery.h"

static int attach(struct pl_sio *sio, struct pl_sio_site *s)
{
	int err = sio->bus ? 0 : pl_bus_local_new(&sio->bus);
	if (!err)
		err = pl_bus_attach(sio->bus, &s->node);
	if (err)
		return err;
	sio->sites[sio->nsites++] = s;
	sio->nopen++;
	s->is_attached = true;
	return 0;
}

/* A bus does not forget its nodes: with the last site it goes. */
static void detach(struct pl_sio *sio, struct pl_sio_site *s)
{
	if (!s->is_attached)
		return;
	sio->sites[s->node.index] = NULL;
	if (--sio->nopen)
		return;
	pl_bus_free(sio->bus);
	sio->bus = NULL;
	sio->nsites = 0;
}

static int open_engines(struct pl_sio_site *s, uint32_t worker, struct pl_conns *conns)
{
	const struct pl_sio *sio = s->sio;
	int err = 0;
	if (sio->path)
		err = pl_eios_new(s->loop, conns, worker, &sio->path->eio, &pl_client_ops, s,
				  &s->eios);
	for (; !err && s->nbares < sio->nengines; s->nbares++)
		err = pl_bare_open(&s->bares[s->nbares], s, sio->engines[s->nbares], worker, conns);
	return err;
}

static int open_parsers(struct pl_sio_site *s)
{
	const struct pl_sio_path *path = s->sio->path;
	return pl_json_parser_new(path ? path->eio.max_payload : 1, &s->messages);
}

static int open_bundle(struct pl_sio_site *s)
{
	struct pl_sio *sio = s->sio;
	s->bundle = pl_bundle_endpoint;
	s->bundle.ctx = s;
	if (!sio->path || sio->path->server.no_client || sio->bundle)
		return 0;
	return pl_bundle_new(sio->path->server.client_dir, &sio->bundle);
}

int pl_sio_site_new(struct pl_sio *sio, uint32_t worker, struct pl_loop *loop,
		    struct pl_conns *conns, struct pl_handler_site *callbacks,
		    struct pl_sio_site **out)
{
	struct pl_sio_site *s =
		pl_zalloc(1, sizeof(*s) + sio->nengines * sizeof(struct pl_sio_bare));
	if (!s)
		return PL_ENOMEM;
	s->sio = sio;
	s->loop = loop;
	s->callbacks = callbacks;
	s->node = (struct pl_bus_node){.loop = loop, .on_event = pl_sio_on_event};
	pl_ids_init(&s->ids, SOCKET_ID);
	pl_buf_init(&s->out, PACKET_MAX);
	pl_list_init(&s->asked);
	pl_list_init(&s->fetching);
	pl_ids_init(&s->tracks, PID_LEN);
	pl_sio_halls_init(s);
	int err = pl_sio_halls_open(s);
	if (!err)
		err = open_bundle(s);
	if (!err)
		err = open_parsers(s);
	if (!err)
		err = attach(sio, s);
	if (!err)
		err = open_engines(s, worker, conns);
	if (err) {
		pl_sio_site_close(s);
		pl_sio_site_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void pl_sio_site_set_siblings(struct pl_sio_site *s, struct pl_conns *const *conns, uint32_t n)
{
	if (s->eios)
		pl_eios_set_siblings(s->eios, conns, n);
	for (uint32_t i = 0; i < s->nbares; i++)
		pl_eios_set_siblings(s->bares[i].eios, conns, n);
}

void pl_sio_site_drain(struct pl_sio_site *s)
{
	s->is_closed = true;
	if (s->eios)
		pl_eios_drain(s->eios);
	for (uint32_t i = 0; i < s->nbares; i++)
		pl_eios_drain(s->bares[i].eios);
}

void pl_sio_site_close(struct pl_sio_site *s)
{
	if (!s)
		return;
	s->is_closed = true;
	pl_eios_free(s->eios);
	s->eios = NULL;
	for (uint32_t i = 0; i < s->nbares; i++)
		pl_eios_free(s->bares[i].eios);
	s->nbares = 0;
	pl_sockets_leave(s);
	if (s->is_reaping) /* what is linked in the loop points here */
		pl_loop_turn(s->loop, 0);
}

void pl_sio_site_free(struct pl_sio_site *s)
{
	if (!s)
		return;
	detach(s->sio, s);
	pl_errands_end(s);
	pl_recovery_end(s);
	pl_tracks_free(s);
	pl_ids_fini(&s->tracks);
	pl_sio_halls_fini(s);
	pl_ids_fini(&s->ids);
	pl_json_parser_free(s->messages);
	pl_json_parser_free(s->auths);
	pl_buf_fini(&s->out);
	pl_free(s);
}

/* ---- paths ---- */

/* The original compares the path as a prefix. Without the slash at its end it is meant as well. */
static bool is_under(struct pl_slice path, struct pl_slice prefix)
{
	return pl_slice_starts(path, prefix) ||
	       pl_slice_eq(path, pl_slice(prefix.at, prefix.len - 1));
}

static const struct pl_endpoint *endpoint_of(const struct pl_eios *eios,
					     const struct pl_http_request *q)
{
	return q->wants_upgrade ? pl_eios_upgrade(eios) : pl_eios_http(eios);
}

static bool is_client_file(const struct pl_sio_site *s, const struct pl_http_request *q)
{
	struct pl_slice prefix = s->sio->path->path;
	return s->sio->bundle && !q->wants_upgrade && q->path.len > prefix.len &&
	       pl_bundle_has(pl_slice(q->path.at + prefix.len, q->path.len - prefix.len));
}

const struct pl_endpoint *pl_sio_find(struct pl_sio_site *s, const struct pl_http_request *q)
{
	const struct pl_sio *sio = s->sio;
	if (s->eios && is_under(q->path, sio->path->path))
		return is_client_file(s, q) ? &s->bundle : endpoint_of(s->eios, q);
	for (uint32_t i = 0; i < s->nbares; i++)
		if (is_under(q->path, s->bares[i].path->path))
			return endpoint_of(s->bares[i].eios, q);
	return NULL;
}

/* ---- whose thread ---- */

uintptr_t pl_sio_enter(struct pl_sio_site *s)
{
	return pl_handler_enter(s->callbacks);
}

void pl_sio_leave(struct pl_sio_site *s, uintptr_t before)
{
	pl_handler_leave(s->callbacks, before);
}

struct pl_sio_site *pl_sio_here(struct pl_sio *sio)
{
	const struct pl_handler_site *h = pl_handlers_here(sio->handlers);
	for (uint32_t i = 0; h && i < sio->nsites; i++)
		if (sio->sites[i] && sio->sites[i]->callbacks == h)
			return sio->sites[i];
	return NULL;
}

/* ---- the scratch ---- */

void pl_sio_written(struct pl_sio_site *s)
{
	if (s->out.cap <= SCRATCH_KEPT)
		return;
	pl_buf_fini(&s->out);
	pl_buf_init(&s->out, PACKET_MAX);
}

/* ---- for the house ---- */

void pl_sio_site_set_ctx(struct pl_sio_site *s, const char *nsp, void *ctx)
{
	struct pl_sio_hall *h = pl_sio_hall_find(s, pl_slice_str(nsp));
	if (h)
		h->ctx = ctx;
}

void pl_sio_site_watch(struct pl_sio_site *s, const struct pl_sio_watch *watch)
{
	s->watch = watch;
}

struct pl_sio_counts pl_sio_site_counts(const struct pl_sio_site *s)
{
	return s->counts;
}

size_t pl_sio_site_clients(const struct pl_sio_site *s, size_t *polling)
{
	*polling = s->eios ? pl_eios_polling(s->eios) : 0;
	return s->eios ? pl_eios_count(s->eios) : 0;
}

void pl_sio_site_each(struct pl_sio_site *s, void (*visit)(parley_socket *, void *ctx), void *ctx)
{
	PL_IDS_EACH(it, &s->ids)
	visit(PL_CONTAINER(*it, parley_socket, id), ctx);
}
