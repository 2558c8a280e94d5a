/*
 * socketio_messages_test.c - proves what is said in the Socket.IO dialect: any JSON and bytes come
 * back as they were, everybody in the room hears them before the sender is told, a retry is kept
 * once; and what is said to one person reaches all its sockets and nobody else.
 */
#include "dialect/socketio_test.h"

static void everybody_hears_it_before_the_sender_is_told(void **state)
{
	(void)state;
	char id[256], id2[256], end[512];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob"), *c = sio_of(r, "carol");
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	sio_expect(a, "42[\"user-joined\"");
	sio_tell(a, "lobby", "\"hi \\\"you\\\"\"");
	sio_expect_with(a, "42[\"new-message\",{\"id\":\"",
			"\"roomId\":\"lobby\",\"userId\":\"alice\",\"user\":{\"id\":\"alice\","
			"\"name\":\"alice\"},\"content\":\"hi \\\"you\\\"\",\"type\":\"text\","
			"\"timestamp\":");
	client_value(a, "id", id);
	assert_int_equal(strlen(id), 32);
	/* The offset: the last argument, which is the id. */
	snprintf(end, sizeof(end), "\"edited\":false,\"deleted\":false},\"%s\"]", id);
	assert_non_null(strstr(a->text, end));
	sio_expect_ack(a, "[{\"success\":true,\"messageId\":\"");
	assert_string_equal(client_value(a, "messageId", id2), id);
	assert_non_null(strstr(a->text, "\",\"timestamp\":"));
	sio_expect_with(b, "42[\"new-message\"", id);
	sio_expect_silence(b);
	sio_expect_silence(c);
	client_free(a);
	client_free(b);
	client_free(c);
	rig_end(r);
}

static void what_is_said_comes_back_as_it_was(void **state)
{
	(void)state;
	static const char *const contents[] = {
		"\"text\"",
		"7",
		"-1.50e3",
		"true",
		"[]",
		"{}",
		"[1,\"two\",null,{\"a\": [ ]}]",
		"{\"_placeholder\":true,\"num\":0}", /* without bytes it is what it looks like */
		"\"data:application/octet-stream;base64,AAAA\"",
		"{\"k\":\"\\u0000\\ud83d\\ude00\"}"};
	static const char *const types[] = {NULL,       "\"image\"",      "\"file\"",
					    "\"poll\"", "\"sys\\\"tem\"", "\"system\""};
	char say_it[512], wanted[512];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_join(a, "lobby");
	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++)
		for (size_t k = 0; k < sizeof(types) / sizeof(*types); k++) {
			snprintf(say_it, sizeof(say_it),
				 "[\"message\",{\"roomId\":\"lobby\",\"content\":%s%s%s}]",
				 contents[i], types[k] ? ",\"type\":" : "",
				 types[k] ? types[k] : "");
			snprintf(wanted, sizeof(wanted), ",\"content\":%s,\"type\":%s,",
				 contents[i], types[k] ? types[k] : "\"text\"");
			sio_say(a, say_it);
			sio_expect_with(a, "42[\"new-message\"", wanted);
			sio_expect_ack(a, "[{\"success\":true");
			if (i % 3 == 0) {
				sio_join(b, "lobby");
				assert_non_null(strstr(b->text, wanted));
				sio_expect_with(a, "42[\"user-joined\"", "");
				sio_ask(b, "[\"leave-room\",\"lobby\"]", "[{\"success\":true");
				sio_expect(a, "42[\"user-left\"");
			}
		}
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void expect_bytes(struct client *c, const char *bytes)
{
	assert_true(sio_hear_within(c, WAIT_MS));
	assert_int_equal(c->op, PL_WS_BINARY);
	assert_string_equal(c->text, bytes);
}

