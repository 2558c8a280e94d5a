/*
 * line_test.h - for the tests of this folder: a worker's connections and one client of them, turned
 * by the same thread, so that what is in flight is always known.
 */
#ifndef PL_CONN_LINE_TEST_H
#define PL_CONN_LINE_TEST_H

#include "base/clock.h"
#include "base/mem.h"
#include "conn/conn.h"
#include "conn/ways_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct line {
	struct pl_loop *loop;
	struct pl_gate *gate;
	struct pl_conns *set;
	struct pl_conn_options o;
	struct pl_metrics metrics;
	struct pl_tls_context *server_tls, *client_tls;
	struct pl_endpoint endpoint;
	struct pl_route routes[3];
	struct pl_router router;
	/* What the endpoint saw. */
	struct pl_conn *conn; /* of the last callback; NULL after its on_close */
	int requests, upgrades, messages, closes;
	uint16_t close_code;
	int fault;
	char reason[128], path[64];
	size_t answer_bytes; /* of /big */
	struct pl_timer later;
	/* The client. */
	int fd;
	struct pl_tls *tls;
	struct pl_buf got;
	bool eof, deaf, is_notified;
	unsigned long fail_in; /* the server's allocation that fails; 0: none */
	bool has_failed, is_upgraded, is_owed;
	struct pl_ws_reader reader;
	struct pl_inflater *inflater;
	bool deflate;
};

/* Other parts say how the peer's frames must look. */
static const uint8_t line_mask[4] = {0x37, 0xfa, 0x21, 0x3d};
static const struct pl_ip line_ip = {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}};

static inline struct line *line_of(struct pl_conn *c)
{
	return pl_conn_ctx(c);
}

/* Around what the server does: only its allocations fail. */
static inline void line_server_begins(struct line *l)
{
	if (l->fail_in)
		pl_mem_fail_at(l->fail_in, false);
}

static inline void line_server_ends(struct line *l)
{
	if (!l->fail_in)
		return;
	unsigned long made = pl_mem_count();
	pl_mem_fail_at(0, false);
	l->has_failed = made >= l->fail_in;
	l->fail_in = l->has_failed ? 0 : l->fail_in - made;
}

/* ---- the endpoint ---- */

static inline void line_answer_later(struct pl_timer *t)
{
	struct line *l = PL_CONTAINER(t, struct line, later);
	l->is_owed = false;
	pl_conn_respond_text(l->conn, 200, "text/plain", PL_S("later"));
}

static inline void line_answer_big(struct pl_conn *c, size_t n)
{
	char *body = calloc(1, n);
	memset(body, 'b', n);
	pl_conn_respond_text(c, 200, "text/plain", pl_slice(body, n));
	free(body);
}

/* /now, /later (by a timer), /never, /big, anything else gets its body back. */
static inline void line_on_request(struct pl_conn *c, const struct pl_request *q)
{
	struct line *l = line_of(c);
	l->conn = c;
	l->requests++;
	l->is_owed = pl_slice_is(q->http->path, "/later") || pl_slice_is(q->http->path, "/never");
	snprintf(l->path, sizeof(l->path), "%.*s", PL_FMT(q->http->path));
	if (pl_slice_is(q->http->path, "/now"))
		pl_conn_respond_text(c, 200, "text/plain", PL_S("now"));
	else if (pl_slice_is(q->http->path, "/later"))
		pl_timer_set(l->loop, &l->later, 10);
	else if (pl_slice_is(q->http->path, "/big"))
		line_answer_big(c, l->answer_bytes);
	else if (!pl_slice_is(q->http->path, "/never"))
		pl_conn_respond_text(c, 200, "text/plain", q->body);
}

static inline void line_on_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	struct line *l = line_of(c);
	l->conn = c;
	l->upgrades++;
	if (pl_slice_is(q->http->path, "/refused"))
		pl_conn_respond_text(c, 401, "text/plain", PL_S("no"));
	else if (pl_conn_upgrade(c, q, (struct pl_slice){NULL, 0}, l))
		pl_conn_respond_text(c, 503, "text/plain", PL_S("no memory"));
	else
		l->is_upgraded = true;
}

/* "close": we close. Everything else is echoed. */
static inline void line_on_message(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice data)
{
	struct line *l = line_of(c);
	assert_ptr_equal(pl_conn_user(c), l);
	l->messages++;
	if (pl_slice_is(data, "close"))
		pl_conn_close(c, 4001, PL_S("as you wish"));
	else
		pl_conn_send(c, kind, data);
}

static inline void line_on_close(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	struct line *l = line_of(c);
	/* Due to whom was upgraded, and to whom owes an answer; to nobody else. */
	assert_true(code ? pl_conn_user(c) == l : l->is_owed);
	pl_timer_stop(&l->later);
	l->closes++;
	l->conn = NULL;
	l->close_code = code;
	l->fault = pl_conn_fault(c);
	snprintf(l->reason, sizeof(l->reason), "%.*s", PL_FMT(reason));
}

/* ---- opening and closing ---- */

