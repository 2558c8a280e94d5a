/*
 * socketio_pending.c - what was said to a user alone waits until one of its sockets is known to
 * have received it: by an acknowledgement of the list, or by a pong, which shows that everything
 * before the ping has arrived. A ping is sent for that soon after something was told. What was told
 * and is not known to have arrived is told again, in the list of the next connection.
 */
#include "dialect/socketio_internal.h"

#include "base/mem.h"

enum {
	PENDING_PAGE = 100,
	ANSWER_MS = 24 * 3600 * 1000,
	PENDING_BYTES = 32 << 20,
	PROVE_MS = 200 /* until the ping: others may be told meanwhile */
};

struct receipts {
	struct socketio *socket;
	struct pl_timer prove;
	struct pl_uuid page;   /* the last one of the list that is out; nil: none is */
	struct pl_uuid told;   /* the last one that was told by itself; nil: none */
	struct pl_uuid marked; /* what the pong of our ping proves; nil: none is on its way */
	bool has_more;         /* lists to come, before anything that was told counts */
	bool is_asking;        /* for the next list */
};

static const struct pl_uuid nil;

/* Lists come in order: what was told by itself lies behind all of them. */
static const struct pl_uuid *next_of(const struct receipts *r)
{
	if (!pl_uuid_is_nil(&r->page))
		return &r->page;
	return r->has_more || r->is_asking ? &nil : &r->told;
}

static void prove_now(struct pl_timer *t)
{
	struct receipts *r = PL_CONTAINER(t, struct receipts, prove);
	const parley_socket *k = r->socket->socket;
	const struct pl_uuid *next = next_of(r);
	/* Where a ping is on its way already, its pong leads here again. */
	if (k && !pl_uuid_is_nil(next) && pl_uuid_is_nil(&r->marked) &&
	    pl_eio_ping(pl_socket_engine(k)))
		r->marked = *next;
}

static void prove_soon(struct receipts *r)
{
	if (!pl_uuid_is_nil(next_of(r)) && pl_uuid_is_nil(&r->marked) &&
	    !pl_timer_is_set(&r->prove))
		pl_timer_set(r->socket->session.gateway->hub->loop, &r->prove, PROVE_MS);
}

static struct receipts *receipts_of(struct socketio *x)
{
	if (x->receipts)
		return x->receipts;
	struct receipts *r = PL_NEW(struct receipts);
	if (!r)
		return NULL;
	r->socket = x;
	pl_timer_init(&r->prove, prove_now);
	x->receipts = r;
	return r;
}

void pl_socketio_forget_receipts(struct socketio *x)
{
	if (!x->receipts)
		return;
	pl_timer_stop(&x->receipts->prove);
	pl_free(x->receipts);
	x->receipts = NULL;
}

static void forget_if_done(struct socketio *x)
{
	const struct receipts *r = x->receipts;
	if (pl_uuid_is_nil(&r->page) && pl_uuid_is_nil(&r->told) && !r->has_more && !r->is_asking)
		pl_socketio_forget_receipts(x);
}

/* Without memory it is told once more, at the next connection. */
void pl_socketio_told(struct socketio *x, const struct pl_uuid *message)
{
	struct receipts *r = receipts_of(x);
	if (!r)
		return;
	r->told = *message;
	prove_soon(r);
}

/* ---- it was received ---- */

static void ask_for_more(struct socketio *x);

/* Only now does the store know that the next list begins behind it. */
static void noted(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	struct socketio *x = s ? pl_socketio_of(s) : NULL;
	struct receipts *r = x && x->socket ? x->receipts : NULL;
	if (r && r->is_asking && pl_session_attached(op) == r)
		ask_for_more(x);
	pl_session_done(op);
}

/* more: the next list is asked for then. */
static int note_received(struct socketio *x, const struct pl_uuid *until, bool more)
{
	struct pl_session *s = &x->session;
	struct pl_op *op = pl_session_op(s, PL_OP_RECEIVED, noted, (struct pl_slice){NULL, 0});
	if (!op)
		return PL_ENOMEM;
	if (more)
		pl_session_attach(op, x->receipts);
	op->received.user = s->peer.user.id;
	op->received.until = *until;
	pl_session_submit(s, op);
	return 0;
}

