/*
 * socketio_auth_test.c - proves who comes into the chat of Socket.IO: why a token is refused, in
 * the words of the library that clients know; what is heard first; and how somebody who lost the
 * right to be there is shown out.
 */
#include "dialect/socketio_test.h"

#include "wire/jwt.h"

static const char *sign(const char *claims, char out[2048])
{
	struct pl_buf b;
	pl_buf_init(&b, 2047);
	assert_int_equal(pl_jwt_sign_hs256(SECRET, pl_slice_str(claims), &b), 0);
	memcpy(out, b.at, b.len);
	out[b.len] = '\0';
	pl_buf_fini(&b);
	return out;
}

static void expect_refusal(struct rig *r, const char *packet, const char *message)
{
	char wanted[256];
	struct client *c = sio_dial(r);
	snprintf(wanted, sizeof(wanted), "44{\"message\":\"%s\"}", message);
	say(c, packet);
	sio_hear(c, wanted);
	assert_string_equal(c->text, wanted);
	/* The line stays: the same client may bring a better one. */
	sio_connect(c, "late", "");
	sio_expect(c, "40{\"sid\":");
	client_free(c);
}

static void without_a_token_nobody_comes_in(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	expect_refusal(r, "40", "Authentication required");
	expect_refusal(r, "40{}", "Authentication required");
	expect_refusal(r, "40{\"token\":null}", "Authentication required");
	expect_refusal(r, "40{\"token\":\"\"}", "Authentication required");
	expect_refusal(r, "40{\"token\":7}", "Authentication failed: jwt must be a string");
	rig_end(r);
}

static void refuse_token(struct rig *r, const char *token, const char *why)
{
	char packet[4096], message[256];
	snprintf(packet, sizeof(packet), "40{\"token\":\"%s\"}", token);
	snprintf(message, sizeof(message), "Authentication failed: %s", why);
	expect_refusal(r, packet, message);
}

/* The words of jsonwebtoken 9, for the faults that it tells apart. */
static void a_bad_token_is_refused_in_known_words(void **state)
{
	(void)state;
	char token[2048], claims[512];
	struct rig *r = rig_start();
	unsigned long long now = pl_wall_ms() / 1000;
	refuse_token(r, "garbage", "jwt malformed");
	refuse_token(r, "a.b", "jwt malformed");
	refuse_token(r, token_for("alice", -60, token), "jwt expired");
	char *letter = strrchr((char *)(uintptr_t)token_for("alice", 60, token), '.') + 5;
	*letter = *letter == 'A' ? 'B' : 'A';
	refuse_token(r, token, "invalid signature");
	/* {"alg":"none"} */
	refuse_token(r, "eyJhbGciOiJub25lIn0.e30.AAAA", "invalid algorithm");
	refuse_token(r, "eyJhbGciOiJub25lIn0.e30.", "jwt signature is required");
	refuse_token(r, "eyJhbGciOiJub25lIn0.e30", "jwt malformed");
	refuse_token(r, "eyJhbGciOiJub25lIn0..", "jwt malformed");
	/* {"alg":"RS256"}: there are no such keys here. */
	refuse_token(r, "eyJhbGciOiJSUzI1NiJ9.e30.AAAA", "invalid algorithm");
	refuse_token(r, "!!!.e30.AAAA", "invalid token");
	snprintf(claims, sizeof(claims), "{\"userId\":\"a\",\"exp\":%llu,\"nbf\":%llu}", now + 900,
		 now + 600);
	refuse_token(r, sign(claims, token), "jwt not active");
	refuse_token(r, sign("{\"userId\":\"a\"}", token), "invalid exp value");
	rig_end(r);
}

static void who_is_not_known_is_an_invalid_user(void **state)
{
	(void)state;
	char token[2048], packet[4096];
	struct rig *r = rig_new();
	r->signing.provision = false;
	rig_open(r);
	snprintf(packet, sizeof(packet), "40{\"token\":\"%s\"}", token_for("alice", 3600, token));
	struct client *c = sio_dial(r);
	say(c, packet);
	sio_expect(c, "44{\"message\":\"Invalid user\"}");
	client_free(c);
	rig_end(r);
}

static void who_guesses_is_told_to_stop(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->rates[PL_LIMIT_AUTH_FAILURES] = (struct pl_rate){2, 2};
	rig_open(r);
	struct client *c = sio_dial(r);
	for (int i = 0; i < 2; i++) {
		say(c, "40{\"token\":\"garbage\"}");
		sio_expect(c, "44{\"message\":\"Authentication failed: jwt malformed\"}");
	}
	say(c, "40{\"token\":\"garbage\"}");
	sio_expect(c, "44{\"message\":\"Rate limit exceeded\"}");
	client_free(c);
	rig_end(r);
}

