/*
 * dialect.h - for the targets that fuzz a dialect from the socket to the store: one worker in one
 * thread (loop, bus, hub, gateway, connections) over a memory store, and clients on the other ends
 * of socket pairs. It stays open from the first input to the last; each input leaves it empty.
 */
#ifndef PL_FUZZ_DIALECT_H
#define PL_FUZZ_DIALECT_H

#include "fuzz.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "dialect/session.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECRET PL_S("an example of a secret of 32 bytes or more")

enum { ENDPOINTS_MAX = 4, TOKEN_MAX = 2048, HEAD_MAX = 8192 };

static struct world {
	struct pl_loop *loop; /* NULL: not open yet */
	struct pl_gate *gate;
	struct pl_conns *conns;
	struct pl_bus *bus;
	struct pl_store *store;
	struct pl_limits limits;
	struct pl_hub hub;
	struct pl_gateway gateway;
	struct pl_endpoint endpoints[ENDPOINTS_MAX];
	struct pl_route routes[ENDPOINTS_MAX];
	size_t nendpoints;
	struct pl_router router;
	struct pl_conn_options lines;
} w;

static inline void must(int err)
{
	if (err)
		abort();
}

/* ---- the server ---- */

static inline void world_finish(void *ctx, struct pl_op *op)
{
	(void)ctx;
	pl_hub_finish(w.bus, op);
}

static inline struct pl_auth *world_auth(void)
{
	struct pl_auth_options o = PL_AUTH_DEFAULTS;
	struct pl_auth *auth = NULL;
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	o.secret = SECRET;
	must(pl_auth_new(&o, &why, &auth));
	pl_buf_fini(&why);
	return auth;
}

static inline void world_open(const struct pl_gateway_options *signing)
{
	static const struct pl_chat_options chat = {.presence_grace_ms = 1,
						    .typing_expiry_ms = 1,
						    .page_max = 50,
						    .rooms_max = 10000,
						    .online_max = 10000,
						    .rooms_open = true,
						    .open_rooms_max = 1000,
						    .ring_ms = 1,
						    .call_max_ms = 1000,
						    .calls_per_user = 4,
						    .calls_max = 1000};
	struct pl_store_options store = {.finish = world_finish};
	struct pl_rate none[PL_LIMIT__COUNT] = {{0}};
	w.lines = (struct pl_conn_options){.http = pl_http_default_limits,
					   .header_ms = 1000,
					   .keep_alive_ms = 1000,
					   .body_bytes = 1024,
					   .ws.max_message = 1 << 20,
					   .ws.max_frames = 1024,
					   .close_ms = 1,
					   .ws.out_soft = 1 << 20,
					   .ws.out_hard = 4 << 20,
					   .ws.slow_ms = 1000};
	must(pl_loop_new(&(struct pl_loop_options){.engine = PL_ENGINE_EPOLL}, &w.loop));
	must(pl_gate_new(&(struct pl_gate_options){0}, &w.gate));
	must(pl_conns_new(w.loop, w.gate, &w.lines, &w.conns));
	must(pl_bus_local_new(&w.bus));
	must(pl_limits_init(&w.limits, none));
	must(pl_hub_init(&w.hub, w.loop, w.bus, &w.limits, &chat));
	must(pl_store_open(&store, &w.store));
	w.hub.store = w.store;
	must(pl_gateway_init(&w.gateway, &w.hub, signing, 0, 1 << 20));
	pl_gateway_set_auth(&w.gateway, world_auth());
}

/* path NULL: every path that is nobody else's. */
static inline void world_serve(const char *path, const struct pl_endpoint *endpoint)
{
	MUST(w.nendpoints < ENDPOINTS_MAX);
	struct pl_endpoint *e = &w.endpoints[w.nendpoints++];
	*e = *endpoint;
	e->ctx = &w.gateway;
	if (path)
		w.routes[w.router.count++] = (struct pl_route){PL_HTTP_OTHER, path, e};
	else
		w.router.fallback = e;
	w.router.routes = w.routes;
}

static inline void turn(int times)
{
	for (int i = 0; i < times; i++)
		pl_loop_turn(w.loop, 1);
}

/* After the clients were closed. */
static inline void wait_until_empty(void)
{
	while (pl_conns_count(w.conns))
		turn(1);
	turn(1);
}

/* ---- clients ---- */

static inline const char *token_for(const char *name, char out[TOKEN_MAX])
{
	struct pl_token_claims claims = {.subject = pl_slice_str(name),
					 .username = pl_slice_str(name),
					 .now_s = pl_wall_ms() / 1000,
					 .ttl_s = 86400};
	struct pl_buf b;
	pl_buf_init(&b, TOKEN_MAX - 1);
	must(pl_token_sign(SECRET, &claims, &b));
	snprintf(out, TOKEN_MAX, "%.*s", PL_FMT(pl_buf_slice(&b)));
	pl_buf_fini(&b);
	return out;
}

static inline void say(int fd, struct pl_slice bytes)
{
	if (bytes.len && write(fd, bytes.at, bytes.len) < 0)
		return;
}

/* more: of the head, each line ending with CRLF. */
static inline int come_in(const char *target, const char *more)
{
	struct pl_ip local = {{0}};
	char head[HEAD_MAX];
	int pair[2];
	int n = snprintf(head, sizeof(head),
			 "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
			 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n%s"
			 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			 target, more);
	MUST(n > 0 && n < HEAD_MAX);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	pl_conns_accept(w.conns, pair[0], &local, &w.router, NULL);
	say(pair[1], pl_slice(head, (size_t)n));
	return pair[1];
}

/* One that begins with '*' is a binary frame of what follows. */
static inline void put_line(struct pl_buf *frames, struct pl_slice line)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	bool is_binary = line.len && line.at[0] == '*';
	if (is_binary)
		line = pl_slice(line.at + 1, line.len - 1);
	pl_ws_put(frames, is_binary ? PL_WS_BINARY : PL_WS_TEXT, line, mask);
}

static inline void say_line(int fd, struct pl_slice line)
{
	struct pl_buf frame;
	pl_buf_init(&frame, 1 << 20);
	put_line(&frame, line);
	say(fd, pl_buf_slice(&frame));
	pl_buf_fini(&frame);
}

/* Each line is a frame; all of them come at once. */
static inline void say_lines(int fd, struct pl_slice rest)
{
	struct pl_buf frames;
	pl_buf_init(&frames, 1 << 20);
	while (rest.len)
		put_line(&frames, pl_slice_cut(rest, '\n', &rest));
	say(fd, pl_buf_slice(&frames));
	pl_buf_fini(&frames);
}

#endif