static void page_received(struct socketio *x)
{
	struct receipts *r = x->receipts;
	/* Without memory the rest waits for the next connection. */
	r->is_asking = r->has_more && !note_received(x, &r->page, true);
	if (!r->has_more)
		(void)note_received(x, &r->page, false);
	r->page = r->marked = nil;
	prove_soon(r);
	forget_if_done(x);
}

static void told_received(struct socketio *x)
{
	struct receipts *r = x->receipts;
	(void)note_received(x, &r->marked, false);
	if (pl_uuid_eq(&r->marked, &r->told))
		r->told = nil;
	r->marked = nil;
	prove_soon(r);
	forget_if_done(x);
}

void pl_socketio_on_pong(parley_socket *k)
{
	struct socketio *x = parley_socket_data(k);
	struct receipts *r = x->socket ? x->receipts : NULL;
	if (!r)
		return;
	if (pl_uuid_is_nil(&r->marked))
		prove_soon(r);
	else if (pl_uuid_eq(&r->marked, &r->page))
		page_received(x);
	else
		told_received(x);
}

static void on_ack(parley_socket *k, int err, const parley_packet *answer, void *ctx)
{
	struct socketio *x = parley_socket_data(k);
	(void)answer;
	(void)ctx;
	if (!err && x->socket && x->receipts && !pl_uuid_is_nil(&x->receipts->page))
		page_received(x);
}

/* ---- lists ---- */

static int tell_list(struct socketio *x, const struct pl_op_pending *p)
{
	struct pl_buf b;
	pl_buf_init(&b, PENDING_BYTES);
	PL_PUT(&b, "[\"pending-messages\",[");
	for (size_t i = 0; i < p->nrows; i++) {
		const struct pl_said *row = &p->rows[i];
		if (i)
			PL_PUT(&b, ",");
		pl_socketio_put_message(&b, &row->message, row->message.content, row->alias,
					&row->other, NULL);
	}
	PL_PUT(&b, "]]");
	int err = b.err ? b.err
			: pl_sio_ask_json(x->socket, pl_buf_slice(&b), NULL, 0, ANSWER_MS, on_ack,
					  NULL);
	pl_buf_fini(&b);
	return err;
}

static void take_list(struct socketio *x, const struct pl_op_pending *p)
{
	struct receipts *r = p->nrows ? receipts_of(x) : x->receipts;
	if (r)
		r->has_more = p->has_more;
	if (!p->nrows || !r)
		return;
	if (tell_list(x, p))
		r->has_more = false; /* it waits for the next connection */
	else
		r->page = p->rows[p->nrows - 1].message.id;
	prove_soon(r);
}

static void more_found(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	struct socketio *x = s ? pl_socketio_of(s) : NULL;
	if (x && x->socket && x->receipts) {
		x->receipts->is_asking = false;
		x->receipts->has_more = false;
		if (!op->err)
			take_list(x, &op->pending);
		prove_soon(x->receipts);
		forget_if_done(x);
	}
	pl_session_done(op);
}

/* Up to where it was told live. */
static void ask_for_more(struct socketio *x)
{
	struct pl_session *s = &x->session;
	struct pl_op *op = pl_session_op(s, PL_OP_PENDING, more_found, (struct pl_slice){NULL, 0});
	x->receipts->is_asking = op != NULL;
	if (!op)
		return;
	op->pending.user = s->peer.user.id;
	op->pending.until = x->position;
	op->pending.limit = PENDING_PAGE;
	op->pending.bytes = PL_SOCKETIO_LIST_BYTES;
	pl_session_submit(s, op);
}

void pl_socketio_pend(struct socketio *x, struct pl_op *op)
{
	if (!op)
		return;
	take_list(x, &op->pending);
	pl_session_done(op);
}
