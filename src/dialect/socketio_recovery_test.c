/*
 * socketio_recovery_test.c - proves that a client of Socket.IO that comes back is told all that it
 * missed, once and in order, before it hears that it is back: after a drop, after a second one,
 * with nothing heard before, and after the server was started anew. Whoever is not who the pid was
 * made for, or missed too much, comes as a new one.
 */
#include "dialect/socketio_back_test.h"

static void who_comes_back_gets_what_it_missed(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->chat.presence_grace_ms = 60000;
	rig_open(r);
	struct ticket t;
	struct client *a = sio_of(r, "alice"), *b = come(r, "bob", &t);
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	expect_joined(a);
	tell(a, "one");
	expect_said(b, "new-message", "one", &t);
	drop(b, a);
	tell(a, "two");
	tell_bob(a, "alone");
	tell(a, "three");
	b = dial_again(r, "bob", &t);
	expect_said(b, "new-message", "two", &t);
	expect_said(b, "private-message", "alone", &t);
	expect_said(b, "new-message", "three", &t);
	expect_back(b, &t);
	sio_expect_silence(b);
	expect_joined(a);
	/* It is in its rooms, and hears on. */
	tell(a, "four");
	expect_said(b, "new-message", "four", &t);
	sio_tell(b, "lobby", "\"mine\"");
	sio_expect(a, "42[\"new-message\"");
	/* A second time, with the same pid. */
	drop(b, a);
	tell(a, "five");
	b = dial_again(r, "bob", &t);
	sio_expect_with(b, "42[\"new-message\"", "\"content\":\"mine\"");
	expect_said(b, "new-message", "five", &t);
	expect_back(b, &t);
	expect_joined(a);
	/* And with nothing missed. */
	drop(b, a);
	b = dial_again(r, "bob", &t);
	expect_back(b, &t);
	sio_expect_silence(b);
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void who_heard_nothing_has_a_position_too(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->chat.presence_grace_ms = 60000;
	rig_open(r);
	struct ticket t;
	struct client *a = sio_of(r, "alice"), *b = come(r, "bob", &t);
	sio_join(b, "lobby");
	sio_join(a, "lobby");
	sio_expect(b, "42[\"user-joined\"");
	client_free(b);
	sio_expect(a, "42[\"user-left\"");
	tell(a, "one");
	b = dial_again(r, "bob", &t);
	expect_said(b, "new-message", "one", &t);
	expect_back(b, &t);
	client_free(a);
	client_free(b);
	rig_end(r);
}

/* Nothing about a client is kept: the database knows what was said, and the pid the rest. */
static void a_new_server_knows_them_all(void **state)
{
	(void)state;
	struct ticket t, u;
	rig_on_disk = true;
	struct rig *r = rig_start(), *next = rig_new();
	struct client *a = sio_of(r, "alice"), *b = come(r, "bob", &t), *c = come(r, "carol", &u);
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	expect_joined(a);
	sio_join(c, "lobby");
	expect_joined(a);
	expect_joined(b);
	tell(a, "one");
	expect_said(b, "new-message", "one", &t);
	memcpy(next->dir, r->dir, sizeof(r->dir));
	memcpy(next->path, r->path, sizeof(r->path));
	client_free(b);
	client_free(c);
	for (int i = 0; i < 4; i++)
		sio_hear(a, "two leave");
	tell(a, "two");
	rig_shut(r);
	client_free(a);
	free(r);
	rig_open(next);
	a = sio_of(next, "alice");
	tell(a, "three");
	b = dial_again(next, "bob", &t);
	expect_said(b, "new-message", "two", &t);
	expect_said(b, "new-message", "three", &t);
	expect_back(b, &t);
	c = dial_again(next, "carol", &u);
	expect_said(c, "new-message", "one", &u);
	expect_said(c, "new-message", "two", &u);
	expect_said(c, "new-message", "three", &u);
	expect_back(c, &u);
	client_free(a);
	client_free(b);
	client_free(c);
	rig_end(next);
	rig_on_disk = false;
}

static void who_missed_too_much_comes_as_a_new_one(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->signing.socketio_recovery = 3;
	rig_open(r);
	struct ticket t;
	struct client *a = sio_of(r, "alice"), *b = come(r, "bob", &t);
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	expect_joined(a);
	tell(a, "zero");
	expect_said(b, "new-message", "zero", &t);
	client_free(b);
	for (int i = 0; i < 2; i++)
		sio_hear(a, "bob left");
	tell(a, "1");
	tell(a, "2");
	tell(a, "3");
	b = dial_again(r, "bob", &t);
	expect_said(b, "new-message", "1", &t);
	expect_said(b, "new-message", "2", &t);
	expect_said(b, "new-message", "3", &t);
	expect_back(b, &t);
	client_free(b);
	for (int i = 0; i < 4; i++)
		sio_hear(a, "bob came and left");
	for (int i = 0; i < 4; i++)
		tell(a, "x");
	b = dial_again(r, "bob", &t);
	expect_new(b, &t);
	client_free(a);
	client_free(b);
	rig_end(r);
}

/* A pid is not a token, and not anybody's. */
static void a_pid_is_worth_nothing_to_others(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct ticket t, mine;
	struct client *b = come(r, "bob", &t), *m = NULL;
	sio_join(b, "lobby");
	tell(b, "for members");
	memcpy(mine.sid, t.sid, sizeof(t.sid));
	memcpy(mine.pid, t.pid, sizeof(t.pid));
	mine.offset[0] = '\0';
	m = dial_again(r, "mallory", &mine);
	expect_new(m, &mine);
	sio_expect_silence(m);
	/* Bob has not been disturbed. */
	tell(b, "still here");
	client_free(m);
	/* One letter of it changed, wherever. */
	for (size_t i = 0; i < strlen(t.pid); i += 3) {
		struct ticket bad = t;
		bad.pid[i] = bad.pid[i] == 'A' ? 'B' : 'A';
		bad.offset[0] = '\0';
		m = dial_again(r, "bob", &bad);
		expect_new(m, &bad);
		client_free(m);
	}
	const char *const odd[] = {",\"pid\":7", ",\"pid\":\"\"", ",\"pid\":null,\"offset\":1"};
	for (size_t i = 0; i < 3; i++) {
		m = sio_dial(r);
		sio_connect(m, "bob", odd[i]);
		sio_expect(m, "40{\"sid\":");
		client_free(m);
	}
	struct ticket wrong = t;
	memcpy(wrong.offset, "not an offset", 14);
	m = dial_again(r, "bob", &wrong);
	expect_new(m, &wrong);
	client_free(m);
	/* Without a token nobody comes back. */
	m = sio_dial(r);
	char packet[400];
	snprintf(packet, sizeof(packet), "40{\"pid\":\"%s\"}", t.pid);
	say(m, packet);
	sio_expect(m, "44{\"message\":\"Authentication required\"}");
	client_free(m);
	client_free(b);
	rig_end(r);
}

/* Nobody has heard what was not said yet, whatever the client says: nothing is lost by it. */
static void an_offset_of_the_future_is_none(void **state)
{
	(void)state;
	static const char *const ahead[] = {"ffffffffffffffffffffffffffffffff",
					    "7fffffff-ffff-7fff-bfff-ffffffffffff"};
	char id[16];
	struct rig *r = rig_new();
	r->chat.presence_grace_ms = 60000;
	rig_open(r);
	struct ticket t;
	struct client *a = sio_of(r, "alice"), *b = come(r, "bob", &t);
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	expect_joined(a);
	drop(b, a);
	tell_bob(a, "alone");
	for (size_t i = 0; i < 2; i++) {
		memcpy(t.offset, ahead[i], strlen(ahead[i]) + 1);
		b = dial_again(r, "bob", &t);
		expect_new(b, &t);
		expect_pending(b, "alone", "alone", id);
		expect_joined(a);
		drop(b, a);
	}
	client_free(a);
	rig_end(r);
}

/* What is said where one is no member any more is not for one. */
static void who_left_a_room_misses_nothing_there(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->chat.presence_grace_ms = 60000;
	rig_open(r);
	struct ticket t;
	struct client *a = sio_of(r, "alice"), *b = come(r, "bob", &t), *b2;
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	expect_joined(a);
	client_free(b);
	sio_expect(a, "42[\"user-left\"");
	tell(a, "one");
	b2 = sio_of(r, "bob");
	expect_joined(a);
	sio_ask(b2, "[\"leave-room\",\"lobby\"]", "[{\"success\":true}]");
	sio_expect(a, "42[\"user-left\"");
	b = dial_again(r, "bob", &t);
	expect_back(b, &t);
	tell(a, "two");
	sio_expect_silence(b);
	client_free(a);
	client_free(b);
	client_free(b2);
	rig_end(r);
}

/* A line that broke unnoticed still stands for the socket: it ends, and nothing is told twice. */
static void the_one_before_ends(void **state)
{
	(void)state;
	struct rig *r = rig_start();
	struct ticket t;
	struct client *a = sio_of(r, "alice"), *b = come(r, "bob", &t);
	sio_join(a, "lobby");
	sio_join(b, "lobby");
	expect_joined(a);
	tell(a, "one");
	expect_said(b, "new-message", "one", &t);
	struct client *again = dial_again(r, "bob", &t);
	expect_back(again, &t);
	while (client_hear_within(b, WAIT_MS) && b->op != 8)
		assert_null(strstr(b->text, "\"one\""));
	assert_int_equal(b->op, 8);
	tell(a, "two");
	expect_said(again, "new-message", "two", &t);
	sio_expect_silence(again);
	client_free(a);
	client_free(b);
	client_free(again);
	rig_end(r);
}

/* Whether it came in as the socket that it was; it may have been closed since. */
static bool came_back(struct client *c, const struct ticket *t)
{
	bool is_in = false, is = false;
	while (!is_in && sio_hear_within(c, WAIT_MS)) {
		assert_true(strncmp(c->text, "44", 2) != 0);
		is_in = !strncmp(c->text, "40", 2);
		is = is_in && strstr(c->text, t->sid);
	}
	assert_true(is_in || !c->op);
	return is;
}

static bool is_open(struct client *c)
{
	bool is_closing = false;
	while (sio_hear_within(c, 100))
		is_closing = is_closing || c->op == PL_WS_CLOSE;
	return c->op && !is_closing;
}

/* A line that breaks before it is answered, and the next one: nobody is refused. */
static void two_ask_at_once(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->chat.presence_grace_ms = 60000;
	rig_open(r);
	struct ticket t;
	struct client *a = sio_of(r, "alice"), *b = come(r, "bob", &t), *next;
	sio_join(b, "lobby");
	sio_join(a, "lobby");
	sio_expect(b, "42[\"user-joined\"");
	client_free(b);
	sio_expect(a, "42[\"user-left\"");
	tell(a, "one");
	t.offset[0] = '\0';
	for (int i = 0; i < 5; i++) {
		b = dial_again(r, "bob", &t);
		next = dial_again(r, "bob", &t);
		/* Whoever asked last is back; the other one is closed, or is somebody else. */
		bool is_first = came_back(b, &t), is_second = came_back(next, &t);
		is_first = is_open(b) && is_first;
		is_second = is_open(next) && is_second;
		assert_int_equal(is_first + is_second, 1);
		client_free(b);
		client_free(next);
		while (client_hear_within(a, 50))
			;
	}
	client_free(a);
	rig_end(r);
}

/* Whatever is said while it is on its way in: before, in between and after are told once. */
static void nothing_is_lost_or_told_twice_on_the_way(void **state)
{
	(void)state;
	for (size_t step = 0; step < 4; step++) {
		char content[16];
		struct rig *r = rig_new();
		r->chat.presence_grace_ms = 60000;
		rig_open(r);
		struct ticket t;
		struct client *a = sio_of(r, "alice");
		sio_join(a, "lobby");
		tell(a, "old");
		struct client *b = come(r, "bob", &t);
		sio_join(b, "lobby");
		expect_joined(a);
		tell(a, "seen");
		expect_said(b, "new-message", "seen", &t);
		drop(b, a);
		rig_hold(r);
		b = dial_again(r, "bob", &t);
		/* The answers to bob's questions go one by one; alice's messages pass them by. */
		for (size_t i = 0; i < 4; i++) {
			rig_wait_held(r, 1);
			if (i == step)
				for (int k = 0; k < 3; k++) {
					snprintf(content, sizeof(content), "\"m%d\"", k);
					sio_tell(a, "lobby", content);
					rig_wait_held(r, 2);
					rig_let_go(r, 1);
				}
			rig_let_go(r, 0);
		}
		rig_let_go(r, -1);
		if (step < 2)
			for (int k = 0; k < 3; k++) {
				snprintf(content, sizeof(content), "m%d", k);
				expect_said(b, "new-message", content, &t);
			}
		if (step >= 2) {
			/* Found after the answer was written: it may be on either side of it. */
			int said = 0;
			bool is_back = false;
			while (said < 3 || !is_back) {
				sio_hear(b, "three and the reply");
				is_back |= !strncmp(b->text, "40{\"sid\"", 8);
				snprintf(content, sizeof(content), "\"m%d\"", said);
				said += strstr(b->text, content) != NULL;
			}
		} else {
			expect_back(b, &t);
		}
		assert_false(sio_hear_within(b, 100));
		client_free(a);
		client_free(b);
		rig_end(r);
	}
}

static void recovery_can_be_off(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	r->signing.socketio_recovery = 0;
	rig_open(r);
	struct client *a = sio_dial(r);
	sio_connect(a, "alice", "");
	sio_expect(a, "40{\"sid\":");
	assert_null(strstr(a->text, "pid"));
	sio_expect(a, "42[\"connected\"");
	sio_join(a, "lobby");
	sio_tell(a, "lobby", "\"x\"");
	/* No offset either. */
	sio_expect_with(a, "42[\"new-message\"", "\"deleted\":false}]");
	client_free(a);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_back_gets_what_it_missed),
		cmocka_unit_test(who_heard_nothing_has_a_position_too),
		cmocka_unit_test(a_new_server_knows_them_all),
		cmocka_unit_test(who_missed_too_much_comes_as_a_new_one),
		cmocka_unit_test(a_pid_is_worth_nothing_to_others),
		cmocka_unit_test(an_offset_of_the_future_is_none),
		cmocka_unit_test(who_left_a_room_misses_nothing_there),
		cmocka_unit_test(the_one_before_ends),
		cmocka_unit_test(two_ask_at_once),
		cmocka_unit_test(nothing_is_lost_or_told_twice_on_the_way),
		cmocka_unit_test(recovery_can_be_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
