/*
 * engineio_test.h - for the tests of Engine.IO: a worker with a set of sessions that echo, and
 * several clients of it, turned by one thread.
 */
#ifndef PL_CONN_ENGINEIO_TEST_H
#define PL_CONN_ENGINEIO_TEST_H

#include "conn/engineio.h"
#include "conn/line_test.h"

enum { CLIENTS_MAX = 8, SAID_MAX = 4096 };

struct client {
	int fd; /* -1: none */
	struct pl_buf got;
	bool eof;
	struct pl_ws_reader reader;
	/* The last answer: its bytes begin at `got`'s, which they were taken from. */
	unsigned status;
	char head[2048];
	char *body; /* NUL-terminated */
	size_t body_len;
};

struct world {
	struct line line; /* the server's side of it */
	struct pl_eio_options o;
	struct pl_eio_ops ops;
	struct pl_eios *eios;
	uint32_t worker;
	struct world *other; /* a second worker that is turned along; NULL: none */
	struct pl_route rows[2];
	struct client clients[CLIENTS_MAX];
	char sid[64]; /* of the last handshake that was answered */
	/* What the application does and hears. */
	int deny;               /* what on_open says */
	const char *greeting;   /* sent inside on_open */
	const char *last_words; /* said inside on_close to the youngest session */
	bool closes_at_once;    /* inside on_open */
	bool is_quiet;          /* does not echo */
	/* Where it closes the session. */
	enum { NOWHERE, IN_MESSAGE, IN_UPGRADE, IN_PONG } closes_in;
	struct pl_eio *e; /* of the last on_open; NULL after its on_close */
	int opens, messages, upgrades, pongs, closes;
	enum pl_eio_reason reason;
	struct pl_buf said; /* all messages, each ended by a new line */
};

static inline struct world *world_of(const struct pl_eio *e)
{
	return pl_eios_ctx(pl_eio_set(e));
}

/* ---- the application ---- */

static inline int app_open(struct pl_eio *e, const struct pl_request *q)
{
	struct world *w = world_of(e);
	assert_non_null(q->http);
	w->opens++;
	if (w->greeting)
		(void)pl_eio_send(e, PL_WS_TEXT, pl_slice_str(w->greeting));
	if (w->closes_at_once)
		pl_eio_close(e, PL_EIO_FORCED, 4000);
	if (w->deny)
		return w->deny;
	w->e = e;
	pl_eio_set_user(e, w);
	return 0;
}

/* "close": we close. "late": nothing. Everything else is echoed. */
static inline void app_message(struct pl_eio *e, enum pl_ws_op kind, struct pl_slice data)
{
	struct world *w = world_of(e);
	assert_ptr_equal(pl_eio_user(e), w);
	assert_true(pl_eio_is_open(e));
	w->messages++;
	pl_buf_puts(&w->said, data);
	pl_buf_putc(&w->said, '\n');
	if (pl_slice_is(data, "close") || w->closes_in == IN_MESSAGE)
		pl_eio_close(e, PL_EIO_FORCED, 0);
	else if (!w->is_quiet)
		(void)pl_eio_send(e, kind, data);
}

static inline void app_upgrade(struct pl_eio *e)
{
	struct world *w = world_of(e);
	assert_int_equal(pl_eio_transport(e), PL_EIO_WEBSOCKET);
	w->upgrades++;
	if (w->closes_in == IN_UPGRADE)
		pl_eio_close(e, PL_EIO_FORCED, 0);
}

static inline void app_pong(struct pl_eio *e)
{
	struct world *w = world_of(e);
	w->pongs++;
	if (w->closes_in == IN_PONG)
		pl_eio_close(e, PL_EIO_FORCED, 0);
}

