/*
 * session_test.c - proves that a session is one user at a time: what is said while signing in waits
 * within limits, a token that runs out ends the connection, and neither an answer nor a seat of one
 * user reaches the next one on the same connection.
 */
#include "dialect/testing.h"

static void what_is_said_while_signing_in_waits_its_turn(void **state)
{
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	(void)state;
	rig_hold(r);
	client_auth(c, "alice", 3600);
	client_ask(c, "ping", "{}");
	client_ask(c, "load_conversations", "{}");
	rig_wait_held(r, 1);
	client_expect_silence(c);
	rig_let_go(r, -1);
	client_expect_with(c, "auth_success", "\"requestId\":\"r1\"");
	client_expect_with(c, "pong", "\"requestId\":\"r2\"");
	client_expect_with(c, "conversations_loaded", "\"requestId\":\"r3\"");
	client_free(c);
	rig_end(r);
}

static void a_second_auth_behind_the_first_is_checked_after_it(void **state)
{
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	(void)state;
	rig_hold(r);
	client_auth(c, "alice", 3600);
	client_ask(c, "ping", "{}");
	client_auth(c, "bob", 3600);
	client_ask(c, "ping", "{}");
	rig_wait_held(r, 1);
	rig_let_go(r, 0);
	client_expect_with(c, "auth_success", "\"username\":\"alice\"");
	client_expect_with(c, "pong", "\"requestId\":\"r2\"");
	rig_wait_held(r, 1);
	client_expect_silence(c);
	rig_let_go(r, -1);
	client_expect_with(c, "auth_success", "\"username\":\"bob\"");
	client_expect_with(c, "pong", "\"requestId\":\"r4\"");
	client_free(c);
	rig_end(r);
}

/* 64 messages, 256 KiB. */
static void who_says_too_much_while_signing_in_is_closed(void **state)
{
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	(void)state;
	rig_hold(r);
	client_auth(c, "alice", 3600);
	for (int i = 0; i < 65; i++)
		client_ask(c, "ping", "{}");
	client_expect_close(c, 1008);
	rig_let_go(r, -1);
	client_expect_silence(c); /* nothing of what waited is answered */
	client_free(c);
	rig_end(r);
}

static void what_did_not_fit_is_not_read_from_what_waits(void **state)
{
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	char *padding = calloc(1, 100 * 1024 + 1);
	struct pl_buf payload;
	(void)state;
	memset(padding, 'x', 100 * 1024);
	pl_buf_init(&payload, 1 << 20);
	pl_buf_printf(&payload, "{\"padding\":\"%s\"}", padding);
	pl_buf_putc(&payload, '\0');
	rig_hold(r);
	client_auth(c, "alice", 3600);
	for (int i = 0; i < 3; i++)
		client_ask(c, "ping", payload.at);
	client_expect_close(c, 1008);
	rig_wait_held(r, 1);
	rig_let_go(r, -1);
	client_expect_silence(c);
	/* Who was told to go is not signed in on the way out. */
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	pl_buf_fini(&payload);
	free(padding);
	client_free(c);
	rig_end(r);
}

static void one_message_larger_than_all_that_may_wait(void **state)
{
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	char *big = calloc(1, 300 * 1024);
	(void)state;
	memset(big, ' ', 300 * 1024);
	rig_hold(r);
	client_auth(c, "alice", 3600);
	client_say(c, pl_slice(big, 300 * 1024));
	client_expect_close(c, 1008);
	rig_let_go(r, -1);
	free(big);
	client_free(c);
	rig_end(r);
}

static void a_connection_may_end_while_it_signs_in(void **state)
{
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	(void)state;
	rig_hold(r);
	client_auth(c, "alice", 3600);
	client_ask(c, "load_conversations", "{}");
	rig_wait_held(r, 1);
	client_free(c);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	rig_let_go(r, -1);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	assert_int_equal(r->hub.rooms.by_topic.len, 0);
	rig_end(r);
}

static void the_handshake_may_bring_the_token(void **state)
{
	struct rig *r = rig_start();
	char token[2048];
	(void)state;
	struct client *c = client_dial(r, token_for("alice", 3600, token));
	client_ask(c, "load_conversations", "{}");
	assert_true(client_is_upgraded(c));
	/* Nothing is said about the token itself. */
	client_expect(c, "conversations_loaded");
	client_free(c);
	rig_end(r);
}

