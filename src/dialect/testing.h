/*
 * testing.h - for the tests of this layer: one worker in one thread (loop, bus, hub, gateway,
 * connections) over the memory store or SQLite, and clients on the other ends of socket pairs that
 * speak real bytes. Answers of the store can be held back, so that what happens meanwhile is
 * certain.
 */
#ifndef PL_DIALECT_TESTING_H
#define PL_DIALECT_TESTING_H

#include "base/clock.h"
#include "base/mem.h"
#include "dialect/native.h"
#include "dialect/qrypt.h"
#include "dialect/realtime.h"
#include "dialect/socketio.h"
#include "handler/handler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define SECRET PL_S("an example of a secret of 32 bytes or more")

enum { HELD_MAX = 256, HEARD_MAX = 256, WAIT_MS = 5000 };

/* Set by a test that runs all over again on disk. */
static bool rig_on_disk;

struct rig {
	char dir[64], path[96];
	struct pl_loop *loop;
	struct pl_bus *bus;
	struct pl_store *store;
	struct pl_gate *gate;
	struct pl_conns *conns;
	struct pl_limits limits;
	struct pl_rate rates[PL_LIMIT__COUNT];
	struct pl_hub hub;
	struct pl_gateway gateway;
	struct pl_metrics metrics;
	struct pl_endpoint endpoint, native, guests, rt_chat, rt_presence;
	struct pl_route routes[4];
	struct pl_router router;
	struct pl_handlers *handlers;
	struct pl_handler_site *callbacks;
	struct pl_sio *sio;
	struct pl_sio_site *sockets;
	struct parley_socketio socketio;
	struct pl_chat_options chat;
	struct pl_gateway_options signing;
	struct pl_conn_options lines;
	pthread_mutex_t lock;
	bool is_holding;
	bool may_fail; /* allocations fail on purpose: what is not heard is not missed */
	struct pl_op *held[HELD_MAX];
	size_t nheld;
};

static inline void rig_finish(void *ctx, struct pl_op *op)
{
	struct rig *r = ctx;
	pthread_mutex_lock(&r->lock);
	bool is_held = r->is_holding && r->nheld < HELD_MAX;
	if (is_held)
		r->held[r->nheld++] = op;
	pthread_mutex_unlock(&r->lock);
	if (!is_held)
		pl_hub_finish(r->bus, op);
}

static inline void rig_hold(struct rig *r)
{
	pthread_mutex_lock(&r->lock);
	r->is_holding = true;
	pthread_mutex_unlock(&r->lock);
}

/* Lets the k-th of the held answers go, or (k < 0) all of them in order, and holds no more. */
static inline void rig_let_go(struct rig *r, int k)
{
	pthread_mutex_lock(&r->lock);
	size_t first = k < 0 ? 0 : (size_t)k, n = k < 0 ? r->nheld : 1;
	for (size_t i = first; i < first + n; i++)
		pl_hub_finish(r->bus, r->held[i]);
	r->nheld -= n;
	memmove(&r->held[first], &r->held[first + n], (r->nheld - first) * sizeof(*r->held));
	r->is_holding = k >= 0;
	pthread_mutex_unlock(&r->lock);
}

static inline size_t rig_held(struct rig *r)
{
	pthread_mutex_lock(&r->lock);
	size_t n = r->nheld;
	pthread_mutex_unlock(&r->lock);
	return n;
}

