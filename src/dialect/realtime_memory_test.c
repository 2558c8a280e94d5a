/*
 * realtime_memory_test.c - proves that memory may run out at any allocation while clients of the
 * chat+presence dialect come, talk, ask and go: nothing crashes, hangs or leaks, and whoever is
 * left can go on.
 */
#include "dialect/testing.h"

enum { ENOUGH = 220 };

static void hear_all(struct client *c)
{
	while (client_hear_within(c, 2))
		;
}

static struct client *come(struct rig *r, const char *path, const char *token)
{
	char text[2200];
	struct client *c = client_dial_at(r, path, "");
	if (!client_is_upgraded(c))
		return c;
	if (token) {
		int n = snprintf(text, sizeof(text), "{\"type\":\"AUTH\",\"token\":\"%s\"}", token);
		client_say(c, pl_slice(text, (size_t)n));
	}
	hear_all(c);
	return c;
}

static void tell_story(struct rig *r, const char *alice, const char *bob)
{
	static const char *const lines[] = {
		"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"content\":\"x\","
		"\"chatId\":\"x\",\"requestId\":\"r\"}",
		"{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"carol\"}",
		"{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\",\"to\":\"bob\",\"chatId\":"
		"\"x\"}",
		"{\"type\":\"CREATE_GROUP_CHAT\",\"groupName\":\"g\",\"by\":\"alice\"}",
		"{\"type\":\"JOIN_GROUP\",\"groupId\":\"tea\",\"username\":\"alice\"}",
		"{\"type\":\"GROUP_CHAT\",\"from\":\"alice\",\"groupId\":\"tea\",\"content\":"
		"\"x\"}",
		"{\"type\":\"GET_GROUP_CHAT_HISTORY\",\"groupId\":\"tea\"}",
		"{\"type\":\"LEAVE_GROUP\",\"groupId\":\"tea\",\"username\":\"alice\"}",
		"{\"type\":\"INIT_DATA\"}",
		"{\"type\":\"OFFLINE_MESSAGES_ACK\"}",
		"bad"};
	char path[2200];
	snprintf(path, sizeof(path), "/rt?authToken=%s", bob);
	struct client *a = come(r, "/rt", alice), *b = come(r, path, NULL);
	struct client *p = come(r, "/rtp", bob);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		client_say(a, pl_slice_str(lines[i]));
		hear_all(a);
		hear_all(b);
	}
	client_free(a);
	hear_all(p);
	client_free(p);
	client_free(b);
	for (int i = 0; i < 6; i++)
		pl_loop_turn(r->loop, 1);
}

static void each_allocation_may_fail_once(void **state)
{
	struct rig *r = rig_start();
	char alice[2048], bob[2048], carol[2048];
	unsigned long most = 0;
	(void)state;
	token_for("alice", 3600, alice);
	token_for("bob", 3600, bob);
	client_free(come(r, "/rt", token_for("carol", 3600, carol)));
	tell_story(r, alice, bob);
	/* How many there are depends on what comes in which turn: well over the most of them. */
	for (unsigned long n = 1; n <= ENOUGH; n++) {
		pl_mem_fail_at(n, false);
		tell_story(r, alice, bob);
		unsigned long made = pl_mem_count();
		pl_mem_fail_at(0, false);
		assert_true(made < ENOUGH);
		most = made > most ? made : most;
	}
	assert_true(most > 100);
	print_message("%lu allocations, each failed once\n", most);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	struct client *c = come(r, "/rt", NULL);
	char text[2200];
	int n = snprintf(text, sizeof(text), "{\"type\":\"AUTH\",\"token\":\"%s\"}", carol);
	client_say(c, pl_slice(text, (size_t)n));
	client_expect(c, "SUCCESS");
	client_say(c, PL_S("{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"carol\",\"to\":\"bob\","
			   "\"content\":\"x\",\"chatId\":\"x\",\"requestId\":\"r\"}"));
	client_expect_with(c, "SUCCESS", "Message sent.");
	client_free(c);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail_once)};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
