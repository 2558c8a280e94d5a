/*
 * socketio_arrival.c - from a good token to the first word: where the socket sits down, what it
 * missed, and what is said meanwhile.
 *
 *     sit down everywhere ─► ask for what was missed, up to a position ─► come in ─► tell it ─► on
 *
 * A message is told once: what the answer shows lies up to its position, and of what is heard live
 * only what lies behind that is told. What is heard before the socket is in is held.
 */
#include "dialect/socketio_arrival.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json_write.h"

enum { HELD_MAX = 1024, HELD_FIRST = 8, PENDING_PAGE = 100 };

static struct pl_slice sid_of(const struct arrival *a)
{
	return pl_slice(a->sid, sizeof(a->sid));
}

void pl_socketio_new_sid(char out[PL_SOCKETIO_SID])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t random[PL_SOCKETIO_SID];
	pl_random_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		out[i] = digits[random[i] & 63];
}

/* Whose client came again has lost its id to that one: it is another, should anybody be there. */
static void come_in(struct pl_timer *t)
{
	struct arrival *a = PL_CONTAINER(t, struct arrival, later);
	int err = a->is_overtaken ? pl_socketio_give_up(a->session) : 0;
	if (err || !a->is_overtaken)
		pl_session_ready(a->session, err);
}

int pl_socketio_arrival_new(struct socketio *x, const parley_handshake *h)
{
	struct pl_slice pid = pl_handshake_pid(h), offset = pl_handshake_offset(h);
	struct arrival *a = PL_NEW(struct arrival);
	if (!a)
		return PL_ENOMEM;
	a->session = &x->session;
	pl_timer_init(&a->later, come_in);
	pl_socketio_new_sid(a->sid);
	/* An offset that is none is odd: nothing is recovered then. */
	a->has_offset = offset.at && !pl_socketio_read_id(offset, &a->offset);
	bool is_odd = offset.at && !a->has_offset;
	if (pid.len == sizeof(a->text) && !is_odd && pl_socketio_has_offsets(&x->session)) {
		memcpy(a->text, pid.at, sizeof(a->text));
		a->shown = pl_slice(a->text, sizeof(a->text));
	}
	x->arrival = a;
	return 0;
}

static void drop_op(struct pl_op **op)
{
	if (*op)
		pl_session_done(*op);
	*op = NULL;
}

void pl_socketio_forget_answers(struct arrival *a)
{
	drop_op(&a->missed);
	drop_op(&a->pending);
}

void pl_socketio_arrival_free(struct socketio *x)
{
	struct arrival *a = x->arrival;
	if (!a)
		return;
	x->arrival = NULL;
	pl_timer_stop(&a->later);
	for (size_t i = 0; i < a->nheld; i++)
		pl_event_release(a->held[i]);
	pl_free(a->held);
	pl_socketio_forget_answers(a);
	pl_free(a);
}

/* ---- what is said meanwhile ---- */

static int make_place(struct arrival *a)
{
	if (a->nheld < a->cap_held)
		return 0;
	size_t cap = a->cap_held ? a->cap_held * 2 : HELD_FIRST;
	struct pl_event **moved =
		cap > HELD_MAX ? NULL : pl_realloc(a->held, cap * sizeof(struct pl_event *));
	if (!moved)
		return PL_ENOMEM;
	a->held = moved;
	a->cap_held = cap;
	return 0;
}

void pl_socketio_hold(struct socketio *x, const struct pl_event *e)
{
	struct arrival *a = x->arrival;
	if (!a)
		return;
	if (make_place(a))
		a->is_overrun = true; /* it comes again rather than miss something */
	else
		a->held[a->nheld++] = pl_event_keep(e);
}

/* ---- sitting down ---- */

int pl_socketio_sit(struct pl_session *s, const struct pl_conversation *c)
{
	struct pl_hub *hub = s->gateway->hub;
	/* In a chat of two nobody comes and goes. */
	if (c->type == PL_DIRECT)
		return pl_hub_join(hub, &s->peer, &c->id);
	return pl_hub_sit(hub, &s->peer, c, (struct pl_slice){NULL, 0});
}

static int sit_down(struct pl_session *s, const struct pl_op_chats *c)
{
	struct pl_hub *hub = s->gateway->hub;
	for (size_t i = 0; i < c->nrows; i++) {
		int err = pl_socketio_sit(s, &c->rows[i].conversation);
		if (err == PL_ELIMIT) {
			pl_log(hub->log, PL_WARN, "socketio",
			       "session %llu hears the latest %zu conversations of %zu",
			       (unsigned long long)s->peer.id, i, c->nrows);
			return 0;
		}
		if (err)
			return err;
	}
	return 0;
}

/* ---- what waits ---- */

static struct pl_slice none(void)
{
	return (struct pl_slice){NULL, 0};
}

void pl_socketio_come_in_later(struct pl_session *s)
{
	pl_timer_set(s->gateway->hub->loop, &pl_socketio_of(s)->arrival->later, 0);
}

