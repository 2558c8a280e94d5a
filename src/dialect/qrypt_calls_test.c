/*
 * qrypt_calls_test.c - proves of calls by QryptChat clients what transcripts do not show: the sizes
 * that are relayed to the byte, that an offer is not made in the name of somebody who signs in
 * while it is looked up, that clients of other dialects hear nothing, and that memory may run out
 * anywhere.
 */
#include "dialect/testing.h"

struct scene {
	struct rig *rig;
	struct client *alice, *bob;
	char bob_id[256], call[256];
};

static void scene_begin(struct scene *s)
{
	char room[256];
	s->rig = rig_start();
	s->alice = client_of(s->rig, "alice");
	s->bob = client_new(s->rig);
	client_auth(s->bob, "bob", 3600);
	client_expect(s->bob, "auth_success");
	client_value(s->bob, "id", s->bob_id);
	converse(s->alice, s->bob, "bob", room);
}

static void scene_end(struct scene *s)
{
	client_expect_silence(s->alice);
	client_expect_silence(s->bob);
	client_free(s->alice);
	client_free(s->bob);
	rig_end(s->rig);
}

/* payload: %s is bob's id, or the call's. */
static void ask(struct client *c, const char *type, const char *payload, const char *id)
{
	size_t max = strlen(payload) + 300;
	char *text = malloc(max);
	assert_non_null(text);
	const char *at = strstr(payload, "%s");
	assert_non_null(at);
	snprintf(text, max, "%.*s%s%s", (int)(at - payload), payload, id, at + 2);
	client_ask(c, type, text);
	free(text);
}

static void ring(struct scene *s)
{
	ask(s->alice, "call_offer", "{\"targetUserId\":\"%s\"}", s->bob_id);
	client_expect_with(s->alice, "call_status", "\"status\":\"calling\"");
	client_value(s->alice, "callId", s->call);
	client_expect_with(s->bob, "call_offer", s->call);
}

static void talk(struct scene *s)
{
	ring(s);
	ask(s->bob, "call_answer", "{\"callId\":\"%s\",\"sdpAnswer\":\"v=0\"}", s->call);
	client_expect_with(s->bob, "call_status", "\"status\":\"connected\"");
	client_expect_with(s->alice, "call_answer", s->call);
}

static void hang_up(struct scene *s)
{
	ask(s->alice, "call_end", "{\"callId\":\"%s\"}", s->call);
	client_expect_with(s->alice, "call_status", "\"status\":\"ended\"");
	client_expect(s->bob, "call_end");
}

/* {"callId" or "targetUserId": %s, ..., key: a string of so many bytes with its quotes} */
static char *of_size(const char *before, const char *key, size_t n)
{
	char *text = malloc(n + 300);
	assert_non_null(text);
	int len = snprintf(text, 300, "{%s,\"%s\":\"", before, key);
	memset(text + len, 'x', n - 2);
	memcpy(text + len + n - 2, "\"}", 3);
	return text;
}

static void ask_of_size(struct client *c, const char *type, const char *before, const char *key,
			size_t n, const char *id)
{
	char *text = of_size(before, key, n);
	ask(c, type, text, id);
	free(text);
}

#define OF_CALL "\"callId\":\"%s\",\"targetUserId\":\"b\""