static inline void app_close(struct pl_eio *e, enum pl_eio_reason why)
{
	struct world *w = world_of(e);
	assert_ptr_equal(pl_eio_user(e), w);
	assert_false(pl_eio_is_open(e));
	assert_int_equal(pl_eio_send(e, PL_WS_TEXT, PL_S("x")), PL_ECLOSED);
	w->closes++;
	w->reason = why;
	if (w->e == e)
		w->e = NULL;
	else if (w->e && w->last_words) /* what others hear of it */
		(void)pl_eio_send(w->e, PL_WS_TEXT, pl_slice_str(w->last_words));
}

/* ---- opening and closing ---- */

static inline struct pl_eio_options world_options(void)
{
	return (struct pl_eio_options){.ping_interval_ms = 25000,
				       .ping_timeout_ms = 20000,
				       .upgrade_timeout_ms = 10000,
				       .max_payload = 1000000,
				       .out_soft = 256 << 10,
				       .out_hard = 1 << 20,
				       .sessions_max = 100};
}

/* A server's side without clients; false: no memory (in sweeps). */
static inline bool world_serve(struct world *w, const struct way *way)
{
	w->ops = (struct pl_eio_ops){app_open, app_message, app_upgrade, app_pong, app_close};
	if (!line_serve(&w->line, way, 100) ||
	    pl_eios_new(w->line.loop, w->line.set, w->worker, &w->o, &w->ops, w, &w->eios))
		return false;
	w->rows[0] = (struct pl_route){PL_HTTP_OTHER, "/engine.io/", pl_eios_upgrade(w->eios)};
	w->rows[1] = (struct pl_route){PL_HTTP_ANY, "/engine.io/", pl_eios_http(w->eios)};
	w->line.router = (struct pl_router){.routes = w->rows, .count = 2};
	return true;
}

static inline void world_prepare(struct world *w, struct pl_eio_options o)
{
	*w = (struct world){.o = o, .worker = 7};
	w->line = (struct line){.o = line_options(), .fd = -1};
	for (int i = 0; i < CLIENTS_MAX; i++)
		w->clients[i].fd = -1;
	pl_buf_init(&w->said, 16 << 20);
}

static inline void world_open(struct world *w, void **state, struct pl_eio_options o)
{
	const struct way *way = *state;
	world_prepare(w, o);
	if (!way_is_there(way))
		skip();
	assert_true(world_serve(w, way));
}

static inline void client_leave(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	pl_buf_fini(&c->got);
	pl_ws_reader_fini(&c->reader);
	free(c->body);
	*c = (struct client){.fd = -1};
}

static inline void world_close(struct world *w)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		client_leave(&w->clients[i]);
	pl_conns_free(w->line.set);
	pl_eios_free(w->eios);
	assert_int_equal(w->closes, w->deny ? 0 : w->opens);
	w->line.set = NULL;
	line_close(&w->line);
	pl_buf_fini(&w->said);
}

/* ---- clients ---- */

static inline struct client *client_join(struct world *w)
{
	int pair[2], n = 0;
	while (w->clients[n].fd >= 0)
		assert_true(++n < CLIENTS_MAX);
	struct client *c = &w->clients[n];
	client_leave(c);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	c->fd = pair[0];
	pl_buf_init(&c->got, 64 << 20);
	line_server_begins(&w->line);
	pl_conns_accept(w->line.set, pair[1], &line_ip, &w->line.router, NULL);
	line_server_ends(&w->line);
	return c;
}

static inline void client_hear(struct client *c)
{
	char in[65536];
	ssize_t n = -1;
	errno = EAGAIN;
	while (c->fd >= 0 && (n = recv(c->fd, in, sizeof(in), MSG_DONTWAIT)) > 0)
		pl_buf_put(&c->got, in, (size_t)n);
	if (n == 0 || errno != EAGAIN)
		c->eof = true;
}

static inline void world_turn_for(struct world *w, int ms)
{
	line_server_begins(&w->line);
	pl_loop_turn(w->line.loop, ms);
	line_server_ends(&w->line);
	if (w->other)
		pl_loop_turn(w->other->line.loop, 0);
	for (int i = 0; i < CLIENTS_MAX; i++)
		client_hear(&w->clients[i]);
}

