/*
 * socketio_memory_test.c - proves that memory may run out at any allocation while clients of
 * Socket.IO come, join, speak, come back and go: nothing crashes, hangs or leaks, and whoever is
 * left can go on.
 */
#include "dialect/socketio_test.h"

enum { MORE = 40, STEP_MS = 2 };

static void hear_all(struct client *c)
{
	while (sio_hear_within(c, STEP_MS))
		if (c->op == 8)
			return;
}

/* Made while there is memory. */
static char token_of_alice[2048], token_of_bob[2048];

/* If it gets in, its pid. */
static struct client *come(struct rig *r, const char *token, const char *more, char pid[256])
{
	struct client *c = client_dial_at(r, "/socket.io/?EIO=4&transport=websocket", "");
	pid[0] = '\0';
	if (!client_is_upgraded(c))
		return c;
	if (client_hear_within(c, 50))
		sio_connect_with(c, token, more);
	for (int i = 0; i < 4 && sio_hear_within(c, 20); i++)
		if (strstr(c->text, "\"pid\":\""))
			client_value(c, "pid", pid);
	return c;
}

static void tell_story(struct rig *r)
{
	static const char *const lines[] = {
		"421[\"join-room\",\"tea\"]",
		"422[\"message\",{\"roomId\":\"tea\",\"content\":\"hello\"}]",
		"423[\"message\",{\"roomId\":\"tea\",\"content\":{\"a\":[1]},\"type\":\"odd\"}]",
		"424[\"private-message\",{\"targetUserId\":\"bob\",\"content\":\"x\"}]",
		"425[\"typing\",{\"roomId\":\"tea\"}]",
		"426[\"update-status\",\"away\"]",
		"427[\"message\",{}]",
		"451-8[\"message\",{\"roomId\":\"tea\",\"content\":[{\"_placeholder\":true,\"num\":"
		"0}]}]",
		"*bytes",
		"428[\"join-room\",\"other\"]",
		"429[\"leave-room\",\"tea\"]"};
	char pid[256], more[300], other[256];
	struct client *b = come(r, token_of_bob, "", other), *a = come(r, token_of_alice, "", pid);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (lines[i][0] == '*')
			client_say_as(a, PL_WS_BINARY, pl_slice_str(lines[i] + 1));
		else
			say(a, lines[i]);
		hear_all(a);
		hear_all(b);
	}
	client_free(a);
	say(b, "421[\"private-message\",{\"targetUserId\":\"alice\",\"content\":\"x\"}]");
	say(b, "422[\"join-room\",\"other\"]");
	say(b, "423[\"message\",{\"roomId\":\"other\",\"content\":\"missed\"}]");
	hear_all(b);
	snprintf(more, sizeof(more), ",\"pid\":\"%s\"", pid);
	a = come(r, token_of_alice, more, other);
	hear_all(a);
	client_free(a);
	client_free(b);
	for (int i = 0; i < 8; i++)
		pl_loop_turn(r->loop, 1);
}

static void each_allocation_may_fail_once(void **state)
{
	struct rig *r = rig_start();
	unsigned long most = 0;
	(void)state;
	token_for("alice", 3600, token_of_alice);
	token_for("bob", 3600, token_of_bob);
	tell_story(r);
	/* How many there are depends on what comes in which turn: some more than the most of them.
	 */
	for (unsigned long n = 1; n <= most + MORE; n++) {
		pl_mem_fail_at(n, false);
		tell_story(r);
		unsigned long made = pl_mem_count();
		pl_mem_fail_at(0, false);
		most = made > most ? made : most;
	}
	assert_true(most > 200);
	print_message("%lu allocations, each failed once\n", most);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	struct client *c = sio_of(r, "carol");
	sio_join(c, "tea");
	sio_tell(c, "tea", "\"still here\"");
	sio_expect_with(c, "42[\"new-message\"", "still here");
	client_free(c);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail_once)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