/* Until so many answers are held. */
static inline void rig_wait_held(struct rig *r, size_t n)
{
	for (uint64_t end = pl_now_ms() + WAIT_MS; rig_held(r) < n && pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	assert_int_equal(rig_held(r), n);
}

static inline struct pl_auth *rig_auth(void)
{
	struct pl_auth_options o = PL_AUTH_DEFAULTS;
	struct pl_auth *auth = NULL;
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	o.secret = SECRET;
	assert_int_equal(pl_auth_new(&o, &why, &auth), 0);
	pl_buf_fini(&why);
	return auth;
}

static inline const struct pl_endpoint *rig_find(void *ctx, const struct pl_http_request *q,
						 unsigned *status)
{
	(void)status;
	return pl_sio_find(((struct rig *)ctx)->sockets, q);
}

static inline void rig_open_socketio(struct rig *r)
{
	const char *why = NULL;
	assert_int_equal(pl_handlers_new(NULL, NULL, &r->handlers), 0);
	assert_int_equal(pl_sio_new(NULL, r->handlers, &r->sio), 0);
	assert_int_equal(pl_sio_set_options(r->sio, &r->socketio, sizeof(r->socketio), &why), 0);
	assert_int_equal(pl_socketio_add(r->sio, &why), 0);
	assert_int_equal(pl_handler_site_new(r->handlers, 0, r->loop, &r->callbacks), 0);
	assert_int_equal(pl_sio_site_new(r->sio, 0, r->loop, r->conns, r->callbacks, &r->sockets),
			 0);
	pl_sio_site_set_ctx(r->sockets, "/", &r->gateway);
	r->router.find = rig_find;
	r->router.find_ctx = r;
	r->router.finds_plain = true;
}

static inline void rig_close_socketio(struct rig *r)
{
	pl_sio_site_free(r->sockets);
	pl_handler_site_free(r->callbacks);
	pl_sio_free(r->sio);
	pl_handlers_free(r->handlers);
}

static inline void rig_open(struct rig *r)
{
	struct pl_loop_options lo = {.engine = PL_ENGINE_EPOLL, .metrics = &r->metrics};
	struct pl_store_options so = {.readers = 1, .finish = rig_finish, .ctx = r};
	struct pl_gate_options go = {0};
	pthread_mutex_init(&r->lock, NULL);
	if (rig_on_disk && r->path[0]) {
		so.path = r->path; /* what another one left */
	} else if (rig_on_disk) {
		snprintf(r->dir, sizeof(r->dir), "/tmp/parley-dialect-XXXXXX");
		assert_non_null(mkdtemp(r->dir));
		snprintf(r->path, sizeof(r->path), "%s/chat.db", r->dir);
		so.path = r->path;
	}
	assert_int_equal(pl_loop_new(&lo, &r->loop), 0);
	assert_int_equal(pl_bus_local_new(&r->bus), 0);
	assert_int_equal(pl_gate_new(&go, &r->gate), 0);
	assert_int_equal(pl_store_open(&so, &r->store), 0);
	assert_int_equal(pl_limits_init(&r->limits, r->rates), 0);
	assert_int_equal(pl_hub_init(&r->hub, r->loop, r->bus, &r->limits, &r->chat), 0);
	r->hub.store = r->store;
	assert_int_equal(pl_gateway_init(&r->gateway, &r->hub, &r->signing, 0, 1 << 20), 0);
	pl_gateway_set_auth(&r->gateway, rig_auth());
	assert_int_equal(pl_conns_new(r->loop, r->gate, &r->lines, &r->conns), 0);
	r->endpoint = pl_qrypt_endpoint;
	r->endpoint.ctx = &r->gateway;
	r->native = pl_native_endpoint;
	r->guests = pl_native_guest_endpoint;
	r->native.ctx = r->guests.ctx = &r->gateway;
	r->routes[0] = (struct pl_route){PL_HTTP_OTHER, "/native", &r->native};
	r->routes[1] = (struct pl_route){PL_HTTP_OTHER, "/guests", &r->guests};
	r->rt_chat = pl_realtime_chat_endpoint;
	r->rt_presence = pl_realtime_presence_endpoint;
	r->rt_chat.ctx = r->rt_presence.ctx = &r->gateway;
	r->routes[2] = (struct pl_route){PL_HTTP_OTHER, "/rt", &r->rt_chat};
	r->routes[3] = (struct pl_route){PL_HTTP_OTHER, "/rtp", &r->rt_presence};
	r->router.routes = r->routes;
	r->router.count = 4;
	r->router.fallback = &r->endpoint;
	rig_open_socketio(r);
}

/* Defaults of the server, without limits. Change them before rig_open. */
static inline struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	assert_non_null(r);
	r->chat = (struct pl_chat_options){.presence_grace_ms = 20,
					   .typing_expiry_ms = 30000,
					   .page_max = 200,
					   .rooms_max = 100000,
					   .rooms_open = true,
					   .online_max = 100000,
					   .ring_ms = 30000,
					   .call_max_ms = 3600000,
					   .calls_per_user = 4,
					   .calls_max = 1000};
	r->signing.expiry_warning_ms = 60000;
	r->signing.provision = true;
	r->signing.realtime_history = 1000;
	r->signing.socketio_typing_ms = 3000;
	r->signing.socketio_recovery = 1000;
	r->lines = (struct pl_conn_options){.http = pl_http_default_limits,
					    .header_ms = 10000,
					    .ws.max_message = 1 << 20,
					    .ws.max_frames = 1024,
					    .close_ms = 5000,
					    .ws.out_soft = 1 << 20,
					    .ws.out_hard = 4 << 20,
					    .ws.slow_ms = 10000};
	return r;
}