static void sizes_are_exact(void **state)
{
	static const struct {
		const char *type, *key;
		size_t max;
	} rows[] = {{"call_ice_candidate", "candidate", 8192},
		    {"call_sdp_offer", "sdp", 65536},
		    {"call_sdp_answer", "sdp", 65536}};
	struct scene s;
	(void)state;
	scene_begin(&s);
	talk(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ask_of_size(s.alice, rows[i].type, OF_CALL, rows[i].key, rows[i].max, s.call);
		client_expect(s.bob, rows[i].type);
		assert_true(strlen(s.bob->text) > rows[i].max);
		ask_of_size(s.alice, rows[i].type, OF_CALL, rows[i].key, rows[i].max + 1, s.call);
		client_expect_with(s.alice, "error", "\"code\":\"INVALID_DATA\"");
	}
	hang_up(&s);
	const char *to_bob = "\"targetUserId\":\"%s\"";
	ask_of_size(s.alice, "call_offer", to_bob, "sdpOffer", 65537, s.bob_id);
	client_expect_with(s.alice, "error", "\"code\":\"INVALID_DATA\"");
	ask_of_size(s.alice, "call_offer", to_bob, "callType", 35, s.bob_id);
	client_expect_with(s.alice, "error", "\"code\":\"INVALID_DATA\"");
	ask_of_size(s.alice, "ml_kem_call_offer", to_bob, "initiatorPublicKey", 16385, s.bob_id);
	client_expect_with(s.alice, "error", "\"code\":\"INVALID_DATA\"");
	ask_of_size(s.alice, "call_offer", to_bob, "sdpOffer", 65536, s.bob_id);
	client_expect(s.alice, "call_status");
	client_value(s.alice, "callId", s.call);
	client_expect(s.bob, "call_offer");
	hang_up(&s);
	scene_end(&s);
}

static void odd_rotations_are_refused(void **state)
{
	static const char *const numbers[] = {"-1", "1.5", "\"1\"", "true", "{}", "1e3"};
	static const char *const ids[] = {"",
					  "x",
					  "00112233-4455-6677-8899-aabbccddeeff",
					  "00112233-4455-6677-8899-aabbccddeeff-",
					  "00112233-4455-6677-8899-aabbccddeeff-x",
					  "00112233-4455-6677-8899-aabbccddeeff--1",
					  "00112233-4455-6677-8899-aabbccddeeff-1",
					  "00112233-4455-6677-8899-aabbccddeeff-"
					  "9999999999999999999999999999",
					  "zzzzzzzz-4455-6677-8899-aabbccddeeff-1"};
	struct scene s;
	char payload[300];
	(void)state;
	scene_begin(&s);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		snprintf(payload, sizeof(payload),
			 "{\"sessionId\":\"%%s\",\"newPublicKey\":\"k\",\"rotationSequence\":%s}",
			 numbers[i]);
		ask(s.alice, "ml_kem_key_rotation", payload,
		    "00112233-4455-6677-8899-aabbccddeeff");
		client_expect_with(s.alice, "error", "\"code\":\"INVALID_DATA\"");
	}
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		ask(s.alice, "ml_kem_key_rotation_response",
		    "{\"rotationId\":\"%s\",\"recipientPublicKey\":\"k\",\"ciphertext\":\"c\"}",
		    ids[i]);
		client_expect_with(s.alice, "error",
				   i ? "\"code\":\"ROTATION_UPDATE_FAILED\""
				     : "\"code\":\"MISSING_REQUIRED_FIELDS\"");
	}
	scene_end(&s);
}

/* The look-up is under way, and somebody else signs in on the connection. */
static void nobody_calls_in_anothers_name(void **state)
{
	struct scene s;
	(void)state;
	scene_begin(&s);
	rig_hold(s.rig);
	ask(s.alice, "call_offer", "{\"targetUserId\":\"%s\"}", s.bob_id);
	rig_wait_held(s.rig, 1);
	client_auth(s.alice, "carol", 3600);
	rig_wait_held(s.rig, 2);
	rig_let_go(s.rig, 1);
	client_expect(s.alice, "auth_success");
	rig_let_go(s.rig, -1);
	client_expect_with(s.alice, "error", "\"code\":\"UNAUTHORIZED\"");
	client_expect(s.bob, "user_offline");
	scene_end(&s);
}

static void other_dialects_hear_no_calls(void **state)
{
	struct scene s;
	char token[2048], path[2200];
	(void)state;
	scene_begin(&s);
	snprintf(path, sizeof(path), "/native?token=%s", token_for("bob", 3600, token));
	struct client *native = client_dial_at(s.rig, path, "");
	assert_true(client_is_upgraded(native));
	assert_true(client_hear_within(native, WAIT_MS));
	snprintf(path, sizeof(path), "/rt?token=%s", token);
	struct client *realtime = client_dial_at(s.rig, path, "");
	assert_true(client_is_upgraded(realtime));
	while (client_hear_within(realtime, 60))
		;
	talk(&s);
	hang_up(&s);
	client_expect_silence(native);
	client_expect_silence(realtime);
	client_free(native);
	client_free(realtime);
	scene_end(&s);
}