static void connections_may_be_counted(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->rates[PL_LIMIT_CONNECTS] = (struct pl_rate){2, 2};
	rig_open(r);
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "alice"), *c = sio_dial(r);
	sio_connect(c, "alice", "");
	sio_expect(c, "44{\"message\":\"Rate limit exceeded\"}");
	struct client *d = sio_of(r, "bob");
	client_free(a);
	client_free(b);
	client_free(c);
	client_free(d);
	rig_end(r);
}

static void ids_are_what_the_claim_says(void **state)
{
	(void)state;
	char token[2048], claims[512];
	struct rig *r = rig_start();
	unsigned long long exp = pl_wall_ms() / 1000 + 3600;
	const struct {
		const char *claim, *id;
	} rows[] = {{"\"userId\":7", "7"},
		    {"\"userId\":\"7x\"", "\"7x\""},
		    {"\"userId\":-12", "-12"},
		    {"\"userId\":\"sev\\\"en\"", "\"sev\\\"en\""},
		    {"\"sub\":\"s\",\"userId\":9", "\"s\""}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char wanted[128];
		struct client *c = sio_dial(r);
		snprintf(claims, sizeof(claims), "{%s,\"exp\":%llu}", rows[i].claim, exp);
		sio_connect_with(c, sign(claims, token), "");
		sio_expect(c, "40{\"sid\":");
		snprintf(wanted, sizeof(wanted), ",\"userId\":%s,\"serverTime\":", rows[i].id);
		sio_expect_with(c, "42[\"connected\",{\"sessionId\":\"", wanted);
		client_free(c);
	}
	rig_end(r);
}

static void a_session_has_its_id_and_the_servers_time(void **state)
{
	(void)state;
	char sid[256], session[256];
	struct rig *r = rig_start();
	struct client *c = sio_dial(r);
	sio_connect(c, "alice", "");
	sio_expect(c, "40{\"sid\":");
	assert_int_equal(strlen(client_value(c, "sid", sid)), 20);
	sio_expect(c, "42[\"connected\",");
	client_value(c, "sessionId", session);
	assert_int_equal(strlen(session), 16);
	assert_int_equal(strspn(session, "0123456789abcdef"), 16);
	const char *at = strstr(c->text, "\"serverTime\":");
	assert_non_null(at);
	unsigned long long time = strtoull(at + 13, NULL, 10), now = pl_wall_ms();
	assert_in_range(time, now - 5000, now);
	sio_expect_silence(c);
	client_free(c);
	rig_end(r);
}

static void unknown_events_are_ignored(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *c = sio_of(r, "alice");
	say(c, "42[\"no-such-event\",{}]");
	sio_say(c, "[\"no-such-event\"]");
	sio_expect_silence(c);
	sio_ask(c, "[\"join-room\",\"x\"]", "[{\"success\":true");
	client_free(c);
	rig_end(r);
}

static void a_token_that_runs_out_ends_the_socket(void **state)
{
	(void)state;
	char token[2048];
	struct rig *r = rig_start();
	struct client *c = sio_dial(r);
	sio_connect_with(c, token_for("alice", 2, token), "");
	sio_expect(c, "40{\"sid\":");
	sio_expect(c, "42[\"connected\"");
	sio_expect(c, "41");
	/* Its line is still there. */
	sio_connect(c, "alice", "");
	sio_expect(c, "40{\"sid\":");
	client_free(c);
	rig_end(r);
}

static void nothing(struct pl_op *op)
{
	pl_op_free(op);
}

static void who_is_locked_out_is_shown_out(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *c = sio_of(r, "alice"), *d = sio_of(r, "alice"), *b = sio_of(r, "bob");
	struct pl_op *op = pl_op_new(PL_OP_DISABLE, r->loop, nothing, NULL);
	op->disable.who = PL_S("alice");
	op->disable.on = true;
	pl_hub_submit(&r->hub, op);
	sio_expect(c, "41");
	sio_expect(d, "41");
	sio_connect(c, "alice", "");
	sio_expect(c, "44{\"message\":\"Invalid user\"}");
	sio_ask(b, "[\"join-room\",\"x\"]", "[{\"success\":true");
	client_free(b);
	client_free(c);
	client_free(d);
	rig_end(r);
}

/* Locked out while the rooms are being looked up: it never comes in. */
static void who_is_locked_out_while_coming_does_not_come(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct client *c = sio_of(r, "alice");
	struct client *d = sio_dial(r);
	rig_hold(r);
	sio_connect(d, "alice", "");
	rig_wait_held(r, 1); /* the sign-in */
	rig_let_go(r, 0);
	rig_wait_held(r, 1); /* what it is a member of */
	struct pl_event *e = pl_event_new(PL_EV_DISMISS);
	struct pl_topic_id t;
	assert_non_null(e);
	/* Its id is what the store made: told by the other one's event instead. */
	e->payload = PL_S("account disabled");
	PL_MAP_EACH (it, &r->hub.online) {
		struct pl_uuid id;
		memcpy(id.b, it->key.at, sizeof(id.b));
		t = pl_topic_user(&id);
		e->actor.id = id;
		assert_int_equal(pl_event_address(e, pl_topic_slice(&t)), 0);
	}
	pl_hub_publish(&r->hub, e);
	sio_expect(c, "41");
	rig_let_go(r, -1);
	sio_expect(d, "44{\"message\":\"Invalid user\"}");
	client_free(c);
	client_free(d);
	rig_end(r);
}