static inline struct rig *rig_start(void)
{
	struct rig *r = rig_new();
	rig_open(r);
	return r;
}

/* The end of a server, in its order. */
static inline void rig_shut(struct rig *r)
{
	pl_store_close(r->store);
	pl_hub_stop(&r->hub);
	pl_loop_turn(r->loop, 0);
	pl_conns_free(r->conns);
	pl_sio_site_close(r->sockets);
	pl_loop_turn(r->loop, 0);
	rig_close_socketio(r);
	pl_gateway_fini(&r->gateway);
	pl_hub_fini(&r->hub);
	pl_limits_fini(&r->limits);
	pl_loop_free(r->loop);
	pl_bus_free(r->bus);
	pl_gate_free(r->gate);
	pthread_mutex_destroy(&r->lock);
}

static inline void rig_end(struct rig *r)
{
	rig_shut(r);
	if (r->dir[0]) {
		static const char *const ends[] = {"", "-wal", "-shm", ".lock", "-lock"};
		for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
			char name[128];
			snprintf(name, sizeof(name), "%s%s", r->path, ends[i]);
			unlink(name);
		}
		rmdir(r->dir);
	}
	free(r);
}

/* ---- clients ---- */

struct client {
	struct rig *rig;
	int fd;
	char in[4 << 20]; /* bytes not taken yet */
	size_t len;
	char text[1 << 20]; /* the last frame heard, NUL-terminated */
	int op;             /* its opcode; 0: the connection ended */
	unsigned close_code;
	unsigned asked;
};

static inline void client_write(struct client *c, const void *at, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t m =
			send(c->fd, (const char *)at + done, n - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (m > 0)
			done += (size_t)m;
		else if (errno == EPIPE || errno == ECONNRESET)
			return;
		else
			pl_loop_turn(c->rig->loop, 1);
	}
}

static inline void client_say_as(struct client *c, enum pl_ws_op kind, struct pl_slice text)
{
	unsigned char head[14] = {(unsigned char)(0x80 | (unsigned)kind)};
	size_t n = 2;
	if (text.len < 126) {
		head[1] = (unsigned char)(0x80 | text.len);
	} else if (text.len < 65536) {
		head[1] = 0x80 | 126;
		head[2] = (unsigned char)(text.len >> 8);
		head[3] = (unsigned char)text.len;
		n = 4;
	} else {
		head[1] = 0x80 | 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] = (unsigned char)(text.len >> (8 * (7 - i)));
		n = 10;
	}
	client_write(c, head, n + 4); /* a mask of zeros is a mask */
	client_write(c, text.at, text.len);
}

static inline void client_say(struct client *c, struct pl_slice text)
{
	client_say_as(c, PL_WS_TEXT, text);
}

static inline void say(struct client *c, const char *text)
{
	client_say(c, pl_slice_str(text));
}

/* A request with its own id: "r1", "r2" ... of this client. */
static inline void client_ask(struct client *c, const char *type, const char *payload)
{
	/* Not from pl_alloc: that may be failing on purpose. */
	size_t max = strlen(payload) + 256;
	char *text = malloc(max);
	assert_non_null(text);
	int n = snprintf(text, max,
			 "{\"type\":\"%s\",\"payload\":%s,\"requestId\":\"r%u\","
			 "\"timestamp\":\"2025-08-24T07:16:08.123Z\"}",
			 type, payload, ++c->asked);
	assert_in_range(n, 1, max - 1);
	client_say(c, pl_slice(text, (size_t)n));
	free(text);
}

