/*
 * ack.c - acknowledgements: those that clients wait for, now or from any thread later, and those
 * that we wait for.
 *
 * What we wait for is in the socket's list until it is answered, too late, or the socket ends.
 */
#include "socketio/internal.h"

enum { WAITS_MAX = 1000, TIMEOUT_MS = 30000 };

/* ---- that a client waits for ---- */

bool parley_wants_ack(const parley_packet *p)
{
	return p->has_id && !p->in.is_answer && !*p->is_acked;
}

static int send_ack(parley_socket *k, uint64_t id, const struct parley_field *args)
{
	struct pl_sio_head head = {.type = PL_SIO_ACK, .has_id = true, .id = id};
	return pl_emit_packet(k, &head, pl_slice(NULL, 0), args);
}

int parley_ack(const parley_packet *p, const struct parley_field *args)
{
	if (!parley_wants_ack(p))
		return PARLEY_ESTATE;
	int err = send_ack(p->socket, p->id, args);
	*p->is_acked = err != PL_EINVAL && err != PL_ETOOBIG && err != PL_ELIMIT;
	return err;
}

bool pl_packet_take_ack(const parley_packet *p, uint64_t *id)
{
	if (!parley_wants_ack(p))
		return false;
	*p->is_acked = true;
	*id = p->id;
	return true;
}

int pl_sio_ack_json(parley_socket *k, uint64_t id, struct pl_slice json,
		    const struct pl_slice *attachments, uint32_t n)
{
	struct pl_sio_head head = {.type = PL_SIO_ACK, .has_id = true, .id = id};
	return pl_emit_json(k, &head, json, attachments, n);
}

/* An answer that is given later: its words come home in a packet of their own. */
struct parley_reply {
	struct pl_errand errand;
	uint64_t serial; /* the socket's */
	char socket[SOCKET_ID];
	uint64_t id;
	struct pl_sio_parcel *words; /* NULL: none, or no memory for them */
};

static void reply_free(parley_reply *r)
{
	pl_parcel_free(r->words);
	pl_free(r);
}

static void reply_finish(struct pl_errand *e)
{
	parley_reply *r = PL_CONTAINER(e, parley_reply, errand);
	parley_socket *k = pl_sio_site_socket(e->site, pl_slice(r->socket, SOCKET_ID));
	if (k && k->serial == r->serial && r->words) {
		struct pl_sio_head head = {.type = PL_SIO_ACK, .has_id = true, .id = r->id};
		(void)pl_emit_parcel(k, &head, r->words);
	}
	reply_free(r);
}

static void reply_orphan(struct pl_errand *e)
{
	(void)e;
}

static void reply_drop(struct pl_errand *e)
{
	reply_free(PL_CONTAINER(e, parley_reply, errand));
}

parley_reply *parley_ack_later(const parley_packet *p)
{
	parley_reply *r = parley_wants_ack(p) ? PL_NEW(parley_reply) : NULL;
	if (!r)
		return NULL;
	r->errand.finish = reply_finish;
	r->errand.orphan = reply_orphan;
	r->errand.drop = reply_drop;
	if (pl_errand_begin(&r->errand, p->socket->hall->site, false)) {
		pl_free(r);
		return NULL;
	}
	r->serial = p->socket->serial;
	memcpy(r->socket, p->socket->id, SOCKET_ID);
	r->id = p->id;
	*p->is_acked = true;
	return r;
}

int parley_reply_send(parley_reply *r, const struct parley_field *args)
{
	if (!pl_errand_claim(&r->errand))
		return PARLEY_ESTATE;
	int err = args ? pl_parcel_new(pl_slice(NULL, 0), args, &r->words) : 0;
	pl_errand_answer(&r->errand);
	return err;
}

/* ---- that we wait for ---- */

struct pl_sio_wait {
	struct pl_sio_wait *next;
	struct pl_timer deadline;
	parley_socket *socket;
	parley_on_ack *on_ack;
	void *ctx;
	uint64_t id;
};

