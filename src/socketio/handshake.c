/*
 * handshake.c - a client that asks to come into a namespace, and the answer to it: at once, or
 * from any thread later.
 *
 * A handshake is in its client's list until it is answered or the client is gone; it uses its hall
 * until its worker takes the answer.
 */
#include "socketio/recovery.h"

#include "handler/fields.h"
#include "wire/json_write.h"

enum { ERROR_MAX = 1 << 20 };

/* ---- words ---- */

/* {"message":...,"data":...}; data NULL: without. */
static int write_error(struct pl_buf *b, struct pl_slice message, const struct parley_field *data)
{
	struct parley_field fields[] = {
		parley_kstr("message", pl_out(message)), parley_kobj("data", data), {.key = NULL}};
	if (!data)
		fields[1].key = NULL;
	return pl_fields_write(b, fields);
}

static void tell_error(struct pl_sio_client *c, struct pl_slice nsp, struct pl_slice message)
{
	struct pl_buf b;
	pl_buf_init(&b, ERROR_MAX);
	if (write_error(&b, message, NULL))
		pl_client_break(c);
	else
		pl_emit_control(c, PL_SIO_CONNECT_ERROR, nsp, pl_buf_slice(&b));
	pl_buf_fini(&b);
}

void pl_handshake_fail(struct pl_sio_client *c, struct pl_slice nsp)
{
	tell_error(c, nsp, PL_S("The server has no room for you"));
}

/* ---- life ---- */

static void on_deadline(struct pl_timer *t);
static void finish(struct pl_errand *e);
static void orphan(struct pl_errand *e);
static void drop(struct pl_errand *e);

static void handshake_free(parley_handshake *h)
{
	pl_timer_stop(&h->deadline);
	pl_list_remove(&h->fetching);
	if (h->hall)
		pl_sio_hall_leave(h->hall);
	pl_sio_request_hide(h->shown);
	pl_json_parser_free(h->parser);
	pl_buf_fini(&h->error);
	pl_free(h);
}

/* NULL: no memory, or too many. Takes the use of the hall if it succeeds. */
static parley_handshake *handshake_new(struct pl_sio_client *c, struct pl_sio_hall *hall,
				       const struct pl_json *auth)
{
	parley_handshake *h = pl_zalloc(1, sizeof(*h) + hall->name.len);
	if (!h)
		return NULL;
	memcpy(h->text, hall->name.at, hall->name.len);
	h->name = pl_slice(h->text, hall->name.len);
	h->def = hall->def;
	h->auth = auth;
	pl_buf_init(&h->error, ERROR_MAX);
	pl_timer_init(&h->deadline, on_deadline);
	h->shown = pl_sio_request_show(c->request, hall);
	h->errand.finish = finish;
	h->errand.orphan = orphan;
	h->errand.drop = drop;
	pl_list_init(&h->fetching);
	if (!h->shown || pl_errand_begin(&h->errand, c->site, true)) {
		handshake_free(h);
		return NULL;
	}
	h->hall = hall;
	h->client = c;
	h->next = c->asking;
	c->asking = h;
	c->nsockets++;
	return h;
}

/* From here on the client owes it nothing. */
static struct pl_sio_client *part(parley_handshake *h)
{
	struct pl_sio_client *c = h->client;
	if (!c)
		return NULL;
	parley_handshake **at = &c->asking;
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	c->nsockets--;
	h->client = NULL;
	pl_timer_stop(&h->deadline);
	return c;
}

static void free_data_of(parley_handshake *h)
{
	if (h->free_data)
		h->free_data(h->data);
}

void pl_handshakes_lost(struct pl_sio_client *c)
{
	parley_handshake *h;
	while ((h = c->asking)) {
		bool is_answered = !pl_list_empty(&h->fetching);
		(void)part(h);
		if (!is_answered)
			continue; /* its answer will find nobody */
		free_data_of(h);
		handshake_free(h);
	}
}

bool pl_handshake_is_asking(const struct pl_sio_client *c, struct pl_slice nsp)
{
	const parley_handshake *h = c->asking;
	while (h && !pl_slice_eq(h->name, nsp))
		h = h->next;
	return h;
}

static void on_deadline(struct pl_timer *t)
{
	parley_handshake *h = PL_CONTAINER(t, parley_handshake, deadline);
	if (!pl_list_empty(&h->fetching)) { /* the other workers do not answer */
		pl_handshake_settle(h, NULL, NULL);
		return;
	}
	struct pl_sio_client *c = part(h);
	if (c)
		tell_error(c, h->name, PL_S("The authorization took too long"));
}

void pl_handshake_break(parley_handshake *h)
{
	if (h->client)
		pl_client_break(h->client);
}

/* ---- the answer ---- */

void pl_handshake_settle(parley_handshake *h, struct pl_sio_track *track,
			 struct pl_sio_missed *missed)
{
	struct pl_sio_birth b = {.data = h->data,
				 .free_data = h->free_data,
				 .id = h->has_id ? h->id : NULL,
				 .pid = pl_slice(h->pid_len ? h->pid : NULL, h->pid_len),
				 .is_recovered = h->is_recovered,
				 .is_held = h->is_held,
				 .shown = h->shown,
				 .identity = h->identity,
				 .track = track,
				 .missed = missed,
				 .offset = pl_handshake_offset(h)};
	struct pl_sio_client *c = part(h);
	struct pl_sio_hall *hall = h->hall;
	h->hall = NULL; /* its use goes to the socket */
	pl_socket_begin(c, hall, &b);
	handshake_free(h);
}

/* That it comes back, and may. */
static bool comes_back(const parley_handshake *h)
{
	return h->hall->record && pl_handshake_pid(h).len == PID_LEN;
}

