/*
 * qrypt_test.c - proves what two and more people see of each other in QryptChat's words, byte for
 * byte where it matters: rows, per-recipient copies that nobody else gets, replies, receipts,
 * strange characters, and that the sender of a message is who signed in.
 */
#include "dialect/testing.h"

#define CHECK(c, type, ...)                                                        \
	do {                                                                       \
		static const char *const parts[] = {__VA_ARGS__};                  \
		client_expect(c, type);                                            \
		for (size_t i_ = 0; i_ < sizeof(parts) / sizeof(*parts); i_++)     \
			if (!strstr((c)->text, parts[i_]))                         \
				fail_msg("no %s in %.900s", parts[i_], (c)->text); \
	} while (0)

static void must_not_hear(struct client *c, const char *canary)
{
	if (strstr(c->text, canary))
		fail_msg("%s in %.900s", canary, c->text);
}

static void a_message_is_acknowledged_then_heard_by_all(void **state)
{
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	char id[256];
	(void)state;
	converse(alice, bob, "bob", id);
	client_ask_in(alice, "send_message", id,
		      ",\"content\":\"h\\u00e9 \\\"q\\\" \\u0000\\n\",\"metadata\":{\"a\":[1, 2]},"
		      "\"sender\":\"bob\",\"sender_id\":\"bob\",\"from\":\"bob\"");
	CHECK(alice, "message_sent", "{\"message\":{\"id\":\"", "\"seq\":1,",
	      "\"message_type\":\"text\",",
	      "\"encrypted_content\":\"h\xc3\xa9 \\\"q\\\" \\u0000\\n\"",
	      "\"metadata\":{\"a\":[1, 2]},\"edited_at\":null,\"deleted_at\":null",
	      "\"content_hash\":null",
	      "\"expires_at\":null,\"content_type\":\"text\","
	      "\"has_attachments\":false",
	      "\"username\":\"alice\"", "\"reply_to_id\":null");
	must_not_hear(alice, "bob");
	must_not_hear(alice, "\"reply_to\":");
	client_expect_with(alice, "message_received", "\"seq\":1,");
	client_expect_with(bob, "message_received", "\"username\":\"alice\"");
	assert_null(strstr(bob->text, "shouldReloadMessages"));
	client_free(alice);
	client_free(bob);
	rig_end(r);
}

/* Four in one room; each knows the others' ids. */
struct party {
	struct rig *rig;
	struct client *all[4];
	char ids[4][256], room[256];
};

static void party_begin(struct party *p)
{
	static const char *const names[] = {"alice", "bob", "carol", "dave"};
	p->rig = rig_start();
	for (int i = 0; i < 4; i++) {
		p->all[i] = client_of(p->rig, names[i]);
		client_value(p->all[i], "id", p->ids[i]);
	}
	client_ask(p->all[0], "create_conversation",
		   "{\"participantIds\":[\"bob\",\"carol\",\"dave\"],\"isGroup\":true}");
	client_expect(p->all[0], "conversation_created");
	client_value(p->all[0], "id", p->room);
	for (int i = 1; i < 4; i++) {
		client_expect(p->all[i], "conversation_created");
		client_ask_in(p->all[i], "join_conversation", p->room, "");
		client_expect(p->all[i], "conversation_joined");
	}
}

static void party_end(struct party *p)
{
	for (int i = 0; i < 4; i++)
		client_free(p->all[i]);
	rig_end(p->rig);
}

/* From alice, "copy of A" and so on; dave gets none. */
static void send_copies(struct party *p, char message[256])
{
	char payload[2048], own[32];
	snprintf(payload, sizeof(payload),
		 ",\"encryptedContents\":{\"%s\":\"copy of A\",\"%s\":\"copy of B\",\"%s\":\"copy "
		 "of C\"}",
		 p->ids[0], p->ids[1], p->ids[2]);
	client_ask_in(p->all[0], "send_message", p->room, payload);
	CHECK(p->all[0], "message_sent", "\"encrypted_content\":\"copy of A\"");
	client_value(p->all[0], "id", message);
	for (int i = 0; i < 3; i++) {
		snprintf(own, sizeof(own), "\"copy of %c\"", 'A' + i);
		client_expect_with(p->all[i], "message_received", own);
		assert_non_null(strstr(p->all[i]->text, "\"shouldReloadMessages\":true"));
		for (int k = 0; k < 3; k++) {
			snprintf(own, sizeof(own), "copy of %c", 'A' + k);
			if (k != i)
				must_not_hear(p->all[i], own);
		}
	}
	client_expect_silence(p->all[3]);
}

