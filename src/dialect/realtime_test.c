/*
 * realtime_test.c - proves what the chat+presence dialect answers to what is wrong or too much,
 * that nobody speaks in the name of somebody else, who hears of whose presence, and that all
 * dialects meet.
 */
#include "dialect/realtime_test.h"

/* What alice says, and what is wrong with it. */
static const struct {
	const char *frame, *msg;
} mistakes[] = {
	{"nonsense", "Invalid message format."},
	{"[]", "Invalid message format."},
	{"{}", "Invalid message format."},
	{"{\"type\":7}", "Invalid message format."},
	{"{\"type\":\"A\",\"type\":\"B\"}", "Invalid message format."},
	{"{\"type\":\"DANCE\"}", "Unknown message type: DANCE"},
	{"{\"type\":\"one_to_one_chat\"}", "Unknown message type: one_to_one_chat"},
	{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"chatId\":"
	 "\"x\"}",
	 "From username, to username, message content, and chat ID are required."},
	{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"content\":\"\","
	 "\"chatId\":\"x\"}",
	 "From username, to username, message content, and chat ID are required."},
	{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"content\":"
	 "\"x\"}",
	 "From username, to username, message content, and chat ID are required."},
	{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"bob\",\"to\":\"carol\",\"content\":"
	 "\"x\","
	 "\"chatId\":\"x\"}",
	 "You are signed in as alice, and can speak for nobody else."},
	{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"alice\",\"content\":"
	 "\"x\",\"chatId\":\"x\"}",
	 "You cannot start a chat with yourself."},
	{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"ALICE\",\"content\":"
	 "\"x\",\"chatId\":\"x\"}",
	 "You cannot start a chat with yourself."},
	{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"mallory\",\"content\":"
	 "\"x\",\"chatId\":\"x\"}",
	 "User mallory does not exist."},
	{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\\u0000\","
	 "\"content\":"
	 "\"x\",\"chatId\":\"x\"}",
	 "User bob\\u0000 does not exist."},
	{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"content\":"
	 "\"x\","
	 "\"chatId\":\"bob-carol\"}",
	 "This chatId belongs to other people."},
	{"{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\"}",
	 "Both 'from' and 'to' usernames are required."},
	{"{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"alice\"}",
	 "You cannot start a chat with yourself."},
	{"{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"mallory\"}",
	 "User mallory does not exist."},
	{"{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"bob\",\"to\":\"carol\"}",
	 "You are signed in as alice, and can speak for nobody else."},
	{"{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\",\"to\":\"bob\"}",
	 "From username, to username, and chat ID are required."},
	{"{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"bob\",\"to\":\"carol\","
	 "\"chatId\":"
	 "\"bob-carol\"}",
	 "You are signed in as alice, and can speak for nobody else."},
	{"{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\",\"to\":\"bob\","
	 "\"chatId\":"
	 "\"carol-bob\"}",
	 "This chatId belongs to other people."},
	{"{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\",\"to\":\"alice\","
	 "\"chatId\":\"x\"}",
	 "You cannot start a chat with yourself."},
	{"{\"type\":\"CREATE_GROUP_CHAT\",\"by\":\"alice\"}",
	 "Group name and creator are required."},
	{"{\"type\":\"CREATE_GROUP_CHAT\",\"groupName\":\"g\",\"by\":\"bob\"}",
	 "You are signed in as alice, and can speak for nobody else."},
	{"{\"type\":\"JOIN_GROUP\",\"groupId\":\"g\"}", "Group ID and username are required."},
	{"{\"type\":\"JOIN_GROUP_CHAT\",\"groupId\":\"g\",\"username\":\"bob\"}",
	 "You are signed in as alice, and can speak for nobody else."},
	{"{\"type\":\"JOIN_GROUP\",\"groupId\":\"nowhere\",\"username\":\"alice\"}",
	 "Group chat with ID nowhere does not exist."},
	{"{\"type\":\"LEAVE_GROUP\",\"username\":\"alice\"}",
	 "Group ID and username are required."},
	{"{\"type\":\"LEAVE_GROUP\",\"groupId\":\"g\",\"username\":\"bob\"}",
	 "You are signed in as alice, and can speak for nobody else."},
	{"{\"type\":\"LEAVE_GROUP\",\"groupId\":\"nowhere\",\"username\":\"alice\"}",
	 "Group chat with ID nowhere does not exist."},
	{"{\"type\":\"GROUP_CHAT\",\"from\":\"alice\",\"content\":\"x\"}",
	 "Group ID, sender, and message content are required."},
	{"{\"type\":\"GROUP_CHAT\",\"from\":\"bob\",\"content\":\"x\",\"to\":\"g\"}",
	 "You are signed in as alice, and can speak for nobody else."},
	{"{\"type\":\"GROUP_CHAT\",\"from\":\"alice\",\"content\":\"x\",\"to\":"
	 "\"nowhere\"}",
	 "Group chat with ID nowhere does not exist."},
	{"{\"type\":\"GET_GROUP_CHAT_HISTORY\"}", "Group ID is required."},
	{"{\"type\":\"GET_GROUP_CHAT_HISTORY\",\"groupId\":\"nowhere\"}",
	 "Group chat with ID nowhere does not exist."},
};

