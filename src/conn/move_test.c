/* move_test.c - proves that a request goes to another worker with its connection and all that came
 * and goes with it, that its old worker hears no more of it, and that what cannot arrive is let go
 * of; by each engine, with and without TLS. Both workers are turned by the same thread. */
#include "base/clock.h"
#include "base/mem.h"
#include "conn/conn.h"
#include "conn/ways_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { WORKERS = 2, LISTENERS = 2 };

struct worker {
	struct duo *duo;
	size_t number;
	struct pl_loop *loop;
	struct pl_conns *set;
	struct pl_endpoint endpoint;
	struct pl_route routes[2];
	struct pl_router routers[LISTENERS];
	int requests, moved, refused, upgrades, messages, closes;
	struct pl_ip from; /* of the last request */
	struct pl_conn *owed;
	struct pl_request *kept;
};

struct duo {
	const struct way *way;
	struct pl_conn_options o;
	struct pl_gate *gate;
	struct pl_tls_context *server_tls, *client_tls;
	struct worker w[WORKERS];
	/* The client. */
	int fd;
	bool eof;
	struct pl_tls *tls;
	struct pl_buf got;
};

static const struct pl_ip somebody = {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}};

/* ---- the endpoint: /N/... is worker N's ---- */

static size_t owner_of(const struct pl_request *q)
{
	return q->http->path.len > 1 && q->http->path.at[1] == '1';
}

static bool is_for(const struct pl_request *q, const char *what)
{
	return q->http->path.len > 2 &&
	       pl_slice_is(pl_slice(q->http->path.at + 2, q->http->path.len - 2), what);
}

static bool moves_on(struct worker *w, struct pl_conn *c, const struct pl_request *q)
{
	size_t owner = owner_of(q);
	if (is_for(q, "/never-here"))
		owner = !w->number;
	if (owner == w->number)
		return false;
	int err = pl_conn_move(c, q, w->duo->w[owner].set);
	w->moved += !err;
	w->refused += err == PL_ELIMIT;
	if (err)
		pl_conn_respond_text(c, 503, "text/plain", PL_S("cannot move"));
	return true;
}

static void answer_big(struct pl_conn *c)
{
	enum { BIG = 200000 };
	char *big = malloc(BIG);
	memset(big, 'b', BIG);
	pl_conn_respond_text(c, 200, "text/plain", pl_slice(big, BIG));
	free(big);
}

static void on_request(struct pl_conn *c, const struct pl_request *q)
{
	struct worker *w = pl_conn_ctx(c);
	char text[64];
	if (is_for(q, "/later")) {
		w->owed = c;
		w->kept = pl_request_keep(q);
		assert_non_null(w->kept);
		return;
	}
	if (moves_on(w, c, q))
		return;
	w->requests++;
	w->from = *pl_conn_from(c);
	if (is_for(q, "/big")) {
		answer_big(c);
		return;
	}
	int n = snprintf(text, sizeof(text), "%zu said %.*s|", w->number, (int)q->body.len,
			 q->body.len ? q->body.at : "");
	pl_conn_respond_text(c, 200, "text/plain", pl_slice(text, (size_t)n));
}

static void on_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	struct worker *w = pl_conn_ctx(c);
	if (moves_on(w, c, q))
		return;
	w->upgrades++;
	if (is_for(q, "/wait"))
		w->owed = c;
	else if (pl_conn_upgrade(c, q, (struct pl_slice){NULL, 0}, w))
		pl_conn_respond_text(c, 503, "text/plain", PL_S("no"));
}

static void on_message(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice data)
{
	struct worker *w = pl_conn_user(c);
	w->messages++;
	pl_conn_send(c, kind, data);
}

static void on_close(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	struct worker *w = pl_conn_ctx(c);
	(void)code;
	(void)reason;
	w->closes++;
	w->owed = NULL;
}

/* ---- two workers ---- */

