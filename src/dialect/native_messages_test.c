/*
 * native_messages_test.c - proves what native clients hear in a room: what is broadcast bare, what
 * is kept, in order, and what comes from QryptChat and goes there.
 */
#include "dialect/native_test.h"

static void a_broadcast_is_bare_and_not_for_its_sender(void **state)
{
	static const struct {
		const char *data, *heard;
	} rows[] = {{",\"data\":\"plain \\\"text\\\"\"", "plain \"text\""},
		    {",\"data\":\"\"", ""},
		    {",\"data\":{\"a\":[1,\"b\"]}", "{\"a\":[1,\"b\"]}"},
		    {",\"data\":[]", "[]"},
		    {",\"data\":null", "null"},
		    {",\"data\":true", "true"},
		    {",\"data\":-12.5", "-12.5"}};
	struct rig *r = rig_start();
	char text[256];
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob"),
		      *c = native_of(r, "carol");
	join(a, "tea");
	join(b, "tea");
	client_expect(a, "user-joined");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(text, sizeof(text), "{\"type\":\"broadcast\",\"room\":\"tea\"%s}",
			 rows[i].data);
		say(a, text);
		expect_text(b, rows[i].heard);
	}
	say(a, "{\"type\":\"broadcast\",\"room\":\"tea\"}");
	assert_true(client_hear_within(b, WAIT_MS));
	assert_int_equal(b->op, PL_WS_BINARY);
	assert_string_equal(b->text, "");
	say(c, "{\"type\":\"broadcast\",\"room\":\"tea\",\"data\":\"from outside\"}");
	expect_text(a, "from outside");
	expect_text(b, "from outside");
	client_expect_silence(a);
	client_free(a);
	client_free(b);
	client_free(c);
	rig_end(r);
}

static void a_chat_is_for_all_who_joined(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob"),
		      *c = native_of(r, "carol");
	join(a, "tea");
	join(b, "tea");
	client_expect(a, "user-joined");
	say(a, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"Hello World\",\"from\":\"eve\"}");
	struct client *const both[] = {a, b};
	for (int i = 0; i < 2; i++) {
		client_expect(both[i], "chat");
		const char *begin = "{\"type\":\"chat\",\"from\":\"alice\",\"content\":"
				    "\"Hello World\",\"timestamp\":1";
		assert_int_equal(strncmp(both[i]->text, begin, strlen(begin)), 0);
		assert_non_null(strstr(both[i]->text, ",\"room\":\"tea\",\"id\":\""));
		assert_non_null(strstr(both[i]->text, "\",\"seq\":1}"));
	}
	say(c, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":{\"x\":[1]}}");
	client_expect_with(a, "chat", "\"content\":\"{\\\"x\\\":[1]}\"");
	client_expect_with(b, "chat", "\"from\":\"carol\"");
	client_expect_silence(c);
	say(c, "{\"type\":\"chat\",\"room\":\"tea\"}");
	client_expect_with(a, "chat", "\"content\":\"\"");
	client_free(a);
	client_free(b);
	client_free(c);
	rig_end(r);
}

static void many_chats_at_once_keep_their_order(void **state)
{
	struct rig *r = rig_start();
	char text[128], part[64];
	(void)state;
	struct client *g = guest_of(r), *b = native_of(r, "bob");
	join(b, "tea");
	say(g, "{\"type\":\"join\",\"room\":\"tea\"}");
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text),
			 "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"%d\"}", i);
		say(g, text);
	}
	client_expect(b, "user-joined");
	for (int i = 0; i < 50; i++) {
		snprintf(part, sizeof(part), "\"content\":\"%d\"", i);
		client_expect_with(b, "chat", part);
	}
	client_free(g);
	client_free(b);
	rig_end(r);
}

/* ---- together with QryptChat ---- */