static inline bool client_has_frame(struct client *c)
{
	const unsigned char *p = (const unsigned char *)c->in;
	size_t head = 2, n = c->len >= 2 ? p[1] : 0;
	if (c->len < 2)
		return false;
	if (n == 126 && c->len >= 4) {
		n = (size_t)p[2] << 8 | p[3];
		head = 4;
	} else if (n == 127 && c->len >= 10) {
		n = 0;
		for (int i = 0; i < 8; i++)
			n = n << 8 | p[2 + i];
		head = 10;
	} else if (n >= 126) {
		return false;
	}
	if (c->len < head + n)
		return false;
	c->op = p[0] & 15;
	assert_true(n < sizeof(c->text));
	memcpy(c->text, c->in + head, n);
	c->text[n] = '\0';
	if (c->op == 8)
		c->close_code = n >= 2 ? (unsigned)p[head] << 8 | p[head + 1] : 1005;
	memmove(c->in, c->in + head + n, c->len - head - n);
	c->len -= head + n;
	return true;
}

static inline bool client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->len, sizeof(c->in) - c->len, MSG_DONTWAIT);
	if (n > 0)
		c->len += (size_t)n;
	return n != 0;
}

/* The next frame, or within `ms` none (false); also false with op 0 at the end of the line. */
static inline bool client_hear_within(struct client *c, uint64_t ms)
{
	uint64_t end = pl_now_ms() + ms;
	c->op = -1;
	for (;;) {
		if (client_has_frame(c))
			return true;
		pl_loop_turn(c->rig->loop, 1);
		if (!client_read(c) && !client_has_frame(c)) {
			c->op = 0;
			return false;
		}
		if (c->op == -1 && pl_now_ms() >= end && !client_has_frame(c))
			return false;
		if (c->op != -1)
			return true;
	}
}

/* The next text frame must be of this type; others of another type are a failure. */
static inline void client_expect(struct client *c, const char *type)
{
	char begin[96];
	snprintf(begin, sizeof(begin), "{\"type\":\"%s\"", type);
	if (!client_hear_within(c, WAIT_MS))
		fail_msg("waited for %s, heard %s", type, c->op ? "nothing" : "the end");
	if (strncmp(c->text, begin, strlen(begin)) != 0)
		fail_msg("waited for %s, heard %.300s", type, c->text);
}

static inline void client_expect_with(struct client *c, const char *type, const char *part)
{
	client_expect(c, type);
	if (!strstr(c->text, part))
		fail_msg("no %s in %.600s", part, c->text);
}

static inline void expect_text(struct client *c, const char *text)
{
	if (!client_hear_within(c, WAIT_MS))
		fail_msg("waited for %s, heard nothing", text);
	assert_string_equal(c->text, text);
	assert_int_equal(c->op, PL_WS_TEXT);
}

static inline void client_expect_silence(struct client *c)
{
	if (client_hear_within(c, 60))
		fail_msg("should have heard nothing, heard %.300s", c->text);
	assert_int_not_equal(c->op, 0);
}

static inline void client_expect_close(struct client *c, unsigned code)
{
	while (client_hear_within(c, WAIT_MS))
		if (c->op == 8)
			break;
	assert_int_equal(c->op, 8);
	assert_int_equal(c->close_code, code);
}

/* The first `"key":"value"` of the last frame. */
static inline const char *client_value(struct client *c, const char *key, char out[256])
{
	char pattern[64];
	snprintf(pattern, sizeof(pattern), "\"%s\":\"", key);
	const char *at = strstr(c->text, pattern);
	if (!at)
		fail_msg("no %s in %.300s", key, c->text);
	at += strlen(pattern);
	size_t n = strcspn(at, "\"");
	assert_true(n < 256);
	memcpy(out, at, n);
	out[n] = '\0';
	return out;
}

