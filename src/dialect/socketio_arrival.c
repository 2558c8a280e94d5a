/*
 * socketio_arrival.c - from a good token to the first word: where the socket sits down, what it
 * missed, and what is said meanwhile.
 *
 *     sit down everywhere ─► ask for what was missed, up to a position ─► come in ─► tell it ─► on
 *
 * A message is told once: what the answer shows lies up to its position, and of what is heard live
 * only what lies behind that is told. What is heard before the socket is in is held.
 */
#include "dialect/socketio_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json_write.h"

enum { HELD_MAX = 1024, HELD_FIRST = 8, PENDING_PAGE = 100, OFFSET_MAX = 64 };

struct arrival {
	struct pl_session *session;
	struct pl_timer later;
	char sid[PL_SOCKETIO_SID], pid[PL_SOCKETIO_PID];
	struct pl_slice shown; /* the pid that the client showed; points into text */
	bool has_offset, is_recovered, is_overrun;
	bool is_overtaken;              /* its client came again meanwhile */
	uint64_t taken_ms;              /* when it took the id over */
	struct pl_uuid start;           /* of the pid that was shown: what is said later is told */
	struct pl_uuid offset;          /* the last message that it says it has */
	struct pl_op *missed, *pending; /* that came home, or NULL */
	struct pl_event **held;
	size_t nheld, cap_held;
	char text[PL_SOCKETIO_PID];
};

static struct pl_slice sid_of(const struct arrival *a)
{
	return pl_slice(a->sid, sizeof(a->sid));
}

static void random_sid(char out[PL_SOCKETIO_SID])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t random[PL_SOCKETIO_SID];
	pl_random_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		out[i] = digits[random[i] & 63];
}

static void come_in(struct pl_timer *);

int pl_socketio_arrival_new(struct socketio *x, const parley_handshake *h)
{
	struct pl_slice pid = pl_handshake_pid(h), offset = pl_handshake_offset(h);
	struct arrival *a = PL_NEW(struct arrival);
	if (!a)
		return PL_ENOMEM;
	a->session = &x->session;
	pl_timer_init(&a->later, come_in);
	random_sid(a->sid);
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
	drop_op(&a->missed);
	drop_op(&a->pending);
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

/* ---- what was missed ---- */

static struct pl_slice none(void)
{
	return (struct pl_slice){NULL, 0};
}

static void come_in_later(struct pl_session *);

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
		come_in_later(s);
		return;
	}
	pl_socketio_of(s)->position = op->pending.newest;
	pl_session_ready(s, 0);
}

/* until nil: all that there is now. */
static int ask_pending(struct pl_session *s, const struct pl_uuid *until)
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

/* Too much, or anything else that is odd: it comes as a new one. */
static int give_up(struct pl_session *s)
{
	struct arrival *a = pl_socketio_of(s)->arrival;
	const struct pl_uuid nil = {{0}};
	random_sid(a->sid);
	a->is_recovered = false;
	drop_op(&a->missed);
	drop_op(&a->pending);
	return ask_pending(s, &nil);
}

/* Whose client came again has lost its id to that one: it is another, should anybody be there. */
static void come_in(struct pl_timer *t)
{
	struct arrival *a = PL_CONTAINER(t, struct arrival, later);
	int err = a->is_overtaken ? give_up(a->session) : 0;
	if (err || !a->is_overtaken)
		pl_session_ready(a->session, err);
}

/* In the next turn: whoever had the id before is gone by then, see take_over. */
static void come_in_later(struct pl_session *s)
{
	pl_timer_set(s->gateway->hub->loop, &pl_socketio_of(s)->arrival->later, 0);
}

/* Nobody has told it what was not said yet: of a store that was put back, or of a client that says
 * so. All that it did not hear would seem to have been heard. */
static bool is_of_the_future(const struct pl_op_missed *m)
{
	return memcmp(m->after.b, m->newest.b, sizeof(m->after.b)) > 0;
}

static void missed_found(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	struct socketio *x = s ? pl_socketio_of(s) : NULL;
	if (!x || !x->arrival) {
		pl_session_done(op);
		return;
	}
	if (op->err || op->missed.has_more || is_of_the_future(&op->missed)) {
		pl_session_done(op);
		int err = give_up(s);
		if (err)
			pl_session_ready(s, err);
		return;
	}
	x->arrival->is_recovered = true;
	x->arrival->missed = op;
	x->position = op->missed.newest;
	/* What was said before its first coming was told in lists: of those nobody knows whether
	 * they arrived. */
	bool is_first = pl_uuid_is_nil(&x->arrival->start);
	int err = is_first ? 0 : ask_pending(s, &x->arrival->start);
	if (is_first)
		come_in_later(s);
	if (err)
		pl_session_ready(s, err);
}

