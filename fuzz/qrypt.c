/*
 * qrypt.c - fuzzes the QryptChat dialect from the socket to the store: each line of the input is
 * one frame of a signed-in client (one that begins with '*' a binary one), before a memory store.
 */
#include "dialect.h"

#include "dialect/qrypt.h"

static char bearer[TOKEN_MAX + 64];

static void open_world(void)
{
	static const struct pl_gateway_options signing = {.provision = true};
	char token[TOKEN_MAX];
	world_open(&signing);
	world_serve("/ws", &pl_qrypt_endpoint);
	snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s\r\n", token_for("fuzz", token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.loop)
		open_world();
	int fd = come_in("/ws", bearer);
	turn(3);
	say_lines(fd, pl_slice(data, size));
	turn(4);
	close(fd);
	wait_until_empty();
	return 0;
}