/* A reply to it shows each reader his own copy of what is replied to, or nothing. */
static void reply_to_copies(struct party *p, const char *message)
{
	char payload[2048];
	snprintf(payload, sizeof(payload), ",\"content\":\"indeed\",\"replyToId\":\"%s\"", message);
	client_ask_in(p->all[1], "send_message", p->room, payload);
	client_expect(p->all[1], "message_sent");
	for (int i = 0; i < 4; i++) {
		client_expect_with(p->all[i], "message_received", "\"indeed\"");
		must_not_hear(p->all[i], "copy of");
	}
}

static void history_has_the_own_copy(struct party *p, int i)
{
	char own[32];
	client_ask_in(p->all[i], "load_messages", p->room, "");
	client_expect(p->all[i], "messages_loaded");
	for (int k = 0; k < 3; k++) {
		snprintf(own, sizeof(own), "copy of %c", 'A' + k);
		assert_int_equal(strstr(p->all[i]->text, own) != NULL, k == i);
	}
	client_ask(p->all[i], "load_conversations", "{}");
	client_expect_with(p->all[i], "conversations_loaded",
			   "\"latest_message_content\":\"indeed\"");
	must_not_hear(p->all[i], "copy of");
}

/* The newest message is one that dave has no copy of: he is shown the one before. */
static void a_copy_for_others_is_not_the_latest(struct party *p)
{
	struct client *bob = p->all[1], *dave = p->all[3];
	char payload[2048];
	snprintf(payload, sizeof(payload), ",\"encryptedContents\":{\"%s\":\"copy of B\"}",
		 p->ids[1]);
	client_ask_in(bob, "send_message", p->room, payload);
	client_expect(bob, "message_sent");
	client_ask(dave, "load_conversations", "{}");
	client_expect_with(dave, "conversations_loaded", "\"latest_message_content\":\"indeed\"");
	assert_non_null(strstr(dave->text, "\"unread_count\":0"));
	must_not_hear(dave, "copy of");
}

static void copies_reach_their_owners_only(void **state)
{
	struct party p;
	char message[256];
	(void)state;
	party_begin(&p);
	send_copies(&p, message);
	reply_to_copies(&p, message);
	for (int i = 0; i < 4; i++)
		history_has_the_own_copy(&p, i);
	a_copy_for_others_is_not_the_latest(&p);
	party_end(&p);
}

static void strangers_get_access_denied_and_nothing_else(void **state)
{
	static const char *const asked[] = {"join_conversation",  "send_message", "load_messages",
					    "load_more_messages", "mark_read",    "typing_start",
					    "typing_stop"};
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	struct client *eve = client_of(r, "eve");
	char id[256], message[256], more[1024];
	(void)state;
	converse(alice, bob, "bob", id);
	client_ask_in(alice, "send_message", id, ",\"content\":\"canary\"");
	client_expect(alice, "message_sent");
	client_value(alice, "id", message);
	client_expect(alice, "message_received");
	client_expect(bob, "message_received");
	snprintf(more, sizeof(more),
		 ",\"content\":\"x\",\"messageId\":\"%s\",\"beforeMessageId\":\"%s\","
		 "\"replyToId\":\"%s\"",
		 message, message, message);
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		client_ask_in(eve, asked[i], id, more);
		client_expect_with(eve, "error",
				   "{\"error\":\"Access denied to conversation\","
				   "\"code\":\"ACCESS_DENIED\"");
		client_ask_in(eve, asked[i], "00000000-0000-0000-0000-000000000000", more);
		client_expect_with(eve, "error", "\"code\":\"ACCESS_DENIED\"");
		client_ask_in(eve, asked[i], "' OR 1=1 --", more);
		client_expect_with(eve, "error", "\"code\":\"ACCESS_DENIED\"");
	}
	client_expect_silence(eve);
	client_expect_silence(alice);
	client_expect_silence(bob);
	/* Another conversation's message is none of this one's. */
	char own[256];
	client_ask(eve, "create_conversation", "{\"participantIds\":[\"alice\"]}");
	client_expect(eve, "conversation_created");
	client_value(eve, "id", own);
	client_ask_in(eve, "send_message", own, more);
	client_expect_with(eve, "error", "\"code\":\"DATABASE_ERROR\"");
	client_ask_in(eve, "load_more_messages", own, more);
	client_expect_with(eve, "error", "\"code\":\"MESSAGE_NOT_FOUND\"");
	client_ask_in(eve, "mark_read", own, more);
	client_expect_with(eve, "error", "\"code\":\"MESSAGE_NOT_FOUND\"");
	client_free(alice);
	client_free(bob);
	client_free(eve);
	rig_end(r);
}

