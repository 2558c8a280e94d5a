/*
 * native.c - fuzzes the native dialect from the socket to the store: each line of the input is one
 * frame of a guest (one that begins with '*' a binary one) before a memory store, and another guest
 * listens in a room.
 */
#include "dialect.h"

#include "dialect/native.h"

static void open_world(void)
{
	static const struct pl_gateway_options signing = {
		.provision = true, .native_messages = 100, .native_window_ms = 60000};
	world_open(&signing);
	world_serve(NULL, &pl_native_guest_endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.loop)
		open_world();
	int listener = come_in("/", ""), fd = come_in("/", "");
	turn(2);
	say_line(listener, PL_S("{\"type\":\"join\",\"room\":\"tea\"}"));
	say_lines(fd, pl_slice(data, size));
	turn(5);
	close(fd);
	turn(1);
	close(listener);
	wait_until_empty();
	return 0;
}
