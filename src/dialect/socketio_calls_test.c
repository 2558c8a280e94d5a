/*
 * socketio_calls_test.c - proves of calls by Socket.IO clients: the words to the byte, what is told
 * to who asks for no acknowledgement, that bytes beside the JSON are refused, that sizes are exact,
 * and that memory may run out anywhere, also in a call with a QryptChat client.
 */
#include "dialect/socketio_test.h"

struct scene {
	struct rig *rig;
	struct client *alice, *bob;
	char call[256];
};

/* They have said a word to each other. */
static void scene_begin(struct scene *s)
{
	s->rig = rig_start();
	s->alice = sio_of(s->rig, "alice");
	s->bob = sio_of(s->rig, "bob");
	sio_ask(s->alice, "[\"private-message\",{\"targetUserId\":\"bob\",\"content\":\"hi\"}]",
		"[{\"success\":true");
	sio_expect(s->bob, "42[\"private-message\"");
	while (sio_hear_within(s->alice, 60) || sio_hear_within(s->bob, 60))
		;
}

static void scene_end(struct scene *s)
{
	sio_expect_silence(s->alice);
	sio_expect_silence(s->bob);
	client_free(s->alice);
	client_free(s->bob);
	rig_end(s->rig);
}

/* ["event",{"callId":...more}] */
static void say_in(struct scene *s, struct client *c, const char *event, const char *more)
{
	char text[512];
	snprintf(text, sizeof(text), "[\"%s\",{\"callId\":\"%s\"%s}]", event, s->call, more);
	sio_say(c, text);
}

static void ask_in(struct scene *s, struct client *c, const char *event, const char *more)
{
	say_in(s, c, event, more);
	sio_expect_ack(c, "[{\"success\":true,\"callId\":\"");
}

/* 42["event",{"callId":...,"fromUserId":...,"fromUser":{...}rest */
static void expect_in(struct scene *s, struct client *c, const char *event, const char *from,
		      const char *rest)
{
	char text[1024];
	snprintf(text, sizeof(text),
		 "42[\"%s\",{\"callId\":\"%s\",\"fromUserId\":\"%s\",\"fromUser\":{\"id\":\"%s\","
		 "\"name\":\"%s\"}%s",
		 event, s->call, from, from, from, rest);
	sio_expect(c, text);
}

static void ring(struct scene *s)
{
	sio_ask(s->alice,
		"[\"call-user\",{\"targetUserId\":\"bob\",\"offer\":{\"sdp\":\"v=0\"},"
		"\"callType\":\"video\"}]",
		"[{\"success\":true,\"callId\":\"call-");
	client_value(s->alice, "callId", s->call);
	expect_in(s, s->bob, "call-user", "alice",
		  ",\"callType\":\"video\",\"offer\":{\"sdp\":\"v=0\"}}]");
}

static void talk(struct scene *s)
{
	ring(s);
	ask_in(s, s->bob, "call-answer", ",\"answer\":[1]");
	expect_in(s, s->alice, "call-answer", "bob", ",\"answer\":[1]}]");
}

static void hang_up(struct scene *s)
{
	ask_in(s, s->bob, "call-end", "");
	assert_non_null(strstr(s->bob->text, ",\"duration\":0}]"));
	expect_in(s, s->alice, "call-end", "bob", ",\"duration\":0}]");
}

static void a_call_in_its_words(void **state)
{
	struct scene s;
	(void)state;
	scene_begin(&s);
	talk(&s);
	ask_in(&s, s.alice, "ice-candidate", ",\"candidate\":{\"candidate\":\"c\"}");
	expect_in(&s, s.bob, "ice-candidate", "alice", ",\"candidate\":{\"candidate\":\"c\"}}]");
	ask_in(&s, s.bob, "sdp-offer", ",\"sdp\":\"s\"");
	expect_in(&s, s.alice, "sdp-offer", "bob", ",\"sdp\":\"s\"}]");
	ask_in(&s, s.alice, "sdp-answer", ",\"sdp\":\"t\"");
	expect_in(&s, s.bob, "sdp-answer", "alice", ",\"sdp\":\"t\"}]");
	hang_up(&s);
	scene_end(&s);
}

