/*
 * socketio_recovery.c - a socket whose line broke and whose client shows its pid: whose it is, what
 * was missed since, and telling that.
 */
#include "dialect/socketio_arrival.h"

#include "base/clock.h"

int pl_socketio_give_up(struct pl_session *s)
{
	struct arrival *a = pl_socketio_of(s)->arrival;
	const struct pl_uuid nil = {{0}};
	pl_socketio_new_sid(a->sid);
	a->is_recovered = false;
	pl_socketio_forget_answers(a);
	return pl_socketio_ask_pending(s, &nil);
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
		int err = pl_socketio_give_up(s);
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
	int err = is_first ? 0 : pl_socketio_ask_pending(s, &x->arrival->start);
	if (is_first)
		pl_socketio_come_in_later(s);
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
	const struct arrival *a = x->arrival;
	if (e->origin == s->peer.id)
		return;
	if (x->socket && pl_slice_eq(e->ref, pl_socketio_slice(parley_socket_id(x->socket))))
		parley_disconnect(x->socket, true);
	if (a && pl_slice_eq(e->ref, pl_slice(a->sid, sizeof(a->sid))) && is_later(e, x))
		x->arrival->is_overtaken = true;
}

const uint8_t *pl_socketio_secret(const struct pl_session *s)
{
	const struct pl_store *store = s->gateway->hub->store;
	return store ? pl_store_secret(store) : NULL;
}

int pl_socketio_ask_missed(struct pl_session *s)
{
	struct arrival *a = pl_socketio_of(s)->arrival;
	const uint8_t *key = pl_socketio_secret(s);
	struct pl_slice sid;
	int err = key && a->shown.len
			  ? pl_socketio_pid_read(key, a->shown, &s->peer.user.id, &sid, &a->start)
			  : PL_EINVAL;
	if (err)
		return err;
	struct pl_op *op = pl_session_op(s, PL_OP_MISSED, missed_found, (struct pl_slice){NULL, 0});
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

/* ---- telling it ---- */

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

int pl_socketio_tell_missed(struct socketio *x, const struct pl_op_missed *m)
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