static void whoever_leaves_while_coming_leaves_nothing(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 3; n++) {
		struct rig *r = rig_start();
		struct client *c = sio_dial(r);
		rig_hold(r);
		sio_connect(c, "alice", "");
		for (size_t i = 1; i < n; i++) {
			rig_wait_held(r, 1);
			rig_let_go(r, 0);
		}
		rig_wait_held(r, 1);
		client_free(c);
		for (int i = 0; i < 20; i++)
			pl_loop_turn(r->loop, 1);
		rig_let_go(r, -1);
		for (uint64_t end = pl_now_ms() + WAIT_MS; r->hub.online.len && pl_now_ms() < end;)
			pl_loop_turn(r->loop, 1);
		assert_int_equal(r->hub.online.len, 0);
		rig_end(r);
	}
}

static void expect_the_end(struct client *c)
{
	sio_hear(c, "the end");
	if (c->op != PL_WS_CLOSE)
		fail_msg("should have ended, heard %.300s", c->text);
}

/* A stock client comes again after that, as it does not after 41 or 44. */
static void who_cannot_be_answered_now_is_cut_off(void **state)
{
	(void)state;
	for (size_t n = 0; n < 3; n++) {
		struct rig *r = rig_start();
		struct client *c = sio_dial(r);
		rig_hold(r);
		sio_connect(c, "alice", "");
		for (size_t i = 0; i < n; i++) {
			rig_wait_held(r, 1);
			rig_let_go(r, 0);
		}
		rig_wait_held(r, 1);
		r->held[0]->err = PL_EBUSY;
		rig_let_go(r, -1);
		expect_the_end(c);
		client_free(c);
		c = sio_of(r, "alice");
		client_free(c);
		rig_end(r);
	}
}

static void who_comes_while_too_much_is_said_is_cut_off(void **state)
{
	struct rig *r = rig_start();
	struct client *c = sio_of(r, "alice"), *d = sio_of(r, "bob");
	(void)state;
	sio_join(c, "x");
	sio_join(d, "x");
	client_free(c);
	c = sio_dial(r);
	rig_hold(r);
	sio_connect(c, "alice", "");
	rig_wait_held(r, 1); /* the sign-in */
	rig_let_go(r, 0);
	rig_wait_held(r, 1); /* what it is a member of */
	rig_let_go(r, 0);
	rig_wait_held(r, 1); /* what waits for it */
	const int said = 1024 + HELD_MAX;
	for (int i = 0; i < said; i++) {
		sio_tell(d, "x", "\"hi\"");
		pl_loop_turn(r->loop, 0);
	}
	/* So many answers are held, and no more. */
	for (int i = 0; i < said - (HELD_MAX - 1); i++) {
		do {
			sio_hear(d, "an answer");
		} while (strncmp(d->text, "43", 2) != 0);
	}
	rig_let_go(r, -1);
	expect_the_end(c);
	client_free(c);
	client_free(d);
	rig_end(r);
}

static void the_end_of_the_server_may_come_at_any_time(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 3; n++) {
		struct rig *r = rig_start();
		struct client *c = sio_dial(r), *d = sio_of(r, "bob");
		sio_join(d, "x");
		rig_hold(r);
		sio_say(d, "[\"join-room\",\"y\"]");
		rig_wait_held(r, 1);
		sio_connect(c, "alice", "");
		for (size_t i = 0; i < n; i++) {
			rig_wait_held(r, 2);
			rig_let_go(r, 1);
		}
		for (int i = 0; i < 10; i++)
			pl_loop_turn(r->loop, 1);
		rig_let_go(r, -1);
		rig_end(r); /* leaks are found by the sanitizer */
		client_free(c);
		client_free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_token_nobody_comes_in),
		cmocka_unit_test(a_bad_token_is_refused_in_known_words),
		cmocka_unit_test(who_is_not_known_is_an_invalid_user),
		cmocka_unit_test(who_guesses_is_told_to_stop),
		cmocka_unit_test(connections_may_be_counted),
		cmocka_unit_test(ids_are_what_the_claim_says),
		cmocka_unit_test(a_session_has_its_id_and_the_servers_time),
		cmocka_unit_test(unknown_events_are_ignored),
		cmocka_unit_test(a_token_that_runs_out_ends_the_socket),
		cmocka_unit_test(who_is_locked_out_is_shown_out),
		cmocka_unit_test(who_is_locked_out_while_coming_does_not_come),
		cmocka_unit_test(whoever_leaves_while_coming_leaves_nothing),
		cmocka_unit_test(who_cannot_be_answered_now_is_cut_off),
		cmocka_unit_test(who_comes_while_too_much_is_said_is_cut_off),
		cmocka_unit_test(the_end_of_the_server_may_come_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