static bool new_worker(struct duo *d, size_t number)
{
	struct worker *w = &d->w[number];
	*w = (struct worker){.duo = d, .number = number};
	if (pl_loop_new(&(struct pl_loop_options){.engine = d->way->engine}, &w->loop) ||
	    pl_conns_new(w->loop, d->gate, &d->o, &w->set))
		return false;
	w->endpoint = (struct pl_endpoint){.on_request = on_request,
					   .on_upgrade = on_upgrade,
					   .on_message = on_message,
					   .on_close = on_close,
					   .ctx = w};
	w->routes[0] = (struct pl_route){PL_HTTP_ANY, "/**", &w->endpoint};
	w->routes[1] = (struct pl_route){PL_HTTP_OTHER, "/**", &w->endpoint};
	/* The second listener has no place for plain requests. */
	w->routers[0] = (struct pl_router){.routes = w->routes, .count = 2};
	w->routers[1] = (struct pl_router){.routes = w->routes + 1, .count = 1};
	pl_conns_set_routers(w->set, w->routers, LISTENERS);
	return true;
}

static struct pl_conn_options options(void)
{
	return (struct pl_conn_options){.http = pl_http_default_limits,
					.header_ms = 5000,
					.keep_alive_ms = 5000,
					.body_bytes = 65536,
					.close_ms = 2000,
					.ws = {.max_message = 65536,
					       .max_frames = 64,
					       .out_soft = 1 << 20,
					       .out_hard = 2 << 20,
					       .slow_ms = 1000},
					.deflate = pl_deflate_defaults()};
}

static void hear(struct duo *d)
{
	char in[65536], plain[65536];
	ssize_t n;
	while ((n = recv(d->fd, in, sizeof(in), MSG_DONTWAIT)) > 0) {
		struct pl_slice s = pl_slice(in, (size_t)n);
		struct pl_buf out;
		ssize_t m;
		pl_buf_init(&out, 1 << 20);
		if (!d->tls)
			pl_buf_puts(&d->got, s);
		while (d->tls && (m = pl_tls_read(d->tls, &s, plain, sizeof(plain), &out)) > 0)
			pl_buf_put(&d->got, plain, (size_t)m);
		if (out.len && send(d->fd, out.at, out.len, MSG_NOSIGNAL) < 0)
			d->eof = true;
		pl_buf_fini(&out);
	}
	d->eof |= n == 0 || (errno != EAGAIN && n < 0);
}

static void turn_one(struct duo *d, size_t number)
{
	if (d->w[number].set)
		pl_loop_turn(d->w[number].loop, 1);
}

static void turn(struct duo *d)
{
	turn_one(d, 0);
	turn_one(d, 1);
	if (d->fd >= 0)
		hear(d);
}

#define UNTIL(d, condition)                                                                      \
	do {                                                                                     \
		for (uint64_t end_ = pl_now_ms() + 5000; !(condition); turn(d)) {                \
			if (pl_now_ms() > end_)                                                  \
				fail_msg("never: %s; heard %.*s", #condition, (int)(d)->got.len, \
					 (d)->got.at ? (d)->got.at : "");                        \
		}                                                                                \
	} while (0)

static size_t count(const struct duo *d, const char *text)
{
	size_t n = 0, len = strlen(text);
	const char *at = d->got.at, *end = at + d->got.len;
	while (at && (at = memmem(at, (size_t)(end - at), text, len))) {
		at += len;
		n++;
	}
	return n;
}

/* To worker 0. */
static void dial(struct duo *d, size_t listener)
{
	int pair[2], small = 16384;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	d->fd = pair[0];
	d->eof = false;
	pl_buf_clear(&d->got);
	pl_conns_accept(d->w[0].set, pair[1], &somebody, &d->w[0].routers[listener], d->server_tls);
	if (!d->way->tls)
		return;
	struct pl_buf hello;
	pl_buf_init(&hello, 1 << 16);
	assert_int_equal(pl_tls_new(d->client_tls, NULL, &d->tls), 0);
	assert_int_equal(pl_tls_start(d->tls, &hello), 0);
	assert_int_equal(send(d->fd, hello.at, hello.len, MSG_NOSIGNAL), hello.len);
	pl_buf_fini(&hello);
	UNTIL(d, d->eof || pl_tls_is_ready(d->tls));
}

