/*
 * engineio_session.c - fuzzes Engine.IO sessions from the socket to the application. Each line of
 * the input is a step: its first character says what happens, the next one or two (digits) which
 * client and which session, the rest is what is said. Without a '+' before it, a turn of the loop
 * follows. Promises: a session that was opened is closed once, and none is left at the end.
 */
#include "fuzz.h"

#include "conn/engineio.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 6, SESSIONS = 8, STEPS_MAX = 200, HEAD_MAX = 1024 };

static struct world {
	struct pl_loop *loop; /* these two live from the first input to the last */
	struct pl_gate *gate;
	struct pl_conn_options lines;
	struct pl_conns *conns;
	struct pl_eios *eios;
	struct pl_route rows[2];
	struct pl_router router;
	int fds[CLIENTS]; /* -1: none */
	struct pl_eio *sessions[SESSIONS];
	char sids[SESSIONS][32]; /* also of those that are over */
	unsigned opened;
	size_t alive;
} w;

static void must(int err)
{
	if (err)
		abort();
}

/* ---- the application ---- */

static int on_open(struct pl_eio *e, const struct pl_request *q)
{
	unsigned slot = w.opened % SESSIONS;
	struct pl_slice sid = pl_eio_sid(e);
	if (memmem(q->http->query.at, q->http->query.len, "deny", 4))
		return PL_EDENIED;
	if (memmem(q->http->query.at, q->http->query.len, "greet", 5))
		(void)pl_eio_send(e, PL_WS_TEXT, PL_S("welcome"));
	if (memmem(q->http->query.at, q->http->query.len, "leave", 5))
		pl_eio_close(e, PL_EIO_FORCED, 4000);
	w.sessions[slot] = e;
	snprintf(w.sids[slot], sizeof(w.sids[slot]), "%.*s", PL_FMT(sid));
	pl_eio_set_user(e, &w.sessions[slot]);
	w.opened++;
	w.alive++;
	return 0;
}

static void on_message(struct pl_eio *e, enum pl_ws_op kind, struct pl_slice data)
{
	MUST(pl_eio_is_open(e));
	MUST(pl_eio_user(e));
	if (pl_slice_is(data, "close"))
		pl_eio_close(e, PL_EIO_FORCED, 0);
	else
		(void)pl_eio_send(e, kind, data);
}

static void on_upgrade(struct pl_eio *e)
{
	MUST(pl_eio_transport(e) == PL_EIO_WEBSOCKET && pl_eio_is_open(e));
}

static void on_pong(struct pl_eio *e)
{
	MUST(pl_eio_is_open(e));
}

static void on_close(struct pl_eio *e, enum pl_eio_reason why)
{
	struct pl_eio **slot = pl_eio_user(e);
	MUST(slot && !pl_eio_is_open(e));
	MUST(pl_eio_reason_text(why));
	if (*slot == e) /* else a later session took the slot */
		*slot = NULL;
	w.alive--;
}

/* ---- the world ---- */

static void open_worker(void)
{
	w.lines = (struct pl_conn_options){.http = pl_http_default_limits,
					   .header_ms = 1000,
					   .keep_alive_ms = 1000,
					   .body_bytes = 4096,
					   .close_ms = 1,
					   .ws.out_soft = 1 << 20};
	must(pl_loop_new(&(struct pl_loop_options){.engine = PL_ENGINE_EPOLL}, &w.loop));
	must(pl_gate_new(&(struct pl_gate_options){0}, &w.gate));
}

static void open_sessions(void)
{
	static const struct pl_slice origins[] = {PL_S("https://good.example")};
	static const struct pl_eio_options o = {.ping_interval_ms = 4,
						.ping_timeout_ms = 4,
						.upgrade_timeout_ms = 4,
						.max_payload = 2000,
						.out_soft = 2000,
						.out_hard = 4000,
						.sessions_max = SESSIONS,
						.origins = origins,
						.norigins = 1,
						.cookie = {"id", 2}};
	static const struct pl_eio_ops ops = {on_open, on_message, on_upgrade, on_pong, on_close};
	must(pl_conns_new(w.loop, w.gate, &w.lines, &w.conns));
	must(pl_eios_new(w.loop, w.conns, 1, &o, &ops, NULL, &w.eios));
	w.rows[0] = (struct pl_route){PL_HTTP_OTHER, "/**", pl_eios_upgrade(w.eios)};
	w.rows[1] = (struct pl_route){PL_HTTP_ANY, "/**", pl_eios_http(w.eios)};
	w.router = (struct pl_router){.routes = w.rows, .count = 2};
	for (int i = 0; i < CLIENTS; i++)
		w.fds[i] = -1;
	w.opened = 0;
}

static void hear(void)
{
	char in[4096];
	for (int i = 0; i < CLIENTS; i++)
		while (w.fds[i] >= 0 && recv(w.fds[i], in, sizeof(in), MSG_DONTWAIT) > 0)
			;
}

static void turn(int ms)
{
	pl_loop_turn(w.loop, ms);
	hear();
	MUST(pl_eios_count(w.eios) == w.alive);
	MUST(pl_eios_polling(w.eios) <= w.alive);
}

static void leave(unsigned c)
{
	if (w.fds[c] >= 0)
		close(w.fds[c]);
	w.fds[c] = -1;
}

