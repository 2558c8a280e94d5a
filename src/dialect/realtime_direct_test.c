/*
 * realtime_direct_test.c - proves what two people hear of each other, in the words of either
 * family: messages, answers to who asks for them, news of a chat; and which names there are.
 */
#include "dialect/realtime_test.h"

static void a_message_is_heard_in_each_familys_words(void **state)
{
	struct rig *r = rig_start();
	char text[1024], stamp[256], id[256];
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *o = old_of(r, "bob");
	struct client *phone = new_of(r, "alice"), *older = old_of(r, "alice");
	chat(a, "alice", "bob", "hello \\\"you\\\" \\u0000");
	client_expect(b, "ONE_TO_ONE_CHAT");
	client_value(b, "timestamp", stamp);
	client_value(b, "messageId", id);
	assert_int_equal(strlen(stamp), PL_ISO_TEXT);
	snprintf(text, sizeof(text),
		 "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\","
		 "\"content\":\"hello \\\"you\\\" \\u0000\",\"chatId\":\"alice-bob\","
		 "\"timestamp\":\"%s\",\"messageId\":\"%s\"}",
		 stamp, id);
	assert_string_equal(b->text, text);
	expect_text(o, "{\"type\":\"NEW_ONE_TO_ONE_CHAT_AP\",\"from\":\"alice\",\"msg\":\"First "
		       "message from alice.\",\"chatId\":\"alice-bob\"}");
	client_expect(o, "MESSAGE");
	assert_string_equal(o->text + strlen("{\"type\":\"MESSAGE\""),
			    text + strlen("{\"type\":\"ONE_TO_ONE_CHAT\""));
	/* No echo to any connection of the sender, and no answer. */
	client_expect_silence(a);
	client_expect_silence(phone);
	client_expect_silence(older);
	client_free(phone);
	client_free(older);
	client_free(o);
	free_all(r, a, b, NULL);
}

static void chat_with(struct client *c, const char *more)
{
	sayf(c,
	     "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\","
	     "\"content\":\"once\",\"chatId\":\"x\"%s}",
	     more);
}

static void who_asks_is_answered_when_it_is_kept(void **state)
{
	struct rig *r = rig_start();
	char first[256], again[256];
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
	rig_hold(r);
	chat_with(a, ",\"requestId\":\"r1\"");
	rig_wait_held(r, 1);
	client_expect_silence(a);
	client_expect_silence(b);
	rig_let_go(r, -1);
	client_expect_with(a, "SUCCESS", "\"requestId\":\"r1\",\"messageId\":\"");
	client_value(a, "messageId", first);
	client_expect_with(b, "ONE_TO_ONE_CHAT", first);
	chat_with(a, ",\"requestId\":\"r1\"");
	client_expect_with(a, "SUCCESS", "\"duplicate\":true");
	assert_string_equal(client_value(a, "messageId", again), first);
	chat_with(a, ",\"requestId\":\"r1\",\"clientMessageId\":\"m1\"");
	client_expect_with(a, "SUCCESS", "\"timestamp\"");
	assert_string_not_equal(client_value(a, "messageId", again), first);
	client_expect_with(b, "ONE_TO_ONE_CHAT", again);
	say(a, "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"content\":"
	       "\"again\",\"chatId\":\"x\",\"clientMessageId\":\"m1\",\"requestId\":\"r9\"}");
	client_expect_with(a, "SUCCESS", "\"requestId\":\"r9\"");
	assert_non_null(strstr(a->text, again));
	client_expect_silence(b);
	/* Errors carry it too. */
	say(a, "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"nobody\",\"content\":"
	       "\"x\",\"chatId\":\"x\",\"requestId\":\"r2\"}");
	expect_text(a, "{\"type\":\"ERROR\",\"msg\":\"User nobody does not exist.\",\"requestId\":"
		       "\"r2\"}");
	free_all(r, a, b, NULL);
}