/* Sends the handshake; its answer is not awaited. more: of the head, each ending with CRLF. */
static inline struct client *client_dial_at(struct rig *r, const char *path, const char *more)
{
	static const struct pl_ip from = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};
	struct client *c = calloc(1, sizeof(*c));
	int pair[2];
	assert_non_null(c);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	c->rig = r;
	c->fd = pair[0];
	pl_conns_accept(r->conns, pair[1], &from, &r->router, NULL);
	char text[4096];
	int n = snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
			 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n%s"
			 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			 path, more);
	assert_in_range(n, 1, sizeof(text) - 1);
	client_write(c, text, (size_t)n);
	return c;
}

/* token may be NULL. */
static inline struct client *client_dial(struct rig *r, const char *token)
{
	char path[4096];
	snprintf(path, sizeof(path), "/ws%s%s", token ? "?token=" : "", token ? token : "");
	return client_dial_at(r, path, "");
}

static inline bool client_is_upgraded(struct client *c)
{
	uint64_t end = pl_now_ms() + WAIT_MS;
	char *blank = NULL;
	while (!blank && pl_now_ms() < end) {
		pl_loop_turn(c->rig->loop, 1);
		if (!client_read(c))
			return false;
		c->in[c->len] = '\0';
		blank = strstr(c->in, "\r\n\r\n");
	}
	if (!blank || strncmp(c->in, "HTTP/1.1 101", 12) != 0)
		return false;
	size_t head = (size_t)(blank - c->in) + 4;
	memmove(c->in, c->in + head, c->len - head);
	c->len -= head;
	return true;
}

static inline struct client *client_new(struct rig *r)
{
	struct client *c = client_dial(r, NULL);
	assert_true(client_is_upgraded(c));
	return c;
}

static inline void client_free(struct client *c)
{
	close(c->fd);
	free(c);
}

/* A token of this user that is good for so many seconds from now (may be negative). */
static inline const char *token_for(const char *name, int ttl_s, char out[2048])
{
	uint64_t now = pl_wall_ms() / 1000;
	struct pl_token_claims claims = {.subject = pl_slice_str(name),
					 .username = pl_slice_str(name),
					 .now_s = ttl_s > 0 ? now : now - 1000000,
					 .ttl_s = ttl_s > 0 ? (uint64_t)ttl_s
							    : (uint64_t)(1000000 + ttl_s)};
	struct pl_buf b;
	pl_buf_init(&b, 2047);
	assert_int_equal(pl_token_sign(SECRET, &claims, &b), 0);
	memcpy(out, b.at, b.len);
	out[b.len] = '\0';
	pl_buf_fini(&b);
	return out;
}

static inline void client_auth(struct client *c, const char *name, int ttl_s)
{
	char token[2048], payload[2100];
	snprintf(payload, sizeof(payload), "{\"token\":\"%s\"}", token_for(name, ttl_s, token));
	client_ask(c, "auth", payload);
}

/* Connected and signed in. */
static inline struct client *client_of(struct rig *r, const char *name)
{
	struct client *c = client_new(r);
	client_auth(c, name, 3600);
	client_expect(c, "auth_success");
	return c;
}

/* A direct conversation of the two, joined by both; who else is told has heard it. */
static inline void converse(struct client *a, struct client *b, const char *name_of_b, char id[256])
{
	char payload[512];
	snprintf(payload, sizeof(payload), "{\"participantIds\":[\"%s\"]}", name_of_b);
	client_ask(a, "create_conversation", payload);
	client_expect(a, "conversation_created");
	client_value(a, "id", id);
	client_expect(b, "conversation_created");
	snprintf(payload, sizeof(payload), "{\"conversationId\":\"%s\"}", id);
	client_ask(b, "join_conversation", payload);
	client_expect(b, "conversation_joined");
}

static inline void client_ask_in(struct client *c, const char *type, const char *conversation,
				 const char *more)
{
	size_t max = strlen(more) + 512;
	char *payload = malloc(max);
	assert_non_null(payload);
	snprintf(payload, max, "{\"conversationId\":\"%s\"%s}", conversation, more);
	client_ask(c, type, payload);
	free(payload);
}

#endif