static int join(unsigned c)
{
	struct pl_ip local = {{0}};
	int pair[2];
	if (w.fds[c] >= 0)
		return w.fds[c];
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	pl_conns_accept(w.conns, pair[0], &local, &w.router, NULL);
	return w.fds[c] = pair[1];
}

static void close_sessions(void)
{
	for (unsigned c = 0; c < CLIENTS; c++)
		leave(c);
	pl_conns_free(w.conns);
	pl_eios_free(w.eios);
	MUST(!w.alive);
	for (unsigned s = 0; s < SESSIONS; s++)
		MUST(!w.sessions[s]);
}

/* ---- steps ---- */

static void say(int fd, struct pl_slice bytes)
{
	if (bytes.len && send(fd, bytes.at, bytes.len, MSG_NOSIGNAL) < 0)
		return;
}

enum how { POLLING, WEBSOCKET, NO_UPGRADE };

/* sid NULL: none. rest: more of the query, or a body. */
static void ask(unsigned c, const char *method, enum how how, const char *sid, struct pl_slice rest)
{
	char head[HEAD_MAX];
	bool has_body = !strcmp(method, "POST");
	int n = snprintf(
		head, sizeof(head), "%s /?EIO=4&transport=%s%s%s%.*s HTTP/1.1\r\nHost: x\r\n",
		method, how == POLLING ? "polling" : "websocket", sid ? "&sid=" : "",
		sid ? sid : "", has_body ? 0 : (int)(rest.len < 200 ? rest.len : 200), rest.at);
	MUST(n > 0 && n < HEAD_MAX);
	say(join(c), pl_slice(head, (size_t)n));
	if (how == WEBSOCKET)
		say(w.fds[c], PL_S("Connection: Upgrade\r\nUpgrade: websocket\r\n"
				   "Sec-WebSocket-Version: 13\r\n"
				   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
	n = has_body ? snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", rest.len)
		     : snprintf(head, sizeof(head), "\r\n");
	say(w.fds[c], pl_slice(head, (size_t)n));
	if (has_body)
		say(w.fds[c], rest);
}

static void frame(unsigned c, enum pl_ws_op op, struct pl_slice payload)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	pl_ws_put(&b, op, payload, mask);
	if (w.fds[c] >= 0)
		say(w.fds[c], pl_buf_slice(&b));
	pl_buf_fini(&b);
}

static void push(struct pl_slice payload, bool is_binary, bool is_volatile)
{
	struct pl_eio_shared s = {
		.is_binary = is_binary, .is_volatile = is_volatile, .payload = payload};
	for (unsigned i = 0; i < SESSIONS; i++)
		if (w.sessions[i])
			pl_eio_push(w.sessions[i], &s);
	pl_eio_shared_fini(&s);
}

static void ask_freely(unsigned c, struct pl_slice request)
{
	say(join(c), request);
	say(w.fds[c], PL_S("\r\n\r\n"));
}

static void step(char what, unsigned c, unsigned s, struct pl_slice rest)
{
	struct pl_eio *e = w.sessions[s];
	switch (what) {
	case 'h': ask(c, "GET", POLLING, NULL, rest); break;
	case 'w': ask(c, "GET", WEBSOCKET, NULL, rest); break;
	case 'g': ask(c, "GET", POLLING, w.sids[s], rest); break;
	case 'p': ask(c, "POST", POLLING, w.sids[s], rest); break;
	case 'u': ask(c, "GET", WEBSOCKET, w.sids[s], rest); break;
	case 'o': ask(c, "OPTIONS", POLLING, w.sids[s], rest); break;
	case 'k': ask(c, c & 1 ? "POST" : "GET", NO_UPGRADE, w.sids[s], rest); break;
	case 'r': ask_freely(c, rest); break;
	case 't': frame(c, PL_WS_TEXT, rest); break;
	case 'b': frame(c, PL_WS_BINARY, rest); break;
	case 'q': frame(c, PL_WS_CLOSE, PL_S("")); break;
	case 'x': leave(c); break;
	case 'S': push(rest, c & 1, c & 2); break;
	case 'd': pl_eios_drain(w.eios); break;
	case '.': turn(3); break;
	case 's':
		if (e)
			(void)pl_eio_send(e, c & 1 ? PL_WS_BINARY : PL_WS_TEXT, rest);
		break;
	case 'c':
		if (e)
			pl_eio_close(e, PL_EIO_FORCED, (uint16_t)(c * 1000));
		break;
	default: break;
	}
}

static void run_line(struct pl_slice line)
{
	bool waits = line.len && line.at[0] == '+';
	if (waits)
		line = pl_slice(line.at + 1, line.len - 1);
	if (line.len < 3)
		return;
	step(line.at[0], (unsigned char)line.at[1] % CLIENTS, (unsigned char)line.at[2] % SESSIONS,
	     pl_slice(line.at + 3, line.len - 3));
	if (!waits)
		turn(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_slice rest = pl_slice(data, size);
	if (!w.loop)
		open_worker();
	open_sessions();
	for (int steps = 0; rest.len && steps < STEPS_MAX; steps++)
		run_line(pl_slice_cut(rest, '\n', &rest));
	close_sessions();
	return 0;
}