static inline void world_turn(struct world *w)
{
	world_turn_for(w, 0);
}

static inline void world_pass(struct world *w, uint64_t ms)
{
	for (uint64_t end = pl_now_ms() + ms; pl_now_ms() < end;)
		world_turn_for(w, 1);
}

#define WORLD_UNTIL(w, condition)                                                              \
	do {                                                                                   \
		for (uint64_t end_ = pl_now_ms() + 5000; !(condition); world_turn_for(w, 2)) { \
			if (pl_now_ms() > end_)                                                \
				fail_msg("never: %s", #condition);                             \
		}                                                                              \
	} while (0)

static inline void client_write(struct world *w, struct client *c, struct pl_slice s)
{
	for (int idle = 0; s.len && idle < 1000;) {
		ssize_t n = send(c->fd, s.at, s.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		idle = n > 0 ? 0 : idle + 1;
		s.at += n > 0 ? n : 0;
		s.len -= n > 0 ? (size_t)n : 0;
		world_turn(w);
	}
}

/* One request, of any form; `extra` are whole lines of headers. */
static inline void client_ask(struct world *w, struct client *c, const char *method,
			      const char *query, const char *extra, struct pl_slice body)
{
	struct pl_buf b;
	pl_buf_init(&b, 64 << 20);
	pl_buf_printf(&b, "%s /engine.io/?%s HTTP/1.1\r\nHost: h\r\n%s", method, query, extra);
	if (body.at)
		pl_buf_printf(&b, "Content-Length: %zu\r\n", body.len);
	PL_PUT(&b, "\r\n");
	pl_buf_puts(&b, body);
	client_write(w, c, pl_buf_slice(&b));
	pl_buf_fini(&b);
}

/* Takes one answer off what was heard; false: it is not there yet. A 101 has no body. */
static inline bool client_take(struct client *c)
{
	char *end = c->got.len ? memmem(c->got.at, c->got.len, "\r\n\r\n", 4) : NULL;
	if (!end)
		return false;
	size_t head = (size_t)(end + 4 - c->got.at);
	assert_true(head < sizeof(c->head));
	memcpy(c->head, c->got.at, head);
	c->head[head] = '\0';
	const char *length = strcasestr(c->head, "\r\nContent-Length: ");
	size_t n = length ? strtoul(length + 18, NULL, 10) : 0;
	if (c->got.len < head + n)
		return false;
	free(c->body);
	c->body = calloc(1, n + 1);
	memcpy(c->body, c->got.at + head, n);
	c->body_len = n;
	c->status = (unsigned)strtoul(c->head + 9, NULL, 10);
	pl_buf_drop(&c->got, head + n);
	return true;
}

static inline void client_expect(struct world *w, struct client *c, unsigned status,
				 const char *body)
{
	WORLD_UNTIL(w, client_take(c));
	if (body)
		assert_string_equal(c->body, body);
	assert_int_equal(c->status, status);
}

static inline bool client_has_header(const struct client *c, const char *line)
{
	char text[256];
	snprintf(text, sizeof(text), "\r\n%s\r\n", line);
	return strcasestr(c->head, text) != NULL;
}

/* "EIO=4&transport=polling&sid=<the last one>"; the text lasts until the next call. */
static inline const char *query_of(const struct world *w, const char *transport)
{
	static char query[160];
	snprintf(query, sizeof(query), "EIO=4&transport=%s&sid=%s", transport, w->sid);
	return query;
}

static inline void remember_sid(struct world *w, const char *hello)
{
	const char *at = strstr(hello, "\"sid\":\"");
	assert_non_null(at);
	snprintf(w->sid, sizeof(w->sid), "%.*s", (int)strcspn(at + 7, "\""), at + 7);
}

/* A handshake by polling on a client of its own, which can be used on. */
static inline struct client *world_shake(struct world *w, const char *extra)
{
	struct client *c = client_join(w);
	client_ask(w, c, "GET", "EIO=4&transport=polling", extra, pl_slice(NULL, 0));
	client_expect(w, c, 200, NULL);
	remember_sid(w, c->body);
	return c;
}

static inline void client_poll(struct world *w, struct client *c)
{
	client_ask(w, c, "GET", query_of(w, "polling"), "", pl_slice(NULL, 0));
}

static inline void client_post(struct world *w, struct client *c, const char *payload)
{
	client_ask(w, c, "POST", query_of(w, "polling"),
		   "Content-Type: text/plain;charset=UTF-8\r\n", pl_slice_str(payload));
}

/* ---- WebSockets ---- */

#define WS_HEADERS "Connection: Upgrade\r\nUpgrade: websocket\r\n" LINE_KEY

static inline struct client *ws_ask(struct world *w, const char *query, const char *extra)
{
	char headers[1024];
	struct client *c = client_join(w);
	snprintf(headers, sizeof(headers), WS_HEADERS "%s", extra);
	client_ask(w, c, "GET", query, headers, pl_slice(NULL, 0));
	return c;
}

static inline void ws_say(struct world *w, struct client *c, enum pl_ws_op op, const char *text)
{
	struct pl_buf b;
	pl_buf_init(&b, 64 << 20);
	line_frame(&b, op, text);
	client_write(w, c, pl_buf_slice(&b));
	pl_buf_fini(&b);
}

static inline bool ws_next(struct client *c, struct pl_ws_event *ev)
{
	struct pl_ws_limits limits = {16 << 20, 1024, false, false};
	static char kept[2 << 20];
	char *at = c->got.at;
	size_t n = c->got.len;
	int got = pl_ws_read(&c->reader, &limits, NULL, &at, &n, ev);
	assert_true(got >= 0);
	if (got) {
		assert_true(ev->data.len < sizeof(kept));
		if (ev->data.len)
			memcpy(kept, ev->data.at, ev->data.len);
		ev->data.at = kept;
	}
	pl_buf_drop(&c->got, c->got.len - n);
	return got;
}

static inline void ws_expect(struct world *w, struct client *c, enum pl_ws_op op, const char *text)
{
	struct pl_ws_event ev = {0};
	WORLD_UNTIL(w, ws_next(c, &ev));
	if (text && !pl_slice_is(ev.data, text))
		fail_msg("heard %.*s, not %s", PL_FMT(ev.data), text);
	assert_int_equal(ev.op, op);
}

/* The server closes with this code (1005: none) and nothing before it. */
static inline void ws_expect_close(struct world *w, struct client *c, uint16_t code)
{
	struct pl_ws_event ev = {0};
	WORLD_UNTIL(w, ws_next(c, &ev));
	assert_int_equal(ev.op, PL_WS_CLOSE);
	assert_int_equal(ev.close_code, code);
}

/* A handshake by WebSocket. */
static inline struct client *world_shake_ws(struct world *w, const char *more)
{
	char query[128];
	struct pl_ws_event ev = {0};
	snprintf(query, sizeof(query), "EIO=4&transport=websocket%s", more);
	struct client *c = ws_ask(w, query, "");
	client_expect(w, c, 101, NULL);
	WORLD_UNTIL(w, ws_next(c, &ev));
	assert_int_equal(ev.op, PL_WS_TEXT);
	char hello[512];
	snprintf(hello, sizeof(hello), "%.*s", PL_FMT(ev.data));
	remember_sid(w, hello);
	return c;
}

/* A probe of the last session, answered. */
static inline struct client *world_probe(struct world *w)
{
	struct client *c = ws_ask(w, query_of(w, "websocket"), "");
	client_expect(w, c, 101, NULL);
	ws_say(w, c, PL_WS_TEXT, "2probe");
	ws_expect(w, c, PL_WS_TEXT, "3probe");
	return c;
}

#endif
