/*
 * socketio_rooms_test.c - proves how rooms of the Socket.IO dialect are joined and left: what the
 * acknowledgement says, what others hear and when, that a user is in a room once however many
 * sockets it has, and that it is there again when it comes again.
 */
#include "dialect/socketio_test.h"

static void joining_is_acknowledged_with_the_room(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_ask(a, "[\"join-room\",\"lobby\"]",
		"[{\"success\":true,\"room\":{\"id\":\"lobby\",\"name\":\"lobby\"},"
		"\"members\":[\"alice\"],\"recentMessages\":[]}]");
	sio_ask(b, "[\"join-room\",{\"roomId\":\"lobby\"}]",
		"[{\"success\":true,\"room\":{\"id\":\"lobby\",\"name\":\"lobby\"},"
		"\"members\":[\"alice\",\"bob\"],\"recentMessages\":[]}]");
	sio_expect(a, "42[\"user-joined\",{\"userId\":\"bob\",\"user\":{\"id\":\"bob\",\"name\":"
		      "\"bob\"},\"roomId\":\"lobby\"}]");
	sio_expect_silence(a);
	sio_expect_silence(b);
	/* Again: as if it had not been there, but nobody comes. */
	sio_ask(b, "[\"join-room\",\"lobby\"]", "[{\"success\":true,\"room\":{\"id\":\"lobby\"");
	sio_expect_silence(a);
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void a_number_is_a_name_too(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice");
	sio_ask(a, "[\"join-room\",5]", "[{\"success\":true,\"room\":{\"id\":\"5\"");
	sio_say(a, "[\"message\",{\"roomId\":5,\"content\":\"x\"}]");
	sio_expect_with(a, "42[\"new-message\"", "\"roomId\":\"5\"");
	sio_expect_ack(a, "[{\"success\":true");
	client_free(a);
	rig_end(r);
}

static void what_is_no_room_is_refused(void **state)
{
	(void)state;
	char text[512], name[200];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice");
	const char *const bad[] = {"[\"join-room\"]",
				   "[\"join-room\",null]",
				   "[\"join-room\",\"\"]",
				   "[\"join-room\",[1]]",
				   "[\"join-room\",{}]",
				   "[\"join-room\",1.5]",
				   "[\"join-room\",\"a\\u0001b\"]"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		sio_ask(a, bad[i], "[{\"error\":\"Invalid room\"}]");
	memset(name, 'x', 129);
	name[129] = '\0';
	snprintf(text, sizeof(text), "[\"join-room\",\"%s\"]", name);
	sio_ask(a, text, "[{\"error\":\"Invalid room\"}]");
	client_free(a);
	rig_end(r);
}

static void what_is_not_open_is_for_members(void **state)
{
	(void)state;
	char id[256], text[512];
	struct rig *r = rig_start();
	struct client *q = client_of(r, "quentin"), *p = client_of(r, "paula");
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "paula");
	client_ask(
		q, "create_conversation",
		"{\"type\":\"group\",\"name\":\"Us\",\"participantIds\":[\"paula\",\"quentin\"]}");
	client_expect(q, "conversation_created");
	client_value(q, "id", id);
	snprintf(text, sizeof(text), "[\"join-room\",\"%s\"]", id);
	sio_ask(a, text, "[{\"error\":\"Access denied\"}]");
	sio_ask(b, text, "[{\"success\":true,\"room\":{\"id\":\"");
	assert_non_null(strstr(b->text, "\"name\":\"Us\""));
	client_free(q);
	client_free(p);
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void rooms_may_be_closed(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->chat.rooms_open = false;
	rig_open(r);
	struct client *a = sio_of(r, "alice");
	sio_ask(a, "[\"join-room\",\"lobby\"]", "[{\"error\":\"Room does not exist\"}]");
	client_free(a);
	rig_end(r);
}

static void new_rooms_are_limited(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->rates[PL_LIMIT_CREATES] = (struct pl_rate){2, 2};
	rig_open(r);
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_join(b, "there");
	sio_say(a, "[\"join-room\",\"1\"]");
	sio_say(a, "[\"join-room\",\"2\"]");
	sio_say(a, "[\"join-room\",\"3\"]");
	for (int i = 0; i < 3; i++)
		sio_hear(a, "an acknowledgement");
	assert_non_null(strstr(a->text, "success"));
	sio_ask(a, "[\"join-room\",\"4\"]", "[{\"error\":\"Room does not exist\"}]");
	sio_join(a, "there");
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void recent_messages_are_the_latest_in_order(void **state)
{
	(void)state;
	char content[32], *at;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_join(a, "lobby");
	for (int i = 1; i <= 60; i++) {
		snprintf(content, sizeof(content), "\"m%d\"", i);
		sio_tell(a, "lobby", content);
		sio_expect(a, "42[\"new-message\",{\"id\":\"");
		sio_expect_ack(a, "[{\"success\":true,\"messageId\":\"");
	}
	sio_join(b, "lobby");
	at = strstr(b->text, "\"recentMessages\":[");
	assert_non_null(at);
	for (int i = 11; i <= 60; i++) {
		snprintf(content, sizeof(content), "\"content\":\"m%d\"", i);
		at = strstr(at, content);
		assert_non_null(at);
	}
	assert_null(strstr(b->text, "\"content\":\"m10\""));
	assert_non_null(strstr(b->text, "\"edited\":false,\"deleted\":false}"));
	client_free(a);
	client_free(b);
	rig_end(r);
}

/* Nobody has to wait for an answer before saying the next thing. */
static void join_and_message_may_come_at_once(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice");
	sio_say(a, "[\"message\",{\"roomId\":\"lobby\",\"content\":\"early\"}]");
	sio_say(a, "[\"join-room\",\"lobby\"]");
	sio_say(a, "[\"message\",{\"roomId\":\"lobby\",\"content\":\"hi\"}]");
	sio_say(a, "[\"leave-room\",\"lobby\"]");
	sio_say(a, "[\"message\",{\"roomId\":\"lobby\",\"content\":\"late\"}]");
	sio_expect(a, "431[{\"error\":\"Not in room\"}]");
	bool heard = false, acknowledged = false, joined = false, left = false, late = false;
	for (int i = 0; i < 5; i++) {
		sio_hear(a, "five more");
		late |= !strcmp(a->text, "435[{\"error\":\"Not in room\"}]");
		heard |= !strncmp(a->text, "42[\"new-message\"", 16);
		acknowledged |= !strncmp(a->text, "433[{\"success\":true", 19);
		joined |= !strncmp(a->text, "432[{", 5);
		left |= !strcmp(a->text, "434[{\"success\":true}]");
	}
	assert_true(heard && acknowledged && joined && left && late);
	sio_expect_silence(a);
	client_free(a);
	rig_end(r);
}

static void leaving_is_told_and_ends_it_everywhere(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob"), *b2 = sio_of(r, "bob");
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	sio_expect(a, "42[\"user-joined\"");
	/* The other socket is in as well: both hear it. */
	sio_tell(a, "lobby", "\"hi\"");
	sio_expect(a, "42[\"new-message\"");
	sio_expect_ack(a, "[{\"success\":true");
	sio_expect(b, "42[\"new-message\"");
	sio_expect(b2, "42[\"new-message\"");
	sio_ask(b2, "[\"leave-room\",\"lobby\"]", "[{\"success\":true}]");
	sio_expect(a, "42[\"user-left\",{\"userId\":\"bob\",\"roomId\":\"lobby\"}]");
	sio_tell(a, "lobby", "\"hi\"");
	sio_expect(a, "42[\"new-message\"");
	sio_expect_silence(b);
	sio_expect_silence(b2);
	sio_ask(b, "[\"message\",{\"roomId\":\"lobby\",\"content\":\"x\"}]",
		"[{\"error\":\"Not in room\"}]");
	sio_ask(b, "[\"leave-room\",\"lobby\"]", "[{\"error\":\"Not in room\"}]");
	sio_ask(b, "[\"leave-room\",\"nowhere\"]", "[{\"error\":\"Not in room\"}]");
	sio_ask(b, "[\"leave-room\"]", "[{\"error\":\"Invalid room\"}]");
	client_free(a);
	client_free(b);
	client_free(b2);
	rig_end(r);
}

static void a_user_comes_once_and_goes_with_the_last_socket(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	sio_expect(a, "42[\"user-joined\",{\"userId\":\"bob\"");
	struct client *b2 = sio_of(r, "bob");
	sio_expect_silence(a);
	client_free(b);
	sio_expect_silence(a);
	client_free(b2);
	sio_expect(a, "42[\"user-left\",{\"userId\":\"bob\",\"roomId\":\"lobby\"}]");
	sio_expect_with(a, "42[\"presence-update\",{\"userId\":\"bob\",\"status\":\"offline\"", "");
	/* It comes again, without a word: it is in the room. */
	b = sio_of(r, "bob");
	bool joined = false, online = false;
	for (int i = 0; i < 2; i++) {
		sio_hear(a, "bob");
		joined |= !strncmp(a->text, "42[\"user-joined\",{\"userId\":\"bob\"", 32);
		online |= strstr(a->text, "\"status\":\"online\"") != NULL;
	}
	assert_true(joined && online);
	sio_tell(a, "lobby", "\"hi\"");
	sio_expect(b, "42[\"new-message\"");
	client_free(a);
	client_free(b);
	rig_end(r);
}

/* Held back answers: who leaves while the members are on their way is told that it is not in. */
static void a_join_that_is_overtaken_is_answered(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice");
	rig_hold(r);
	sio_say(a, "[\"join-room\",\"lobby\"]");
	sio_say(a, "[\"leave-room\",\"lobby\"]");
	rig_wait_held(r, 2);
	rig_let_go(r, -1);
	sio_expect(a, "431[{\"error\":\"Not in room\"}]");
	sio_expect(a, "432[{\"success\":true}]");
	client_free(a);
	rig_end(r);
}

static void who_asks_for_no_acknowledgement_gets_none(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice");
	say(a, "42[\"join-room\",\"lobby\"]");
	say(a, "42[\"message\",{\"roomId\":\"lobby\",\"content\":\"hi\"}]");
	sio_expect(a, "42[\"new-message\"");
	say(a, "42[\"message\",{}]");
	say(a, "42[\"leave-room\",\"lobby\"]");
	say(a, "42[\"leave-room\",\"lobby\"]");
	say(a, "42[\"private-message\",{\"targetUserId\":\"nobody\",\"content\":1}]");
	say(a, "42[\"update-status\",\"odd\"]");
	say(a, "42[\"typing\",{\"roomId\":\"x\"}]");
	sio_expect_silence(a);
	client_free(a);
	rig_end(r);
}

static void other_dialects_come_and_go_in_the_same_room(void **state)
{
	(void)state;
	char token[2048], path[2200];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice");
	sio_join(a, "lobby");
	snprintf(path, sizeof(path), "/native?token=%s", token_for("nina", 3600, token));
	struct client *n = client_dial_at(r, path, "");
	assert_true(client_is_upgraded(n));
	client_expect(n, "connected");
	say(n, "{\"type\":\"join\",\"room\":\"lobby\"}");
	client_expect_with(n, "joined", "alice");
	sio_expect(a, "42[\"user-joined\",{\"userId\":\"nina\",\"user\":{\"id\":\"nina\",\"name\":"
		      "\"nina\"},\"roomId\":\"lobby\"}]");
	say(n, "{\"type\":\"chat\",\"room\":\"lobby\",\"content\":\"hi\"}");
	sio_expect_with(a, "42[\"new-message\"", "\"content\":\"hi\",\"type\":\"text\"");
	client_expect_with(n, "chat", "hi");
	sio_tell(a, "lobby", "{\"x\":[1,null]}");
	client_expect_with(n, "chat", "\"content\":\"{\\\"x\\\":[1,null]}\"");
	sio_expect_with(a, "42[\"new-message\"", "\"content\":{\"x\":[1,null]},");
	sio_expect_ack(a, "[{\"success\":true");
	say(n, "{\"type\":\"leave\",\"room\":\"lobby\"}");
	client_expect(n, "left");
	sio_expect(a, "42[\"user-left\",{\"userId\":\"nina\",\"roomId\":\"lobby\"}]");
	client_free(n);
	client_free(a);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joining_is_acknowledged_with_the_room),
		cmocka_unit_test(a_number_is_a_name_too),
		cmocka_unit_test(what_is_no_room_is_refused),
		cmocka_unit_test(what_is_not_open_is_for_members),
		cmocka_unit_test(rooms_may_be_closed),
		cmocka_unit_test(new_rooms_are_limited),
		cmocka_unit_test(recent_messages_are_the_latest_in_order),
		cmocka_unit_test(join_and_message_may_come_at_once),
		cmocka_unit_test(leaving_is_told_and_ends_it_everywhere),
		cmocka_unit_test(a_user_comes_once_and_goes_with_the_last_socket),
		cmocka_unit_test(a_join_that_is_overtaken_is_answered),
		cmocka_unit_test(who_asks_for_no_acknowledgement_gets_none),
		cmocka_unit_test(other_dialects_come_and_go_in_the_same_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