static void everyone_gets_the_own_copy(void **state)
{
	struct rig *r = rig_start();
	char id[256], me[256], text[1024];
	(void)state;
	struct client *q = client_new(r);
	client_auth(q, "quinn", 3600);
	client_expect(q, "auth_success");
	struct client *other = client_new(r);
	client_auth(other, "alice", 3600);
	client_expect(other, "auth_success");
	client_value(other, "id", me);
	struct client *a = new_of(r, "alice");
	converse(q, other, "alice", id);
	snprintf(text, sizeof(text), ",\"encryptedContents\":{\"%s\":\"for alice\"}", me);
	client_ask_in(q, "send_message", id, text);
	client_expect_with(a, "ONE_TO_ONE_CHAT", "\"content\":\"for alice\"");
	client_free(other);
	free_all(r, q, a, NULL);
}

static void a_new_chat_is_told(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = old_of(r, "alice"), *b = old_of(r, "bob");
	say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\"}");
	expect_text(b, "{\"type\":\"NEW_ONE_TO_ONE_CHAT_AP\",\"from\":\"alice\",\"msg\":\"First "
		       "message from alice.\",\"chatId\":\"alice-bob\"}");
	expect_text(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT_AP\",\"msg\":\"Chat request sent to "
		       "bob.\",\"to\":\"bob\",\"chatId\":\"alice-bob\"}");
	say(b, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"bob\",\"to\":\"alice\"}");
	expect_error(b, "Chat with alice already exists.");
	struct client *c = old_of(r, "carol");
	client_free(c);
	for (uint64_t end = pl_now_ms() + 60; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"carol\"}");
	expect_msg(a, "INFO", "User carol is not online.");
	say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"carol\"}");
	expect_error(a, "Chat with carol already exists.");
	chat(b, "bob", "alice", "x");
	client_expect(a, "MESSAGE"); /* and it sits there */
	free_all(r, a, b, NULL);
}

/* ---- names ---- */

static void long_names_are_no_names(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice");
	char name[10241], text[12000];
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text),
		 "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"%s\",\"content\":\"x\","
		 "\"chatId\":\"x\"}",
		 name);
	say(a, text);
	expect_error(a, "Invalid value: to.");
	snprintf(text, sizeof(text), "{\"type\":\"%s\"}", name);
	say(a, text);
	expect_error(a, "Unknown message type: (too long)");
	free_all(r, a, NULL, NULL);
}

/* Who is called what others split at: the chat is found by `to` all the same. */
static void odd_names_can_talk(void **state)
{
	static const struct {
		const char *a, *b, *chat_id;
	} rows[] = {{"x-y", "a b", "a b-x-y"},
		    {"-", "--", "----"},
		    {"\xf0\x9f\x98\x80", "\xef\xbc\xa1", "\xf0\x9f\x98\x80-\xef\xbc\xa1"},
		    {"Zoe", "anna", "Zoe-anna"},
		    {"b", "ba", "b-ba"}};
	struct rig *r = rig_start();
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char want[256];
		struct client *a = new_of(r, rows[i].a), *b = new_of(r, rows[i].b);
		snprintf(want, sizeof(want), "\"chatId\":\"%s\"", rows[i].chat_id);
		chat(a, rows[i].a, rows[i].b, "there");
		client_expect_with(b, "ONE_TO_ONE_CHAT", want);
		chat(b, rows[i].b, rows[i].a, "back");
		client_expect_with(a, "ONE_TO_ONE_CHAT", want);
		client_free(a);
		client_free(b);
	}
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_heard_in_each_familys_words),
		cmocka_unit_test(who_asks_is_answered_when_it_is_kept),
		cmocka_unit_test(everyone_gets_the_own_copy),
		cmocka_unit_test(a_new_chat_is_told),
		cmocka_unit_test(long_names_are_no_names),
		cmocka_unit_test(odd_names_can_talk),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