/* ---- another user on the same connection ---- */

static void answers_to_the_former_user_are_not_for_the_next(void **state)
{
	static const char *const asked[] = {"load_messages", "join_conversation", "typing_start",
					    "load_more_messages"};
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	char id[256], secret[256], more[300];
	(void)state;
	converse(bob, alice, "alice", id);
	client_ask_in(bob, "send_message", id, ",\"content\":\"for alice only\"");
	client_expect(bob, "message_sent");
	client_value(bob, "id", secret);
	client_expect(bob, "message_received");
	client_expect(alice, "message_received");
	client_ask_in(alice, "leave_conversation", id, "");
	client_expect(alice, "conversation_left");
	snprintf(more, sizeof(more), ",\"beforeMessageId\":\"%s\"", secret);
	rig_hold(r);
	for (size_t i = 0; i < 4; i++)
		client_ask_in(alice, asked[i], id, i == 3 ? more : "");
	client_ask(alice, "load_conversations", "{}");
	rig_wait_held(r, 5);
	client_auth(alice, "mallory", 3600);
	rig_wait_held(r, 6);
	rig_let_go(r, 5);
	client_expect_with(alice, "auth_success", "\"username\":\"mallory\"");
	rig_let_go(r, -1);
	for (int i = 0; i < 5; i++) {
		client_expect_with(alice, "error", "Authentication required");
		assert_null(strstr(alice->text, "for alice only"));
	}
	/* And no seat: mallory hears nothing of the conversation. */
	client_ask_in(bob, "send_message", id, ",\"content\":\"still for alice\"");
	client_expect(bob, "message_sent");
	client_expect_silence(alice);
	client_free(alice);
	client_free(bob);
	rig_end(r);
}

static void another_user_takes_no_seat_over(void **state)
{
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	char id[256];
	(void)state;
	converse(alice, bob, "bob", id);
	client_ask_in(alice, "typing_start", id, "");
	client_expect(alice, "typing_start");
	client_expect_with(bob, "typing_update", "\"isTyping\":true");
	client_auth(alice, "mallory", 3600);
	client_expect(alice, "auth_success");
	client_expect_with(bob, "typing_update", "\"isTyping\":false");
	client_ask_in(bob, "send_message", id, ",\"content\":\"x\"");
	client_expect(bob, "message_sent");
	client_expect(bob, "message_received");
	client_expect_silence(alice);
	client_expect_with(bob, "user_offline", id); /* after the grace period */
	client_free(alice);
	client_free(bob);
	rig_end(r);
}

static void the_same_user_again_keeps_everything(void **state)
{
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	char id[256];
	(void)state;
	converse(alice, bob, "bob", id);
	client_auth(alice, "alice", 3600);
	client_expect(alice, "auth_success");
	client_ask_in(bob, "send_message", id, ",\"content\":\"x\"");
	client_expect(bob, "message_sent");
	client_expect_with(alice, "message_received", "\"encrypted_content\":\"x\"");
	client_expect(bob, "message_received");
	client_expect_silence(bob); /* nobody went away */
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 2);
	client_free(alice);
	client_free(bob);
	rig_end(r);
}

/* ---- tokens ---- */

static void a_token_that_runs_out_is_announced_then_ends_the_line(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.expiry_warning_ms = 1500;
	rig_open(r);
	struct client *c = client_new(r);
	client_auth(c, "alice", 3);
	client_expect(c, "auth_success");
	client_expect_with(c, "auth_error", "TOKEN_EXPIRING");
	client_expect_with(c, "auth_error", "TOKEN_EXPIRED");
	client_expect_close(c, 1008);
	assert_int_equal(r->metrics.v[PL_M_AUTH_EXPIRED], 1);
	client_free(c);
	rig_end(r);
}

