/*
 * qrypt.c - fuzzes the QryptChat dialect from the socket to the store: each line of the input is
 * one text frame of a signed-in client, before a memory store.
 */
#include "fuzz.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "dialect/qrypt.h"

#include <sys/socket.h>
#include <unistd.h>

static const struct pl_slice secret = {"fuzz-fuzz-fuzz-fuzz-fuzz-fuzz-fuzz-fuzz", 39};

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
	struct pl_route route;
	struct pl_router router;
	struct pl_buf token;
} w;

static const struct pl_chat_options chat_options = {.presence_grace_ms = 1,
						    .typing_expiry_ms = 1,
						    .page_max = 50,
						    .rooms_max = 10000,
						    .online_max = 10000};
static const struct pl_gateway_options gateway_options = {.provision = true};
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
	struct pl_auth_options keys = PL_AUTH_DEFAULTS;
	struct pl_store_options store = {.finish = finish};
	struct pl_rate none[PL_LIMIT__COUNT] = {{0}};
	struct pl_auth *auth;
	struct pl_buf why;
	keys.secret = secret;
	conn_options.http = pl_http_default_limits;
	pl_buf_init(&why, 1024);
	must(pl_loop_new(&(struct pl_loop_options){.engine = PL_ENGINE_EPOLL}, &w.loop));
	must(pl_gate_new(&(struct pl_gate_options){0}, &w.gate));
	must(pl_conns_new(w.loop, w.gate, &conn_options, &w.conns));
	must(pl_bus_local_new(&w.bus));
	must(pl_limits_init(&w.limits, none));
	must(pl_hub_init(&w.hub, w.loop, w.bus, &w.limits, &chat_options));
	must(pl_store_open(&store, &w.store));
	w.hub.store = w.store;
	must(pl_gateway_init(&w.gateway, &w.hub, &gateway_options, 0, 1 << 20));
	must(pl_auth_new(&keys, &why, &auth));
	pl_gateway_set_auth(&w.gateway, auth);
	w.endpoint = pl_qrypt_endpoint;
	w.endpoint.ctx = &w.gateway;
	w.route = (struct pl_route){PL_HTTP_OTHER, "/ws", &w.endpoint};
	w.router = (struct pl_router){.routes = &w.route, .count = 1};
	pl_buf_init(&w.token, 4096);
	must(pl_token_sign(secret,
			   &(struct pl_token_claims){.subject = PL_S("fuzz"),
						     .now_s = pl_wall_ms() / 1000,
						     .ttl_s = 86400},
			   &w.token));
}

static void say(int fd, const struct pl_buf *b)
{
	if (b->len && write(fd, b->at, b->len) < 0)
		return;
}

static void shake_hands(int fd)
{
	struct pl_buf b;
	pl_buf_init(&b, 8192);
	pl_buf_printf(&b,
		      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		      "Authorization: Bearer %.*s\r\n\r\n",
		      (int)w.token.len, w.token.at);
	say(fd, &b);
	pl_buf_fini(&b);
}

static void turn(int times)
{
	for (int i = 0; i < times; i++)
		pl_loop_turn(w.loop, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	struct pl_slice rest = pl_slice(data, size);
	struct pl_buf frames;
	struct pl_ip local = {{0}};
	int pair[2];
	if (!w.loop)
		open_world();
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	pl_conns_accept(w.conns, pair[0], &local, &w.router, NULL);
	shake_hands(pair[1]);
	turn(3);
	pl_buf_init(&frames, 1 << 20);
	while (rest.len) {
		struct pl_slice line = pl_slice_cut(rest, '\n', &rest);
		pl_ws_put(&frames, PL_WS_TEXT, line, mask);
	}
	say(pair[1], &frames);
	pl_buf_fini(&frames);
	turn(4);
	close(pair[1]);
	while (pl_conns_count(w.conns))
		pl_loop_turn(w.loop, 1);
	turn(1);
	return 0;
}