/* ---- memory ---- */

/* The allocation that fails. */
static unsigned long failing;

/* The next frame of this type; false: the line ended, or nothing came for a while after memory
 * failed: before that there is no reason not to hear it. */
static bool hears(struct client *c, const char *type)
{
	char begin[96];
	uint64_t end = pl_now_ms() + WAIT_MS;
	snprintf(begin, sizeof(begin), "{\"type\":\"%s\"", type);
	for (;;) {
		bool has_failed = pl_mem_count() >= failing;
		bool is_heard = client_hear_within(c, 40);
		if (is_heard && !strncmp(c->text, begin, strlen(begin)))
			return true;
		if (c->op == 0 || c->op == 8 || (!is_heard && has_failed) || pl_now_ms() > end)
			return false;
	}
}

/* What a client says waits until it is signed in. */
static bool is_in(struct client *c)
{
	if (!client_is_upgraded(c))
		return false;
	client_ask(c, "ping", "{}");
	return hears(c, "pong");
}

static bool tell_story(struct rig *r, const char *tokens[2], const char *bob_id)
{
	struct client *a = client_dial(r, tokens[0]), *b = client_dial(r, tokens[1]);
	char call[256];
	bool on = is_in(b) && is_in(a);
	if (on)
		ask(a, "call_offer", "{\"targetUserId\":\"%s\",\"sdpOffer\":\"v=0\"}", bob_id);
	on = on && hears(b, "call_offer");
	if (on) {
		client_value(b, "callId", call);
		ask(b, "call_answer", "{\"callId\":\"%s\",\"sdpAnswer\":\"v=0\"}", call);
	}
	on = on && hears(a, "call_answer");
	if (on)
		ask(a, "call_ice_candidate", "{" OF_CALL ",\"candidate\":\"c\"}", call);
	on = on && hears(b, "call_ice_candidate");
	if (on)
		ask(b, "call_end", "{\"callId\":\"%s\"}", call);
	on = on && hears(a, "call_end");
	client_free(a);
	client_free(b);
	/* Until both are offline: a call that was left ringing ends with them. */
	for (int i = 0; i < 100 && r->hub.online.len; i++)
		pl_loop_turn(r->loop, 1);
	return on;
}

static void each_allocation_may_fail(void **state)
{
	struct scene s;
	char text[2][2048];
	unsigned long made;
	bool is_told;
	(void)state;
	scene_begin(&s);
	const char *tokens[2] = {token_for("alice", 3600, text[0]),
				 token_for("bob", 3600, text[1])};
	client_free(s.alice);
	client_free(s.bob);
	failing = 1;
	do {
		pl_mem_fail_at(failing, false);
		is_told = tell_story(s.rig, tokens, s.bob_id);
		made = pl_mem_count();
		pl_mem_fail_at(0, false);
	} while (made >= failing++);
	assert_true(is_told);
	print_message("%lu allocations, each failed once\n", failing - 1);
	/* Whoever comes when there is memory again is served, and nothing is left of all that. */
	for (int i = 0; i < 400 && (s.rig->hub.calls.len || s.rig->hub.online.len); i++)
		pl_loop_turn(s.rig->loop, 5);
	assert_int_equal(s.rig->hub.calls.len, 0);
	assert_int_equal(s.rig->hub.callers.len, 0);
	assert_int_equal(s.rig->metrics.v[PL_M_CALLS], 0);
	s.alice = client_of(s.rig, "alice");
	s.bob = client_of(s.rig, "bob");
	talk(&s);
	hang_up(&s);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_exact),
		cmocka_unit_test(odd_rotations_are_refused),
		cmocka_unit_test(nobody_calls_in_anothers_name),
		cmocka_unit_test(other_dialects_hear_no_calls),
		cmocka_unit_test(each_allocation_may_fail),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return cmocka_run_group_tests_name("on disk", tests, NULL, NULL) + failed;
}