/* NULL: it is not there. */
static struct pl_sio_wait *take_wait(parley_socket *k, uint64_t id)
{
	struct pl_sio_wait **at = k->extra ? &k->extra->waits : NULL;
	while (at && *at && (*at)->id != id)
		at = &(*at)->next;
	struct pl_sio_wait *w = at ? *at : NULL;
	if (!w)
		return NULL;
	*at = w->next;
	if (k->extra->last_wait == &w->next)
		k->extra->last_wait = at;
	k->extra->nwaits--;
	pl_timer_stop(&w->deadline);
	return w;
}

static void tell(struct pl_sio_wait *w, int err, const parley_packet *answer)
{
	parley_socket *k = w->socket;
	uintptr_t before = pl_sio_enter(k->hall->site);
	w->on_ack(k, err, answer, w->ctx);
	pl_sio_leave(k->hall->site, before);
	pl_free(w);
}

static void on_deadline(struct pl_timer *t)
{
	struct pl_sio_wait *w = PL_CONTAINER(t, struct pl_sio_wait, deadline);
	tell(take_wait(w->socket, w->id), PARLEY_EEXPIRED, NULL);
}

void pl_ack_hear(parley_socket *k, const parley_packet *p)
{
	struct pl_sio_wait *w = p->has_id ? take_wait(k, p->id) : NULL;
	if (w)
		tell(w, 0, p);
}

void pl_acks_end(parley_socket *k)
{
	while (k->extra && k->extra->waits)
		tell(take_wait(k, k->extra->waits->id), PARLEY_ECLOSED, NULL);
}

static void append(parley_socket *k, struct pl_sio_wait *w)
{
	struct pl_sio_extra *x = k->extra;
	if (!x->waits)
		x->last_wait = &x->waits;
	*x->last_wait = w;
	x->last_wait = &w->next;
	x->nwaits++;
}

/* A wait with the next id, not begun yet. */
static int wait_new(parley_socket *k, parley_on_ack *on_ack, void *ctx, struct pl_sio_wait **out)
{
	if (!parley_socket_is_connected(k))
		return PARLEY_ECLOSED;
	if (!pl_extra_of(k))
		return PARLEY_ENOMEM;
	if (k->extra->nwaits >= WAITS_MAX)
		return PARLEY_ELIMIT;
	struct pl_sio_wait *w = PL_NEW(struct pl_sio_wait);
	if (!w)
		return PARLEY_ENOMEM;
	*w = (struct pl_sio_wait){
		.socket = k, .on_ack = on_ack, .ctx = ctx, .id = k->hall->next_ack};
	*out = w;
	return 0;
}

/* After it was sent, or not. */
static int wait_begin(parley_socket *k, struct pl_sio_wait *w, int err, uint32_t timeout_ms)
{
	if (err) {
		pl_free(w);
		return err;
	}
	k->hall->next_ack++;
	pl_timer_init(&w->deadline, on_deadline);
	pl_timer_set(k->hall->site->loop, &w->deadline, timeout_ms ? timeout_ms : TIMEOUT_MS);
	append(k, w);
	return 0;
}

int parley_emit_with_ack(parley_socket *k, struct parley_slice event,
			 const struct parley_field *args, uint32_t timeout_ms,
			 parley_on_ack *on_ack, void *ctx)
{
	struct pl_sio_head head = {.type = PL_SIO_EVENT, .has_id = true, .id = k->hall->next_ack};
	struct pl_sio_wait *w = NULL;
	if (!on_ack || !event.at)
		return PARLEY_EINVAL;
	int err = wait_new(k, on_ack, ctx, &w);
	return err ? err
		   : wait_begin(k, w, pl_emit_packet(k, &head, pl_in(event), args), timeout_ms);
}

int pl_sio_ask_json(parley_socket *k, struct pl_slice json, const struct pl_slice *attachments,
		    uint32_t n, uint32_t timeout_ms, parley_on_ack *on_ack, void *ctx)
{
	struct pl_sio_head head = {.type = PL_SIO_EVENT, .has_id = true, .id = k->hall->next_ack};
	struct pl_sio_wait *w = NULL;
	int err = wait_new(k, on_ack, ctx, &w);
	return err ? err
		   : wait_begin(k, w, pl_emit_json(k, &head, json, attachments, n), timeout_ms);
}
