/*
 * socketio_presence_test.c - proves typing and presence in the Socket.IO dialect: each keystroke
 * puts the end off, others hear it once; a status is the user's, on all its sockets and for all
 * dialects, and who is invisible looks offline.
 */
#include "dialect/socketio_test.h"

static void typing_ends_after_the_last_keystroke(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->signing.socketio_typing_ms = 400;
	rig_open(r);
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	sio_expect(a, "42[\"user-joined\"");
	uint64_t last = 0;
	for (int i = 0; i < 5; i++) {
		say(a, "42[\"typing\",{\"roomId\":\"lobby\"}]");
		last = pl_now_ms();
		if (!i)
			sio_expect(b, "42[\"user-typing\",{\"userId\":\"alice\",\"user\":{\"id\":"
				      "\"alice\",\"name\":\"alice\"},\"roomId\":\"lobby\"}]");
		assert_false(sio_hear_within(b, 200));
	}
	sio_expect(b, "42[\"user-stopped-typing\",{\"userId\":\"alice\",\"roomId\":\"lobby\"}]");
	assert_in_range(pl_now_ms() - last, 350, 2000);
	sio_expect_silence(a);
	sio_expect_silence(b);
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void typing_can_be_stopped(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	sio_expect(a, "42[\"user-joined\"");
	sio_ask(a, "[\"stop-typing\",{\"roomId\":\"lobby\"}]", "[{\"success\":true}]");
	sio_expect_silence(b);
	sio_ask(a, "[\"typing\",{\"roomId\":\"lobby\"}]", "[{\"success\":true}]");
	sio_expect(b, "42[\"user-typing\"");
	sio_ask(a, "[\"stop-typing\",{\"roomId\":\"lobby\"}]", "[{\"success\":true}]");
	sio_expect(b, "42[\"user-stopped-typing\"");
	/* And by leaving, however that happens. */
	sio_ask(a, "[\"typing\",{\"roomId\":\"lobby\"}]", "[{\"success\":true}]");
	sio_expect(b, "42[\"user-typing\"");
	client_free(a);
	sio_expect(b, "42[\"user-stopped-typing\"");
	sio_expect(b, "42[\"user-left\"");
	client_free(b);
	rig_end(r);
}

static void typing_is_for_who_is_in_the_room(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_join(b, "lobby");
	sio_ask(a, "[\"typing\",{\"roomId\":\"lobby\"}]", "[{\"error\":\"Not in room\"}]");
	sio_ask(a, "[\"stop-typing\",{\"roomId\":\"lobby\"}]", "[{\"error\":\"Not in room\"}]");
	sio_ask(a, "[\"typing\",\"lobby\"]", "[{\"error\":\"Invalid room\"}]");
	sio_ask(a, "[\"typing\"]", "[{\"error\":\"Invalid room\"}]");
	sio_expect_silence(b);
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void expect_status(struct client *c, const char *status)
{
	char wanted[128];
	snprintf(wanted, sizeof(wanted),
		 "42[\"presence-update\",{\"userId\":\"alice\",\"status\":\"%s\",\"timestamp\":",
		 status);
	sio_expect(c, wanted);
}

static void a_status_is_heard_by_others(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob"), *c = sio_of(r, "carol");
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	sio_expect(a, "42[\"user-joined\"");
	/* However many rooms two people share: once. */
	sio_join(a, "second");
	sio_join(b, "second");
	sio_expect(a, "42[\"user-joined\"");
	sio_say(a, "[\"update-status\",\"away\"]");
	expect_status(b, "away");
	sio_expect_silence(b);
	bool told = false, acknowledged = false;
	for (int i = 0; i < 2; i++) {
		sio_hear(a, "its own status, and the acknowledgement");
		told |= strstr(a->text, "\"status\":\"away\"") != NULL;
		acknowledged |= strstr(a->text, "[{\"success\":true}]") != NULL;
	}
	assert_true(told && acknowledged);
	say(a, "42[\"update-status\",\"busy\"]");
	expect_status(b, "busy");
	expect_status(a, "busy");
	say(a, "42[\"update-status\",{\"status\":\"invisible\"}]");
	expect_status(b, "offline");
	say(a, "42[\"update-status\",\"online\"]");
	expect_status(b, "online");
	sio_expect_silence(a);
	sio_expect_silence(c);
	const char *const bad[] = {"[\"update-status\",\"asleep\"]", "[\"update-status\"]",
				   "[\"update-status\",7]", "[\"update-status\",\"offline\"]",
				   "[\"update-status\",{}]"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		sio_ask(a, bad[i], "[{\"error\":\"Invalid status\"}]");
	client_free(a);
	client_free(b);
	client_free(c);
	rig_end(r);
}

static void who_is_invisible_comes_and_goes_unseen(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	sio_expect(a, "42[\"user-joined\"");
	sio_ask(a, "[\"update-status\",\"invisible\"]", "[{\"success\":true}]");
	expect_status(b, "offline");
	struct client *a2 = sio_of(r, "alice");
	client_free(a2);
	sio_expect_silence(b);
	client_free(a);
	sio_expect(b, "42[\"user-left\"");
	sio_expect_silence(b);
	client_free(b);
	rig_end(r);
}

static void other_dialects_hear_who_comes_and_goes(void **state)
{
	(void)state;
	char id[256], text[512];
	struct rig *r = rig_start();
	struct client *q = client_of(r, "quentin"), *a = sio_of(r, "alice");
	client_ask(q, "create_conversation", "{\"participantIds\":[\"alice\"]}");
	client_expect(q, "conversation_created");
	client_value(q, "id", id);
	snprintf(text, sizeof(text), "{\"conversationId\":\"%s\"}", id);
	client_ask(q, "join_conversation", text);
	client_expect(q, "conversation_joined");
	say(a, "42[\"update-status\",\"away\"]");
	expect_status(a, "away");
	client_expect_silence(q);
	say(a, "42[\"update-status\",\"invisible\"]");
	client_expect(q, "user_offline");
	say(a, "42[\"update-status\",\"busy\"]");
	client_expect(q, "user_online");
	client_free(q);
	sio_expect(a, "42[\"presence-update\",{\"userId\":\"quentin\",\"status\":\"offline\"");
	q = client_of(r, "quentin");
	sio_expect(a, "42[\"presence-update\",{\"userId\":\"quentin\",\"status\":\"online\"");
	client_free(a);
	client_free(q);
	rig_end(r);
}

static void typing_crosses_dialects(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *q = client_of(r, "quentin");
	sio_join(a, "lobby");
	client_ask(q, "join_conversation", "{\"conversationId\":\"lobby\"}");
	client_expect(q, "conversation_joined");
	sio_expect(a, "42[\"user-joined\",{\"userId\":\"quentin\"");
	client_ask(q, "typing_start", "{\"conversationId\":\"lobby\"}");
	client_expect(q, "typing_start");
	sio_expect(a, "42[\"user-typing\",{\"userId\":\"quentin\",\"user\":{\"id\":\"quentin\","
		      "\"name\":\"quentin\"},\"roomId\":\"lobby\"}]");
	client_ask(q, "typing_stop", "{\"conversationId\":\"lobby\"}");
	client_expect(q, "typing_stop");
	sio_expect(a, "42[\"user-stopped-typing\",{\"userId\":\"quentin\",\"roomId\":\"lobby\"}]");
	say(a, "42[\"typing\",{\"roomId\":\"lobby\"}]");
	client_expect_with(q, "typing_update", "\"isTyping\":true");
	say(a, "42[\"stop-typing\",{\"roomId\":\"lobby\"}]");
	client_expect_with(q, "typing_update", "\"isTyping\":false");
	client_free(a);
	client_free(q);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typing_ends_after_the_last_keystroke),
		cmocka_unit_test(typing_can_be_stopped),
		cmocka_unit_test(typing_is_for_who_is_in_the_room),
		cmocka_unit_test(a_status_is_heard_by_others),
		cmocka_unit_test(who_is_invisible_comes_and_goes_unseen),
		cmocka_unit_test(other_dialects_hear_who_comes_and_goes),
		cmocka_unit_test(typing_crosses_dialects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