/* Whoever has this id still is a line that broke and does not know it. */
static void take_over(struct pl_session *s, struct pl_slice sid)
{
	struct pl_topic_id t = pl_topic_user(&s->peer.user.id);
	struct pl_event *e = pl_event_new(PL_EV_TAKEOVER);
	if (!e || pl_event_address(e, pl_topic_slice(&t)) ||
	    pl_arena_copy(&e->arena, sid, &e->ref)) {
		pl_event_release(e);
		return;
	}
	e->origin = s->peer.id;
	e->wall_ms = pl_wall_ms();
	pl_socketio_of(s)->arrival->taken_ms = e->wall_ms;
	pl_hub_publish(s->gateway->hub, e);
}

/* Of two that come at once the later one, and the same one wherever both are seen. */
static bool is_later(const struct pl_event *e, const struct socketio *x)
{
	uint64_t mine = x->arrival->taken_ms;
	return e->wall_ms > mine || (e->wall_ms == mine && e->origin > x->session.peer.id);
}

void pl_socketio_on_takeover(struct pl_session *s, const struct pl_event *e)
{
	struct socketio *x = pl_socketio_of(s);
	if (e->origin == s->peer.id)
		return;
	if (x->socket && pl_slice_eq(e->ref, pl_socketio_slice(parley_socket_id(x->socket))))
		parley_disconnect(x->socket, true);
	if (x->arrival && pl_slice_eq(e->ref, sid_of(x->arrival)) && is_later(e, x))
		x->arrival->is_overtaken = true;
}

static const uint8_t *secret_of(const struct pl_session *s)
{
	const struct pl_store *store = s->gateway->hub->store;
	return store ? pl_store_secret(store) : NULL;
}

/* PL_EINVAL: there is nothing to recover. */
static int ask_missed(struct pl_session *s)
{
	struct arrival *a = pl_socketio_of(s)->arrival;
	const uint8_t *key = secret_of(s);
	struct pl_slice sid;
	int err = key && a->shown.len
			  ? pl_socketio_pid_read(key, a->shown, &s->peer.user.id, &sid, &a->start)
			  : PL_EINVAL;
	if (err)
		return err;
	struct pl_op *op = pl_session_op(s, PL_OP_MISSED, missed_found, none());
	if (!op)
		return PL_ENOMEM;
	memcpy(a->sid, sid.at, sizeof(a->sid));
	take_over(s, sid);
	op->missed.user = s->peer.user.id;
	op->missed.after = a->has_offset ? a->offset : a->start;
	op->missed.limit = s->gateway->options->socketio_recovery;
	op->missed.bytes = PL_SOCKETIO_MISSED_BYTES;
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
			err = ask_missed(s);
			if (err)
				err = ask_pending(s, &nil);
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
	const uint8_t *key = secret_of(s);
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

static int tell_row(struct socketio *x, const struct pl_said *row)
{
	struct pl_slice at[PL_SOCKETIO_PIECES_MAX];
	struct pl_socketio_pieces pieces;
	struct pl_sio_shared shared;
	struct pl_buf json, text;
	pl_socketio_pieces_init(&pieces);
	pl_buf_init(&json, 32 << 20);
	pl_buf_init(&text, 32 << 20);
	pl_socketio_put_news(&json, &row->message, row->message.content, row->alias, &row->other,
			     true, &pieces);
	pl_socketio_pieces_slices(&pieces, at);
	int err = json.err ? json.err
			   : pl_sio_shared_event(&shared, PL_S("/"), pl_buf_slice(&json), at,
						 pieces.n, false, &text);
	if (!err) {
		pl_sio_push(x->socket, &shared);
		pl_sio_shared_fini(&shared);
	}
	pl_buf_fini(&json);
	pl_buf_fini(&text);
	pl_socketio_pieces_fini(&pieces);
	return err;
}

static int tell_missed(struct socketio *x, const struct pl_op_missed *m)
{
	const struct pl_uuid *me = &x->session.peer.user.id;
	for (size_t i = 0; i < m->nrows; i++) {
		const struct pl_said *row = &m->rows[i];
		bool is_direct = row->type == PL_DIRECT;
		if (is_direct && pl_uuid_eq(&row->message.sender.id, me))
			continue;
		int err = tell_row(x, row);
		if (err)
			return err;
		if (is_direct)
			pl_socketio_told(x, &row->message.id);
	}
	return 0;
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
	parley_disconnect(x->socket, true);
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
		err = tell_missed(x, &a->missed->missed);
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
