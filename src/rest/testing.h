/* testing.h - for the tests of this layer: workers without a server around them, asked through one
 * end of a socket pair. */
#ifndef PL_REST_TESTING_H
#define PL_REST_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rest/rest.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY      "a key of sixteen bytes or more"
#define WITH_KEY "Authorization: Bearer " KEY "\r\n"

enum { WORKERS = 2, TURNS_MAX = 20000, ANSWER_MAX = 16 << 20 };

/* One worker. */
struct post {
	struct pl_loop *loop;
	struct pl_conns *conns;
	struct pl_metrics metrics;
	struct pl_hub hub;
	struct pl_rest rest;
	struct pl_route routes[PL_REST_ROUTES_MAX];
	struct pl_router router;
	pthread_t thread;
	bool has_thread;
};

struct rig {
	struct post posts[WORKERS];
	struct pl_gate *gate;
	struct pl_bus *bus;
	struct pl_limits limits;
	struct pl_conn_options conn;
	struct pl_chat_options chat;
	struct pl_rest_shared shared;
	const struct pl_metrics *sets[WORKERS];
	struct pl_hub *hubs[WORKERS];
	const char *why_not_ready;
	int64_t certificate_days; /* 0: there is none */
};

static inline const char *rig_why(void *ctx)
{
	return ((struct rig *)ctx)->why_not_ready;
}

static inline bool rig_days(void *ctx, int64_t *days)
{
	*days = ((struct rig *)ctx)->certificate_days;
	return *days != 0;
}

static inline void post_open(struct rig *r, struct post *p)
{
	struct pl_loop_options lo = {.engine = PL_ENGINE_EPOLL, .metrics = &p->metrics};
	assert_int_equal(pl_loop_new(&lo, &p->loop), 0);
	assert_int_equal(pl_conns_new(p->loop, r->gate, &r->conn, &p->conns), 0);
	assert_int_equal(pl_hub_init(&p->hub, p->loop, r->bus, &r->limits, &r->chat), 0);
	pl_rest_init(&p->rest, &r->shared, &p->hub);
	assert_int_equal(pl_admin_key_set(&p->rest.key, PL_S(KEY)), 0);
	p->router = (struct pl_router){.routes = p->routes,
				       .count = pl_rest_routes(&p->rest, p->routes)};
}

static inline struct rig *rig_new(void)
{
	struct rig *r = PL_NEW(struct rig);
	struct pl_gate_options open = {0};
	struct pl_rate rates[PL_LIMIT__COUNT] = {0};
	assert_non_null(r);
	r->conn = (struct pl_conn_options){.http = pl_http_default_limits,
					   .header_ms = 60000,
					   .keep_alive_ms = 60000,
					   .body_bytes = 1024,
					   .ws.max_message = 1024,
					   .ws.max_frames = 16,
					   .close_ms = 1000,
					   .ws.out_soft = 1 << 20,
					   .ws.out_hard = 8 << 20,
					   .ws.slow_ms = 60000};
	r->chat = (struct pl_chat_options){.presence_grace_ms = 60000,
					   .typing_expiry_ms = 1000,
					   .page_max = 10,
					   .rooms_max = 1000000,
					   .online_max = 1000000};
	r->shared = (struct pl_rest_shared){.version = "1.2.3",
					    .born_ms = pl_now_ms() - 5500,
					    .sets = r->sets,
					    .nsets = WORKERS,
					    .hubs = r->hubs,
					    .nhubs = WORKERS,
					    .why_not_ready = rig_why,
					    .certificate_days = rig_days,
					    .ctx = r};
	assert_int_equal(pl_gate_new(&open, &r->gate), 0);
	assert_int_equal(pl_limits_init(&r->limits, rates), 0);
	assert_int_equal(pl_bus_local_new(&r->bus), 0);
	for (int i = 0; i < WORKERS; i++) {
		post_open(r, &r->posts[i]);
		r->sets[i] = &r->posts[i].metrics;
		r->hubs[i] = &r->posts[i].hub;
	}
	return r;
}

