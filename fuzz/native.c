/*
 * native.c - fuzzes the native dialect from the socket to the store: each line of the input is one
 * frame of a guest (one that begins with '*' a binary one) before a memory store, and another guest
 * listens in a room.
 */
#include "fuzz.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "dialect/native.h"

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
	struct pl_endpoint endpoint;
	struct pl_router router;
} w;

static const struct pl_chat_options chat_options = {.presence_grace_ms = 1,
						    .typing_expiry_ms = 1,
						    .page_max = 50,
						    .rooms_max = 10000,
						    .online_max = 10000,
						    .rooms_open = true,
						    .open_rooms_max = 1000};
static const struct pl_gateway_options gateway_options = {
	.provision = true, .native_messages = 100, .native_window_ms = 60000};
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
	w.endpoint = pl_native_guest_endpoint;
	w.endpoint.ctx = &w.gateway;
	w.router.fallback = &w.endpoint;
}

static void say(int fd, struct pl_slice bytes)
{
	if (bytes.len && write(fd, bytes.at, bytes.len) < 0)
		return;
}

static int come_in(void)
{
	struct pl_slice head = PL_S(
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	struct pl_ip local = {{0}};
	int pair[2];
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	pl_conns_accept(w.conns, pair[0], &local, &w.router, NULL);
	say(pair[1], head);
	return pair[1];
}

static void turn(int times)
{
	for (int i = 0; i < times; i++)
		pl_loop_turn(w.loop, 1);
}

static void say_lines(int fd, struct pl_slice rest)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	struct pl_buf frames;
	pl_buf_init(&frames, 1 << 20);
	while (rest.len) {
		struct pl_slice line = pl_slice_cut(rest, '\n', &rest);
		bool is_binary = line.len && line.at[0] == '*';
		if (is_binary)
			line = pl_slice(line.at + 1, line.len - 1);
		pl_ws_put(&frames, is_binary ? PL_WS_BINARY : PL_WS_TEXT, line, mask);
	}
	say(fd, pl_buf_slice(&frames));
	pl_buf_fini(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.loop)
		open_world();
	int listener = come_in(), fd = come_in();
	turn(2);
	say_lines(listener, PL_S("{\"type\":\"join\",\"room\":\"tea\"}"));
	say_lines(fd, pl_slice(data, size));
	turn(5);
	close(fd);
	turn(1);
	close(listener);
	while (pl_conns_count(w.conns))
		pl_loop_turn(w.loop, 1);
	turn(1);
	return 0;
}
