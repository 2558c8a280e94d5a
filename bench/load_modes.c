/*
 * load_modes.c - what a connection does in echo, fanout, idle and storm, bare or as Socket.IO.
 */
#include "load.h"

#include <stdlib.h>
#include <string.h>

enum {
	RATE_UNDER_WAY = 1024, /* of one connection, with --rate */
	SOCKETIO_NEED = 32,    /* a packet's beginning and a stamp */
};

#define SOCKETIO_PATH "/socket.io/?EIO=4&transport=websocket"

/* ---- the message, framed once ---- */

/* Words, so that a text frame is text; the first 16 bytes are zeros, for a stamp. */
static void fill(char *out, size_t n)
{
	static const char words[] = "the ferry leaves at nine and whoever is late walks around it ";
	for (size_t i = 0; i < n; i++)
		out[i] = i < LOAD_STAMP_BYTES ? '0' : words[i % (sizeof words - 1)];
}

static size_t bytes_of(const char *text)
{
	return text ? strlen(text) : 0;
}

static void put(char *out, const char *text)
{
	if (text)
		memcpy(out, text, strlen(text));
}

static void frame_message(struct load *l, size_t copies)
{
	const struct load_wrap *w = &l->mode->said;
	size_t before = bytes_of(w->before), size = before + (size_t)l->o.size + bytes_of(w->after);
	char *text = load_alloc(size + 1, 1);
	put(text, w->before);
	fill(text + before, (size_t)l->o.size);
	put(text + before + l->o.size, w->after);
	l->frames = load_alloc(copies, size + LOAD_FRAME_EXTRA);
	l->frame_bytes = l->o.raw ? size : load_frame_head(size) + size;
	l->frame_count = copies;
	for (size_t i = 0; i < copies; i++) {
		char *at = l->frames + i * l->frame_bytes;
		if (l->o.raw)
			memcpy(at, text, size);
		else
			load_frame_write(at, 1, text, size);
	}
	free(text);
}

static char hex_digit(uint64_t nibble)
{
	return "0123456789abcdef"[nibble & 15];
}

static void stamp_message(struct load *l, uint64_t when_ns)
{
	const struct load_wrap *w = &l->mode->said;
	size_t before = bytes_of(w->before);
	char *at = l->frames + l->frame_bytes - bytes_of(w->after) - l->o.size;
	for (size_t i = 0; i < LOAD_STAMP_BYTES; i++) {
		char digit = hex_digit(when_ns >> 4 * (LOAD_STAMP_BYTES - 1 - i));
		at[i] = l->o.raw ? digit : load_frame_mask(digit, before + i);
	}
}

/* 0: not a stamp. */
static uint64_t read_stamp(const char *at)
{
	uint64_t value = 0;
	for (size_t i = 0; i < LOAD_STAMP_BYTES; i++) {
		const char *digit = memchr("0123456789abcdef", at[i], 16);
		if (!digit)
			return 0;
		value = value << 4 | (uint64_t)(at[i] <= '9' ? at[i] - '0' : at[i] - 'a' + 10);
	}
	return value;
}

/* Whether this is the message as it must come back, as far as it is there. */
static bool is_heard(const struct load *l, const char *at, size_t have, size_t length)
{
	const struct load_wrap *w = &l->mode->heard;
	size_t before = bytes_of(w->before);
	return length == before + l->o.size + bytes_of(w->after) && have >= before &&
	       (!before || memcmp(at, w->before, before) == 0);
}

/* ---- echo ---- */

static uint32_t echo_ring(const struct load *l)
{
	uint32_t ring = 1;
	uint64_t under_way = l->o.rate == LOAD_NONE ? l->o.depth : RATE_UNDER_WAY;
	while (ring < under_way)
		ring *= 2;
	return ring;
}

static void echo_prepare(struct load *l)
{
	frame_message(l, (size_t)l->o.depth);
	for (uint32_t i = 0; i < l->total; i++)
		l->conns[i].times = load_alloc(echo_ring(l), sizeof(uint64_t));
}

