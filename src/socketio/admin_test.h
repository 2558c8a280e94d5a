/*
 * admin_test.h - for the tests of the admin namespace: two workers with a namespace that anybody
 * may enter, an administrator's login, and clients over WebSocket, turned by one thread.
 */
#ifndef PL_SOCKETIO_ADMIN_TEST_H
#define PL_SOCKETIO_ADMIN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "socketio/admin_internal.h"
#include "socketio/internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { POSTS = 2, PATIENCE_MS = 10000, AFTERMATH_MS = 60, GOT_MAX = 64 << 20 };

/* "a secret word", with the least costs that there are: the tests log in often. */
#define HASH                                                 \
	"$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$" \
	"hW8mvyjWxE8nkudQyLVWluAsKZFwObbVosil2qsamPE"
#define LOGIN "40/admin,{\"username\":\"operator\",\"password\":\"a secret word\"}"

struct post {
	struct pl_loop *loop;
	struct pl_metrics metrics;
	struct pl_conns *conns;
	struct pl_handler_site *callbacks;
	struct pl_sio_site *sio;
	struct pl_sio_admin_site *admin;
	struct pl_router router;
};

struct stage {
	struct pl_gate *gate;
	struct pl_handlers *handlers;
	struct pl_sio *sio;
	struct pl_sio_admin *admin;
	struct pl_hasher *hasher;
	struct pl_conn_options conn;
	struct pl_conns *sets[POSTS];
	struct post posts[POSTS];
	bool is_halted[POSTS]; /* not turned */
	unsigned long fail_in; /* the server's allocation that fails; 0: none */
	bool has_failed;
};

static const uint8_t guest_mask[4] = {0x37, 0xfa, 0x21, 0x3d};

struct guest {
	struct stage *stage;
	int fd;
	struct pl_buf got;
	struct pl_slice text; /* of the last frame that was taken */
	bool eof, gives_up;
};

/* ---- the server ---- */

static inline int guest_enters(parley_socket *s, const parley_packet *p)
{
	return parley_socket_join(s, parley_arg_str(p, 0));
}

static inline int guest_exits(parley_socket *s, const parley_packet *p)
{
	return parley_socket_leave(s, parley_arg_str(p, 0));
}

static const struct parley_on guest_events[] = {
	{"enter", guest_enters}, {"exit", guest_exits}, {NULL, NULL}};

static inline const struct pl_endpoint *stage_find(void *site, const struct pl_http_request *q,
						   unsigned *status)
{
	(void)status;
	return pl_sio_find(site, q);
}

static inline int post_open(struct stage *s, uint32_t i)
{
	struct post *p = &s->posts[i];
	struct pl_loop_options lo = {.engine = PL_ENGINE_EPOLL, .metrics = &p->metrics};
	int err = pl_loop_new(&lo, &p->loop);
	if (!err)
		err = pl_conns_new(p->loop, s->gate, &s->conn, &p->conns);
	if (!err)
		err = pl_handler_site_new(s->handlers, i, p->loop, &p->callbacks);
	if (!err)
		err = pl_sio_site_new(s->sio, i, p->loop, p->conns, p->callbacks, &p->sio);
	if (!err)
		err = pl_sio_admin_site_new(s->admin, p->loop, p->sio, s->hasher, &p->admin);
	s->sets[i] = p->conns;
	p->router = (struct pl_router){.find = stage_find, .find_ctx = p->sio, .finds_plain = true};
	return err;
}

static inline int stage_define(struct stage *s, const struct pl_sio_admin_options *o,
			       size_t max_backlog)
{
	const char *why = NULL;
	struct parley_socketio server = {.max_backlog = max_backlog};
	struct parley_namespace root = {.name = "/", .events = guest_events};
	int err = pl_handlers_new(NULL, NULL, &s->handlers);
	if (!err)
		err = pl_sio_new(NULL, s->handlers, &s->sio);
	if (!err)
		err = pl_sio_set_options(s->sio, &server, sizeof(server), &why);
	if (!err)
		err = pl_sio_add_namespace(s->sio, &root, sizeof(root), &why);
	if (!err)
		err = pl_sio_admin_new(s->sio, o, &s->admin);
	return err;
}