static void a_fresh_token_in_time_keeps_the_line(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.expiry_warning_ms = 1500;
	rig_open(r);
	struct client *c = client_new(r);
	client_auth(c, "alice", 2);
	client_expect(c, "auth_success");
	client_expect_with(c, "auth_error", "TOKEN_EXPIRING");
	/* On its way when the old one runs out: it is waited for. */
	rig_hold(r);
	client_auth(c, "alice", 3600);
	rig_wait_held(r, 1);
	for (uint64_t end = pl_now_ms() + 2200; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 10);
	rig_let_go(r, -1);
	client_expect(c, "auth_success");
	client_ask(c, "ping", "{}");
	client_expect(c, "pong");
	client_free(c);
	rig_end(r);
}

/* exp may be as large as a JSON integer that is exact: 2^53. */
static void a_token_for_ever_sets_no_short_timer(void **state)
{
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	(void)state;
	client_auth(c, "alice", 315360000);
	client_expect(c, "auth_success");
	client_expect_silence(c);
	client_free(c);
	rig_end(r);
}

static void refused_tokens_are_counted_by_address(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->rates[PL_LIMIT_AUTH_FAILURES] = (struct pl_rate){3, 3};
	rig_open(r);
	struct client *c = client_new(r);
	for (int i = 0; i < 3; i++) {
		client_ask(c, "auth", "{\"token\":\"x.y.z\"}");
		client_expect_with(c, "auth_error", "INVALID_TOKEN");
		client_expect_with(c, "error", "INVALID_TOKEN");
	}
	client_ask(c, "auth", "{\"token\":\"x.y.z\"}");
	client_expect_with(c, "auth_error", "RATE_LIMITED");
	client_expect_with(c, "error", "RATE_LIMITED");
	client_expect_close(c, 1008);
	/* A good token is welcome from there all the same. */
	struct client *other = client_of(r, "alice");
	client_free(c);
	client_free(other);
	rig_end(r);
}

static void nobody_may_stay_unknown_past_the_deadline(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.auth_deadline_ms = 50;
	rig_open(r);
	struct client *c = client_new(r), *alice = client_of(r, "alice");
	client_expect_close(c, 1008);
	client_ask(alice, "ping", "{}");
	client_expect(alice, "pong");
	client_free(c);
	client_free(alice);
	rig_end(r);
}

static void every_request_counts_also_the_unreadable(void **state)
{
	static const char *const texts[] = {
		"no json", "{}",
		"{\"type\":\"none\",\"payload\":{},\"requestId\":\"a\",\"timestamp\":\"t\"}",
		"{\"type\":\"load_groups\",\"payload\":{},\"requestId\":\"b\",\"timestamp\":"
		"\"t\"}"};
	struct rig *r = rig_new();
	(void)state;
	r->rates[PL_LIMIT_REQUESTS] = (struct pl_rate){1, 4};
	rig_open(r);
	struct client *c = client_new(r);
	for (int i = 0; i < 4; i++) {
		client_say(c, pl_slice_str(texts[i]));
		client_expect(c, "error");
		assert_null(strstr(c->text, "RATE_LIMITED"));
	}
	for (int i = 0; i < 4; i++) {
		client_say(c, pl_slice_str(texts[i]));
		client_expect_with(c, "error", "RATE_LIMITED");
		client_value(c, "requestId", (char[256]){0});
	}
	assert_non_null(strstr(c->text, "\"requestId\":\"b\",\"timestamp\""));
	assert_non_null(strstr(c->text, "\"retry_after_ms\":"));
	client_free(c);
	rig_end(r);
}

/* ---- the end of the server ---- */

static void answers_that_come_home_last_ask_nothing_more(void **state)
{
	struct rig *r = rig_start();
	struct client *alice = client_of(r, "alice"), *bob = client_of(r, "bob");
	char id[256];
	(void)state;
	converse(alice, bob, "bob", id);
	client_ask_in(alice, "send_message", id, ",\"content\":\"x\"");
	client_expect(alice, "message_sent");
	client_expect(bob, "message_received");
	rig_hold(r);
	/* Its page would next be marked as read; what waits behind auth would be asked. */
	client_ask_in(bob, "load_messages", id, "");
	client_auth(alice, "alice", 3600);
	client_ask(alice, "load_conversations", "{}");
	rig_wait_held(r, 2);
	rig_let_go(r, -1);
	client_free(alice);
	rig_end(r);
	client_free(bob);
}

