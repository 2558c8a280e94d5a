/*
 * realtime.c - fuzzes the chat+presence dialect from the socket to the store: each line of the
 * input is one frame of alice (one that begins with '*' of a client that nobody signed in on, with
 * '+' of alice on the socket for presence) before a memory store, and bob listens on both sockets.
 */
#include "dialect.h"

#include "dialect/realtime.h"

static char alice[4096], bob[4096], watch[4096];

/* The target of a handshake that brings this name's token. */
static void put_target(const char *path, const char *name, char out[4096])
{
	char token[TOKEN_MAX];
	snprintf(out, 4096, "%s?authToken=%s", path, token_for(name, token));
}

static void open_world(void)
{
	static const struct pl_gateway_options signing = {
		.provision = true, .realtime_history = 100, .realtime_push_init = true};
	world_open(&signing);
	world_serve(NULL, &pl_realtime_chat_endpoint);
	world_serve("/watch", &pl_realtime_presence_endpoint);
	put_target("/", "alice", alice);
	put_target("/", "bob", bob);
	put_target("/watch", "bob", watch);
}

static void say_to(const int fds[3], struct pl_slice rest)
{
	while (rest.len) {
		struct pl_slice line = pl_slice_cut(rest, '\n', &rest);
		int to = line.len && line.at[0] == '*' ? 1 : line.len && line.at[0] == '+' ? 2 : 0;
		if (to)
			line = pl_slice(line.at + 1, line.len - 1);
		say_line(fds[to], line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.loop)
		open_world();
	int listener = come_in(bob, ""), watcher = come_in(watch, "");
	int fds[] = {come_in(alice, ""), come_in("/", ""), come_in("/watch", "")};
	turn(4);
	say_line(listener,
		 PL_S("{\"type\":\"JOIN_GROUP\",\"groupId\":\"tea\",\"username\":\"bob\"}"));
	say_to(fds, pl_slice(data, size));
	turn(6);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	turn(1);
	close(listener);
	close(watcher);
	wait_until_empty();
	return 0;
}
