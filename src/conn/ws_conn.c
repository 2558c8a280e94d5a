/* ws_conn.c - an open WebSocket: messages in, messages out, back-pressure, the close handshake. */
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

static void on_ping(struct pl_conn *c, struct pl_slice payload)
{
	c->active_tick = c->heard_tick;
	if (c->endpoint->on_ping)
		c->endpoint->on_ping(c, payload);
	else
		put_control(c, PL_WS_PONG, payload);
}

static void on_pong(struct pl_conn *c, struct pl_slice payload)
{
	c->missed = 0;
	if (c->endpoint->on_pong)
		c->endpoint->on_pong(c, payload);
}

static void on_event(struct pl_conn *c, const struct pl_ws_event *ev)
{
	if (ev->op == PL_WS_CLOSE) {
		on_peer_close(c, ev);
	} else if (c->phase != PL_PH_OPEN) {
		return; /* we said goodbye: only the peer's close frame matters now */
	} else if (ev->op == PL_WS_PING) {
		on_ping(c, ev->data);
	} else if (ev->op == PL_WS_PONG) {
		on_pong(c, ev->data);
	} else {
		c->active_tick = c->heard_tick;
		pl_metric_add(c->set->metrics, PL_M_FRAMES_IN, 1);
		c->endpoint->on_message(c, ev->op, ev->data);
	}
}

static void on_fault(struct pl_conn *c, const struct pl_ws_event *ev, int err)
{
	pl_metric_add(c->set->metrics, PL_M_PROTOCOL_ERRORS, 1);
	if (!c->close_code)
		c->fault = (int8_t)err;
	if (c->phase == PL_PH_OPEN)
		put_close(c, ev->close_code, ev->reason);
	if (c->phase == PL_PH_DEAD)
		return;
	pl_conn_tell_closed(c, ev->close_code, ev->reason);
	pl_conn_finish(c);
}

void pl_ws_input(struct pl_conn *c, char *at, size_t n)
{
	struct pl_ws_limits limits = pl_ws_limits_of(c);
	struct pl_ws_event ev;
	int got;
	if (c->phase != PL_PH_OPEN && c->phase != PL_PH_CLOSING)
		return; /* it ended in the callback that upgraded it */
	pl_conn_heard(c);
	while ((got = pl_ws_read(&c->ws, &limits, c->set->inflater, &at, &n, &ev)) > 0) {
		on_event(c, &ev);
		if (c->phase != PL_PH_OPEN && c->phase != PL_PH_CLOSING)
			return;
	}
	if (got < 0)
		on_fault(c, &ev, got);
	else if (pl_conn_unsent(c) > pl_conn_ws(c)->out_soft)
		pl_conn_read_on(c, false); /* who does not read answers asks no more questions */
}

/* ---- out ---- */

/* Nobody waits for a ping behind a full backlog. */
static void send_control(struct pl_conn *c, enum pl_ws_op op, struct pl_slice payload)
{
	if (c->phase == PL_PH_OPEN && pl_conn_unsent(c) <= pl_conn_ws(c)->out_hard)
		put_control(c, op, payload);
}

void pl_conn_ping(struct pl_conn *c, struct pl_slice payload)
{
	send_control(c, PL_WS_PING, payload);
}

void pl_conn_pong(struct pl_conn *c, struct pl_slice payload)
{
	send_control(c, PL_WS_PONG, payload);
}

size_t pl_conn_backlog(const struct pl_conn *c)
{
	return pl_conn_unsent(c);
}

static void slow(struct pl_conn *c)
{
	static const struct pl_slice reason = {
		"too slow: reconnect and load what you missed from the history", 61};
	pl_metric_add(c->set->metrics, PL_M_SLOW_CLOSED, 1);
	pl_log(c->set->log, PL_INFO, "conn", "connection %llu reads too slowly: closed",
	       (unsigned long long)c->id);
	/* What has begun to leave must leave whole; the rest makes room for the goodbye. */
	pl_outq_cut(&c->queue->q);
	pl_conn_close(c, 1013, reason);
}

/* Whether another n bytes may be queued. */
static bool has_room(struct pl_conn *c, size_t n, bool is_volatile)
{
	const struct pl_ws_options *o = pl_conn_ws(c);
	/* Much in one turn is not yet a slow reader: let the socket say what it takes. */
	while (!c->is_blocked && pl_conn_unsent(c) && pl_conn_unsent(c) + n > o->out_soft)
		pl_loop_flush_now(c->set->loop, &c->queue->out);
	if (c->phase == PL_PH_DEAD)
		return false;
	size_t unsent = pl_conn_unsent(c);
	if (!c->is_blocked || unsent + n <= o->out_soft)
		return true;
	if (is_volatile) {
		pl_metric_add(c->set->metrics, PL_M_VOLATILE_DROPPED, 1);
		return false;
	}
	uint64_t now = pl_loop_now_ms(c->set->loop);
	if (!c->queue->q.slow_since_ms)
		c->queue->q.slow_since_ms = now;
	return unsent + n <= o->out_hard && now - c->queue->q.slow_since_ms <= o->slow_ms;
}

