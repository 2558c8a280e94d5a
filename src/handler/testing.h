/*
 * testing.h - for the tests of this layer: two workers and any number of clients of them, turned by
 * one thread, so that what is in flight is always known.
 */
#ifndef PL_HANDLER_TESTING_H
#define PL_HANDLER_TESTING_H

#include "base/clock.h"
#include "base/mem.h"
#include "handler/handler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { WORKERS = 2, CLIENTS = 32 };

struct client {
	int fd;
	struct pl_buf got;
	struct pl_ws_reader reader;
	bool eof, deaf;
};

struct world {
	struct pl_handlers *handlers;
	struct pl_handler_site *sites[WORKERS];
	struct pl_loop *loops[WORKERS];
	struct pl_metrics metrics[WORKERS];
	struct pl_conns *sets[WORKERS];
	struct pl_router routers[WORKERS];
	struct pl_gate *gate;
	struct pl_conn_options options;
	struct client clients[CLIENTS];
	int nclients, workers;
	unsigned long fail_in; /* the server's allocation that fails; 0: none */
	bool has_failed;
	char log[8192]; /* what callbacks wrote down */
	size_t log_len;
};

/* Other parts say how the peer's frames must look. */
static const uint8_t test_mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static inline struct pl_conn_options world_options(void)
{
	return (struct pl_conn_options){.http = pl_http_default_limits,
					.header_ms = 5000,
					.keep_alive_ms = 5000,
					.body_bytes = 65536,
					.close_ms = 2000,
					.ws = {.max_message = 1 << 20,
					       .max_frames = 64,
					       .out_soft = 256 << 10,
					       .out_hard = 1 << 20,
					       .slow_ms = 10000,
					       .compress = true},
					.deflate = pl_deflate_defaults()};
}

/* Around what the server does: only its allocations fail. */
static inline void server_begins(struct world *w)
{
	if (w->fail_in)
		pl_mem_fail_at(w->fail_in, false);
}

static inline void server_ends(struct world *w)
{
	if (!w->fail_in)
		return;
	unsigned long made = pl_mem_count();
	pl_mem_fail_at(0, false);
	w->has_failed = made >= w->fail_in;
	w->fail_in = w->has_failed ? 0 : w->fail_in - made;
}

/* What a callback wants remembered; compared by `expect_log`. */
__attribute__((format(printf, 2, 3))) static inline void note(struct world *w, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(w->log + w->log_len, sizeof(w->log) - w->log_len, fmt, args);
	va_end(args);
	assert_true(n >= 0 && w->log_len + (size_t)n < sizeof(w->log));
	w->log_len += (size_t)n;
}

static inline void forget_log(struct world *w)
{
	w->log_len = 0;
	w->log[0] = '\0';
}

static inline void expect_log(struct world *w, const char *text)
{
	if (strcmp(w->log, text) != 0)
		fail_msg("noted \"%s\", not \"%s\"", w->log, text);
	forget_log(w);
}

/* The world itself stands for the server that callbacks see. */
static inline parley_server *world_server(struct world *w)
{
	return (parley_server *)(void *)w;
}

static inline struct world *world_of(const parley_conn *c)
{
	return (struct world *)(void *)parley_conn_server(c);
}

static inline void world_new(struct world *w, const char *prefix, int workers)
{
	*w = (struct world){.options = world_options(), .workers = workers};
	assert_int_equal(pl_handlers_new(world_server(w), prefix, &w->handlers), 0);
	assert_int_equal(pl_gate_new(&(struct pl_gate_options){.total = 100000}, &w->gate), 0);
}

static inline void world_serve(struct world *w, const struct parley_endpoint *e)
{
	const char *why = NULL;
	if (pl_handlers_add(w->handlers, e, sizeof(*e), &why))
		fail_msg("%s", why ? why : "no memory");
}