/* What did not come to be is freed by stage_close too. */
static inline int stage_open(struct stage *s, const struct pl_sio_admin_options *o,
			     size_t max_backlog)
{
	struct pl_gate_options open = {0};
	*s = (struct stage){.fail_in = s->fail_in};
	s->conn = (struct pl_conn_options){.http = pl_http_default_limits,
					   .header_ms = 60000,
					   .keep_alive_ms = 60000,
					   .body_bytes = 1 << 20,
					   .close_ms = 1000,
					   .ws = {.max_message = 1 << 20,
						  .max_frames = 64,
						  .out_soft = 1 << 20,
						  .out_hard = 8 << 20,
						  .slow_ms = 60000},
					   .deflate = pl_deflate_defaults()};
	int err = pl_gate_new(&open, &s->gate);
	if (!err)
		err = pl_hasher_new(1, 8, &s->hasher);
	if (!err)
		err = stage_define(s, o, max_backlog);
	for (uint32_t i = 0; !err && i < POSTS; i++)
		err = post_open(s, i);
	for (uint32_t i = 0; !err && i < POSTS; i++)
		pl_sio_site_set_siblings(s->posts[i].sio, s->sets, POSTS);
	return err;
}

static inline void stage_begins(struct stage *s)
{
	if (s->fail_in)
		pl_mem_fail_at(s->fail_in, false);
}

/* Only the server's allocations fail. */
static inline void stage_ends(struct stage *s)
{
	if (!s->fail_in)
		return;
	unsigned long made = pl_mem_count();
	pl_mem_fail_at(0, false);
	s->has_failed |= made >= s->fail_in;
	s->fail_in = s->has_failed ? 0 : s->fail_in - made;
}

static inline void stage_turn(struct stage *s)
{
	stage_begins(s);
	for (int i = 0; i < POSTS; i++)
		if (s->posts[i].loop && !s->is_halted[i])
			pl_loop_turn(s->posts[i].loop, 0);
	stage_ends(s);
}

static inline void stage_pass(struct stage *s, uint64_t ms)
{
	for (uint64_t end = pl_now_ms() + ms; pl_now_ms() < end; usleep(1000))
		stage_turn(s);
}

/* In the order in which a server ends. */
static inline void stage_close(struct stage *s)
{
	memset(s->is_halted, 0, sizeof(s->is_halted));
	if (s->hasher)
		pl_hasher_stop(s->hasher);
	for (int round = 0; round < 4; round++)
		stage_turn(s);
	for (int i = 0; i < POSTS; i++) {
		pl_conns_free(s->posts[i].conns);
		pl_sio_site_close(s->posts[i].sio);
	}
	for (int round = 0; round < 4; round++)
		stage_turn(s);
	for (int i = 0; i < POSTS; i++) {
		pl_sio_site_free(s->posts[i].sio);
		pl_sio_admin_site_free(s->posts[i].admin);
		pl_handler_site_free(s->posts[i].callbacks);
	}
	for (int i = 0; s->admin && i < POSTS; i++)
		assert_int_equal(s->admin->unread[i], 0);
	for (int i = 0; i < POSTS; i++)
		pl_loop_free(s->posts[i].loop);
	pl_sio_free(s->sio);
	pl_sio_admin_free(s->admin);
	pl_handlers_free(s->handlers);
	pl_hasher_free(s->hasher);
	pl_gate_free(s->gate);
}

static inline int64_t stage_count(const struct stage *s, enum pl_metric id)
{
	const struct pl_metrics *sets[POSTS];
	for (int i = 0; i < POSTS; i++)
		sets[i] = &s->posts[i].metrics;
	return pl_metric_sum(sets, POSTS, id);
}

/* ---- clients ---- */

static inline void guest_say(struct guest *g, const char *text)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	pl_ws_put(&b, PL_WS_TEXT, pl_slice_str(text), guest_mask);
	for (size_t at = 0; at < b.len;) {
		ssize_t n = send(g->fd, b.at + at, b.len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			break;
		at += n > 0 ? (size_t)n : 0;
		if (at < b.len)
			stage_turn(g->stage);
	}
	pl_buf_fini(&b);
}

/* Whatever has come. */
static inline void guest_read(struct guest *g)
{
	char in[65536];
	ssize_t n;
	while ((n = recv(g->fd, in, sizeof(in), MSG_DONTWAIT)) > 0)
		pl_buf_put(&g->got, in, (size_t)n);
	g->eof |= n == 0 || (n < 0 && errno != EAGAIN);
}