static void hang_up(struct duo *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	pl_tls_free(d->tls);
	d->tls = NULL;
}

static void open_duo(struct duo *d, void **state)
{
	*d = (struct duo){.way = *state, .o = options(), .fd = -1};
	if (!way_is_there(d->way))
		skip();
	pl_buf_init(&d->got, 16 << 20);
	assert_int_equal(pl_gate_new(&(struct pl_gate_options){.total = 1}, &d->gate), 0);
	if (d->way->tls)
		way_contexts(&d->server_tls, &d->client_tls);
	for (size_t i = 0; i < WORKERS; i++)
		assert_true(new_worker(d, i));
}

static void close_duo(struct duo *d)
{
	hang_up(d);
	for (size_t i = 0; i < WORKERS; i++) {
		pl_conns_free(d->w[i].set);
		pl_loop_free(d->w[i].loop);
		pl_free(d->w[i].kept);
	}
	pl_gate_free(d->gate);
	pl_tls_context_release(d->server_tls);
	pl_tls_context_release(d->client_tls);
	pl_buf_fini(&d->got);
}

static void say(struct duo *d, struct pl_slice s)
{
	struct pl_buf out;
	pl_buf_init(&out, 1 << 20);
	if (d->tls)
		assert_int_equal(pl_tls_write(d->tls, s, &out), 0);
	else
		pl_buf_puts(&out, s);
	if (send(d->fd, out.at, out.len, MSG_NOSIGNAL) < 0)
		d->eof = true;
	pl_buf_fini(&out);
}

static void put(struct duo *d, const char *text)
{
	say(d, pl_slice_str(text));
}

static size_t open_at(const struct duo *d, size_t number)
{
	return pl_conns_count(d->w[number].set);
}

