/*
 * socket.c - a client in a namespace: how it comes in, what it says, how it ends.
 *
 * It ends when its client does, or when it leaves the namespace. One that we disconnect is off its
 * client's list at once, and ends with the turn: no callback on it is running then.
 */
#include "socketio/recovery.h"

#include "wire/json_write.h"

enum { EVENT_SHOWN = 255 };

/* ---- birth ---- */

void pl_random_text(char *out, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	pl_random_bytes(out, n);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[(uint8_t)out[i] & 63];
}

static void socket_free(parley_socket *k)
{
	struct pl_sio_hall *hall = k->hall;
	pl_room_leave_all(&hall->rooms, &k->member);
	pl_ids_remove(&hall->site->ids, k->id);
	if (k->free_data)
		k->free_data(k->data);
	pl_extra_free(k->extra);
	pl_free(k);
	pl_sio_hall_leave(hall);
}

static int join_rooms(parley_socket *k, const struct pl_sio_track *t)
{
	struct pl_rooms *rooms = &k->hall->rooms;
	int err = pl_room_join(rooms, &k->member, EVERYBODY);
	for (size_t i = 0; !err && t && i < t->nrooms; i++)
		err = pl_room_join(rooms, &k->member, t->rooms[i]);
	return err;
}

/* What makes it one that may come back, or has. */
static int set_track(parley_socket *k, const struct pl_sio_birth *b)
{
	struct pl_sio_extra *x = k->hall->record ? pl_extra_of(k) : NULL;
	if (!k->hall->record)
		return 0;
	if (x)
		x->track = b->track ? b->track : pl_track_new(k->hall, b->identity);
	return x && x->track ? 0 : PL_ENOMEM;
}

static int furnish(parley_socket *k, struct pl_sio_client *c, const struct pl_sio_birth *b)
{
	struct pl_sio_site *s = k->hall->site;
	int err = pl_ids_add(&s->ids, k->id);
	if (!err && b->pid.len)
		err = pl_extra_set_pid(k, b->pid);
	if (!err && k->hall->def->nsp.keep_request && c->request)
		err = pl_extra_keep_request(k, c->request);
	if (!err)
		err = set_track(k, b);
	return err ? err : join_rooms(k, b->track);
}

/* With its id and in its rooms. Takes data, the hall and the track only if it succeeds. */
static parley_socket *socket_new(struct pl_sio_client *c, struct pl_sio_hall *hall,
				 const struct pl_sio_birth *b)
{
	parley_socket *k = PL_NEW(parley_socket);
	if (!k)
		return NULL;
	const char *id = b->track ? b->track->id : b->id;
	k->hall = hall;
	k->serial = ++hall->site->serial;
	k->is_recovered = b->is_recovered || b->track;
	k->is_held = b->is_held;
	if (id)
		memcpy(k->id, id, SOCKET_ID);
	else
		pl_random_text(k->id, SOCKET_ID);
	if (!furnish(k, c, b))
		return k;
	pl_ids_remove(&hall->site->ids, k->id);
	pl_room_leave_all(&hall->rooms, &k->member);
	if (k->extra && k->extra->track && !b->track)
		pl_track_free(k->extra->track);
	pl_extra_free(k->extra);
	pl_free(k);
	return NULL;
}

void pl_socket_hello(parley_socket *k)
{
	struct pl_buf b;
	struct pl_slice pid = pl_extra_pid(k);
	if (k->state != PL_SIO_CONNECTED || k->was_welcomed)
		return;
	k->was_welcomed = true;
	pl_buf_init(&b, 512);
	PL_PUT(&b, "{\"sid\":\"");
	pl_buf_put(&b, k->id, SOCKET_ID);
	if (pid.len) {
		PL_PUT(&b, "\",\"pid\":\"");
		pl_json_put_escaped(&b, pid);
	}
	PL_PUT(&b, "\"}");
	if (b.err)
		pl_client_break(k->client);
	else
		pl_emit_control(k->client, PL_SIO_CONNECT, k->hall->name, pl_buf_slice(&b));
	pl_buf_fini(&b);
	pl_extra_drop_pid(k);
}