/* 0, or what pl_conn_send is to say. */
static int may_send(struct pl_conn *c, size_t n, bool is_volatile)
{
	if (c->phase != PL_PH_OPEN)
		return PL_ECLOSED;
	bool has = has_room(c, n, is_volatile);
	if (c->phase != PL_PH_OPEN)
		return PL_ECLOSED; /* the socket said so when it was asked */
	if (has)
		return 0;
	if (!is_volatile && pl_conn_ws(c)->drop_when_slow)
		pl_metric_add(c->set->metrics, PL_M_VOLATILE_DROPPED, 1);
	else if (!is_volatile)
		slow(c);
	return PL_EBUSY;
}

static bool packs(const struct pl_conn *c, size_t n)
{
	return c->deflate && n >= pl_conn_ws(c)->compress_above;
}

static int put_message(struct pl_conn *c, enum pl_ws_op kind, char tag, struct pl_slice payload,
		       bool is_packed)
{
	char head[PL_WS_HEADER_MAX + 1];
	size_t n = pl_ws_header(head, kind, payload.len + (tag != 0), is_packed, NULL);
	if (tag)
		head[n++] = tag;
	pl_metric_add(c->set->metrics, PL_M_FRAMES_OUT, 1);
	return pl_conn_put2(c, pl_slice(head, n), payload) ? PL_ENOMEM : 0;
}

/* The message in one piece. *b: empty, and the caller's to free. */
static struct pl_slice join(struct pl_buf *b, char tag, struct pl_slice payload)
{
	if (!tag)
		return payload;
	pl_buf_putc(b, tag);
	pl_buf_puts(b, payload);
	return pl_buf_slice(b);
}

int pl_conn_send_tagged(struct pl_conn *c, enum pl_ws_op kind, char tag, struct pl_slice payload)
{
	struct pl_buf whole;
	struct pl_slice packed;
	size_t n = payload.len + (tag != 0);
	int err = may_send(c, n + PL_WS_HEADER_MAX, false);
	if (err)
		return err;
	if (!packs(c, n))
		return put_message(c, kind, tag, payload, false);
	pl_buf_init(&whole, n);
	struct pl_slice message = join(&whole, tag, payload);
	bool is_shorter = !whole.err && pl_deflate(c->set->deflater, message, &packed) == 1;
	pl_buf_fini(&whole);
	return is_shorter ? put_message(c, kind, 0, packed, true)
			  : put_message(c, kind, tag, payload, false);
}

int pl_conn_send(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice payload)
{
	return pl_conn_send_tagged(c, kind, 0, payload);
}

static struct pl_frame *frame_for(struct pl_conn *c, struct pl_shared *s)
{
	bool packed = packs(c, s->payload.len + (s->tag != 0));
	struct pl_frame **made = packed ? &s->packed : &s->plain;
	struct pl_buf whole;
	if (*made)
		return *made;
	pl_buf_init(&whole, s->payload.len + 1);
	struct pl_slice message = join(&whole, s->tag, s->payload);
	if (packed && !whole.err)
		s->packed = pl_ws_frame_deflated(c->set->deflater, s->kind, message);
	else if (!whole.err)
		s->plain = pl_ws_frame(s->kind, message);
	pl_buf_fini(&whole);
	return *made;
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
	if (may_send(c, f->len, s->is_volatile))
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
	if (c->phase == PL_PH_PIECES) /* the rest of the body will never be said */
		pl_conn_break(c, 1006, PL_S(""));
	if (c->phase != PL_PH_OPEN)
		return;
	char payload[PL_WS_CONTROL_MAX];
	size_t n = pl_ws_close_payload(payload, code, reason);
	pl_conn_enter(c, PL_PH_CLOSING, c->set->options->close_ms);
	put_control(c, PL_WS_CLOSE, pl_slice(payload, n));
	if (c->phase != PL_PH_CLOSING)
		return;
	/* What was sent is what on_close will say. */
	pl_conn_note_end(c, code, n > 2 ? pl_slice(payload + 2, n - 2) : PL_S(""));
	pl_conn_read_on(c, true); /* the peer's close frame must be seen */
}