/* count: at most --depth. */
static void echo_send(struct load_conn *c, uint32_t count, uint64_t when_ns)
{
	uint32_t ring = echo_ring(c->load);
	if (c->state != LOAD_READY)
		return;
	if (c->waiting + count > ring) {
		c->load->n.lost += count;
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		c->times[(c->first + c->waiting++) & (ring - 1)] = when_ns;
	c->load->n.sent += count;
	load_conn_send(c, c->load->frames, count * c->load->frame_bytes);
}

static void echo_start(struct load *l)
{
	for (uint32_t i = 0; i < l->total; i++)
		echo_send(&l->conns[i], (uint32_t)l->o.depth, load_now());
}

static void echo_message(struct load_conn *c, const char *at, size_t have, size_t length)
{
	struct load *l = c->load;
	if (!c->waiting || !is_heard(l, at, have, length)) {
		l->n.bad++;
		return;
	}
	load_latency_add(&l->latency, l->now - c->times[c->first]);
	c->first = (c->first + 1) & (echo_ring(l) - 1);
	c->waiting--;
	l->n.done++;
	l->burst++;
}

static void echo_burst(struct load_conn *c)
{
	if (c->load->o.rate == LOAD_NONE)
		echo_send(c, c->load->burst, c->load->now);
}

static void echo_fire(struct load *l, uint64_t due_ns)
{
	echo_send(&l->conns[l->scheduled % l->total], 1, due_ns);
}

/* ---- fanout: the first --conns connections listen, the others publish in turns ---- */

struct fanout {
	uint64_t outstanding; /* deliveries that are to come */
	uint64_t published;
	char last[LOAD_STAMP_BYTES]; /* the stamp read last, and its value */
	uint64_t last_ns;
};

static void fanout_prepare(struct load *l)
{
	if (l->o.size < LOAD_STAMP_BYTES)
		load_die("fanout needs --size 16 or more: a message carries its send time");
	l->own = load_alloc(1, sizeof(struct fanout));
	frame_message(l, 1);
	for (uint64_t i = l->o.conns; i < l->total; i++)
		l->conns[i].is_publisher = true;
}

static void publish(struct load *l, uint64_t when_ns)
{
	struct fanout *f = l->own;
	uint64_t turn = l->o.conns + f->published++ % l->o.publishers;
	stamp_message(l, when_ns);
	f->outstanding += l->o.conns;
	l->n.sent++;
	load_conn_send(&l->conns[turn], l->frames, l->frame_bytes);
}

/* Keeps --window messages under way. What has not come after a second will not come. */
static void fanout_turn(struct load *l)
{
	struct fanout *f = l->own;
	uint64_t now = load_now();
	if (f->outstanding && now > l->progress_ns + LOAD_SECOND) {
		l->n.lost += f->outstanding;
		f->outstanding = 0;
		l->progress_ns = now;
	}
	while (f->outstanding <= (l->o.window - 1) * l->o.conns)
		publish(l, load_now());
}

static void fanout_message(struct load_conn *c, const char *at, size_t have, size_t length)
{
	struct load *l = c->load;
	struct fanout *f = l->own;
	size_t before = bytes_of(l->mode->heard.before);
	if (have < before + LOAD_STAMP_BYTES || !is_heard(l, at, have, length)) {
		l->n.bad++;
		return;
	}
	at += before;
	if (memcmp(at, f->last, LOAD_STAMP_BYTES) != 0) {
		memcpy(f->last, at, LOAD_STAMP_BYTES);
		f->last_ns = read_stamp(at);
	}
	if (f->last_ns && f->last_ns <= l->now)
		load_latency_add(&l->latency, l->now - f->last_ns);
	else
		l->n.bad++;
	f->outstanding -= f->outstanding > 0;
	l->progress_ns = l->now;
	l->n.done++;
}

/* ---- idle and storm ---- */

static void note_handshake(struct load_conn *c)
{
	load_latency_add(&c->load->latency, load_now() - c->opened_ns);
}

static void storm_ready(struct load_conn *c)
{
	note_handshake(c);
	c->load->n.done++;
	load_conn_close(c);
	load_conn_open(c);
}

static void ignore_message(struct load_conn *c, const char *at, size_t have, size_t length)
{
	(void)at, (void)have, (void)length;
	c->load->n.received++;
}

const struct load_mode load_modes[] = {
	{.name = "echo",
	 .unit = "messages",
	 .path = "/echo",
	 .doc = "--conns connections keep --depth messages of --size bytes under way",
	 .prepare = echo_prepare,
	 .on_open = load_conn_ready,
	 .on_start = echo_start,
	 .on_message = echo_message,
	 .on_burst = echo_burst,
	 .fire = echo_fire},
	{.name = "fanout",
	 .unit = "deliveries",
	 .path = "/sub",
	 .publish_path = "/pub",
	 .doc = "--conns listeners, --publishers in turns, --window messages under way",
	 .need = LOAD_STAMP_BYTES,
	 .prepare = fanout_prepare,
	 .on_open = load_conn_ready,
	 .on_message = fanout_message,
	 .on_turn = fanout_turn,
	 .fire = publish},
	{.name = "idle",
	 .unit = "connections",
	 .path = "/echo",
	 .doc = "--conns connections do nothing; memory of --server-pid for each",
	 .is_still = true,
	 .on_open = load_conn_ready,
	 .on_ready = note_handshake,
	 .on_message = ignore_message},
	{.name = "storm",
	 .unit = "handshakes",
	 .path = "/echo",
	 .doc = "--conns clients connect, upgrade, reset and begin again",
	 .is_reopening = true,
	 .on_open = load_conn_ready,
	 .on_ready = storm_ready,
	 .on_message = ignore_message},
	{.name = "sio-echo",
	 .unit = "messages",
	 .path = SOCKETIO_PATH,
	 .doc = "echo as Socket.IO: events that are acknowledged with their argument",
	 .said = {"421[\"echo\",\"", "\"]"},
	 .heard = {"431[\"", "\"]"},
	 .need = SOCKETIO_NEED,
	 .prepare = echo_prepare,
	 .takes = load_socketio_takes,
	 .on_start = echo_start,
	 .on_message = echo_message,
	 .on_burst = echo_burst,
	 .fire = echo_fire},
	{.name = "sio-fanout",
	 .unit = "deliveries",
	 .path = SOCKETIO_PATH,
	 .publish_path = SOCKETIO_PATH,
	 .doc = "fanout as Socket.IO: events to a room",
	 .is_joining = true,
	 .said = {"42[\"pub\",\"", "\"]"},
	 .heard = {"42[\"msg\",\"", "\"]"},
	 .need = SOCKETIO_NEED,
	 .prepare = fanout_prepare,
	 .takes = load_socketio_takes,
	 .on_message = fanout_message,
	 .on_turn = fanout_turn,
	 .fire = publish},
	{.name = "sio-idle",
	 .unit = "connections",
	 .path = SOCKETIO_PATH,
	 .doc = "idle as Socket.IO, in a room",
	 .is_still = true,
	 .is_joining = true,
	 .takes = load_socketio_takes,
	 .on_ready = note_handshake,
	 .on_message = ignore_message},
	{0},
};
