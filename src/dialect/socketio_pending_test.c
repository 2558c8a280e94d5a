/*
 * socketio_pending_test.c - proves that what was said to a user alone while nobody of it was there
 * is told at the next connection, and again until it is known to have arrived: by an
 * acknowledgement, or by the answer to a ping.
 */
#include "dialect/socketio_back_test.h"

static void what_is_said_to_somebody_away_waits(void **state)
{
	(void)state;
	char id[16], ack[32];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	client_free(b);
	tell_bob(a, "one");
	assert_non_null(strstr(a->text, "\"delivered\":"));
	tell_bob(a, "two");
	/* Not acknowledged, and gone before anything is known: it waits on. */
	b = sio_of(r, "bob");
	expect_pending(b, "one", "two", id);
	client_free(b);
	b = sio_of(r, "bob");
	expect_pending(b, "one", "two", id);
	snprintf(ack, sizeof(ack), "43%s[]", id);
	say(b, ack);
	tell_bob(a, "three");
	sio_expect_with(b, "42[\"private-message\"", "three");
	/* Long enough for a ping and its pong to show that it arrived. */
	for (uint64_t end = pl_now_ms() + 600; pl_now_ms() < end;)
		sio_hear_within(b, 20);
	client_free(b);
	b = sio_of(r, "bob");
	sio_expect_silence(b);
	client_free(b);
	tell_bob(a, "four");
	b = sio_of(r, "bob");
	expect_pending(b, "four", "four", id);
	/* By the pong alone. */
	for (uint64_t end = pl_now_ms() + 600; pl_now_ms() < end;)
		sio_hear_within(b, 20);
	client_free(b);
	b = sio_of(r, "bob");
	sio_expect_silence(b);
	client_free(a);
	client_free(b);
	rig_end(r);
}

/* A client that answers nothing has received nothing, as far as is known. */
static void who_does_not_answer_has_not_received(void **state)
{
	(void)state;
	char id[16];
	struct rig *r = rig_start();
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	tell_bob(a, "one");
	sio_expect(b, "42[\"private-message\"");
	for (uint64_t end = pl_now_ms() + 600; pl_now_ms() < end;)
		client_hear_within(b, 20); /* pings are not answered */
	client_free(b);
	b = sio_of(r, "bob");
	expect_pending(b, "one", "one", id);
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void many_come_in_pages(void **state)
{
	(void)state;
	char id[16], ack[32], content[16], first[16], last[16];
	struct rig *r = rig_new();
	r->chat.presence_grace_ms = 60000;
	rig_open(r);
	struct client *a = sio_of(r, "alice"), *b = sio_of(r, "bob");
	client_free(b);
	for (int i = 0; i < 230; i++) {
		snprintf(content, sizeof(content), "m%d", i);
		tell_bob(a, content);
	}
	b = sio_of(r, "bob");
	while (sio_hear_within(a, 60))
		assert_non_null(strstr(a->text, "presence-update"));
	for (int i = 0; i < 230; i += 100) {
		int to = i + 99 < 229 ? i + 99 : 229;
		snprintf(first, sizeof(first), "m%d", i);
		snprintf(last, sizeof(last), "m%d", to);
		expect_pending(b, first, last, id);
		if (i == 100)
			tell_bob(a, "live");
		if (i == 100)
			sio_expect_with(b, "42[\"private-message\"", "live");
		snprintf(ack, sizeof(ack), "43%s[]", id);
		say(b, ack);
	}
	for (uint64_t end = pl_now_ms() + 900; pl_now_ms() < end;)
		sio_hear_within(b, 20);
	client_free(b);
	b = sio_of(r, "bob");
	sio_expect_silence(b);
	client_free(a);
	client_free(b);
	rig_end(r);
}

/* What was told once and not proved is shown again to who comes back; what it has proved by its
 * offset is not told as missed. */
static void what_waits_is_shown_to_who_comes_back(void **state)
{
	(void)state;
	char id[16];
	struct rig *r = rig_start();
	struct ticket t;
	struct client *a = sio_of(r, "alice"), *b = come(r, "bob", &t);
	client_free(b);
	tell_bob(a, "before");
	b = come(r, "bob", &t);
	expect_pending(b, "before", "before", id);
	client_free(b);
	tell_bob(a, "after");
	b = dial_again(r, "bob", &t);
	expect_said(b, "private-message", "after", &t);
	expect_back(b, &t);
	expect_pending(b, "before", "before", id);
	assert_null(strstr(b->text, "\"after\""));
	client_free(a);
	client_free(b);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_to_somebody_away_waits),
		cmocka_unit_test(who_does_not_answer_has_not_received),
		cmocka_unit_test(many_come_in_pages),
		cmocka_unit_test(what_waits_is_shown_to_who_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