/* The gate lets only one in: the one before must have left it. */
static void another_is_let_in(struct duo *d)
{
	hang_up(d);
	UNTIL(d, !open_at(d, 0) && (!d->w[1].set || !open_at(d, 1)));
	dial(d, 0);
	put(d, "GET /0/x HTTP/1.1\r\nHost: h\r\n\r\n");
	UNTIL(d, count(d, "0 said |") == 1);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define UPGRADE(path)                                                                       \
	"GET " path " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

/* ---- what arrives ---- */

static void a_request_is_served_by_the_other(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	put(&d, GET("/1/x"));
	UNTIL(&d, count(&d, "1 said |") == 1);
	assert_int_equal(d.w[0].requests, 0);
	assert_int_equal(d.w[0].moved, 1);
	assert_int_equal(open_at(&d, 0), 0);
	assert_int_equal(open_at(&d, 1), 1);
	/* There it stays, and there it comes back from. */
	put(&d, GET("/1/x"));
	UNTIL(&d, count(&d, "1 said |") == 2);
	assert_int_equal(d.w[0].moved, 1);
	put(&d, GET("/0/x"));
	UNTIL(&d, count(&d, "0 said |") == 1);
	assert_int_equal(d.w[1].moved, 1);
	assert_int_equal(open_at(&d, 0), 1);
	assert_int_equal(open_at(&d, 1), 0);
	another_is_let_in(&d);
	assert_int_equal(d.w[0].closes + d.w[1].closes, 0);
	close_duo(&d);
}

static void bodies_and_what_was_early_travel(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	/* Behind the first come a request in a piece, one for here and the half of another. */
	put(&d, "POST /1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
		"POST /1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nfoo\r\n3\r\nbar\r\n0\r\n\r\n" GET("/0/x") "POST /1/x HTTP/1.1\r\nHo");
	UNTIL(&d, count(&d, "0 said |") == 1);
	put(&d, "st: h\r\nContent-Length: 4\r\n\r\nla");
	for (int i = 0; i < 5; i++)
		turn(&d);
	put(&d, "st");
	UNTIL(&d, count(&d, "1 said last|") == 1);
	const char *hello = memmem(d.got.at, d.got.len, "1 said hello|", 13);
	const char *foobar = memmem(d.got.at, d.got.len, "1 said foobar|", 14);
	const char *here = memmem(d.got.at, d.got.len, "0 said |", 8);
	assert_true(hello && foobar && here && hello < foobar && foobar < here);
	assert_int_equal(count(&d, "HTTP/1.1 200"), 4);
	another_is_let_in(&d);
	close_duo(&d);
}

static void what_the_socket_did_not_take_travels(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	put(&d, GET("/0/big") GET("/1/big") GET("/0/x"));
	/* Nobody reads yet: the first answer waits half sent while its connection moves, twice. */
	for (int i = 0; i < 20; i++) {
		turn_one(&d, 0);
		turn_one(&d, 1);
	}
	assert_int_equal(d.w[0].requests, 2);
	assert_int_equal(d.w[1].requests, 1);
	assert_int_equal(open_at(&d, 0), 1);
	UNTIL(&d, count(&d, "0 said |") == 1);
	assert_int_equal(count(&d, "HTTP/1.1 200"), 3);
	size_t b = 0;
	for (size_t i = 0; i < d.got.len; i++)
		b += d.got.at[i] == 'b';
	assert_int_equal(b, 400000);
	another_is_let_in(&d);
	close_duo(&d);
}

static void an_upgrade_moves_with_its_early_frames(void **state)
{
	struct duo d;
	struct pl_buf b;
	static const uint8_t mask[4] = {1, 2, 3, 4};
	open_duo(&d, state);
	dial(&d, 0);
	pl_buf_init(&b, 65536);
	PL_PUT(&b, UPGRADE("/1/x"));
	pl_ws_put(&b, PL_WS_TEXT, PL_S("early"), mask);
	say(&d, pl_buf_slice(&b));
	UNTIL(&d, count(&d, "HTTP/1.1 101") == 1 && count(&d, "early") == 1);
	assert_int_equal(d.w[1].upgrades, 1);
	assert_int_equal(d.w[1].messages, 1);
	assert_int_equal(open_at(&d, 1), 1);
	pl_buf_clear(&b);
	pl_ws_put(&b, PL_WS_TEXT, PL_S("later"), mask);
	say(&d, pl_buf_slice(&b));
	UNTIL(&d, count(&d, "later") == 1);
	hang_up(&d);
	UNTIL(&d, d.w[1].closes == 1);
	assert_int_equal(d.w[0].closes, 0);
	pl_buf_fini(&b);
	close_duo(&d);
}

/* Who hangs up cannot become a WebSocket: that is noticed there, too. */
static void an_upgrade_that_waits_there_is_watched(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	put(&d, UPGRADE("/1/wait"));
	UNTIL(&d, d.w[1].owed != NULL);
	shutdown(d.fd, SHUT_WR);
	UNTIL(&d, d.w[1].closes == 1);
	assert_int_equal(d.w[0].closes, 0);
	close_duo(&d);
}

static void it_may_be_moved_later(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	put(&d, GET("/1/later") GET("/0/x"));
	UNTIL(&d, d.w[0].owed != NULL);
	assert_int_equal(pl_conn_move(d.w[0].owed, d.w[0].kept, d.w[1].set), 0);
	UNTIL(&d, d.w[1].owed != NULL);
	assert_int_equal(open_at(&d, 0), 0);
	pl_conn_respond_text(d.w[1].owed, 200, "text/plain", PL_S("at last"));
	UNTIL(&d, count(&d, "at last") == 1 && count(&d, "0 said |") == 1);
	close_duo(&d);
}

static void the_listener_is_the_same(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 1);
	put(&d, UPGRADE("/1/x"));
	UNTIL(&d, count(&d, "HTTP/1.1 101") == 1);
	assert_int_equal(d.w[1].upgrades, 1);
	hang_up(&d);
	UNTIL(&d, !open_at(&d, 1));
	/* What is not there is not there: its own router answers. */
	d.w[1].routers[0] = d.w[1].routers[1];
	dial(&d, 0);
	put(&d, GET("/1/x"));
	UNTIL(&d, count(&d, "HTTP/1.1 426") == 1);
	close_duo(&d);
}