static inline int world_try(struct world *w, int i)
{
	int err = pl_loop_new(
		&(struct pl_loop_options){.engine = PL_ENGINE_EPOLL, .metrics = &w->metrics[i]},
		&w->loops[i]);
	if (!err)
		err = pl_handler_site_new(w->handlers, (uint32_t)i, w->loops[i], &w->sites[i]);
	if (!err)
		err = pl_conns_new(w->loops[i], w->gate, &w->options, &w->sets[i]);
	w->routers[i] = (struct pl_router){.find = pl_handler_find, .find_ctx = w->sites[i]};
	return err;
}

static inline void world_start(struct world *w)
{
	for (int i = 0; i < w->workers; i++)
		assert_int_equal(world_try(w, i), 0);
}

/* As one that serves one endpoint on one worker. */
static inline void world_open(struct world *w, const struct parley_endpoint *e)
{
	world_new(w, NULL, 1);
	world_serve(w, e);
	world_start(w);
}

static inline void hear(struct client *c)
{
	char in[65536];
	ssize_t n = 0;
	while (!c->deaf && c->fd >= 0 && (n = recv(c->fd, in, sizeof(in), MSG_DONTWAIT)) > 0)
		pl_buf_put(&c->got, in, (size_t)n);
	if (!c->deaf && c->fd >= 0 && (n == 0 || (n < 0 && errno != EAGAIN)))
		c->eof = true;
}

static inline void turn_for(struct world *w, int ms)
{
	server_begins(w);
	for (int i = 0; i < w->workers; i++)
		if (w->loops[i])
			pl_loop_turn(w->loops[i], i ? 0 : ms);
	server_ends(w);
	for (int i = 0; i < w->nclients; i++)
		hear(&w->clients[i]);
}

/* Until what was said has been everywhere. */
static inline void settle(struct world *w)
{
	for (int i = 0; i < 5; i++)
		turn_for(w, 0);
}

