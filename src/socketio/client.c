/*
 * client.c - one Engine.IO session that speaks Socket.IO: the sockets it has, by namespace, how
 * long it may stay without any, its end.
 *
 * Invariants:  a connected socket is in its client's list;  so is, in the other one, a handshake
 * that has not been answered;  nsockets counts both.
 */
#include "socketio/recovery.h"

/* ---- its life ---- */

static uint32_t patience_of(const struct pl_sio_client *c)
{
	uint32_t most = 0;
	for (const parley_handshake *h = c->asking; h; h = h->next)
		most = h->def->nsp.authorize_ms > most ? h->def->nsp.authorize_ms : most;
	return most;
}

/* Whoever waits for an answer of ours is given the time for it, once. */
static void on_connect_timeout(struct pl_timer *t)
{
	struct pl_sio_client *c = PL_CONTAINER(t, struct pl_sio_client, connect);
	if (c->asking && !c->is_extended) {
		c->is_extended = true;
		pl_timer_set(c->site->loop, t, patience_of(c));
		return;
	}
	pl_client_refuse(c);
}

static int on_open(struct pl_eio *eio, const struct pl_request *q)
{
	struct pl_sio_site *s = pl_eios_ctx(pl_eio_set(eio));
	struct pl_sio_client *c = s->is_closed ? NULL : PL_NEW(struct pl_sio_client);
	struct pl_sio_request *r = c ? pl_sio_request_new(eio, q) : NULL;
	if (!r) {
		pl_free(c);
		return PL_ENOMEM;
	}
	c->eio = eio;
	c->site = s;
	c->request = r;
	pl_timer_init(&c->connect, on_connect_timeout);
	pl_timer_set(s->loop, &c->connect, s->sio->path->server.connect_timeout_ms);
	pl_eio_set_user(eio, c);
	if (s->watch && s->watch->on_engine)
		s->watch->on_engine(s->watch->ctx, eio, true, "");
	return 0;
}

static void on_upgrade(struct pl_eio *eio)
{
	const struct pl_sio_client *c = pl_eio_user(eio);
	const struct pl_sio_watch *w = c->site->watch;
	for (parley_socket *k = c->sockets; w && w->on_transport && k; k = k->next)
		w->on_transport(w->ctx, k);
}

static void on_pong(struct pl_eio *eio)
{
	const struct pl_sio_client *c = pl_eio_user(eio);
	for (parley_socket *k = c->sockets, *next; k; k = next) {
		next = k->next;
		pl_track_on_pong(k);
		if (k->hall->def->on_pong)
			k->hall->def->on_pong(k);
	}
}

void pl_client_end(struct pl_sio_client *c, const char *reason)
{
	pl_timer_stop(&c->connect);
	pl_handshakes_lost(c);
	while (c->sockets)
		pl_socket_end(c->sockets, reason, true);
}

static void on_close(struct pl_eio *eio, enum pl_eio_reason why)
{
	struct pl_sio_client *c = pl_eio_user(eio);
	struct pl_sio_site *s = c->site;
	const char *reason = c->is_refused ? "forced server close" : pl_eio_reason_text(why);
	pl_client_end(c, reason);
	if (s->watch && s->watch->on_engine)
		s->watch->on_engine(s->watch->ctx, eio, false, reason);
	pl_assembly_free(c->assembly);
	pl_sio_request_release(c->request);
	pl_free(c);
}

const struct pl_eio_ops pl_client_ops = {.on_open = on_open,
					 .on_message = pl_sio_hear,
					 .on_upgrade = on_upgrade,
					 .on_pong = on_pong,
					 .on_close = on_close};

void pl_client_break(struct pl_sio_client *c)
{
	pl_eio_close(c->eio, PL_EIO_FORCED, 0);
}

void pl_client_refuse(struct pl_sio_client *c)
{
	c->is_refused = true;
	pl_eio_close(c->eio, PL_EIO_FORCED, 0);
}

/* ---- its sockets ---- */

parley_socket *pl_client_socket(const struct pl_sio_client *c, struct pl_slice nsp)
{
	parley_socket *k = c->sockets;
	while (k && !pl_slice_eq(k->hall->name, nsp))
		k = k->next;
	return k;
}

void pl_client_add(struct pl_sio_client *c, parley_socket *k)
{
	k->client = c;
	k->next = c->sockets;
	c->sockets = k;
	c->nsockets++;
	pl_timer_stop(&c->connect);
}

void pl_client_remove(struct pl_sio_client *c, parley_socket *k)
{
	parley_socket **at = &c->sockets;
	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	k->next = NULL;
	k->client = NULL;
	c->nsockets--;
}

void pl_client_forget_request(struct pl_sio_client *c)
{
	if (c->site->sio->keeps_requests)
		return;
	pl_sio_request_release(c->request);
	c->request = NULL;
}