static void watch(const parley_socket *k, bool connected, const char *reason)
{
	const struct pl_sio_watch *w = k->hall->site->watch;
	if (w && w->on_socket)
		w->on_socket(w->ctx, (parley_socket *)(uintptr_t)k, connected, reason);
}

static void report(parley_socket *k, int err, const char *event)
{
	const struct parley_namespace *n = &k->hall->def->nsp;
	if (err && n->on_error)
		n->on_error(k, err, event);
}

static void greet(parley_socket *k, struct pl_sio_shown *shown)
{
	struct pl_sio_site *s = k->hall->site;
	const struct parley_namespace *n = &k->hall->def->nsp;
	s->newcomer = k;
	s->shown = shown;
	k->was_greeted = true;
	int err = n->on_connect ? n->on_connect(k) : 0;
	if (err) {
		report(k, err, "connect");
		parley_disconnect(k, false);
	}
	s->newcomer = NULL;
	if (s->shown != shown)
		pl_sio_request_hide(s->shown);
	s->shown = NULL;
}

/* What the last authorization brought counts, and what was there before if it brought nothing. */
static void set_data(parley_socket *k, const struct pl_sio_birth *b)
{
	struct pl_sio_track *t = b->track;
	bool is_kept = t && !b->data && !b->free_data;
	k->data = is_kept ? t->data : b->data;
	k->free_data = is_kept ? t->free_data : b->free_data;
	if (t && !is_kept && t->free_data)
		t->free_data(t->data);
}

/* It was away: what it missed comes before the reply to its CONNECT. */
static void replay(parley_socket *k, const struct pl_sio_birth *b)
{
	struct pl_sio_missed none = {.at = NULL}, *missed = b->missed ? b->missed : &none;
	struct pl_sio_track *t = k->extra ? k->extra->track : NULL;
	if (!t)
		return;
	for (uint32_t i = 0; i < missed->n; i++)
		pl_emit_kept(k, missed->at[i]);
	pl_track_carry(t, b->offset, missed);
	pl_track_come(t, k);
}

static void begin(parley_socket *k, struct pl_sio_client *c, const struct pl_sio_birth *b)
{
	set_data(k, b);
	pl_client_add(c, k);
	k->state = PL_SIO_CONNECTED;
	replay(k, b);
	if (!k->is_held)
		pl_socket_hello(k);
	watch(k, true, "");
	greet(k, b->shown);
	pl_client_forget_request(c);
}

static void fail(struct pl_sio_client *c, struct pl_sio_hall *hall, const struct pl_sio_birth *b)
{
	if (b->free_data)
		b->free_data(b->data);
	pl_track_free(b->track);
	pl_handshake_fail(c, hall->name);
	pl_sio_hall_leave(hall);
}

void pl_socket_begin(struct pl_sio_client *c, struct pl_sio_hall *hall,
		     const struct pl_sio_birth *b)
{
	struct pl_sio_site *s = hall->site;
	uintptr_t before = pl_sio_enter(s);
	parley_socket *k = socket_new(c, hall, b);
	if (k)
		begin(k, c, b);
	else
		fail(c, hall, b);
	pl_sio_leave(s, before);
}

/* ---- what it says ---- */

/* For people: the name as far as it goes. */
static const char *shown(const parley_packet *p, char out[EVENT_SHOWN + 1])
{
	struct parley_slice name = parley_packet_event(p);
	size_t n = name.len < EVENT_SHOWN ? name.len : EVENT_SHOWN;
	memcpy(out, name.at, n);
	out[n] = '\0';
	return out;
}

static int handle(parley_socket *k, const parley_packet *p)
{
	const struct pl_sio_def *d = k->hall->def;
	const struct parley_on *on = pl_sio_event(d, pl_in(parley_packet_event(p)));
	if (on)
		return on->handle(k, p);
	return d->nsp.on_any ? d->nsp.on_any(k, p) : 0;
}

void pl_socket_hear(parley_socket *k, const parley_packet *p)
{
	struct pl_sio_site *s = k->hall->site;
	char name[EVENT_SHOWN + 1];
	if (s->watch && s->watch->on_event)
		s->watch->on_event(s->watch->ctx, k, p->in.json->raw, true);
	uintptr_t before = pl_sio_enter(s);
	int err = handle(k, p);
	if (err)
		report(k, err, shown(p, name));
	pl_sio_leave(s, before);
}