#define UNTIL(w, condition)                                                                \
	do {                                                                               \
		for (uint64_t end_ = pl_now_ms() + 5000; !(condition); turn_for((w), 2)) { \
			if (pl_now_ms() > end_)                                            \
				fail_msg("never: %s", #condition);                         \
		}                                                                          \
	} while (0)

/* ---- clients ---- */

static inline void hang_up(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	pl_ws_reader_fini(&c->reader);
	pl_buf_fini(&c->got);
}

static inline void world_end(struct world *w)
{
	for (int i = 0; i < w->workers; i++)
		pl_conns_free(w->sets[i]);
	for (int i = 0; i < w->workers; i++)
		if (w->loops[i])
			pl_loop_turn(w->loops[i], 0);
	for (int i = 0; i < w->workers; i++)
		pl_handler_site_free(w->sites[i]);
	for (int i = 0; i < w->workers; i++)
		pl_loop_free(w->loops[i]);
	for (int i = 0; i < w->nclients; i++)
		hang_up(&w->clients[i]);
	pl_handlers_free(w->handlers);
	pl_gate_free(w->gate);
}

static inline void client_write(struct world *w, struct client *c, struct pl_slice s)
{
	for (int idle = 0; s.len && idle < 500; idle++) {
		ssize_t n = send(c->fd, s.at, s.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return; /* the server has had enough */
		s.at += n > 0 ? n : 0;
		s.len -= n > 0 ? (size_t)n : 0;
		turn_for(w, 0);
	}
}

/* A connection with a request for an upgrade; the answer is not looked at. */
static inline struct client *client_ask_at(struct world *w, int worker, const char *path,
					   const char *headers)
{
	static const struct pl_ip ip = {{[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}};
	char head[4096];
	int pair[2], small = 16384;
	assert_true(w->nclients < CLIENTS);
	struct client *c = &w->clients[w->nclients++];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	*c = (struct client){.fd = pair[0]};
	pl_buf_init(&c->got, 64 << 20);
	server_begins(w);
	pl_conns_accept(w->sets[worker], pair[1], &ip, &w->routers[worker], NULL);
	server_ends(w);
	int n = snprintf(head, sizeof(head),
			 "GET %s HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
			 "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			 "Sec-WebSocket-Version: 13\r\n%s\r\n",
			 path, headers);
	assert_true(n > 0 && (size_t)n < sizeof(head));
	client_write(w, c, pl_slice(head, (size_t)n));
	return c;
}

static inline struct client *client_ask(struct world *w, const char *path, const char *headers)
{
	return client_ask_at(w, 0, path, headers);
}

static inline bool has_head(const struct client *c)
{
	return c->got.len && memmem(c->got.at, c->got.len, "\r\n\r\n", 4);
}

/* The whole answer of a refusal. */
static inline void expect_status(struct world *w, struct client *c, const char *status,
				 const char *body)
{
	UNTIL(w, has_head(c) && c->eof);
	pl_buf_putc(&c->got, '\0');
	if (strncmp(c->got.at + 9, status, 3) != 0)
		fail_msg("%s", c->got.at);
	assert_string_equal(strstr(c->got.at, "\r\n\r\n") + 4, body);
}

static inline void expect_101(struct world *w, struct client *c)
{
	UNTIL(w, has_head(c));
	assert_memory_equal(c->got.at, "HTTP/1.1 101", 12);
	char *end = memmem(c->got.at, c->got.len, "\r\n\r\n", 4);
	pl_buf_drop(&c->got, (size_t)(end + 4 - c->got.at));
}

static inline struct client *client_at(struct world *w, int worker, const char *path)
{
	struct client *c = client_ask_at(w, worker, path, "");
	expect_101(w, c);
	return c;
}

static inline struct client *client_new(struct world *w, const char *path)
{
	return client_at(w, 0, path);
}

static inline void say_bytes(struct world *w, struct client *c, enum pl_ws_op op, struct pl_slice s)
{
	struct pl_buf b;
	pl_buf_init(&b, 64 << 20);
	pl_ws_put(&b, op, s, test_mask);
	client_write(w, c, pl_buf_slice(&b));
	pl_buf_fini(&b);
}

static inline void say(struct world *w, struct client *c, const char *text)
{
	say_bytes(w, c, PL_WS_TEXT, pl_slice_str(text));
}

/* The next frame if it is there; its data last until the next call. */
static inline bool next_frame(struct client *c, struct pl_ws_event *ev)
{
	static char kept[2 << 20];
	struct pl_ws_limits limits = {16 << 20, 1024, false, false};
	char *at = c->got.at;
	size_t n = c->got.len;
	int got = pl_ws_read(&c->reader, &limits, NULL, &at, &n, ev);
	assert_true(got >= 0);
	assert_true(!got || ev->data.len < sizeof(kept));
	if (got && ev->data.len)
		memcpy(kept, ev->data.at, ev->data.len);
	kept[got ? ev->data.len : 0] = '\0';
	if (got)
		ev->data.at = kept;
	pl_buf_drop(&c->got, c->got.len - n);
	return got > 0;
}

static inline void expect_frame(struct world *w, struct client *c, enum pl_ws_op op,
				const char *text)
{
	struct pl_ws_event ev = {0};
	UNTIL(w, next_frame(c, &ev));
	assert_int_equal(ev.op, op);
	assert_string_equal(ev.data.at, text);
}

static inline void expect_text(struct world *w, struct client *c, const char *text)
{
	expect_frame(w, c, PL_WS_TEXT, text);
}

static inline void expect_nothing(struct world *w, struct client *c)
{
	struct pl_ws_event ev = {0};
	settle(w);
	if (next_frame(c, &ev))
		fail_msg("heard %s", ev.data.at);
}

/* After whatever else was said. */
static inline void expect_close(struct world *w, struct client *c, uint16_t code,
				const char *reason)
{
	struct pl_ws_event ev = {0};
	do
		UNTIL(w, next_frame(c, &ev));
	while (ev.op != PL_WS_CLOSE);
	assert_int_equal(ev.close_code, code);
	assert_string_equal(ev.data.len > 2 ? ev.data.at + 2 : "", reason);
}

/* The client's own close frame. */
static inline void say_close(struct world *w, struct client *c, uint16_t code, const char *reason)
{
	char payload[PL_WS_CONTROL_MAX];
	size_t n = pl_ws_close_payload(payload, code, pl_slice_str(reason));
	say_bytes(w, c, PL_WS_CLOSE, pl_slice(payload, n));
	settle(w);
}

#endif