static inline struct pl_conn_options line_options(void)
{
	return (struct pl_conn_options){.http = pl_http_default_limits,
					.header_ms = 5000,
					.keep_alive_ms = 5000,
					.body_bytes = 65536,
					.ws.max_message = 1 << 20,
					.ws.max_frames = 64,
					.ws.heartbeat_ms = 5000,
					.ws.silence_ms = 15000,
					.close_ms = 2000,
					.ws.out_soft = 256 << 10,
					.ws.out_hard = 1 << 20,
					.ws.slow_ms = 10000,
					.ws.compress = true,
					.ws.compress_above = 1024,
					.deflate = pl_deflate_defaults()};
}

/* What may fail in the allocation sweep; false: no memory. The client's side never fails. */
static inline bool line_serve(struct line *l, const struct way *way, uint32_t total)
{
	if (pl_loop_new(&(struct pl_loop_options){.engine = way->engine, .metrics = &l->metrics},
			&l->loop) ||
	    pl_gate_new(&(struct pl_gate_options){.total = total}, &l->gate) ||
	    pl_conns_new(l->loop, l->gate, &l->o, &l->set))
		return false;
	l->endpoint = (struct pl_endpoint){.on_request = line_on_request,
					   .on_upgrade = line_on_upgrade,
					   .on_message = line_on_message,
					   .on_close = line_on_close,
					   .ctx = l};
	l->routes[0] = (struct pl_route){PL_HTTP_OTHER, "/**", &l->endpoint};
	l->routes[1] = (struct pl_route){PL_HTTP_GET, "/**", &l->endpoint};
	l->routes[2] = (struct pl_route){PL_HTTP_POST, "/**", &l->endpoint};
	l->router = (struct pl_router){.routes = l->routes, .count = 3};
	pl_timer_init(&l->later, line_answer_later);
	return true;
}

static inline void line_turn(struct line *l);
static inline void line_wait(struct line *l);

/* A new client of the same set; small socket buffers, so that a reader is soon a slow one. */
static inline void line_connect(struct line *l)
{
	int pair[2], small = 16384;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	l->fd = pair[0];
	l->eof = l->deaf = false;
	pl_buf_init(&l->got, 64 << 20);
	line_server_begins(l);
	pl_conns_accept(l->set, pair[1], &line_ip, &l->router, l->server_tls);
	line_server_ends(l);
}

static inline void line_write_all(struct line *l, struct pl_slice s, size_t step);

static inline void line_open(struct line *l, void **state, struct pl_conn_options o)
{
	const struct way *way = *state;
	if (!way_is_there(way))
		skip();
	*l = (struct line){.o = o, .fd = -1};
	if (way->tls)
		way_contexts(&l->server_tls, &l->client_tls);
	assert_int_equal(pl_inflater_new(&l->inflater), 0);
	assert_true(line_serve(l, way, 100));
	line_connect(l);
	if (!way->tls)
		return;
	struct pl_buf hello;
	pl_buf_init(&hello, 1 << 16);
	assert_int_equal(pl_tls_new(l->client_tls, NULL, &l->tls), 0);
	assert_int_equal(pl_tls_start(l->tls, &hello), 0);
	line_write_all(l, pl_buf_slice(&hello), hello.len);
	pl_buf_fini(&hello);
	for (int i = 0; i < 100 && !pl_tls_is_ready(l->tls); i++)
		line_turn(l);
	assert_true(pl_tls_is_ready(l->tls));
}

static inline void line_hang_up(struct line *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	pl_tls_free(l->tls);
	l->tls = NULL;
	pl_ws_reader_fini(&l->reader);
	pl_buf_fini(&l->got);
}

static inline void line_close(struct line *l)
{
	line_hang_up(l);
	pl_conns_free(l->set);
	pl_gate_free(l->gate);
	pl_loop_free(l->loop);
	pl_inflater_free(l->inflater);
	pl_tls_context_release(l->server_tls);
	pl_tls_context_release(l->client_tls);
}

/* ---- the client's mouth and ear ---- */

static inline void line_decrypt(struct line *l, struct pl_slice in)
{
	char plain[16384];
	struct pl_buf out;
	ssize_t n;
	pl_buf_init(&out, 1 << 20);
	while ((n = pl_tls_read(l->tls, &in, plain, sizeof(plain), &out)) > 0)
		pl_buf_put(&l->got, plain, (size_t)n);
	if (n == PL_ECLOSED)
		l->eof = l->is_notified = true;
	if (out.len && send(l->fd, out.at, out.len, MSG_NOSIGNAL) < 0)
		l->eof = true;
	pl_buf_fini(&out);
}

static inline void line_hear(struct line *l)
{
	char in[65536];
	ssize_t n = 0;
	while (!l->deaf && l->fd >= 0 && (n = recv(l->fd, in, sizeof(in), MSG_DONTWAIT)) > 0) {
		if (l->tls)
			line_decrypt(l, pl_slice(in, (size_t)n));
		else
			pl_buf_put(&l->got, in, (size_t)n);
	}
	if (!l->deaf && (n == 0 || (n < 0 && errno != EAGAIN)))
		l->eof = true;
}