static void bytes_travel_beside_the_json(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_join(a, "lobby");
	/* All of it is bytes. */
	say(a, "451-0[\"message\",{\"roomId\":\"lobby\",\"content\":{\"_placeholder\":true,"
	       "\"num\":0}}]");
	client_say_as(a, PL_WS_BINARY, PL_S("abc"));
	sio_expect_with(a, "451-[\"new-message\"",
			",\"content\":{\"_placeholder\":true,\"num\":0},\"type\":\"text\",");
	expect_bytes(a, "abc");
	sio_expect(a, "430[{\"success\":true");
	/* Inside; the order is that of the text, not of their numbers. */
	say(a,
	    "452-1[\"message\",{\"roomId\":\"lobby\",\"content\":{\"x\":[{\"_placeholder\":"
	    "true,\"num\":1},\"t\"],\"y\":{\"num\":0,\"_placeholder\":true}},\"type\":\"pic\"}]");
	client_say_as(a, PL_WS_BINARY, PL_S("zero"));
	client_say_as(a, PL_WS_BINARY, PL_S("one"));
	sio_expect_with(a, "452-[\"new-message\"",
			",\"content\":{\"x\":[{\"_placeholder\":true,\"num\":0},\"t\"],\"y\":{"
			"\"_placeholder\":true,\"num\":1}},\"type\":\"pic\",");
	expect_bytes(a, "one");
	expect_bytes(a, "zero");
	sio_expect(a, "431[{\"success\":true");
	/* Lists show them as URLs. */
	sio_join(b, "lobby");
	assert_non_null(strstr(
		b->text,
		"\"content\":\"data:application/octet-stream;base64,YWJj\",\"type\":\"text\""));
	assert_non_null(strstr(
		b->text, "\"content\":{\"x\":[\"data:application/octet-stream;base64,b25l\",\"t\"],"
			 "\"y\":\"data:application/octet-stream;base64,emVybw==\"},"
			 "\"type\":\"pic\""));
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void nothing_is_no_message(void **state)
{
	(void)state;
	char text[256];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice");
	sio_join(a, "lobby");
	const char *const empty[] = {"null", "\"\"", "0", "0.0", "-0.0", "false"};
	for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
		snprintf(text, sizeof(text), "[\"message\",{\"roomId\":\"lobby\",\"content\":%s}]",
			 empty[i]);
		sio_ask(a, text, "[{\"error\":\"Invalid message format\"}]");
	}
	const char *const bad[] = {
		"[\"message\"]",
		"[\"message\",\"text\"]",
		"[\"message\",[]]",
		"[\"message\",{\"roomId\":\"lobby\"}]",
		"[\"message\",{\"content\":\"x\"}]",
		"[\"message\",{\"roomId\":\"\",\"content\":\"x\"}]",
		"[\"message\",{\"roomId\":{},\"content\":\"x\"}]",
		"[\"private-message\",{\"targetUserId\":\"bob\"}]",
		"[\"private-message\",{\"content\":\"x\"}]",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		sio_ask(a, bad[i], "[{\"error\":\"Invalid message format\"}]");
	client_free(a);
	rig_end(r);
}

static void who_is_not_in_the_room_says_nothing_there(void **state)
{
	(void)state;
	char id[256], text[512];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	struct client *p = client_of(r, "paula"), *q = client_of(r, "quentin");
	sio_join(a, "lobby");
	sio_ask(b, "[\"message\",{\"roomId\":\"lobby\",\"content\":\"x\"}]",
		"[{\"error\":\"Not in room\"}]");
	sio_ask(b, "[\"message\",{\"roomId\":\"nowhere\",\"content\":\"x\"}]",
		"[{\"error\":\"Not in room\"}]");
	/* Two people's conversation is no room, theirs or anybody else's. */
	converse(p, q, "quentin", id);
	struct client *ps = sio_of(r, "paula");
	snprintf(text, sizeof(text), "[\"message\",{\"roomId\":\"%s\",\"content\":\"x\"}]", id);
	sio_ask(b, text, "[{\"error\":\"Not in room\"}]");
	sio_ask(ps, text, "[{\"error\":\"Not in room\"}]");
	snprintf(text, sizeof(text), "[\"join-room\",\"%s\"]", id);
	sio_ask(b, text, "[{\"error\":\"Access denied\"}]");
	sio_ask(ps, text, "[{\"error\":\"Access denied\"}]");
	client_free(a);
	client_free(b);
	client_free(p);
	client_free(q);
	client_free(ps);
	rig_end(r);
}

static void a_retry_is_kept_once(void **state)
{
	(void)state;
	char id[256], again[256];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice");
	const char *m = "[\"message\",{\"roomId\":\"lobby\",\"content\":\"x\","
			"\"clientMessageId\":\"m-1\"}]";
	sio_join(a, "lobby");
	sio_say(a, m);
	sio_expect(a, "42[\"new-message\"");
	sio_expect_ack(a, "[{\"success\":true,\"messageId\":\"");
	client_value(a, "messageId", id);
	sio_ask(a, m, "[{\"success\":true,\"messageId\":\"");
	assert_string_equal(client_value(a, "messageId", again), id);
	sio_expect_silence(a);
	client_free(a);
	rig_end(r);
}

static void messages_are_limited(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->rates[PL_LIMIT_MESSAGES] = (struct pl_rate){2, 2};
	rig_open(r);
	struct client *a = sio_of(r, "alice");
	sio_join(a, "lobby");
	for (int i = 0; i < 2; i++) {
		sio_tell(a, "lobby", "\"x\"");
		sio_expect(a, "42[\"new-message\"");
		sio_expect_ack(a, "[{\"success\":true");
	}
	sio_ask(a, "[\"message\",{\"roomId\":\"lobby\",\"content\":\"x\"}]",
		"[{\"error\":\"Rate limit exceeded\",\"retryAfterMs\":");
	sio_ask(a, "[\"private-message\",{\"targetUserId\":\"bob\",\"content\":\"x\"}]",
		"[{\"error\":\"Rate limit exceeded\"");
	client_free(a);
	rig_end(r);
}

/* ---- to one person ---- */

static void a_private_message_reaches_all_sockets_of_one(void **state)
{
	(void)state;
	char id[256];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *a2 = sio_of(r, "alice");
	struct client *b = sio_of(r, "bob"), *b2 = sio_of(r, "bob"), *c = sio_of(r, "carol");
	sio_ask(a, "[\"private-message\",{\"targetUserId\":\"bob\",\"content\":{\"a\":1}}]",
		"[{\"success\":true,\"messageId\":\"");
	assert_non_null(strstr(a->text, "\",\"delivered\":true}]"));
	client_value(a, "messageId", id);
	struct client *const bobs[] = {b, b2};
	for (int i = 0; i < 2; i++) {
		sio_expect_with(bobs[i], "42[\"private-message\",{\"id\":\"",
				"\"fromUserId\":\"alice\",\"fromUser\":{\"id\":\"alice\",\"name\":"
				"\"alice\"},\"toUserId\":\"bob\",\"content\":{\"a\":1},"
				"\"timestamp\":");
		assert_non_null(strstr(bobs[i]->text, id));
		assert_non_null(strstr(bobs[i]->text, ",\"read\":false},\""));
	}
	sio_expect_silence(a2);
	sio_expect_silence(c);
	/* And back, in the same conversation. */
	sio_ask(b, "[\"private-message\",{\"targetUserId\":\"alice\",\"content\":\"yes\"}]",
		"[{\"success\":true");
	sio_expect_with(a, "42[\"private-message\"", "\"content\":\"yes\"");
	sio_expect_with(a2, "42[\"private-message\"", "\"content\":\"yes\"");
	sio_expect_silence(b2);
	client_free(a);
	client_free(a2);
	client_free(b);
	client_free(b2);
	client_free(c);
	rig_end(r);
}

static void people_are_found_by_id_or_name(void **state)
{
	(void)state;
	char token[2048];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_dial(r);
	struct pl_token_claims claims = {.subject = PL_S("77"),
					 .username = PL_S("Bob B."),
					 .now_s = pl_wall_ms() / 1000,
					 .ttl_s = 60};
	struct pl_buf t;
	pl_buf_init(&t, 2047);
	assert_int_equal(pl_token_sign(SECRET, &claims, &t), 0);
	memcpy(token, t.at, t.len);
	token[t.len] = '\0';
	pl_buf_fini(&t);
	sio_connect_with(b, token, "");
	sio_expect(b, "40{");
	sio_expect_with(b, "42[\"connected\"", "\"userId\":\"77\"");
	static const char *const names[] = {"77", "\"77\"", "\"Bob B.\""};
	for (size_t i = 0; i < 3; i++) {
		char text[256];
		snprintf(text, sizeof(text),
			 "[\"private-message\",{\"targetUserId\":%s,\"content\":1}]", names[i]);
		sio_ask(a, text, "[{\"success\":true");
		sio_expect_with(b, "42[\"private-message\"", "\"toUserId\":\"77\",\"content\":1,");
	}
	sio_ask(a, "[\"private-message\",{\"targetUserId\":\"78\",\"content\":1}]",
		"[{\"error\":\"User not found\"}]");
	sio_ask(a, "[\"private-message\",{\"targetUserId\":\"alice\",\"content\":1}]",
		"[{\"error\":\"Cannot send a private message to yourself\"}]");
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void delivered_says_what_others_may_know(void **state)
{
	(void)state;
	const char *m = "[\"private-message\",{\"targetUserId\":\"bob\",\"content\":1}]";
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_ask(b, "[\"update-status\",\"invisible\"]", "[{\"success\":true}]");
	sio_ask(a, m, "[{\"success\":true");
	assert_non_null(strstr(a->text, "\"delivered\":false"));
	sio_expect(b, "42[\"private-message\"");
	sio_ask(b, "[\"update-status\",\"busy\"]", "[{\"success\":true}]");
	sio_expect(a, "42[\"presence-update\",{\"userId\":\"bob\",\"status\":\"busy\"");
	sio_ask(a, m, "[{\"success\":true");
	assert_non_null(strstr(a->text, "\"delivered\":true"));
	sio_expect(b, "42[\"private-message\"");
	client_free(b);
	sio_expect(a, "42[\"presence-update\",{\"userId\":\"bob\",\"status\":\"offline\"");
	sio_ask(a, m, "[{\"success\":true");
	assert_non_null(strstr(a->text, "\"delivered\":false"));
	/* A connection of another dialect is one. */
	struct client *q = client_of(r, "bob");
	sio_expect(a, "42[\"presence-update\",{\"userId\":\"bob\",\"status\":\"online\"");
	sio_ask(a, m, "[{\"success\":true");
	assert_non_null(strstr(a->text, "\"delivered\":true"));
	client_free(q);
	client_free(a);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_hears_it_before_the_sender_is_told),
		cmocka_unit_test(what_is_said_comes_back_as_it_was),
		cmocka_unit_test(bytes_travel_beside_the_json),
		cmocka_unit_test(nothing_is_no_message),
		cmocka_unit_test(who_is_not_in_the_room_says_nothing_there),
		cmocka_unit_test(a_retry_is_kept_once),
		cmocka_unit_test(messages_are_limited),
		cmocka_unit_test(a_private_message_reaches_all_sockets_of_one),
		cmocka_unit_test(people_are_found_by_id_or_name),
		cmocka_unit_test(delivered_says_what_others_may_know),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
