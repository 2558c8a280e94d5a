/*
 * realtime_history_test.c - proves that a history has what was said, up to its limits, tells
 * strangers nothing, and is freed when nobody waits for it.
 */
#include "dialect/realtime_test.h"

static void a_history_is_as_long_as_it_may_be(void **state)
{
	struct rig *r = rig_new();
	char big[70000];
	(void)state;
	r->signing.realtime_history = 450;
	rig_open(r);
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *c = new_of(r, "carol");
	for (int i = 0; i < 500; i++) {
		char text[16];
		snprintf(text, sizeof(text), "m%d.", i);
		chat(a, "alice", "bob", text);
		client_expect(b, "ONE_TO_ONE_CHAT");
	}
	say(b, "{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"bob\",\"to\":\"alice\",\"chatId\":"
	       "\"mine\"}");
	client_expect_with(b, "ONE_TO_ONE_CHAT_HISTORY", "\"messages\":[{\"messageId\":\"");
	assert_null(strstr(b->text, "\"m49.\""));
	const char *at = strstr(b->text, "\"text\":\"m50.\"");
	for (int i = 51; i < 500; i++) {
		char text[32];
		snprintf(text, sizeof(text), "\"text\":\"m%d.\"", i);
		const char *next = strstr(b->text, text);
		assert_true(at && next && next > at);
		at = next;
	}
	assert_non_null(strstr(at, "\"chatId\":\"mine\""));
	assert_non_null(strstr(at, "],\"isOnline\":true,\"lastSeenTime\":\"2"));
	/* Long ones: the newest that fit, and one at least. */
	memset(big, 'y', sizeof(big));
	for (int i = 0; i < 6; i++) {
		char text[70200];
		int n = snprintf(text, sizeof(text),
				 "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"carol\",\"to\":\"bob\","
				 "\"chatId\":\"x\",\"content\":\"n%d%.69000s\"}",
				 i, big);
		client_say(c, pl_slice(text, (size_t)n));
		client_expect(b, "ONE_TO_ONE_CHAT");
	}
	say(b, "{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"bob\",\"to\":\"carol\",\"chatId\":"
	       "\"x\"}");
	client_expect(b, "ONE_TO_ONE_CHAT_HISTORY");
	assert_null(strstr(b->text, "\"text\":\"n2"));
	assert_non_null(strstr(b->text, "\"text\":\"n3"));
	assert_non_null(strstr(b->text, "\"text\":\"n5"));
	free_all(r, a, b, c);
}

/* Nor does it tell a stranger whether somebody is there, or when they were. */
static void a_history_of_nothing_is_empty(void **state)
{
	static const char ask[] = "{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\","
				  "\"to\":\"bob\",\"chatId\":\"alice-bob\"}";
	static const char nothing[] = "\"messages\":[],\"isOnline\":false,\"lastSeenTime\":null";
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
	say(a, ask);
	client_expect_with(a, "ONE_TO_ONE_CHAT_HISTORY", nothing);
	client_free(b);
	for (uint64_t end = pl_now_ms() + 60; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	say(a, ask);
	client_expect_with(a, "ONE_TO_ONE_CHAT_HISTORY", nothing);
	/* Asking made nothing. */
	say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\"}");
	expect_msg(a, "INFO", "User bob is not online.");
	say(a, ask);
	client_expect_with(a, "ONE_TO_ONE_CHAT_HISTORY",
			   "\"messages\":[],\"isOnline\":false,\"lastSeenTime\":\"2");
	b = new_of(r, "bob");
	say(a, ask);
	client_expect_with(a, "ONE_TO_ONE_CHAT_HISTORY", "\"isOnline\":true,\"lastSeenTime\":\"2");
	free_all(r, a, b, NULL);
}

static void a_history_that_nobody_waits_for_is_freed(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	for (size_t stage = 0; stage < 3; stage++) {
		struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
		chat(a, "alice", "bob", "x");
		sync_with(a);
		rig_hold(r);
		say(a, "{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\",\"to\":\"bob\","
		       "\"chatId\":\"x\"}");
		say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\"}");
		rig_wait_held(r, 2);
		if (stage) {
			rig_let_go(r, 0);
			rig_wait_held(r, 2); /* the page now */
		}
		client_free(a);
		for (int i = 0; i < 5; i++)
			pl_loop_turn(r->loop, 1);
		rig_let_go(r, -1);
		for (int i = 0; i < 5; i++)
			pl_loop_turn(r->loop, 1);
		client_free(b);
	}
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_history_is_as_long_as_it_may_be),
		cmocka_unit_test(a_history_of_nothing_is_empty),
		cmocka_unit_test(a_history_that_nobody_waits_for_is_freed),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