/* Takes the answer to the handshake off. */
static inline bool guest_is_upgraded(struct guest *g)
{
	char *end = g->got.len ? memmem(g->got.at, g->got.len, "\r\n\r\n", 4) : NULL;
	if (!end || memcmp(g->got.at, "HTTP/1.1 101", 12) != 0)
		return false;
	pl_buf_drop(&g->got, (size_t)(end + 4 - g->got.at));
	return true;
}

/* The next frame, if it is there: in g->text until the next call. Control frames are skipped. */
static inline bool guest_take(struct guest *g)
{
	pl_buf_drop(&g->got, g->text.len);
	g->text = pl_slice(NULL, 0);
	const unsigned char *at = (const unsigned char *)g->got.at;
	size_t n = g->got.len, head = 2, len;
	if (n < 2)
		return false;
	len = at[1] & 127;
	head = len == 126 ? 4 : len == 127 ? 10 : 2;
	if (n < head)
		return false;
	if (len >= 126)
		len = 0;
	for (size_t i = 2; i < head; i++)
		len = len << 8 | at[i];
	if (n < head + len)
		return false;
	bool is_text = (at[0] & 15) == 1;
	pl_buf_drop(&g->got, head);
	g->text = pl_slice(g->got.at, len);
	return is_text ? true : guest_take(g);
}

/* Skips what is said before a frame that begins so. False: it does not come; where an allocation
 * has failed that is soon believed. */
static inline bool guest_waits(struct guest *g, const char *beginning, uint64_t ms)
{
	for (uint64_t end = pl_now_ms() + ms;;) {
		uint64_t soon = pl_now_ms() + AFTERMATH_MS;
		if (g->stage->has_failed && !g->gives_up) {
			g->gives_up = true;
			end = soon < end ? soon : end;
		}
		while (guest_take(g))
			if (pl_slice_starts(g->text, pl_slice_str(beginning)))
				return true;
		if (g->eof || pl_now_ms() > end)
			return false;
		stage_turn(g->stage);
		guest_read(g);
		usleep(200);
	}
}

static inline void guest_hears(struct guest *g, const char *beginning)
{
	if (!guest_waits(g, beginning, PATIENCE_MS))
		fail_msg("never heard: %s", beginning);
}

static inline bool guest_heard(const struct guest *g, const char *word)
{
	return memmem(g->text.at, g->text.len, word, strlen(word)) != NULL;
}

/* A WebSocket to worker i; false: it was not accepted. */
static inline bool guest_calls(struct guest *g, struct stage *s, int i, const char *query)
{
	static const struct pl_ip from = {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}};
	char text[1024];
	int pair[2];
	*g = (struct guest){.stage = s};
	pl_buf_init(&g->got, GOT_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	g->fd = pair[1];
	stage_begins(s);
	pl_conns_accept(s->posts[i].conns, pair[0], &from, &s->posts[i].router, NULL);
	stage_ends(s);
	int n = snprintf(
		text, sizeof(text),
		"GET /socket.io/?EIO=4&transport=websocket%s HTTP/1.1\r\nHost: h\r\n"
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Cookie: a=b\r\nX-Page: start\r\n\r\n",
		query);
	(void)send(g->fd, text, (size_t)n, MSG_NOSIGNAL);
	for (uint64_t end = pl_now_ms() + PATIENCE_MS; !guest_is_upgraded(g); guest_read(g)) {
		stage_turn(s);
		if (g->eof || pl_now_ms() > end || s->has_failed)
			return false;
	}
	return true;
}

static inline void guest_leave(struct guest *g)
{
	if (g->fd)
		close(g->fd);
	pl_buf_fini(&g->got);
	*g = (struct guest){.fd = 0};
}

/* In "/"; its id. */
static inline void guest_come(struct guest *g, struct stage *s, int i, char id[SOCKET_ID + 1])
{
	assert_true(guest_calls(g, s, i, ""));
	guest_say(g, "40");
	guest_hears(g, "40{\"sid\":\"");
	memcpy(id, g->text.at + 10, SOCKET_ID);
	id[SOCKET_ID] = '\0';
}

/* An administrator, up to the reply. */
static inline void guest_log_in(struct guest *g, struct stage *s, int i)
{
	assert_true(guest_calls(g, s, i, ""));
	guest_say(g, LOGIN);
	guest_hears(g, "40/admin,");
}

#endif
