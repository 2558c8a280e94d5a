/* ws_conn.c - an open WebSocket: messages in, messages out, heartbeat, back-pressure, the close
 * handshake. */
#include "conn/internal.h"

#include "base/clock.h"

static void put_control(struct pl_conn *c, enum pl_ws_op op, struct pl_slice payload)
{
	char frame[PL_WS_HEADER_MAX + PL_WS_CONTROL_MAX];
	size_t n = payload.len < PL_WS_CONTROL_MAX ? payload.len : PL_WS_CONTROL_MAX;
	size_t head = pl_ws_header(frame, op, n, false, NULL);
	if (n)
		memcpy(frame + head, payload.at, n);
	(void)pl_conn_put(c, frame, head + n);
}

static void put_close(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	char payload[PL_WS_CONTROL_MAX];
	put_control(c, PL_WS_CLOSE, pl_slice(payload, pl_ws_close_payload(payload, code, reason)));
}

/* ---- in ---- */

static void on_peer_close(struct pl_conn *c, const struct pl_ws_event *ev)
{
	if (c->phase == PL_PH_OPEN)
		put_close(c, ev->close_code, PL_S(""));
	pl_conn_tell_closed(c, ev->close_code, ev->reason);
	pl_conn_finish(c);
}

static void on_event(struct pl_conn *c, const struct pl_ws_event *ev)
{
	if (ev->op == PL_WS_CLOSE) {
		on_peer_close(c, ev);
	} else if (c->phase != PL_PH_OPEN) {
		return; /* we said goodbye: only the peer's close frame matters now */
	} else if (ev->op == PL_WS_PING) {
		put_control(c, PL_WS_PONG, ev->data);
	} else if (ev->op != PL_WS_PONG) {
		pl_metric_add(c->set->metrics, PL_M_FRAMES_IN, 1);
		c->endpoint->on_message(c, ev->op, ev->data);
	}
}

static void on_fault(struct pl_conn *c, const struct pl_ws_event *ev)
{
	pl_metric_add(c->set->metrics, PL_M_PROTOCOL_ERRORS, 1);
	if (c->phase == PL_PH_OPEN)
		put_close(c, ev->close_code, ev->reason);
	if (c->phase == PL_PH_DEAD)
		return;
	pl_conn_tell_closed(c, ev->close_code, ev->reason);
	pl_conn_finish(c);
}

void pl_ws_input(struct pl_conn *c, char *at, size_t n)
{
	const struct pl_conn_options *o = c->set->options;
	struct pl_ws_limits limits = {.max_message = o->max_message,
				      .max_frames = o->max_frames,
				      .from_client = true,
				      .deflate = c->deflate};
	struct pl_ws_event ev;
	int got;
	pl_conn_heard(c);
	while ((got = pl_ws_read(&c->ws, &limits, c->set->inflater, &at, &n, &ev)) > 0) {
		on_event(c, &ev);
		if (c->phase != PL_PH_OPEN && c->phase != PL_PH_CLOSING)
			return;
	}
	if (got < 0)
		on_fault(c, &ev);
	else if (pl_conn_unsent(c) > o->out_soft)
		pl_conn_read_on(c, false); /* who does not read answers asks no more questions */
}

void pl_ws_deadline(struct pl_conn *c)
{
	const struct pl_conn_options *o = c->set->options;
	uint64_t silent_ms = (uint64_t)(pl_conns_tick(c->set) - c->heard_tick) * PL_TICK;
	if (o->heartbeat_timeout_ms && silent_ms > o->heartbeat_timeout_ms) {
		pl_metric_add(c->set->metrics, PL_M_HEARTBEAT_LOST, 1);
		pl_conn_break(c, 1006, PL_S("no sign of life"));
		return;
	}
	if (!c->is_blocked)
		put_control(c, PL_WS_PING, PL_S(""));
	if (c->phase == PL_PH_OPEN)
		pl_conn_set_deadline(c, o->heartbeat_ms);
}

/* ---- out ---- */