static void odd_requests_are_refused_whole(void **state)
{
	static const struct {
		const char *more, *code;
	} cases[] = {
		{",\"content\":\"x\",\"messageType\":\"evil\"", "DATABASE_ERROR"},
		{",\"content\":\"x\",\"metadata\":[1]", "DATABASE_ERROR"},
		{",\"content\":\"x\",\"metadata\":\"{}\"", "DATABASE_ERROR"},
		{",\"content\":\"x\",\"replyToId\":\"nothing\"", "DATABASE_ERROR"},
		{",\"content\":\"x\",\"replyToId\":\"00000000-0000-0000-0000-000000000001\"",
		 "DATABASE_ERROR"},
		{",\"content\":\"\"", "MISSING_REQUIRED_FIELDS"},
		{",\"content\":[\"x\"]", "MISSING_REQUIRED_FIELDS"},
		{",\"encryptedContents\":{}", "INVALID_ENCRYPTED_CONTENTS"},
		{",\"encryptedContents\":[]", "INVALID_ENCRYPTED_CONTENTS"},
		{",\"encryptedContents\":{\"bob\":\"x\"}", "INVALID_ENCRYPTED_CONTENTS"},
		{",\"encryptedContents\":{\"00000000-0000-0000-0000-000000000001\":1}",
		 "INVALID_ENCRYPTED_CONTENTS"},
		/* not a member */
		{",\"encryptedContents\":{\"00000000-0000-0000-0000-000000000001\":\"x\"}",
		 "DATABASE_ERROR"},
	};
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	char id[256], code[64];
	(void)state;
	converse(alice, bob, "bob", id);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		client_ask_in(alice, "send_message", id, cases[i].more);
		snprintf(code, sizeof(code), "\"code\":\"%s\"", cases[i].code);
		client_expect_with(alice, "error", code);
	}
	client_ask(alice, "create_conversation", "{\"participantIds\":[\"nobody\"]}");
	client_expect_with(alice, "error", "Failed to add participants");
	client_ask(alice, "create_conversation", "{\"participantIds\":[1]}");
	client_expect_with(alice, "error", "Failed to create conversation");
	client_ask(alice, "create_conversation",
		   "{\"participantIds\":[\"bob\",\"alice\"],\"type\":\"server\"}");
	client_expect_with(alice, "error", "Failed to create conversation");
	/* A thousand others are the most. */
	struct pl_buf many;
	pl_buf_init(&many, 1 << 16);
	PL_PUT(&many, "{\"participantIds\":[\"bob\"");
	for (int i = 0; i < 1000; i++)
		PL_PUT(&many, ",\"bob\"");
	pl_buf_put(&many, "]}", 3);
	client_ask(alice, "create_conversation", many.at);
	client_expect_with(alice, "error", "Failed to create conversation");
	pl_buf_fini(&many);
	client_ask_in(bob, "load_messages", id, "");
	client_expect_with(bob, "messages_loaded", "{\"messages\":[],");
	client_free(alice);
	client_free(bob);
	rig_end(r);
}

static void receipts_are_heard_by_the_others_and_only_move_forward(void **state)
{
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	char id[256], first[256], second[256], more[300];
	(void)state;
	converse(alice, bob, "bob", id);
	for (int i = 0; i < 2; i++) {
		client_ask_in(alice, "send_message", id,
			      i ? ",\"content\":\"2\"" : ",\"content\":\"1\"");
		client_expect(alice, "message_sent");
		client_value(alice, "id", i ? second : first);
		client_expect(alice, "message_received");
		client_expect(bob, "message_received");
	}
	snprintf(more, sizeof(more), ",\"messageId\":\"%s\"", second);
	client_ask_in(bob, "mark_read", id, more);
	client_expect_with(bob, "message_read", second);
	client_expect_with(alice, "message_read", second);
	snprintf(more, sizeof(more), ",\"messageId\":\"%s\"", first);
	client_ask_in(bob, "mark_read", id, more);
	client_expect_with(bob, "message_read", second); /* it stays there */
	client_ask_in(bob, "load_messages", id, "");
	client_expect(bob, "messages_loaded");
	client_expect_silence(alice); /* nothing moved, and loading reads in silence */
	client_free(alice);
	client_free(bob);
	rig_end(r);
}

