/*
 * socketio_chat.c - fuzzes the chat of Socket.IO from the socket to the store: each line of the
 * input is one frame (one that begins with '*' a binary one) of somebody who is in, before a memory
 * store; another one listens in a room, and a third comes back with what the input says it missed.
 */
#include "dialect.h"

#include "dialect/socketio.h"
#include "handler/handler.h"

#define PATH "/socket.io/?EIO=4&transport=websocket"

static struct {
	struct pl_handlers *handlers;
	struct pl_handler_site *callbacks;
	struct pl_sio *sio;
	struct pl_sio_site *site;
	char alice[TOKEN_MAX], bob[TOKEN_MAX];
} io;

static const struct pl_endpoint *find(void *ctx, const struct pl_http_request *q, unsigned *status)
{
	(void)ctx;
	(void)status;
	return pl_sio_find(io.site, q);
}

static void open_world(void)
{
	static const struct pl_gateway_options signing = {
		.provision = true, .socketio_typing_ms = 1, .socketio_recovery = 100};
	static const struct parley_socketio options = {.max_payload = 1 << 20};
	const char *why = NULL;
	world_open(&signing);
	must(pl_handlers_new(NULL, NULL, &io.handlers));
	must(pl_sio_new(NULL, io.handlers, &io.sio));
	must(pl_sio_set_options(io.sio, &options, sizeof(options), &why));
	must(pl_socketio_add(io.sio, &why));
	must(pl_handler_site_new(io.handlers, 0, w.loop, &io.callbacks));
	must(pl_sio_site_new(io.sio, 0, w.loop, w.conns, io.callbacks, &io.site));
	pl_sio_site_set_ctx(io.site, "/", &w.gateway);
	w.router.find = find;
	w.router.finds_plain = true;
	token_for("alice", io.alice);
	token_for("bob", io.bob);
}

/* more: members of the auth besides the token. */
static int come(const char *token, struct pl_slice more)
{
	struct pl_buf b;
	int fd = come_in(PATH, "");
	pl_buf_init(&b, 1 << 20);
	pl_buf_printf(&b, "40{\"token\":\"%s\"%s", token, more.len ? "," : "");
	pl_buf_puts(&b, more);
	PL_PUT(&b, "}");
	turn(1);
	say_line(fd, pl_buf_slice(&b));
	pl_buf_fini(&b);
	turn(4);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_slice rest, first = pl_slice_cut(pl_slice(data, size), '\n', &rest);
	struct pl_slice none = {NULL, 0};
	if (!w.loop)
		open_world();
	int listener = come(io.bob, none), fd = come(io.alice, none);
	say_line(listener, PL_S("420[\"join-room\",\"tea\"]"));
	turn(2);
	say_lines(fd, rest);
	turn(5);
	int back = come(io.alice, first);
	close(fd);
	turn(1);
	close(back);
	close(listener);
	wait_until_empty();
	return 0;
}