static void dial_tcp(struct duo *d, const struct pl_ip *from)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int ear = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(ear, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(ear, 1), 0);
	assert_int_equal(getsockname(ear, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, len), 0);
	d->fd = fd;
	pl_conns_accept(d->w[0].set, accept4(ear, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), from,
			&d->w[0].routers[0], NULL);
	close(ear);
}

/* One connection of a proxy carries many callers' requests: each is who he is, wherever it goes. */
static void who_called_a_proxy_is_known_there(void **state)
{
	static const struct {
		const char *path, *caller;
	} asks[] = {
		{"/1/x", "9.9.9.9"}, {"/1/x", "8.8.8.8"}, {"/0/x", "8.8.8.8"}, {"/1/x", "7.7.7.7"}};
	const struct way *way = *state;
	struct pl_ip proxy;
	struct duo d;
	if (way->tls)
		skip();
	assert_int_equal(pl_ip_parse(PL_S("127.0.0.1"), &proxy), 0);
	open_duo(&d, state);
	d.o.proxies = &proxy;
	d.o.nproxies = 1;
	dial_tcp(&d, &proxy);
	for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++) {
		char text[256];
		struct pl_ip caller;
		assert_int_equal(pl_ip_parse(pl_slice_str(asks[i].caller), &caller), 0);
		snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: %s\r\n\r\n", asks[i].path,
			 asks[i].caller);
		pl_buf_clear(&d.got);
		put(&d, text);
		UNTIL(&d, count(&d, " said |") == 1);
		assert_memory_equal(&d.w[asks[i].path[1] - '0'].from, &caller, sizeof(caller));
	}
	another_is_let_in(&d);
	close_duo(&d);
}

/* ---- what does not ---- */

static void a_request_that_nobody_wants_is_not_moved_for_ever(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	put(&d, GET("/0/never-here"));
	UNTIL(&d, count(&d, "HTTP/1.1 503") == 1 && count(&d, "cannot move") == 1);
	assert_int_equal(d.w[0].moved + d.w[1].moved, 3);
	assert_int_equal(d.w[1].refused, 1);
	another_is_let_in(&d);
	close_duo(&d);
}

static void who_owes_nothing_is_not_moved(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	put(&d, GET("/1/later"));
	UNTIL(&d, d.w[0].owed != NULL);
	assert_int_equal(pl_conn_move(d.w[0].owed, d.w[0].kept, d.w[0].set), PL_ESTATE);
	pl_conns_set_routers(d.w[0].set, NULL, 0);
	assert_int_equal(pl_conn_move(d.w[0].owed, d.w[0].kept, d.w[1].set), PL_ESTATE);
	pl_conns_set_routers(d.w[0].set, d.w[0].routers, LISTENERS);
	pl_conn_respond_text(d.w[0].owed, 200, "text/plain", PL_S("here"));
	assert_int_equal(pl_conn_move(d.w[0].owed, d.w[0].kept, d.w[1].set), PL_ESTATE);
	UNTIL(&d, count(&d, "here") == 1);
	assert_int_equal(open_at(&d, 0), 1);
	close_duo(&d);
}

static void a_worker_that_drains_answers_503(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	pl_conns_drain(d.w[1].set, "bye");
	put(&d, GET("/1/x") GET("/0/x"));
	UNTIL(&d, d.eof);
	assert_memory_equal(d.got.at, "HTTP/1.1 503", 12);
	assert_int_equal(count(&d, "HTTP/1.1"), 1);
	assert_int_equal(d.w[1].requests, 0);
	another_is_let_in(&d);
	close_duo(&d);
}

/* It is on its way when the other ends. */
static void a_worker_that_ends_lets_go_of_what_arrives(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	put(&d, GET("/1/x") GET("/0/x"));
	for (int i = 0; i < 5000 && !d.w[0].moved; i++)
		turn_one(&d, 0);
	assert_int_equal(d.w[0].moved, 1);
	assert_int_equal(open_at(&d, 0), 0);
	pl_conns_free(d.w[1].set);
	d.w[1].set = NULL;
	UNTIL(&d, d.eof);
	assert_int_equal(d.got.len, 0);
	assert_int_equal(d.w[0].closes + d.w[1].closes, 0);
	another_is_let_in(&d);
	close_duo(&d);
}