static void a_retry_gets_the_first_answer(void **state)
{
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	char id[256], first[256], again[256];
	(void)state;
	converse(alice, bob, "bob", id);
	client_ask_in(alice, "send_message", id, ",\"content\":\"x\",\"clientMessageId\":\"k\"");
	client_expect(alice, "message_sent");
	must_not_hear(alice, "duplicate");
	client_value(alice, "id", first);
	client_expect(alice, "message_received");
	client_expect(bob, "message_received");
	struct client *other = client_of(r, "alice");
	client_ask_in(other, "send_message", id, ",\"content\":\"x\",\"clientMessageId\":\"k\"");
	CHECK(other, "message_sent", "\"duplicate\":true", "\"seq\":1,");
	assert_string_equal(client_value(other, "id", again), first);
	/* The same key of another user is another message. */
	client_ask_in(bob, "send_message", id, ",\"content\":\"x\",\"clientMessageId\":\"k\"");
	CHECK(bob, "message_sent", "\"seq\":2,");
	client_free(alice);
	client_free(bob);
	client_free(other);
	rig_end(r);
}

static void groups_are_entered_by_code_and_old_messages_stay_hidden(void **state)
{
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	char code[256], room[256], payload[512];
	(void)state;
	client_ask(alice, "create_group", "{\"name\":\"G\\u0000\\\"\"}");
	CHECK(alice, "group_created", "\"group_name\":\"G\\u0000\\\"\"", "\"user_role\":\"owner\"");
	client_value(alice, "invite_code", code);
	client_value(alice, "room_id", room);
	client_ask_in(alice, "send_message", room, ",\"content\":\"before bob\"");
	client_expect(alice, "message_sent");
	client_ask(bob, "join_group", "{\"inviteCode\":\"00000000\"}");
	client_expect_with(bob, "error", "Invalid invite code");
	snprintf(payload, sizeof(payload), "{\"invite_code\":\"%s\"}", code);
	client_ask(bob, "join_group", payload);
	CHECK(bob, "group_joined", "\"success\":true", "\"user_role\":\"member\"",
	      "\"invite_code\":null");
	client_ask(bob, "join_group", payload);
	CHECK(bob, "group_joined", "\"success\":false", "Already a member of this group",
	      "\"invite_code\":null");
	must_not_hear(bob, code);
	client_ask(bob, "load_groups", "{}");
	CHECK(bob, "groups_loaded", "\"member_count\":2", "\"invite_code\":null");
	client_ask_in(bob, "load_messages", room, "");
	client_expect(bob, "messages_loaded");
	must_not_hear(bob, "before bob");
	client_ask(bob, "load_conversations", "{}");
	client_expect_with(bob, "conversations_loaded", "\"latest_message_content\":null");
	must_not_hear(bob, "before bob");
	client_free(alice);
	client_free(bob);
	rig_end(r);
}

/* Joined on a line that is gone before the answer comes: the user's other device counts. */
static void a_group_joined_by_a_device_that_left_counts_for_the_user(void **state)
{
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *phone = client_of(r, "bob");
	struct client *desk = client_of(r, "bob");
	char code[256], room[256], payload[512];
	(void)state;
	client_ask(alice, "create_group", "{\"name\":\"G\"}");
	client_expect(alice, "group_created");
	client_value(alice, "invite_code", code);
	client_value(alice, "room_id", room);
	snprintf(payload, sizeof(payload), "{\"inviteCode\":\"%s\"}", code);
	rig_hold(r);
	client_ask(phone, "join_group", payload);
	rig_wait_held(r, 1);
	client_free(phone);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	rig_let_go(r, -1);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	client_free(desk);
	client_expect_with(alice, "user_offline", room);
	client_free(alice);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_acknowledged_then_heard_by_all),
		cmocka_unit_test(copies_reach_their_owners_only),
		cmocka_unit_test(strangers_get_access_denied_and_nothing_else),
		cmocka_unit_test(odd_requests_are_refused_whole),
		cmocka_unit_test(receipts_are_heard_by_the_others_and_only_move_forward),
		cmocka_unit_test(a_retry_gets_the_first_answer),
		cmocka_unit_test(groups_are_entered_by_code_and_old_messages_stay_hidden),
		cmocka_unit_test(a_group_joined_by_a_device_that_left_counts_for_the_user),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return cmocka_run_group_tests_name("on disk", tests, NULL, NULL) + failed;
}