static void no_in_its_words(void **state)
{
	static const char *const words[] = {"call-decline", "call-busy"};
	struct scene s;
	(void)state;
	scene_begin(&s);
	for (int i = 0; i < 2; i++) {
		ring(&s);
		ask_in(&s, s.bob, words[i], "");
		expect_in(&s, s.alice, words[i], "bob", "}]");
	}
	ring(&s);
	ask_in(&s, s.alice, "call-end", "");
	expect_in(&s, s.bob, "call-end", "alice", ",\"duration\":null}]");
	scene_end(&s);
}

static void who_asks_for_nothing_hears_of_failure_only(void **state)
{
	struct scene s;
	char text[512];
	(void)state;
	scene_begin(&s);
	talk(&s);
	snprintf(text, sizeof(text), "42[\"ice-candidate\",{\"callId\":\"%s\",\"candidate\":1}]",
		 s.call);
	say(s.alice, text);
	expect_in(&s, s.bob, "ice-candidate", "alice", ",\"candidate\":1}]");
	sio_expect_silence(s.alice);
	hang_up(&s);
	say(s.alice, text);
	sio_expect(s.alice,
		   "42[\"call-error\",{\"event\":\"ice-candidate\",\"error\":\"Call not found\"}]");
	say(s.alice, "42[\"call-user\",{\"targetUserId\":\"eve\",\"offer\":1}]");
	sio_expect(s.alice,
		   "42[\"call-error\",{\"event\":\"call-user\",\"error\":\"User not found\"}]");
	scene_end(&s);
}

static void say_binary(struct client *c, const char *text)
{
	say(c, text);
	client_say_as(c, PL_WS_BINARY, PL_S("bytes"));
}

static void bytes_are_not_relayed(void **state)
{
	struct scene s;
	char text[512];
	(void)state;
	scene_begin(&s);
	say_binary(s.alice, "451-7[\"call-user\",{\"targetUserId\":\"bob\",\"offer\":{\"a\":[{"
			    "\"_placeholder\":true,\"num\":0}]}}]");
	sio_expect(s.alice, "437[{\"error\":\"Invalid call\"}]");
	talk(&s);
	snprintf(text, sizeof(text),
		 "451-8[\"ice-candidate\",{\"callId\":\"%s\",\"candidate\":{\"_placeholder\":true,"
		 "\"num\":0}}]",
		 s.call);
	say_binary(s.alice, text);
	sio_expect(s.alice, "438[{\"error\":\"Invalid call\"}]");
	hang_up(&s);
	scene_end(&s);
}

/* A value of so many bytes with its quotes. */
static void say_of_size(struct scene *s, const char *event, const char *key, size_t n)
{
	char *text = malloc(n + 400);
	assert_non_null(text);
	int len = snprintf(text, 400, "[\"%s\",{\"callId\":\"%s\",\"%s\":\"", event, s->call, key);
	memset(text + len, 'x', n - 2);
	memcpy(text + len + n - 2, "\"}]", 4);
	sio_say(s->alice, text);
	free(text);
}

static void sizes_are_exact(void **state)
{
	static const struct {
		const char *event, *key;
		size_t max;
	} rows[] = {{"ice-candidate", "candidate", 8192},
		    {"sdp-offer", "sdp", 65536},
		    {"sdp-answer", "sdp", 65536}};
	struct scene s;
	(void)state;
	scene_begin(&s);
	talk(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		say_of_size(&s, rows[i].event, rows[i].key, rows[i].max);
		sio_expect_ack(s.alice, "[{\"success\":true");
		sio_hear(s.bob, "it");
		assert_true(strlen(s.bob->text) > rows[i].max);
		say_of_size(&s, rows[i].event, rows[i].key, rows[i].max + 1);
		sio_expect_ack(s.alice, "[{\"error\":\"Larger than is relayed\"}]");
	}
	hang_up(&s);
	scene_end(&s);
}