static inline void turn_all(struct rig *r)
{
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < WORKERS; i++)
			pl_loop_turn(r->posts[i].loop, 0);
}

static inline void *post_run(void *arg)
{
	pl_loop_run(((struct post *)arg)->loop);
	return NULL;
}

static inline void post_start(struct post *p)
{
	assert_int_equal(pthread_create(&p->thread, NULL, post_run, p), 0);
	p->has_thread = true;
}

static inline void post_stop(struct post *p)
{
	if (!p->has_thread)
		return;
	pl_loop_stop(p->loop);
	pthread_join(p->thread, NULL);
	p->has_thread = false;
}

static inline void rig_free(struct rig *r)
{
	for (int i = 0; i < WORKERS; i++)
		post_stop(&r->posts[i]);
	for (int i = 0; i < WORKERS; i++)
		pl_conns_free(r->posts[i].conns);
	turn_all(r);
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(r->posts[i].rest.gathers, 0);
		pl_hub_fini(&r->posts[i].hub);
		pl_loop_free(r->posts[i].loop);
	}
	pl_bus_free(r->bus);
	pl_limits_fini(&r->limits);
	pl_gate_free(r->gate);
	pl_free(r);
}

/* A client of worker i: its end of the pair. */
static inline int call(struct rig *r, int i)
{
	static const struct pl_ip local;
	struct post *p = &r->posts[i];
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	pl_conns_accept(p->conns, pair[0], &local, &p->router, NULL);
	return pair[1];
}

static inline void say(int fd, const char *method, const char *path, const char *headers)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path,
			 headers);
	assert_int_equal(write(fd, text, (size_t)n), n);
}

/* An answer, in pieces. */
struct heard {
	struct pl_buf text; /* all of it */
	struct pl_http_response head;
	struct pl_slice body;
	bool is_closed;
};

static inline bool is_whole(struct heard *h, bool is_head)
{
	struct pl_http_parser p = {0};
	size_t used;
	if (!h->text.len || pl_http_parse_response(&p, &pl_http_default_limits,
						   pl_buf_slice(&h->text), &used, &h->head))
		return false;
	h->body = pl_slice(h->text.at + used, h->text.len - used);
	return is_head || h->body.len >= h->head.head.content_length;
}

/* Room for what is usual, so that a failing allocation is one of the server's. */
static inline void heard_init(struct heard *h)
{
	*h = (struct heard){0};
	pl_buf_init(&h->text, ANSWER_MAX);
	assert_int_equal(pl_buf_reserve(&h->text, 65536), 0);
}

/* Turns worker i until the answer is there, or the connection is closed. */
static inline void hear_on(struct rig *r, int i, int fd, bool is_head, struct heard *h)
{
	for (int n = 0; n < TURNS_MAX; n++) {
		char piece[65536];
		pl_loop_turn(r->posts[i].loop, 1);
		ssize_t got = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
		if (got > 0)
			pl_buf_put(&h->text, piece, (size_t)got);
		h->is_closed = got == 0 || (got < 0 && errno != EAGAIN);
		if (h->is_closed || (got > 0 && is_whole(h, is_head)))
			return;
	}
	fail_msg("no answer");
}

static inline void hear(struct rig *r, int i, int fd, bool is_head, struct heard *h)
{
	heard_init(h);
	hear_on(r, i, fd, is_head, h);
}

static inline void ask(struct rig *r, const char *path, const char *headers, struct heard *h)
{
	int fd = call(r, 0);
	say(fd, "GET", path, headers);
	hear(r, 0, fd, false, h);
	close(fd);
	pl_loop_turn(r->posts[0].loop, 0);
}

static inline void assert_header(const struct heard *h, const char *name, const char *value)
{
	struct pl_slice have = pl_http_header(&h->head.head, name);
	if (!pl_slice_is(have, value))
		fail_msg("%s: \"%.*s\" instead of \"%s\"", name, PL_FMT(have), value);
}

#endif