static void refuse(parley_handshake *h)
{
	struct pl_sio_client *c = part(h);
	if (h->error.err)
		pl_handshake_fail(c, h->name);
	else
		pl_emit_control(c, PL_SIO_CONNECT_ERROR, h->name, pl_buf_slice(&h->error));
	handshake_free(h);
}

static void forget(parley_handshake *h)
{
	(void)part(h);
	free_data_of(h);
	handshake_free(h);
}

static void finish(struct pl_errand *e)
{
	parley_handshake *h = PL_CONTAINER(e, parley_handshake, errand);
	struct pl_sio_site *s = e->site;
	uintptr_t before = pl_sio_enter(s);
	if (!h->client || !pl_eio_is_open(h->client->eio))
		forget(h);
	else if (h->is_denied)
		refuse(h);
	else if (comes_back(h))
		pl_recovery_begin(h);
	else
		pl_handshake_settle(h, NULL, NULL);
	pl_sio_leave(s, before);
}

static void orphan(struct pl_errand *e)
{
	parley_handshake *h = PL_CONTAINER(e, parley_handshake, errand);
	(void)part(h);
	h->hall = NULL; /* the site is about to free all of them */
}

static void drop(struct pl_errand *e)
{
	parley_handshake *h = PL_CONTAINER(e, parley_handshake, errand);
	free_data_of(h);
	handshake_free(h);
}

void parley_admit(parley_handshake *h, void *data, void (*free_data)(void *))
{
	if (!pl_errand_claim(&h->errand))
		return;
	h->data = data;
	h->free_data = free_data;
	pl_errand_answer(&h->errand);
}

void parley_deny(parley_handshake *h, const char *message, const struct parley_field *data)
{
	if (!pl_errand_claim(&h->errand))
		return;
	h->is_denied = true;
	int err = write_error(&h->error, pl_slice_str(message ? message : "Not authorized"), data);
	if (err && !h->error.err)
		h->error.err = err; /* what it was to say cannot be said */
	pl_errand_answer(&h->errand);
}

/* ---- the question ---- */

void pl_handshake_keep_auth(parley_handshake *h)
{
	struct pl_sio_site *s = h->hall->site;
	if (h->parser)
		return;
	h->parser = s->auths;
	s->auths = NULL;
}

static int ask(struct pl_sio_client *c, struct pl_sio_hall *hall, const struct pl_json *auth)
{
	struct pl_sio_site *s = c->site;
	parley_handshake *h = handshake_new(c, hall, auth);
	if (!h)
		return PL_ENOMEM;
	if (hall->def->nsp.authorize) {
		uintptr_t before = pl_sio_enter(s);
		hall->def->nsp.authorize(h, hall->def->nsp.user);
		pl_sio_leave(s, before);
	} else {
		parley_admit(h, NULL, NULL);
	}
	if (pl_errand_let_go(&h->errand)) {
		finish(&h->errand);
		return 0;
	}
	pl_handshake_keep_auth(h);
	pl_timer_set(s->loop, &h->deadline, hall->def->nsp.authorize_ms);
	return 0;
}

static int enter(struct pl_sio_client *c, struct pl_sio_hall *hall, const struct pl_json *auth)
{
	bool may_come_back = hall->record && pl_json_get(auth, "pid");
	if (hall->def->nsp.authorize || may_come_back)
		return ask(c, hall, auth);
	pl_socket_begin(c, hall, &(struct pl_sio_birth){.data = NULL});
	return 0;
}

void pl_handshake_ask(struct pl_sio_client *c, struct pl_slice nsp, const struct pl_json *auth)
{
	struct pl_sio_hall *hall;
	int err = c->nsockets < SOCKETS_EACH ? pl_sio_hall_enter(c->site, nsp, &hall) : PL_ELIMIT;
	if (err == PL_ENOTFOUND) {
		tell_error(c, nsp, PL_S("Invalid namespace"));
		return;
	}
	if (!err && (err = enter(c, hall, auth)))
		pl_sio_hall_leave(hall);
	if (err)
		pl_handshake_fail(c, nsp);
}

/* ---- what it is ---- */

const parley_request *parley_handshake_request(const parley_handshake *h)
{
	return h->shown->request;
}

const parley_json *parley_handshake_auth(const parley_handshake *h)
{
	return (const parley_json *)(const void *)h->auth;
}

struct parley_slice parley_handshake_namespace(const parley_handshake *h)
{
	return pl_out(h->name);
}

void parley_identify(parley_handshake *h, struct parley_slice who)
{
	uint64_t hash = pl_siphash(h->errand.sio->seed, pl_in(who));
	h->identity = !who.len ? 0 : hash ? hash : 1;
}

void *pl_handshake_ctx(const parley_handshake *h)
{
	return h->hall->ctx;
}

struct pl_eio *pl_handshake_engine(const parley_handshake *h)
{
	return h->client ? h->client->eio : NULL;
}

struct pl_slice pl_handshake_pid(const parley_handshake *h)
{
	return pl_json_get_str(h->auth, "pid");
}

struct pl_slice pl_handshake_offset(const parley_handshake *h)
{
	return pl_json_get_str(h->auth, "offset");
}

int pl_handshake_restore(parley_handshake *h, struct pl_slice id, struct pl_slice pid,
			 bool is_recovered)
{
	if ((id.at && id.len != SOCKET_ID) || pid.len > PID_MAX)
		return PL_EINVAL;
	h->has_id = id.at;
	if (id.at)
		memcpy(h->id, id.at, SOCKET_ID);
	if (pid.len)
		memcpy(h->pid, pid.at, pid.len);
	h->pid_len = (uint8_t)pid.len;
	h->is_recovered = is_recovered;
	return 0;
}

void pl_handshake_hold(parley_handshake *h)
{
	h->is_held = true;
}
