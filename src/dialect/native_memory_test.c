/*
 * native_memory_test.c - proves that memory may run out at any allocation while native clients
 * come, join, speak and go: nothing crashes, hangs or leaks, whoever is left can go on, and no
 * roster keeps somebody who could be told of as gone.
 */
#include "dialect/testing.h"

enum { ENOUGH = 220 };

static void hear_all(struct client *c)
{
	while (client_hear_within(c, 2))
		;
}

static struct client *come(struct rig *r, const char *path)
{
	struct client *c = client_dial_at(r, path, "");
	if (client_is_upgraded(c))
		hear_all(c);
	return c;
}

static void tell_story(struct rig *r, const char *path)
{
	static const char *const lines[] = {
		"{\"type\":\"join\",\"room\":\"tea\"}",
		"{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"hello\"}",
		"{\"type\":\"broadcast\",\"room\":\"tea\",\"data\":{\"a\":[1]}}",
		"{\"type\":\"chat\",\"room\":\"other\",\"content\":\"hello\"}",
		"{\"type\":\"broadcast\",\"room\":\"other\",\"data\":1}",
		"bad",
		"{\"type\":\"leave\",\"room\":\"tea\"}",
		"{\"type\":\"join\",\"room\":\"other\"}"};
	struct client *a = come(r, path), *b = come(r, "/guests");
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		client_say(a, pl_slice_str(lines[i]));
		client_say(b, pl_slice_str(lines[i]));
		hear_all(a);
		hear_all(b);
	}
	client_free(a);
	client_free(b);
	for (int i = 0; i < 6; i++)
		pl_loop_turn(r->loop, 1);
}

static void each_allocation_may_fail_once(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200];
	unsigned long most = 0;
	(void)state;
	snprintf(path, sizeof(path), "/native?token=%s", token_for("alice", 3600, token));
	tell_story(r, path);
	/* How many there are depends on what comes in which turn: well over the most of them. */
	for (unsigned long n = 1; n <= ENOUGH; n++) {
		pl_mem_fail_at(n, false);
		tell_story(r, path);
		unsigned long made = pl_mem_count();
		pl_mem_fail_at(0, false);
		assert_true(made < ENOUGH);
		most = made > most ? made : most;
	}
	assert_true(most > 80);
	print_message("%lu allocations, each failed once\n", most);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	/* The line goes on for others. */
	struct client *c = client_dial_at(r, "/guests", "");
	assert_true(client_is_upgraded(c));
	client_expect(c, "connected");
	client_say(c, PL_S("{\"type\":\"join\",\"room\":\"tea\"}"));
	client_expect(c, "joined");
	client_say(c, PL_S("{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"still here\"}"));
	client_expect_with(c, "chat", "still here");
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