/* ---- its end ---- */

/* Off all lists: nobody else knows it. */
static void finish(parley_socket *k, const char *reason, bool may_return)
{
	struct pl_sio_site *s = k->hall->site;
	const struct parley_namespace *n = &k->hall->def->nsp;
	uintptr_t before = pl_sio_enter(s);
	pl_acks_end(k);
	if (k->was_greeted && n->on_disconnect)
		n->on_disconnect(k, reason);
	watch(k, false, reason);
	if (k->extra && k->extra->track)
		pl_track_leave(k->extra->track, may_return);
	socket_free(k);
	pl_sio_leave(s, before);
}

void pl_socket_end(parley_socket *k, const char *reason, bool may_return)
{
	pl_client_remove(k->client, k);
	k->state = PL_SIO_LEFT;
	finish(k, reason, may_return);
}

void pl_sockets_leave(struct pl_sio_site *s)
{
	parley_socket *k;
	while ((k = s->leaving)) {
		s->leaving = k->next;
		k->next = NULL;
		finish(k, "server namespace disconnect", false);
	}
}

static void reap(struct pl_reap *r)
{
	struct pl_sio_site *s = PL_CONTAINER(r, struct pl_sio_site, reap);
	s->is_reaping = false;
	pl_sockets_leave(s);
}

static void show_out(parley_socket *k)
{
	struct pl_sio_site *s = k->hall->site;
	struct pl_sio_client *c = k->client;
	pl_emit_control(c, PL_SIO_DISCONNECT, k->hall->name, PL_S(""));
	pl_client_remove(c, k);
	k->state = PL_SIO_LEFT;
	k->next = s->leaving;
	s->leaving = k;
	if (s->is_reaping)
		return;
	s->is_reaping = true;
	s->reap.reap = reap;
	pl_loop_reap(s->loop, &s->reap);
}

void parley_disconnect(parley_socket *k, bool close)
{
	struct pl_sio_client *c = k->client;
	if (k->state != PL_SIO_CONNECTED)
		return;
	if (!close) {
		show_out(k);
		return;
	}
	while (c->sockets)
		show_out(c->sockets);
	pl_eio_close(c->eio, PL_EIO_FORCED, 0);
}

/* ---- what it is ---- */

parley_socket *pl_sio_site_socket(struct pl_sio_site *s, struct pl_slice id)
{
	char *found = pl_ids_find(&s->ids, id);
	return found ? PL_CONTAINER(found, parley_socket, id) : NULL;
}

struct parley_slice parley_socket_id(const parley_socket *k)
{
	return parley_slice(k->id, SOCKET_ID);
}

struct parley_slice parley_socket_namespace(const parley_socket *k)
{
	return pl_out(k->hall->name);
}

void *parley_socket_data(const parley_socket *k)
{
	return k->data;
}

void parley_socket_set_data(parley_socket *k, void *data, void (*free_data)(void *))
{
	if (k->free_data && k->data != data)
		k->free_data(k->data);
	k->data = data;
	k->free_data = free_data;
}

void *parley_socket_user(const parley_socket *k)
{
	return k->hall->def->nsp.user;
}

parley_server *parley_socket_server(const parley_socket *k)
{
	return k->hall->site->sio->server;
}

bool parley_socket_is_connected(const parley_socket *k)
{
	return k->state == PL_SIO_CONNECTED && pl_eio_is_open(k->client->eio);
}

bool parley_socket_recovered(const parley_socket *k)
{
	return k->is_recovered;
}

bool parley_socket_is_websocket(const parley_socket *k)
{
	return k->client && pl_eio_transport(k->client->eio) == PL_EIO_WEBSOCKET;
}

const parley_request *parley_socket_request(const parley_socket *k)
{
	struct pl_sio_site *s = k->hall->site;
	if (s->newcomer != k)
		return pl_extra_request(k);
	if (!s->shown && k->client && k->client->request)
		s->shown = pl_sio_request_show(k->client->request, k->hall);
	return s->shown ? s->shown->request : NULL;
}

void *pl_socket_ctx(const parley_socket *k)
{
	return k->hall->ctx;
}

struct pl_eio *pl_socket_engine(const parley_socket *k)
{
	return k->client ? k->client->eio : NULL;
}