void pl_ws_slow(struct pl_conn *c)
{
	static const struct pl_slice reason = {
		"too slow: reconnect and load what you missed from the history", 61};
	pl_metric_add(c->set->metrics, PL_M_SLOW_CLOSED, 1);
	pl_log(c->set->log, PL_INFO, "conn", "connection %llu reads too slowly: closed",
	       (unsigned long long)c->id);
	/* What has begun to leave must leave whole; the rest makes room for the goodbye. */
	pl_outq_cut(c->queue);
	pl_conn_close(c, 1013, reason);
}

/* Whether another n bytes may be queued. */
static bool has_room(struct pl_conn *c, size_t n, bool is_volatile)
{
	const struct pl_conn_options *o = c->set->options;
	/* Much in one turn is not yet a slow reader: let the socket say what it takes. */
	while (!c->is_blocked && pl_conn_unsent(c) && pl_conn_unsent(c) + n > o->out_soft)
		pl_loop_flush_now(c->set->loop, &c->out);
	size_t unsent = pl_conn_unsent(c);
	if (!c->is_blocked || unsent + n <= o->out_soft)
		return true;
	if (is_volatile) {
		pl_metric_add(c->set->metrics, PL_M_VOLATILE_DROPPED, 1);
		return false;
	}
	uint64_t now = pl_loop_now_ms(c->set->loop);
	if (!c->queue->slow_since_ms)
		c->queue->slow_since_ms = now;
	return unsent + n <= o->out_hard && now - c->queue->slow_since_ms <= o->slow_ms;
}

static bool may_send(struct pl_conn *c, size_t n, bool is_volatile)
{
	if (c->phase != PL_PH_OPEN)
		return false;
	bool has = has_room(c, n, is_volatile);
	if (!has && !is_volatile && c->phase == PL_PH_OPEN)
		pl_ws_slow(c);
	return has && c->phase == PL_PH_OPEN;
}

void pl_conn_send(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice payload)
{
	char head[PL_WS_HEADER_MAX];
	struct pl_slice packed;
	if (!may_send(c, payload.len + PL_WS_HEADER_MAX, false))
		return;
	bool shorter = c->deflate && pl_deflate(c->set->deflater, payload, &packed) == 1;
	if (shorter)
		payload = packed;
	pl_metric_add(c->set->metrics, PL_M_FRAMES_OUT, 1);
	size_t n = pl_ws_header(head, kind, payload.len, shorter, NULL);
	(void)pl_conn_put2(c, pl_slice(head, n), payload);
}

static struct pl_frame *frame_for(struct pl_conn *c, struct pl_shared *s)
{
	if (c->deflate && !s->packed)
		s->packed = pl_ws_frame_deflated(c->set->deflater, s->kind, s->payload);
	if (!c->deflate && !s->plain)
		s->plain = pl_ws_frame(s->kind, s->payload);
	return c->deflate ? s->packed : s->plain;
}

void pl_conn_push(struct pl_conn *c, struct pl_shared *s)
{
	if (c->phase != PL_PH_OPEN)
		return;
	struct pl_frame *f = frame_for(c, s);
	if (!f) {
		pl_conn_break(c, 1006, PL_S("out of memory"));
		return;
	}
	if (!may_send(c, f->len, s->is_volatile))
		return;
	pl_metric_add(c->set->metrics, PL_M_FRAMES_OUT, 1);
	(void)pl_conn_put_frame(c, f);
}

void pl_shared_fini(struct pl_shared *s)
{
	pl_frame_release(s->plain);
	pl_frame_release(s->packed);
	s->plain = s->packed = NULL;
}

void pl_conn_close(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	if (c->phase == PL_PH_HEAD || c->phase == PL_PH_BODY || c->phase == PL_PH_OWED) {
		pl_conn_finish(c);
		return;
	}
	if (c->phase != PL_PH_OPEN)
		return;
	pl_conn_enter(c, PL_PH_CLOSING, c->set->options->close_ms);
	put_close(c, code, reason);
	if (c->phase != PL_PH_CLOSING)
		return;
	pl_conn_read_on(c, true); /* the peer's close frame must be seen */
	if (c->is_ws && !c->close_code)
		c->close_code = code;
}