static void what_is_wrong_is_said(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->chat.rooms_open = false;
	rig_open(r);
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *c = new_of(r, "carol");
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		say(a, mistakes[i].frame);
		expect_error(a, mistakes[i].msg);
	}
	client_expect_silence(b);
	client_expect_silence(c);
	free_all(r, a, b, c);
}

static void haste_is_told(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->rates[PL_LIMIT_MESSAGES] = (struct pl_rate){60, 2};
	rig_open(r);
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
	for (int i = 0; i < 3; i++)
		chat(a, "alice", "bob", "x");
	client_expect_with(a, "ERROR", "You are sending too fast. Please wait a moment.\",\"retry");
	client_expect(b, "ONE_TO_ONE_CHAT");
	client_expect(b, "ONE_TO_ONE_CHAT");
	client_expect_silence(b);
	free_all(r, a, b, NULL);
}

/* ---- presence ---- */

static void friends_see_each_other_come_and_go(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *e = new_of(r, "eve");
	member(a, "JOIN_GROUP", "tea", "alice");
	client_expect(a, "SUCCESS");
	member(e, "JOIN_GROUP", "tea", "eve");
	client_expect(e, "SUCCESS");
	chat(a, "alice", "bob", "x");
	client_expect(b, "ONE_TO_ONE_CHAT");
	client_free(b);
	for (uint64_t end = pl_now_ms() + 60; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	struct client *p = client_at(r, "/rtp", "alice"), *o = old_at(r, "/rtp", "alice");
	client_expect_silence(p); /* no list, and nothing of oneself */
	say(p, "{\"type\":\"GET_ONE_TO_ONE_HISTORY\"}");
	say(p, "nonsense");
	client_expect_silence(p);
	b = client_of(r, "bob"); /* of any dialect */
	client_expect_with(p, "PRESENCE_UPDATE",
			   "\"username\":\"bob\",\"status\":\"online\",\"timestamp\":\"2");
	expect_text(o, "{\"type\":\"STATUS_CHANGE\",\"username\":\"bob\",\"status\":\"ONLINE\"}");
	struct client *second = client_at(r, "/rtp", "bob");
	client_expect_silence(p);
	client_free(b);
	client_expect_silence(p);
	client_free(second);
	client_expect_with(p, "PRESENCE_UPDATE", "\"username\":\"bob\",\"status\":\"offline\"");
	expect_text(o, "{\"type\":\"STATUS_CHANGE\",\"username\":\"bob\",\"status\":\"OFFLINE\"}");
	client_free(e); /* only of the same group */
	client_expect_silence(p);
	/* Friends since a moment ago. */
	struct client *c = new_of(r, "carol");
	chat(a, "alice", "carol", "x");
	client_expect(c, "ONE_TO_ONE_CHAT");
	client_free(c);
	client_expect_with(p, "PRESENCE_UPDATE", "\"username\":\"carol\",\"status\":\"offline\"");
	client_free(o);
	free_all(r, a, p, NULL);
}

/* ---- with others ---- */

static void all_dialects_meet(void **state)
{
	struct rig *r = rig_start();
	char id[256], token[2048], path[2200];
	(void)state;
	struct client *q = client_of(r, "quinn"), *a = new_of(r, "alice"), *o = old_of(r, "otto");
	snprintf(path, sizeof(path), "/native?token=%s", token_for("nora", 3600, token));
	struct client *n = dial(r, path);
	client_expect(n, "connected");
	say(n, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect(n, "joined");
	member(a, "JOIN_GROUP", "tea", "alice");
	client_expect(a, "SUCCESS");
	client_expect(n, "user-joined");
	member(o, "JOIN_GROUP_CHAT", "tea", "otto");
	client_expect(o, "SUCCESS");
	client_expect(n, "user-joined");
	client_ask(q, "join_conversation", "{\"conversationId\":\"tea\"}");
	client_expect(q, "conversation_joined");
	client_expect(n, "user-joined");
	client_expect_with(o, "GROUP_MEMBER_JOINED", "quinn");
	group_chat(a, "alice", "tea", "from alice");
	client_expect_with(q, "message_received", "from alice");
	client_expect_with(n, "chat", "from alice");
	client_expect_with(o, "GROUP_CHAT", "from alice");
	say(n, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"from nora\"}");
	client_expect_with(a, "GROUP_CHAT", "\"from\":\"nora\",\"groupId\":\"tea\"");
	client_expect_with(o, "GROUP_CHAT", "from nora");
	client_expect_with(q, "message_received", "from nora");
	client_expect_with(n, "chat", "from nora");
	/* Between two: begun elsewhere, and answered there. */
	client_ask(q, "create_conversation", "{\"participantIds\":[\"otto\"]}");
	client_expect(q, "conversation_created");
	client_value(q, "id", id);
	client_expect_with(o, "NEW_ONE_TO_ONE_CHAT_AP", "\"from\":\"quinn\"");
	client_ask_in(q, "send_message", id, ",\"content\":\"psst\"");
	client_expect(q, "message_sent");
	client_expect_with(q, "message_received", "psst");
	client_expect_with(o, "MESSAGE", "\"from\":\"quinn\",\"to\":\"otto\",\"content\":\"psst\"");
	chat(o, "otto", "quinn", "what?");
	client_expect_with(q, "message_received", "what?");
	client_free(n);
	client_free(o);
	free_all(r, q, a, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(haste_is_told),
		cmocka_unit_test(friends_see_each_other_come_and_go),
		cmocka_unit_test(all_dialects_meet),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