static void both_kinds_meet_in_an_open_room(void **state)
{
	struct rig *r = rig_start();
	char id[256];
	(void)state;
	struct client *n = native_of(r, "nora"), *q = client_of(r, "quin");
	client_ask_in(q, "join_conversation", "tea", "");
	client_expect_with(q, "error", "ACCESS_DENIED"); /* only native clients make rooms */
	join(n, "tea");
	client_ask_in(q, "join_conversation", "tea", "");
	client_expect(n, "user-joined");
	client_expect(q, "conversation_joined");
	client_value(q, "conversationId", id);
	say(n, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"from native\"}");
	client_expect_with(q, "message_received", "\"encrypted_content\":\"from native\"");
	client_expect_with(n, "chat", "from native");
	const char *const names[] = {"tea", id};
	for (int i = 0; i < 2; i++) {
		client_ask_in(q, "send_message", names[i], ",\"content\":\"from qrypt\"");
		client_expect(q, "message_sent");
		client_expect_with(q, "message_received", id);
		client_expect_with(n, "chat", "\"from\":\"quin\",\"content\":\"from qrypt\"");
		assert_non_null(strstr(n->text, "\"room\":\"tea\""));
		client_ask_in(q, "load_messages", names[i], "");
		client_expect_with(q, "messages_loaded", "from native");
		client_ask_in(q, "typing_start", names[i], "");
		client_expect(q, "typing_start");
		client_ask_in(q, "typing_stop", names[i], "");
		client_expect(q, "typing_stop");
	}
	client_ask(q, "load_conversations", "{}");
	client_expect_with(q, "conversations_loaded",
			   "\"conversation_type\":\"room\","
			   "\"conversation_name\":\"tea\"");
	say(n, "{\"type\":\"broadcast\",\"room\":\"tea\",\"data\":\"bare\"}");
	client_expect_silence(q); /* what is not kept is not for it */
	client_ask_in(q, "leave_conversation", "tea", "");
	client_expect_with(n, "user-left", "\"roomId\":\"tea\"");
	client_expect(q, "conversation_left");
	client_free(n);
	client_free(q);
	rig_end(r);
}

static void native_hears_a_conversation_of_its_user_by_its_id(void **state)
{
	struct rig *r = rig_start();
	char id[256], text[512];
	(void)state;
	struct client *a = client_of(r, "alice"), *b = client_of(r, "bob");
	struct client *n = native_of(r, "bob"), *m = native_of(r, "mallory");
	converse(a, b, "bob", id);
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"%s\"}", id);
	say(m, text);
	expect_text(m, "{\"type\":\"error\",\"error\":\"Access denied to room\"}");
	say(n, text);
	client_expect_with(n, "joined", id);
	client_ask_in(a, "send_message", id, ",\"content\":\"hi\"");
	client_expect_with(n, "chat", id);
	snprintf(text, sizeof(text), "{\"type\":\"chat\",\"room\":\"%s\",\"content\":\"ho\"}", id);
	say(m, text);
	client_expect_silence(m);
	client_expect_silence(n);
	say(n, text);
	client_expect_with(n, "chat", "\"from\":\"bob\"");
	client_free(a);
	client_free(b);
	client_free(n);
	client_free(m);
	rig_end(r);
}

static void left(struct pl_op *op)
{
	assert_int_equal(op->err, 0);
	*(bool *)op->owner = true;
	pl_op_free(op);
}

/* As another dialect would do it. */
static void end_membership(struct rig *r, const char *user, const char *conversation)
{
	bool done = false;
	struct pl_op *op = pl_op_new(PL_OP_LEAVE, r->loop, left, &done);
	assert_non_null(op);
	assert_int_equal(pl_uuid_parse(pl_slice_str(user), &op->leave.user), 0);
	op->leave.room = pl_slice_str(conversation);
	pl_hub_submit(&r->hub, op);
	for (int i = 0; i < 1000 && !done; i++)
		pl_loop_turn(r->loop, 10);
	assert_true(done);
}

static void who_is_no_member_any_more_says_nothing(void **state)
{
	struct rig *r = rig_start();
	char id[256], bob[256], text[512];
	(void)state;
	struct client *a = client_of(r, "alice");
	struct client *n = native_of(r, "bob"), *c = native_of(r, "carol");
	client_ask(a, "create_conversation",
		   "{\"participantIds\":[\"bob\",\"carol\"],\"isGroup\":true,\"name\":\"g\"}");
	client_expect(a, "conversation_created");
	client_value(a, "id", id);
	join(n, id);
	client_value(n, "id", bob);
	join(c, id);
	end_membership(r, bob, id);
	client_expect_silence(n); /* until every worker knows */
	snprintf(text, sizeof(text), "{\"type\":\"broadcast\",\"room\":\"%s\",\"data\":\"psst\"}",
		 id);
	say(n, text);
	snprintf(text, sizeof(text), "{\"type\":\"chat\",\"room\":\"%s\",\"content\":\"psst\"}",
		 id);
	say(n, text);
	client_expect_silence(c);
	client_ask_in(a, "send_message", id, ",\"content\":\"hi\"");
	client_expect_with(c, "chat", "\"hi\"");
	client_expect_silence(n);
	client_free(a);
	client_free(n);
	client_free(c);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broadcast_is_bare_and_not_for_its_sender),
		cmocka_unit_test(a_chat_is_for_all_who_joined),
		cmocka_unit_test(many_chats_at_once_keep_their_order),
		cmocka_unit_test(both_kinds_meet_in_an_open_room),
		cmocka_unit_test(native_hears_a_conversation_of_its_user_by_its_id),
		cmocka_unit_test(who_is_no_member_any_more_says_nothing),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
