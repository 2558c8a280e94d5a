/*
 * realtime_auth_test.c - proves who is let in by which way, how the others are turned away, and
 * that whoever goes while it comes, or becomes somebody else, leaves nothing behind.
 */
#include "dialect/realtime_test.h"

static void the_first_frame_signs_in(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = dial(r, "/rt");
	client_expect_silence(a); /* no greeting */
	chat(a, "alice", "bob", "early");
	expect_error(a, "Authentication required: send AUTH first.");
	say(a, "{\"type\":\"NONSENSE\"}");
	expect_error(a, "Authentication required: send AUTH first.");
	say(a, "{\"type\":\"AUTH\"}");
	expect_error(a, "Token is required.");
	say(a, "{\"type\":\"AUTH\",\"token\":7}");
	expect_error(a, "Token is required.");
	auth(a, "alice");
	expect_msg(a, "SUCCESS", "Authenticated as alice.");
	auth(a, "alice"); /* a fresh token */
	expect_msg(a, "SUCCESS", "Authenticated as alice.");
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 1);
	free_all(r, a, NULL, NULL);
}

static void a_bad_token_is_an_error_and_the_end(void **state)
{
	struct rig *r = rig_start();
	char token[2048];
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct client *a = dial(r, i ? "/rtp" : "/rt");
		sayf(a, "{\"type\":\"AUTH\",\"token\":\"%s\"}",
		     i ? token_for("alice", -100, token) : "x.y.z");
		expect_error(a, i ? "Token expired." : "Invalid token.");
		client_expect_close(a, 1008);
		client_free(a);
	}
	rig_end(r);
}

static void nobody_in_time_is_an_error_and_the_end(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.auth_deadline_ms = 50;
	rig_open(r);
	struct client *a = dial(r, "/rt"), *b = dial(r, "/rtp"), *c = new_of(r, "carol");
	expect_error(a, "Authentication timed out.");
	client_expect_close(a, 1008);
	expect_error(b, "Authentication timed out.");
	client_expect_close(b, 1008);
	client_expect_silence(c);
	free_all(r, a, b, c);
}

static void expect_status(struct client *c, const char *status)
{
	assert_false(client_is_upgraded(c));
	char want[32];
	snprintf(want, sizeof(want), "HTTP/1.1 %s ", status);
	c->in[c->len] = '\0';
	if (strncmp(c->in, want, strlen(want)) != 0)
		fail_msg("waited for %s, heard %.60s", status, c->in);
	client_free(c);
}

static void a_handshake_with_a_bad_token_is_refused(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200], head[2200];
	(void)state;
	snprintf(path, sizeof(path), "/rt?authToken=%s", token_for("alice", -100, token));
	expect_status(client_dial_at(r, path, ""), "401");
	expect_status(client_dial_at(r, "/rt?authToken=x", ""), "401");
	expect_status(client_dial_at(r, "/rtp?token=x", ""), "401");
	/* The header comes first. */
	snprintf(path, sizeof(path), "/rt?authToken=%s", token_for("alice", 3600, token));
	expect_status(client_dial_at(r, path, "Authorization: Bearer x\r\n"), "401");
	snprintf(head, sizeof(head), "Authorization: Bearer %s\r\n", token);
	struct client *a = client_dial_at(r, "/rt?authToken=x&username=bob", head);
	assert_true(client_is_upgraded(a));
	sync_with(a);
	/* What may be somebody else's word for it is not asked. */
	chat(a, "bob", "bob", "spoofed");
	expect_error(a, "You are signed in as alice, and can speak for nobody else.");
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 1);
	free_all(r, a, NULL, NULL);
}

static void a_name_is_the_older_users(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice");
	uint64_t now = pl_wall_ms() / 1000;
	struct pl_token_claims claims = {.subject = PL_S("somebody else"),
					 .username = PL_S("alice"),
					 .now_s = now,
					 .ttl_s = 100};
	struct pl_buf b;
	pl_buf_init(&b, 2048);
	assert_int_equal(pl_token_sign(SECRET, &claims, &b), 0);
	struct client *c = dial(r, "/rt");
	sayf(c, "{\"type\":\"AUTH\",\"token\":\"%.*s\"}", PL_FMT(pl_buf_slice(&b)));
	expect_error(c, "This username belongs to somebody else.");
	client_expect_close(c, 1008);
	char path[2200];
	snprintf(path, sizeof(path), "/rt?authToken=%.*s", PL_FMT(pl_buf_slice(&b)));
	expect_status(client_dial_at(r, path, ""), "401");
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 1);
	pl_buf_fini(&b);
	free_all(r, a, c, NULL);
}