static void pending_found(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	struct arrival *a = s ? pl_socketio_of(s)->arrival : NULL;
	int err = op->err;
	if (!a) {
		pl_session_done(op);
		return;
	}
	if (err) {
		pl_session_done(op);
		pl_session_ready(s, err);
		return;
	}
	a->pending = op;
	if (a->is_recovered) {
		pl_socketio_come_in_later(s);
		return;
	}
	pl_socketio_of(s)->position = op->pending.newest;
	pl_session_ready(s, 0);
}

int pl_socketio_ask_pending(struct pl_session *s, const struct pl_uuid *until)
{
	struct pl_op *op = pl_session_op(s, PL_OP_PENDING, pending_found, none());
	if (!op)
		return PL_ENOMEM;
	op->pending.user = s->peer.user.id;
	op->pending.until = *until;
	op->pending.limit = PENDING_PAGE;
	op->pending.bytes = PL_SOCKETIO_LIST_BYTES;
	pl_session_submit(s, op);
	return 0;
}

static void chats_listed(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	const struct pl_uuid nil = {{0}};
	if (s) {
		int err = op->err ? op->err : sit_down(s, &op->chats);
		if (!err) {
			err = pl_socketio_ask_missed(s);
			if (err)
				err = pl_socketio_ask_pending(s, &nil);
		}
		if (err)
			pl_session_ready(s, err);
	}
	pl_session_done(op);
}

static bool is_too_often(const struct pl_session *s)
{
	struct pl_hub *hub = s->gateway->hub;
	if (!pl_limits_take(hub->limits, PL_LIMIT_CONNECTS, pl_uuid_slice(&s->peer.user.id),
			    pl_now_ms(), NULL))
		return false;
	pl_metric_add(hub->metrics, PL_M_RATE_LIMITED, 1);
	return true;
}

void pl_socketio_prepare(struct pl_session *s)
{
	if (is_too_often(s)) {
		pl_session_ready(s, PL_ELIMIT);
		return;
	}
	struct pl_op *op = pl_session_op(s, PL_OP_CHATS, chats_listed, none());
	if (!op) {
		pl_session_ready(s, PL_ENOMEM);
		return;
	}
	op->chats.user = s->peer.user.id;
	pl_session_submit(s, op);
}

/* ---- coming in ---- */

int pl_socketio_restore(struct socketio *x)
{
	struct arrival *a = x->arrival;
	struct pl_session *s = &x->session;
	const uint8_t *key = pl_socketio_secret(s);
	struct pl_slice pid = {NULL, 0};
	if (a->is_overrun)
		return PL_EBUSY;
	if (a->is_recovered) {
		pid = a->shown;
	} else if (pl_socketio_has_offsets(s) && key) {
		int err = pl_socketio_pid_write(key, sid_of(a), &s->peer.user.id, &x->position,
						a->pid);
		if (err)
			return err;
		pid = pl_slice(a->pid, sizeof(a->pid));
	}
	if (a->is_recovered && a->missed->missed.nrows)
		pl_handshake_hold(x->asking);
	return pl_handshake_restore(x->asking, sid_of(a), pid, a->is_recovered);
}

static void greet(struct socketio *x)
{
	struct pl_session *s = &x->session;
	uint64_t random;
	pl_random_bytes(&random, sizeof(random));
	struct pl_buf *b = pl_socketio_begin(s, "connected");
	pl_buf_printf(b, "{\"sessionId\":\"%016llx\",\"userId\":", (unsigned long long)random);
	pl_socketio_put_user_id(b, &s->peer.user);
	PL_PUT(b, ",\"serverTime\":");
	pl_buf_put_u64(b, pl_wall_ms());
	PL_PUT(b, "}");
	pl_socketio_emit(s, b);
}

static void tell_held(struct socketio *x, struct arrival *a)
{
	struct pl_peer *p = &x->session.peer;
	for (size_t i = 0; i < a->nheld; i++) {
		struct pl_encoded *words = p->ops->encode(a->held[i]);
		if (words) {
			p->ops->push(p, a->held[i], words);
			p->ops->free_encoded(words);
		}
	}
}

/* Its client comes again by itself, and will miss nothing then. */
static int cut(struct socketio *x)
{
	pl_socket_break(x->socket);
	return 0;
}

int pl_socketio_arrive(struct socketio *x)
{
	struct arrival *a = x->arrival;
	int err = 0;
	if (x->is_dismissed)
		return PL_EDENIED;
	/* Overtaken after it was let in: with an id that is not its own any more. */
	if (a->is_overrun || (a->is_overtaken && a->is_recovered))
		return cut(x);
	/* Who has that one has all that was told before it. */
	if (a->is_recovered && a->has_offset)
		pl_socketio_told(x, &a->offset);
	if (a->is_recovered)
		err = pl_socketio_tell_missed(x, &a->missed->missed);
	if (err)
		return cut(x);
	pl_socket_hello(x->socket);
	if (!a->is_recovered)
		greet(x);
	struct pl_op *pending = a->pending;
	a->pending = NULL;
	pl_socketio_pend(x, pending);
	tell_held(x, a);
	pl_socketio_arrival_free(x);
	return 0;
}
