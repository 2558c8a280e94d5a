/* move_threads_test.c - proves that connections which go to and fro between two workers on threads
 * of their own get every answer once and in order, and that workers may end while some are on their
 * way; by each engine, with and without TLS. Meant for ThreadSanitizer too. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "conn/conn.h"
#include "conn/ways_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

enum { WORKERS = 2, CLIENTS = 6, ROUNDS = 60, BATCH = 5, BIG = 30000 };

struct worker {
	struct pl_loop *loop;
	struct pl_conns *set, **others;
	size_t number;
	struct pl_endpoint endpoint;
	struct pl_route route;
	struct pl_router router;
	pthread_t thread;
	struct pl_task drain;
	int moved;
};

struct client {
	struct pl_task task; /* hands its descriptor to worker 0 */
	struct worker *to;
	struct pl_tls_context *server_tls;
	int fd, peer;
	struct pl_tls *tls;
	struct pl_buf got;
	unsigned asked, answered;
};

static const struct pl_ip somebody = {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}};

/* ---- the workers: /N/ID wants "N:ID," from worker N, and now and then much more ---- */

static void on_request(struct pl_conn *c, const struct pl_request *q)
{
	struct worker *w = pl_conn_ctx(c);
	size_t owner = q->http->path.at[1] == '1';
	if (owner != w->number) {
		if (!pl_conn_move(c, q, w->others[owner]))
			w->moved++;
		else
			pl_conn_respond_text(c, 503, "text/plain", PL_S("cannot move"));
		return;
	}
	char text[BIG];
	struct pl_slice id = pl_slice(q->http->path.at + 3, q->http->path.len - 3);
	int n = snprintf(text, sizeof(text), "%zu:%.*s,", w->number, PL_FMT(id));
	size_t len = id.at[id.len - 1] == '7' ? BIG : (size_t)n;
	if (len > (size_t)n)
		memset(text + n, 'b', len - (size_t)n);
	pl_conn_respond_text(c, 200, "text/plain", pl_slice(text, len));
}

static void start(struct worker *w, size_t number, enum pl_engine engine, struct pl_gate *gate,
		  const struct pl_conn_options *o, struct pl_conns **others)
{
	*w = (struct worker){.number = number, .others = others};
	assert_int_equal(pl_loop_new(&(struct pl_loop_options){.engine = engine}, &w->loop), 0);
	assert_int_equal(pl_conns_new(w->loop, gate, o, &w->set), 0);
	w->endpoint = (struct pl_endpoint){.on_request = on_request, .ctx = w};
	w->route = (struct pl_route){PL_HTTP_ANY, "/**", &w->endpoint};
	w->router = (struct pl_router){.routes = &w->route, .count = 1};
	pl_conns_set_routers(w->set, &w->router, 1);
	others[number] = w->set;
}

static void *turn(void *arg)
{
	struct worker *w = arg;
	pl_loop_run(w->loop);
	return NULL;
}

static void drain(struct pl_task *t)
{
	pl_conns_drain(PL_CONTAINER(t, struct worker, drain)->set, "bye");
}

/* ---- the clients ---- */

static void take_in(struct pl_task *t)
{
	struct client *c = PL_CONTAINER(t, struct client, task);
	pl_conns_accept(c->to->set, c->peer, &somebody, &c->to->router, c->server_tls);
}