static void who_hangs_up_on_the_way_is_let_go_of(void **state)
{
	for (int early = 0; early < 2; early++) {
		struct duo d;
		open_duo(&d, state);
		dial(&d, 0);
		put(&d, early ? UPGRADE("/1/wait") : GET("/1/later"));
		if (early) /* at the same time: it breaks before it can leave, or after */
			hang_up(&d);
		for (int i = 0; i < 10; i++)
			turn_one(&d, 0);
		if (d.w[0].owed)
			assert_int_equal(pl_conn_move(d.w[0].owed, d.w[0].kept, d.w[1].set), 0);
		hang_up(&d);
		for (int i = 0; i < 10; i++) /* between the two it is counted by nobody */
			turn(&d);
		UNTIL(&d, !open_at(&d, 0) && !open_at(&d, 1));
		assert_int_equal(d.w[0].closes, 0);
		dial(&d, 0);
		put(&d, GET("/0/x"));
		UNTIL(&d, count(&d, "0 said |") == 1);
		close_duo(&d);
	}
}

/* The peer breaks the connection in the turn in which it was to leave. */
static void what_breaks_before_it_leaves_is_told_to_nobody(void **state)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	put(&d, GET("/1/later"));
	UNTIL(&d, d.w[0].owed != NULL);
	assert_int_equal(pl_conn_move(d.w[0].owed, d.w[0].kept, d.w[1].set), 0);
	pl_conns_free(d.w[0].set);
	d.w[0].set = NULL;
	assert_int_equal(d.w[0].closes, 0);
	assert_int_equal(open_at(&d, 1), 0);
	hear(&d);
	assert_true(d.eof);
	close_duo(&d);
}

static bool one_move(void **state, unsigned long n)
{
	struct duo d;
	open_duo(&d, state);
	dial(&d, 0);
	put(&d, "POST /1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" GET("/0/big")
			UPGRADE("/1/x"));
	pl_mem_fail_at(n, false);
	for (int i = 0; i < 20 && !d.w[1].upgrades; i++) { /* nothing of the client's may fail */
		turn_one(&d, 0);
		turn_one(&d, 1);
	}
	bool has_failed = pl_mem_count() >= n;
	pl_mem_fail_at(0, false);
	UNTIL(&d, d.eof || count(&d, "HTTP/1.1 101") == 1 || count(&d, "HTTP/1.1 503") > 0);
	if (!has_failed)
		assert_int_equal(count(&d, "HTTP/1.1 101"), 1);
	if (d.fd >= 0)
		another_is_let_in(&d);
	close_duo(&d);
	return has_failed;
}

static void every_allocation_may_fail(void **state)
{
	unsigned long n = 1;
	if (!way_is_there(*state))
		skip();
	while (one_move(state, n))
		n++;
	assert_in_range(n, 10, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL_WAYS(a_request_is_served_by_the_other),
		ALL_WAYS(bodies_and_what_was_early_travel),
		ALL_WAYS(what_the_socket_did_not_take_travels),
		ALL_WAYS(an_upgrade_moves_with_its_early_frames),
		ALL_WAYS(an_upgrade_that_waits_there_is_watched),
		ALL_WAYS(it_may_be_moved_later),
		ALL_WAYS(the_listener_is_the_same),
		ALL_WAYS(who_called_a_proxy_is_known_there),
		ALL_WAYS(a_request_that_nobody_wants_is_not_moved_for_ever),
		ALL_WAYS(who_owes_nothing_is_not_moved),
		ALL_WAYS(a_worker_that_drains_answers_503),
		ALL_WAYS(a_worker_that_ends_lets_go_of_what_arrives),
		ALL_WAYS(who_hangs_up_on_the_way_is_let_go_of),
		ALL_WAYS(what_breaks_before_it_leaves_is_told_to_nobody),
		ALL_WAYS(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
