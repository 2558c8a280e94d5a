/* realtime_offline_test.c - proves what counts as missed, until when, and who is told by itself. */
#include "dialect/realtime_test.h"

static void what_came_meanwhile_is_counted(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = old_of(r, "bob");
	member(a, "JOIN_GROUP", "tea", "alice");
	client_expect(a, "SUCCESS");
	member(b, "JOIN_GROUP", "tea", "bob");
	client_expect(b, "SUCCESS");
	chat(a, "alice", "bob", "heard");
	client_expect(b, "NEW_ONE_TO_ONE_CHAT_AP");
	client_expect(b, "MESSAGE");
	say(b, "{\"type\":\"INIT_DATA\"}");
	expect_text(b, "{\"type\":\"INIT_DATA\",\"chatIds\":[\"alice-bob\"],\"groups\":[\"tea\"],"
		       "\"offlineMessages\":[]}");
	struct client *p = old_at(r, "/rtp", "bob"); /* to watch is not to hear */
	client_free(b);
	for (int i = 0; i < 20; i++)
		pl_loop_turn(r->loop, 1);
	chat(a, "alice", "bob", "missed");
	chat(a, "alice", "bob", "missed too");
	group_chat(a, "alice", "tea", "missed");
	sync_with(a);
	b = old_of(r, "bob");
	chat(a, "alice", "bob", "heard again");
	client_expect(b, "MESSAGE");
	for (int i = 0; i < 2; i++) { /* until it is acknowledged */
		say(b, "{\"type\":\"INIT_DATA\"}");
		client_expect_with(b, "INIT_DATA",
				   "{\"partitionKey\":\"alice-bob\",\"count\":2,\"messageType\":"
				   "\"ONE_TO_ONE\",\"from\":\"alice\"}");
		assert_non_null(strstr(b->text,
				       "{\"partitionKey\":\"tea\",\"count\":1,"
				       "\"messageType\":\"GROUP\",\"groupName\":\"tea\"}"));
		client_free(b);
		b = old_of(r, "bob");
	}
	sync_with(b);
	say(b, "{\"type\":\"INIT_DATA\"}");
	client_expect_with(b, "INIT_DATA", "\"offlineMessages\":[]");
	client_free(p);
	free_all(r, a, b, NULL);
}

static void init_data_may_come_by_itself(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.realtime_push_init = true;
	rig_open(r);
	struct client *a = old_of(r, "alice"), *b = new_of(r, "bob"),
		      *p = old_at(r, "/rtp", "alice");
	client_expect(a, "INIT_DATA");
	client_expect_silence(b);
	client_expect_silence(p);
	free_all(r, a, b, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_meanwhile_is_counted),
		cmocka_unit_test(init_data_may_come_by_itself),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
