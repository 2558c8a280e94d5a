/*
 * realtime.c - fuzzes the chat+presence dialect from the socket to the store: each line of the
 * input is one frame of alice (one that begins with '*' of a client that nobody signed in on, with
 * '+' of alice on the socket for presence) before a memory store, and bob listens on both sockets.
 */
#include "fuzz.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "dialect/realtime.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct world {
	struct pl_loop *loop;
	struct pl_gate *gate;
	struct pl_conns *conns;
	struct pl_bus *bus;
	struct pl_store *store;
	struct pl_limits limits;
	struct pl_hub hub;
	struct pl_gateway gateway;
	struct pl_endpoint chat, presence;
	struct pl_route routes[1];
	struct pl_router router;
	char alice[4096], bob[4096], watch[4096];
} w;

#define SECRET PL_S("an example of a secret of 32 bytes or more")

static const struct pl_chat_options chat_options = {.presence_grace_ms = 1,
						    .typing_expiry_ms = 1,
						    .page_max = 50,
						    .rooms_max = 10000,
						    .online_max = 10000,
						    .rooms_open = true,
						    .open_rooms_max = 1000};
static const struct pl_gateway_options gateway_options = {
	.provision = true, .realtime_history = 100, .realtime_push_init = true};
static struct pl_conn_options conn_options = {.header_ms = 1000,
					      .keep_alive_ms = 1000,
					      .body_bytes = 1024,
					      .ws.max_message = 1 << 20,
					      .ws.max_frames = 1024,
					      .close_ms = 1,
					      .ws.out_soft = 1 << 20,
					      .ws.out_hard = 4 << 20,
					      .ws.slow_ms = 1000};

static void must(int err)
{
	if (err)
		abort();
}

static void finish(void *ctx, struct pl_op *op)
{
	(void)ctx;
	pl_hub_finish(w.bus, op);
}

/* The target of a handshake that brings this name's token. */
static void put_target(const char *path, const char *name, char out[4096])
{
	struct pl_token_claims claims = {.subject = pl_slice_str(name),
					 .username = pl_slice_str(name),
					 .now_s = pl_wall_ms() / 1000,
					 .ttl_s = 86400};
	struct pl_buf b;
	pl_buf_init(&b, 2048);
	must(pl_token_sign(SECRET, &claims, &b));
	snprintf(out, 4096, "%s?authToken=%.*s", path, (int)b.len, b.at);
	pl_buf_fini(&b);
}

static void open_auth(void)
{
	struct pl_auth_options o = PL_AUTH_DEFAULTS;
	struct pl_auth *auth = NULL;
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	o.secret = SECRET;
	must(pl_auth_new(&o, &why, &auth));
	pl_buf_fini(&why);
	pl_gateway_set_auth(&w.gateway, auth);
	put_target("/", "alice", w.alice);
	put_target("/", "bob", w.bob);
	put_target("/watch", "bob", w.watch);
}

static void open_world(void)
{
	struct pl_store_options store = {.finish = finish};
	struct pl_rate none[PL_LIMIT__COUNT] = {{0}};
	conn_options.http = pl_http_default_limits;
	must(pl_loop_new(&(struct pl_loop_options){.engine = PL_ENGINE_EPOLL}, &w.loop));
	must(pl_gate_new(&(struct pl_gate_options){0}, &w.gate));
	must(pl_conns_new(w.loop, w.gate, &conn_options, &w.conns));
	must(pl_bus_local_new(&w.bus));
	must(pl_limits_init(&w.limits, none));
	must(pl_hub_init(&w.hub, w.loop, w.bus, &w.limits, &chat_options));
	must(pl_store_open(&store, &w.store));
	w.hub.store = w.store;
	must(pl_gateway_init(&w.gateway, &w.hub, &gateway_options, 0, 1 << 20));
	open_auth();
	w.chat = pl_realtime_chat_endpoint;
	w.presence = pl_realtime_presence_endpoint;
	w.chat.ctx = w.presence.ctx = &w.gateway;
	w.routes[0] = (struct pl_route){PL_HTTP_OTHER, "/watch", &w.presence};
	w.router.routes = w.routes;
	w.router.count = 1;
	w.router.fallback = &w.chat;
}

static void say(int fd, struct pl_slice bytes)
{
	if (bytes.len && write(fd, bytes.at, bytes.len) < 0)
		return;
}

static int come_in(const char *target)
{
	struct pl_ip local = {{0}};
	char head[8192];
	int pair[2];
	int n = snprintf(head, sizeof(head),
			 "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
			 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
			 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			 target);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	pl_conns_accept(w.conns, pair[0], &local, &w.router, NULL);
	say(pair[1], pl_slice(head, (size_t)n));
	return pair[1];
}

static void turn(int times)
{
	for (int i = 0; i < times; i++)
		pl_loop_turn(w.loop, 1);
}

static void say_frame(int fd, struct pl_slice text)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	struct pl_buf frame;
	pl_buf_init(&frame, 1 << 20);
	pl_ws_put(&frame, PL_WS_TEXT, text, mask);
	say(fd, pl_buf_slice(&frame));
	pl_buf_fini(&frame);
}

static void say_lines(const int fds[3], struct pl_slice rest)
{
	while (rest.len) {
		struct pl_slice line = pl_slice_cut(rest, '\n', &rest);
		int to = line.len && line.at[0] == '*' ? 1 : line.len && line.at[0] == '+' ? 2 : 0;
		if (to)
			line = pl_slice(line.at + 1, line.len - 1);
		say_frame(fds[to], line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.loop)
		open_world();
	int bob = come_in(w.bob), watcher = come_in(w.watch);
	int fds[] = {come_in(w.alice), come_in("/"), come_in("/watch")};
	turn(4);
	say_frame(bob, PL_S("{\"type\":\"JOIN_GROUP\",\"groupId\":\"tea\",\"username\":\"bob\"}"));
	say_lines(fds, pl_slice(data, size));
	turn(6);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	turn(1);
	close(bob);
	close(watcher);
	while (pl_conns_count(w.conns))
		pl_loop_turn(w.loop, 1);
	turn(1);
	return 0;
}