static inline void line_turn_for(struct line *l, int ms)
{
	line_server_begins(l);
	pl_loop_turn(l->loop, ms);
	line_server_ends(l);
	line_hear(l);
}

static inline void line_turn(struct line *l)
{
	line_turn_for(l, 0);
}

static inline void line_wait(struct line *l)
{
	line_turn_for(l, 2);
}

/* Ciphertext or plaintext, `step` bytes in a turn. */
static inline void line_write_all(struct line *l, struct pl_slice s, size_t step)
{
	for (int idle = 0; s.len && idle < 200;) {
		size_t n = s.len < step ? s.len : step;
		ssize_t done = send(l->fd, s.at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done < 0 && errno != EAGAIN)
			return; /* the server has had enough */
		idle = done > 0 ? 0 : idle + 1;
		s.at += done > 0 ? done : 0;
		s.len -= done > 0 ? (size_t)done : 0;
		if (step < 65536 || done < 0)
			line_turn(l);
	}
}

enum { WHOLE = 1 << 30 };
static inline void line_say(struct line *l, struct pl_slice s, size_t step)
{
	struct pl_buf out;
	pl_buf_init(&out, 64 << 20);
	if (l->tls && pl_tls_write(l->tls, s, &out))
		fail();
	line_write_all(l, l->tls ? pl_buf_slice(&out) : s, step);
	pl_buf_fini(&out);
	if (step == WHOLE)
		line_turn(l);
}

static inline void line_put(struct line *l, const char *text)
{
	line_say(l, pl_slice_str(text), WHOLE);
}

/* Turns until it is so; fails after five seconds. */
#define LINE_UNTIL(l, condition)                                                       \
	do {                                                                           \
		for (uint64_t end_ = pl_now_ms() + 5000; !(condition); line_wait(l)) { \
			if (pl_now_ms() > end_)                                        \
				fail_msg("never: %s", #condition);                     \
		}                                                                      \
	} while (0)

static inline bool line_heard(const struct line *l, const char *text)
{
	return l->got.len && memmem(l->got.at, l->got.len, text, strlen(text));
}

static inline size_t line_count(const struct line *l, const char *text)
{
	size_t n = 0, len = strlen(text);
	const char *at = l->got.at, *end = at + l->got.len;
	while (at && (at = memmem(at, (size_t)(end - at), text, len))) {
		at += len;
		n++;
	}
	return n;
}

/* ---- WebSocket, the client's side ---- */

#define LINE_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define LINE_UPGRADE(path)                                                     \
	"GET " path " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: " \
	"websocket\r\n" LINE_KEY

static inline void line_frame(struct pl_buf *b, enum pl_ws_op op, const char *text)
{
	pl_ws_put(b, op, pl_slice_str(text), line_mask);
}

static inline void line_send(struct line *l, enum pl_ws_op op, const char *text)
{
	struct pl_buf b;
	pl_buf_init(&b, 64 << 20);
	line_frame(&b, op, text);
	line_say(l, pl_buf_slice(&b), WHOLE);
	pl_buf_fini(&b);
}

/* Takes the answer's head off; the frames follow. */
static inline void line_take_head(struct line *l)
{
	LINE_UNTIL(l, line_heard(l, "\r\n\r\n"));
	assert_memory_equal(l->got.at, "HTTP/1.1 101", 12);
	char *end = memmem(l->got.at, l->got.len, "\r\n\r\n", 4);
	l->deflate = line_heard(l, "permessage-deflate");
	pl_buf_drop(&l->got, (size_t)(end + 4 - l->got.at));
}

static inline void line_upgrade(struct line *l)
{
	line_put(l, LINE_UPGRADE("/ws") "\r\n");
	line_take_head(l);
}

/* The next frame or message if it is there; its data last until the next call. */
static inline bool line_next(struct line *l, struct pl_ws_event *ev)
{
	struct pl_ws_limits limits = {16 << 20, 1024, false, l->deflate};
	char *at = l->got.at;
	size_t n = l->got.len;
	static char kept[2 << 20];
	int got = pl_ws_read(&l->reader, &limits, l->inflater, &at, &n, ev);
	assert_true(got >= 0);
	assert_true(ev->data.len < sizeof(kept) || !got);
	if (got && ev->data.len)
		memcpy(kept, ev->data.at, ev->data.len);
	if (got)
		ev->data.at = kept;
	pl_buf_drop(&l->got, l->got.len - n);
	return got;
}

static inline void line_expect(struct line *l, enum pl_ws_op op, const char *text)
{
	struct pl_ws_event ev = {0};
	LINE_UNTIL(l, line_next(l, &ev));
	assert_int_equal(ev.op, op);
	if (text)
		assert_true(pl_slice_is(ev.data, text));
}

static inline void line_expect_close(struct line *l, uint16_t code)
{
	struct pl_ws_event ev = {0};
	do
		LINE_UNTIL(l, line_next(l, &ev));
	while (ev.op != PL_WS_CLOSE);
	assert_int_equal(ev.close_code, code);
}

#endif