static void send_all(struct client *c, struct pl_slice s)
{
	while (s.len) {
		ssize_t n = send(c->fd, s.at, s.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		assert_true(n > 0);
		s = pl_slice(s.at + n, s.len - (size_t)n);
	}
}

static void say(struct client *c, struct pl_slice s)
{
	struct pl_buf out;
	if (!c->tls) {
		send_all(c, s);
		return;
	}
	pl_buf_init(&out, 1 << 20);
	assert_int_equal(pl_tls_write(c->tls, s, &out), 0);
	send_all(c, pl_buf_slice(&out));
	pl_buf_fini(&out);
}

/* False: it is over. */
static bool hear(struct client *c)
{
	char in[16384], plain[16384];
	ssize_t n = recv(c->fd, in, sizeof(in), 0), m;
	struct pl_slice s = pl_slice(in, n > 0 ? (size_t)n : 0);
	struct pl_buf out;
	if (n <= 0)
		return n < 0 && errno == EINTR; /* the kernel's work on a ring may wake anybody */
	pl_buf_init(&out, 1 << 20);
	if (!c->tls)
		pl_buf_puts(&c->got, s);
	while (c->tls && (m = pl_tls_read(c->tls, &s, plain, sizeof(plain), &out)) > 0)
		pl_buf_put(&c->got, plain, (size_t)m);
	send_all(c, pl_buf_slice(&out));
	pl_buf_fini(&out);
	return true;
}

static void dial(struct client *c, struct worker *w, struct pl_tls_context *server,
		 struct pl_tls_context *client)
{
	int pair[2], small = 16384;
	struct timeval patience = {.tv_sec = 20};
	struct pl_buf hello;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	*c = (struct client){
		.task.run = take_in, .to = w, .server_tls = server, .fd = pair[0], .peer = pair[1]};
	pl_buf_init(&c->got, 16 << 20);
	pl_loop_post(w->loop, &c->task);
	if (!server)
		return;
	pl_buf_init(&hello, 1 << 16);
	assert_int_equal(pl_tls_new(client, NULL, &c->tls), 0);
	assert_int_equal(pl_tls_start(c->tls, &hello), 0);
	send_all(c, pl_buf_slice(&hello));
	pl_buf_fini(&hello);
	while (!pl_tls_is_ready(c->tls))
		assert_true(hear(c));
}

static void hang_up(struct client *c)
{
	close(c->fd);
	pl_tls_free(c->tls);
	pl_buf_fini(&c->got);
}

static size_t owner_of(unsigned id)
{
	return id * 2654435761u >> 31; /* to and fro, without a pattern */
}

static void ask(struct client *c, unsigned n)
{
	struct pl_buf b;
	pl_buf_init(&b, 65536);
	for (; n--; c->asked++)
		pl_buf_printf(&b,
			      "POST /%zu/%u HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
			      owner_of(c->asked), c->asked);
	say(c, pl_buf_slice(&b));
	pl_buf_fini(&b);
}

static void expect_next(struct client *c)
{
	char want[64];
	int n = snprintf(want, sizeof(want), "\r\n\r\n%zu:%u,", owner_of(c->answered), c->answered);
	size_t rest = c->answered % 10 == 7 ? BIG - ((size_t)n - 4) : 0;
	const char *at;
	while (!(at = c->got.len ? memmem(c->got.at, c->got.len, want, (size_t)n) : NULL) ||
	       c->got.len - (size_t)(at - c->got.at) < (size_t)n + rest)
		if (!hear(c))
			fail_msg("no answer to %u", c->answered);
	/* Nothing else lies before it: a head, and no other answer. */
	assert_memory_equal(c->got.at, "HTTP/1.1 200", 12);
	assert_ptr_equal(memmem(c->got.at, c->got.len, "\r\n\r\n", 4), at);
	pl_buf_drop(&c->got, (size_t)(at - c->got.at) + (size_t)n + rest);
	c->answered++;
}

/* ---- both ---- */

struct house {
	struct pl_conn_options o;
	struct pl_gate *gate;
	struct pl_tls_context *server, *client;
	struct pl_conns *sets[WORKERS];
	struct worker w[WORKERS];
	struct client c[CLIENTS];
};

static void open_house(struct house *h, const struct way *way)
{
	if (!way_is_there(way))
		skip();
	*h = (struct house){.o = {.http = pl_http_default_limits,
				  .header_ms = 20000,
				  .keep_alive_ms = 20000,
				  .body_bytes = 65536,
				  .close_ms = 2000,
				  .ws = {.out_soft = 256 << 10, .out_hard = 1 << 20}}};
	assert_int_equal(pl_gate_new(&(struct pl_gate_options){.total = CLIENTS}, &h->gate), 0);
	if (way->tls)
		way_contexts(&h->server, &h->client);
	for (size_t i = 0; i < WORKERS; i++)
		start(&h->w[i], i, way->engine, h->gate, &h->o, h->sets);
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(pl_thread_start(&h->w[i].thread, turn, &h->w[i]), 0);
	for (size_t i = 0; i < CLIENTS; i++)
		dial(&h->c[i], &h->w[0], h->server, h->client);
}

static void close_house(struct house *h)
{
	for (size_t i = 0; i < WORKERS; i++)
		pl_loop_stop(h->w[i].loop);
	for (size_t i = 0; i < WORKERS; i++)
		pthread_join(h->w[i].thread, NULL);
	for (size_t i = 0; i < WORKERS; i++)
		pl_conns_free(h->w[i].set);
	/* Whoever was on his way has left the gate, too. */
	for (size_t i = 0; i < CLIENTS; i++)
		assert_int_equal(pl_gate_enter(h->gate, &somebody, pl_now_ms()), 0);
	for (size_t i = 0; i < CLIENTS; i++)
		hang_up(&h->c[i]);
	for (size_t i = 0; i < WORKERS; i++)
		pl_loop_free(h->w[i].loop);
	pl_gate_free(h->gate);
	pl_tls_context_release(h->server);
	pl_tls_context_release(h->client);
}

static void every_answer_comes_once_and_in_order(void **state)
{
	struct house h;
	open_house(&h, *state);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < CLIENTS; i++)
			ask(&h.c[i], BATCH);
		for (size_t i = 0; i < CLIENTS; i++)
			for (int n = 0; n < BATCH; n++)
				expect_next(&h.c[i]);
	}
	close_house(&h);
	assert_true(h.w[0].moved > CLIENTS * ROUNDS / 2);
	assert_true(h.w[1].moved > CLIENTS * ROUNDS / 2);
}

static void workers_may_end_while_some_are_on_their_way(void **state)
{
	for (int drains = 0; drains < 2; drains++) {
		struct house h;
		open_house(&h, *state);
		for (int round = 0; round < 20; round++)
			for (size_t i = 0; i < CLIENTS; i++)
				ask(&h.c[i], 1);
		for (size_t i = 0; i < CLIENTS; i++)
			expect_next(&h.c[i]);
		if (drains) {
			h.w[1].drain.run = drain;
			pl_loop_post(h.w[1].loop, &h.w[1].drain);
		}
		close_house(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL_WAYS(every_answer_comes_once_and_in_order),
		ALL_WAYS(workers_may_end_while_some_are_on_their_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
