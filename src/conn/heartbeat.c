/*
 * heartbeat.c - the clock of an open WebSocket: beats, missed answers, silence, inactivity.
 *
 * The set keeps one deadline of a connection, the nearest. What the peer does only moves deadlines
 * away, so nothing is set when a message comes: a deadline that comes too early is set anew.
 */
#include "conn/internal.h"

static uint32_t ticks(uint32_t ms)
{
	return (uint32_t)(((uint64_t)ms + PL_TICK - 1) / PL_TICK);
}

/* The tick at which it is surely `ms` since `tick`. */
static uint32_t after(uint32_t tick, uint32_t ms)
{
	return tick + ticks(ms) + 1;
}

static void await_nearest(struct pl_conn *c, const struct pl_ws_options *o)
{
	uint32_t at = UINT32_MAX;
	if (o->heartbeat_ms)
		at = c->beat_tick;
	if (o->silence_ms && after(c->heard_tick, o->silence_ms) < at)
		at = after(c->heard_tick, o->silence_ms);
	if (o->idle_ms && after(c->active_tick, o->idle_ms) < at)
		at = after(c->active_tick, o->idle_ms);
	c->set->due[c->index] = at == UINT32_MAX ? PL_NO_DEADLINE : at;
}

void pl_ws_start_clock(struct pl_conn *c)
{
	c->missed = 0;
	c->active_tick = c->heard_tick;
	if (c->phase == PL_PH_OPEN)
		pl_ws_set_clock(c);
}

void pl_ws_set_clock(struct pl_conn *c)
{
	const struct pl_ws_options *o = pl_conn_ws(c);
	c->beat_tick = pl_conns_tick(c->set) + ticks(o->heartbeat_ms);
	await_nearest(c, o);
}

static void lose(struct pl_conn *c, bool is_final)
{
	pl_metric_add(c->set->metrics, PL_M_HEARTBEAT_LOST, 1);
	if (is_final)
		pl_conn_break(c, 1006, PL_S("no sign of life"));
	else
		pl_conn_close(c, 1000, PL_S("No pong received"));
}

/* A reader who takes nothing, or is not read, cannot answer either: no ping, but a beat missed. */
static void beat(struct pl_conn *c, const struct pl_ws_options *o)
{
	uint32_t most = o->missed_max < UINT8_MAX ? o->missed_max : UINT8_MAX;
	if (most && c->missed >= most) {
		lose(c, o->missed_is_final);
		return;
	}
	if (c->missed < UINT8_MAX)
		c->missed++;
	c->beat_tick = pl_conns_tick(c->set) + ticks(o->heartbeat_ms);
	if (!c->is_blocked)
		pl_conn_ping(c, pl_slice_str(o->beat));
}

void pl_ws_deadline(struct pl_conn *c)
{
	const struct pl_ws_options *o = pl_conn_ws(c);
	uint32_t now = pl_conns_tick(c->set);
	if (o->silence_ms && now >= after(c->heard_tick, o->silence_ms))
		lose(c, true);
	else if (o->idle_ms && now >= after(c->active_tick, o->idle_ms))
		pl_conn_close(c, 1000, PL_S("Inactivity timeout"));
	else if (o->heartbeat_ms && now >= c->beat_tick)
		beat(c, o);
	if (c->phase == PL_PH_OPEN)
		await_nearest(c, o);
}