static void somebody_else_on_the_same_line_inherits_nothing(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *e = new_of(r, "eve");
	chat(b, "bob", "alice", "one");
	client_expect_with(a, "ONE_TO_ONE_CHAT", "one");
	auth(a, "carol");
	expect_msg(a, "SUCCESS", "Authenticated as carol.");
	chat(b, "bob", "alice", "two");
	sync_with(b);
	client_expect_silence(a);
	chat(e, "eve", "carol", "three");
	client_expect_with(a, "ONE_TO_ONE_CHAT", "three");
	/* Alice was away for the second. */
	struct client *o = old_of(r, "alice");
	say(o, "{\"type\":\"INIT_DATA\"}");
	client_expect_with(o, "INIT_DATA", "\"count\":1,");
	client_free(o);
	free_all(r, a, b, e);
}

/* ---- going ---- */

static void who_goes_before_the_answer_is_forgotten(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200];
	(void)state;
	rig_hold(r);
	snprintf(path, sizeof(path), "/rt?authToken=%s", token_for("alice", 3600, token));
	struct client *a = client_dial_at(r, path, "");
	rig_wait_held(r, 1);
	client_free(a);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	rig_let_go(r, -1);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	/* The same while it is sitting down. */
	rig_hold(r);
	a = client_dial_at(r, path, "");
	rig_wait_held(r, 1);
	rig_let_go(r, 0);
	rig_wait_held(r, 1);
	client_free(a);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	rig_let_go(r, -1);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	rig_end(r);
}

/* Whoever vanishes while it is being counted as there is not there: what comes waits for it. */
static void who_goes_while_coming_is_not_there(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200];
	(void)state;
	struct client *b = new_of(r, "bob");
	snprintf(path, sizeof(path), "/rt?authToken=%s", token_for("alice", 3600, token));
	rig_hold(r);
	struct client *a = client_dial_at(r, path, "");
	for (int i = 0; i < 2; i++) { /* found; its chats; then it comes */
		rig_wait_held(r, 1);
		rig_let_go(r, 0);
	}
	rig_wait_held(r, 1);
	client_free(a);
	rig_wait_held(r, 2); /* and goes */
	rig_let_go(r, -1);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	chat(b, "bob", "alice", "missed");
	sync_with(b);
	struct client *o = old_of(r, "alice");
	say(o, "{\"type\":\"INIT_DATA\"}");
	client_expect_with(o, "INIT_DATA", "\"count\":1,");
	free_all(r, b, o, NULL);
}

/* A store with no room for it is asked again. */
static void who_goes_from_a_busy_store_goes(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *b = new_of(r, "bob"), *a = new_of(r, "alice");
	rig_hold(r);
	client_free(a);
	rig_wait_held(r, 1);
	r->held[0]->err = PL_EBUSY;
	rig_let_go(r, 0);
	rig_wait_held(r, 1);
	assert_int_equal(r->held[0]->kind, PL_OP_ATTEND);
	assert_int_equal(r->held[0]->err, 0);
	rig_let_go(r, -1);
	chat(b, "bob", "alice", "missed");
	sync_with(b);
	free_all(r, b, NULL, NULL);
}

static void a_newer_one_may_end_the_older(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.realtime_single_session = true;
	rig_open(r);
	struct client *a = new_of(r, "alice"), *p = client_at(r, "/rtp", "alice");
	struct client *b = new_of(r, "bob");
	for (uint64_t end = pl_now_ms() + 3; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	struct client *again = old_of(r, "alice");
	client_expect_close(a, 1008);
	client_expect_silence(p); /* of another kind */
	client_expect_silence(b);
	sync_with(again);
	client_free(again);
	free_all(r, a, p, b);
}

static void a_goodbye_is_answered(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice");
	say(a, "{\"type\":\"DISCONNECT\"}");
	expect_msg(a, "INFO", "You have been disconnected.");
	client_expect_close(a, 1000);
	free_all(r, a, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_frame_signs_in),
		cmocka_unit_test(a_bad_token_is_an_error_and_the_end),
		cmocka_unit_test(nobody_in_time_is_an_error_and_the_end),
		cmocka_unit_test(a_handshake_with_a_bad_token_is_refused),
		cmocka_unit_test(a_name_is_the_older_users),
		cmocka_unit_test(somebody_else_on_the_same_line_inherits_nothing),
		cmocka_unit_test(who_goes_before_the_answer_is_forgotten),
		cmocka_unit_test(who_goes_while_coming_is_not_there),
		cmocka_unit_test(who_goes_from_a_busy_store_goes),
		cmocka_unit_test(a_newer_one_may_end_the_older),
		cmocka_unit_test(a_goodbye_is_answered),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