static void settle(struct pl_op *op)
{
	*(int *)op->owner = op->err;
	pl_op_free(op);
}

static void lock(struct rig *r, const char *who, bool on)
{
	int err = 1;
	struct pl_op *op = pl_op_new(PL_OP_DISABLE, r->loop, settle, &err);
	assert_non_null(op);
	op->disable.who = pl_slice_str(who);
	op->disable.on = on;
	pl_hub_submit(&r->hub, op);
	for (uint64_t end = pl_now_ms() + WAIT_MS; err == 1 && pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	assert_int_equal(err, 0);
}

/* Within a turn of the loop, on all of the user's connections, and on nobody else's. */
static void who_is_locked_out_is_out_at_once(void **state)
{
	struct rig *r = rig_start();
	struct client *phone = client_new(r), *desk = client_new(r), *bob = client_new(r);
	struct client *late;
	(void)state;
	client_auth(phone, "alice", 3600);
	client_expect(phone, "auth_success");
	client_auth(desk, "alice", 3600);
	client_expect(desk, "auth_success");
	client_auth(bob, "bob", 3600);
	client_expect(bob, "auth_success");
	lock(r, "alice", true);
	client_ask(phone, "load_conversations", "{}");
	client_expect_close(phone, 1008);
	assert_string_equal(phone->text + 2, "account disabled");
	client_expect_close(desk, 1008);
	client_expect_silence(bob);
	client_ask(bob, "ping", "{}");
	client_expect(bob, "pong");
	late = client_new(r);
	client_auth(late, "alice", 3600);
	client_expect_with(late, "auth_error", "INVALID_TOKEN");
	lock(r, "alice", false);
	client_free(late);
	late = client_new(r);
	client_auth(late, "alice", 3600);
	client_expect(late, "auth_success");
	client_free(late);
	client_free(phone);
	client_free(desk);
	client_free(bob);
	rig_end(r);
}

/* The answer to the sign-in and the lock travel in the order of their commits: nobody slips in. */
static void who_is_locked_out_while_signing_in_does_not_stay(void **state)
{
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	int err = 1;
	(void)state;
	client_auth(c, "alice", 3600);
	client_expect(c, "auth_success");
	client_free(c);
	c = client_new(r);
	rig_hold(r);
	client_auth(c, "alice", 3600);
	rig_wait_held(r, 1);
	struct pl_op *op = pl_op_new(PL_OP_DISABLE, r->loop, settle, &err);
	op->disable.who = PL_S("alice");
	op->disable.on = true;
	pl_hub_submit(&r->hub, op);
	rig_wait_held(r, 2);
	rig_let_go(r, -1);
	client_expect_close(c, 1008);
	assert_int_equal(err, 0);
	client_free(c);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_while_signing_in_waits_its_turn),
		cmocka_unit_test(a_second_auth_behind_the_first_is_checked_after_it),
		cmocka_unit_test(who_says_too_much_while_signing_in_is_closed),
		cmocka_unit_test(what_did_not_fit_is_not_read_from_what_waits),
		cmocka_unit_test(one_message_larger_than_all_that_may_wait),
		cmocka_unit_test(a_connection_may_end_while_it_signs_in),
		cmocka_unit_test(the_handshake_may_bring_the_token),
		cmocka_unit_test(answers_to_the_former_user_are_not_for_the_next),
		cmocka_unit_test(another_user_takes_no_seat_over),
		cmocka_unit_test(the_same_user_again_keeps_everything),
		cmocka_unit_test(a_token_that_runs_out_is_announced_then_ends_the_line),
		cmocka_unit_test(a_fresh_token_in_time_keeps_the_line),
		cmocka_unit_test(a_token_for_ever_sets_no_short_timer),
		cmocka_unit_test(refused_tokens_are_counted_by_address),
		cmocka_unit_test(nobody_may_stay_unknown_past_the_deadline),
		cmocka_unit_test(every_request_counts_also_the_unreadable),
		cmocka_unit_test(answers_that_come_home_last_ask_nothing_more),
		cmocka_unit_test(who_is_locked_out_is_out_at_once),
		cmocka_unit_test(who_is_locked_out_while_signing_in_does_not_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