static void with_a_qryptchat_client(void **state)
{
	struct scene s;
	char text[600];
	(void)state;
	scene_begin(&s);
	struct client *q = client_of(s.rig, "bob"); /* another device of his */
	ring(&s);
	client_expect_with(q, "call_offer",
			   "\"callType\":\"video\",\"sdpOffer\":{\"sdp\":\"v=0\"}");
	snprintf(text, sizeof(text), "{\"callId\":\"%s\",\"sdpAnswer\":{\"sdp\":\"w\"}}", s.call);
	client_ask(q, "call_answer", text);
	client_expect_with(q, "call_status", "\"status\":\"connected\"");
	expect_in(&s, s.alice, "call-answer", "bob", ",\"answer\":{\"sdp\":\"w\"}}]");
	expect_in(&s, s.bob, "call-end", "alice",
		  ",\"duration\":null,\"reason\":\"answered_elsewhere\"}]");
	client_free(q);
	sio_expect_silence(s.alice); /* he is here, on the other device */
	ask_in(&s, s.bob, "ice-candidate", ",\"candidate\":1");
	expect_in(&s, s.alice, "ice-candidate", "bob", ",\"candidate\":1}]");
	hang_up(&s);
	scene_end(&s);
}

/* ---- memory ---- */

/* The allocation that fails. */
static unsigned long failing;

/* False: the line ended, or nothing came for a while after memory failed. */
static bool hears(struct client *c, const char *begin)
{
	uint64_t end = pl_now_ms() + WAIT_MS;
	for (;;) {
		bool has_failed = pl_mem_count() >= failing;
		bool is_heard = sio_hear_within(c, 40);
		if (is_heard && !strncmp(c->text, begin, strlen(begin)))
			return true;
		if (c->op == 0 || c->op == 8 || (!is_heard && has_failed) || pl_now_ms() > end)
			return false;
	}
}

static bool tell_story(struct scene *s)
{
	sio_say(s->alice, "[\"call-user\",{\"targetUserId\":\"bob\",\"offer\":\"o\"}]");
	bool on = hears(s->bob, "42[\"call-user\"");
	if (on) {
		client_value(s->bob, "callId", s->call);
		say_in(s, s->bob, "call-answer", ",\"answer\":\"a\"");
	}
	on = on && hears(s->alice, "42[\"call-answer\"");
	if (on)
		say_in(s, s->alice, "ice-candidate", ",\"candidate\":\"c\"");
	on = on && hears(s->bob, "42[\"ice-candidate\"");
	if (on)
		say_in(s, s->bob, "call-end", "");
	return on && hears(s->alice, "42[\"call-end\"");
}

static void each_allocation_may_fail(void **state)
{
	unsigned long made;
	bool is_told;
	(void)state;
	failing = 1;
	do {
		struct scene s;
		scene_begin(&s);
		pl_mem_fail_at(failing, false);
		is_told = tell_story(&s);
		made = pl_mem_count();
		pl_mem_fail_at(0, false);
		client_free(s.alice);
		client_free(s.bob);
		for (int i = 0; i < 400 && s.rig->hub.online.len; i++)
			pl_loop_turn(s.rig->loop, 1);
		for (int i = 0; i < 400 && s.rig->hub.calls.len; i++)
			pl_loop_turn(s.rig->loop, 1);
		assert_int_equal(s.rig->hub.calls.len, 0);
		assert_int_equal(s.rig->hub.callers.len, 0);
		rig_end(s.rig);
	} while (made >= failing++);
	assert_true(is_told);
	print_message("%lu allocations, each failed once\n", failing - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_in_its_words),
		cmocka_unit_test(no_in_its_words),
		cmocka_unit_test(who_asks_for_nothing_hears_of_failure_only),
		cmocka_unit_test(bytes_are_not_relayed),
		cmocka_unit_test(sizes_are_exact),
		cmocka_unit_test(with_a_qryptchat_client),
		cmocka_unit_test(each_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
