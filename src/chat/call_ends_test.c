/*
 * call_ends_test.c - proves what becomes of calls when people are not there, go, come back, or have
 * too many of them; and that whichever allocation fails, nothing stays behind.
 */
#include "chat/call_test.h"

struct scene {
	struct world *w;
	struct fake alice, bob;
};

static void scene_begin(struct scene *s, uint32_t grace_ms)
{
	s->w = calls_new(grace_ms, 5000);
	phone_on(s->w, &s->alice, 1, 0);
	phone_on(s->w, &s->bob, 2, 1);
}

static void scene_talk(struct scene *s)
{
	must_ring(s->w, &s->alice, 2);
	must_say(s->w, &s->bob, PL_CALL_ANSWER, "a");
	fake_expect(&s->alice, "answer u2 a;");
	fake_expect(&s->bob, "offer u1 o;reply answer;");
}

static void scene_end(struct scene *s)
{
	fake_expect(&s->alice, "");
	fake_expect(&s->bob, "");
	assert_int_equal(calls_kept(s->w), 0);
	phone_off(&s->alice);
	phone_off(&s->bob);
	world_free(s->w);
}

static void must_fail(struct scene *s, struct fake *from, unsigned to, int err)
{
	char reply[64];
	assert_int_equal(phone_call(from, to, "o"), 0);
	settle(s->w);
	snprintf(reply, sizeof(reply), "reply offer %s;", pl_strerror(err));
	fake_expect(from, reply);
}

static void who_is_not_there_cannot_be_called(void **state)
{
	struct scene s;
	(void)state;
	scene_begin(&s, 40);
	must_fail(&s, &s.alice, 9, PL_ECLOSED);
	phone_off(&s.bob);
	settle(s.w);
	/* In the grace time it is as if he were: he may be back in a moment. */
	must_ring(s.w, &s.alice, 2);
	settle_for(s.w, 80);
	fake_expect(&s.alice, "end u2 lost;");
	must_fail(&s, &s.alice, 2, PL_ECLOSED);
	scene_end(&s);
}

/* As for whom nobody knows to be here; who calls shows itself. */
static void who_is_invisible_cannot_be_called_but_may_call(void **state)
{
	struct scene s;
	(void)state;
	scene_begin(&s, 1000);
	assert_int_equal(pl_presence_set(s.bob.hub, &s.bob.peer, PL_IS_INVISIBLE), 0);
	settle(s.w);
	must_fail(&s, &s.alice, 2, PL_ECLOSED);
	fake_expect(&s.bob, "");
	must_ring(s.w, &s.bob, 1);
	fake_expect(&s.alice, "offer u2 o;");
	must_say(s.w, &s.alice, PL_CALL_DECLINE, "");
	fake_expect(&s.alice, "reply decline;");
	fake_expect(&s.bob, "decline u1;");
	scene_end(&s);
}

static void odd_calls_are_refused_at_once(void **state)
{
	struct scene s;
	static char long_body[PL_CALL_BODY_MAX + 2], long_candidate[PL_CALL_CANDIDATE_MAX + 2];
	struct fake nobody;
	(void)state;
	memset(long_body, '1', sizeof(long_body) - 1);
	memset(long_candidate, '1', sizeof(long_candidate) - 1);
	scene_begin(&s, 40);
	assert_int_equal(phone_call(&s.alice, 1, "o"), PL_EINVAL);
	assert_int_equal(phone_call(&s.alice, 2, long_body), PL_ETOOBIG);
	fake_init(s.w, &nobody, 0);
	assert_int_equal(phone_call(&nobody, 2, "o"), PL_EDENIED);
	struct pl_user guest = {.id = id_of('g', 1), .username = PL_S("guest")};
	assert_int_equal(pl_hub_enter_guest(nobody.hub, &nobody.peer, &guest), 0);
	assert_int_equal(phone_call(&nobody, 2, "o"), PL_EDENIED);
	scene_talk(&s);
	assert_int_equal(phone_say(&s.alice, PL_CALL_CANDIDATE, long_candidate), PL_ETOOBIG);
	assert_int_equal(phone_say(&s.alice, PL_CALL_SDP_OFFER, long_body), PL_ETOOBIG);
	assert_int_equal(phone_say(&nobody, PL_CALL_END, ""), PL_EDENIED);
	/* The longest that goes. */
	long_body[PL_CALL_BODY_MAX] = long_candidate[PL_CALL_CANDIDATE_MAX] = '\0';
	must_say(s.w, &s.alice, PL_CALL_CANDIDATE, long_candidate);
	must_say(s.w, &s.alice, PL_CALL_SDP_OFFER, long_body);
	fake_expect(&s.bob, "candidate u1;sdp_offer u1;");
	must_say(s.w, &s.alice, PL_CALL_END, "");
	fake_expect(&s.bob, "end u1;");
	fake_expect(&s.alice, "reply end;");
	pl_hub_leave(nobody.hub, &nobody.peer);
	scene_end(&s);
}

static void the_last_session_takes_the_call_with_it(void **state)
{
	struct scene s;
	(void)state;
	for (int who = 0; who < 2; who++) {
		scene_begin(&s, 60);
		struct fake *goes = who ? &s.alice : &s.bob, *stays = who ? &s.bob : &s.alice;
		scene_talk(&s);
		phone_off(goes);
		settle(s.w);
		fake_expect(stays, "");
		settle_for(s.w, 100);
		fake_expect(stays, who ? "end u1 lost;" : "end u2 lost;");
		scene_end(&s);
	}
}

static void who_comes_back_in_time_goes_on_talking(void **state)
{
	struct scene s;
	struct fake again;
	(void)state;
	scene_begin(&s, 120);
	scene_talk(&s);
	phone_off(&s.bob);
	settle_for(s.w, 20);
	phone_on(s.w, &again, 2, 2);
	settle_for(s.w, 200);
	fake_expect(&s.alice, "");
	must_say(s.w, &s.alice, PL_CALL_CANDIDATE, "c1");
	fake_expect(&again, "candidate u1 c1;");
	must_say(s.w, &again, PL_CALL_CANDIDATE, "c2");
	fake_expect(&s.alice, "candidate u2 c2;");
	must_say(s.w, &again, PL_CALL_END, "");
	fake_expect(&again, "reply end;");
	fake_expect(&s.alice, "end u2;");
	phone_off(&again);
	scene_end(&s);
}

/* The device in the call goes, others of the same user stay: the next one that speaks has it. */
static void another_device_takes_over(void **state)
{
	struct scene s;
	struct fake desk, tablet;
	(void)state;
	scene_begin(&s, 30);
	phone_on(s.w, &desk, 2, 2);
	phone_on(s.w, &tablet, 2, 0);
	must_ring(s.w, &s.alice, 2);
	must_say(s.w, &s.bob, PL_CALL_ANSWER, "a");
	fake_expect(&s.alice, "answer u2 a;");
	fake_expect(&s.bob, "offer u1 o;reply answer;");
	fake_expect(&desk, "offer u1 o;end u1 elsewhere;");
	fake_expect(&tablet, "offer u1 o;end u1 elsewhere;");
	phone_off(&s.bob);
	settle_for(s.w, 60);
	must_say(s.w, &s.alice, PL_CALL_SDP_OFFER, "s");
	fake_expect(&desk, "sdp_offer u1 s;");
	fake_expect(&tablet, "sdp_offer u1 s;");
	must_say(s.w, &desk, PL_CALL_SDP_ANSWER, "t");
	fake_expect(&s.alice, "sdp_answer u2 t;");
	must_say(s.w, &tablet, PL_CALL_CANDIDATE, "x");
	fake_expect(&tablet, "reply candidate not found;");
	must_say(s.w, &s.alice, PL_CALL_CANDIDATE, "c");
	fake_expect(&desk, "candidate u1 c;");
	fake_expect(&tablet, "");
	must_say(s.w, &desk, PL_CALL_END, "");
	fake_expect(&desk, "reply end;");
	fake_expect(&s.alice, "end u2;");
	phone_off(&desk);
	phone_off(&tablet);
	scene_end(&s);
}

/* A connection that somebody else signs in on is not the one that called. */
static void another_user_on_the_line_inherits_nothing(void **state)
{
	struct scene s;
	(void)state;
	scene_begin(&s, 40);
	scene_talk(&s);
	phone_off(&s.alice);
	assert_int_equal(fake_enter(&s.alice, 3, 0), 0);
	settle(s.w);
	must_say(s.w, &s.alice, PL_CALL_CANDIDATE, "x");
	fake_expect(&s.alice, "reply candidate not found;");
	must_say(s.w, &s.bob, PL_CALL_CANDIDATE, "secret");
	fake_expect(&s.alice, "");
	settle_for(s.w, 80);
	fake_expect(&s.bob, "end u1 lost;");
	scene_end(&s);
}

static void there_are_only_so_many_calls(void **state)
{
	struct scene s;
	struct fake carol, dave;
	(void)state;
	scene_begin(&s, 1000); /* two calls per user */
	phone_on(s.w, &carol, 3, 2);
	phone_on(s.w, &dave, 4, 2);
	must_ring(s.w, &s.alice, 2);
	must_ring(s.w, &s.alice, 3);
	fake_expect(&carol, "offer u1 o;");
	must_fail(&s, &s.alice, 4, PL_ELIMIT);
	must_ring(s.w, &carol, 2);
	must_fail(&s, &dave, 2, PL_EBUSY);
	fake_expect(&dave, "");
	fake_expect(&s.bob, "offer u1 o;offer u3 o;");
	/* The one that was told of last: carol's to bob. A place is free again when it is over. */
	must_say(s.w, &s.bob, PL_CALL_DECLINE, "");
	fake_expect(&s.bob, "reply decline;");
	fake_expect(&carol, "decline u2;");
	must_ring(s.w, &dave, 2);
	fake_expect(&s.bob, "offer u4 o;");
	must_say(s.w, &dave, PL_CALL_END, "");
	fake_expect(&dave, "reply end;");
	fake_expect(&s.bob, "end u4;");
	phone_off(&s.alice);
	phone_off(&carol);
	phone_off(&dave);
	s.w->options.presence_grace_ms = 0;
	settle_for(s.w, 1200);
	fake_expect(&s.bob, "end u1 lost;");
	scene_end(&s);
}

static void a_worker_keeps_only_so_many(void **state)
{
	struct scene s;
	(void)state;
	scene_begin(&s, 1000);
	for (int i = 0; i < WORKERS; i++)
		pl_map_init(&s.w->hubs[i].calls, 0);
	must_fail(&s, &s.alice, 2, PL_ELIMIT);
	scene_end(&s);
}

/* ---- memory ---- */

/* What may fail, may; but then it is said, and nothing is left of it. */
static unsigned long talk_with_failure(unsigned long n)
{
	struct scene s;
	struct fake desk;
	scene_begin(&s, 30);
	s.w->options.ring_ms = 200;
	phone_on(s.w, &desk, 2, 2);
	memset(&call_id, 0, sizeof(call_id));
	pl_mem_fail_at(n, false);
	if (!phone_call(&s.alice, 2, "o"))
		settle(s.w);
	bool has_rung = s.bob.len > 0;
	if (has_rung && !phone_say(&s.bob, PL_CALL_ANSWER, "a"))
		settle(s.w);
	if (has_rung && !phone_say(&s.alice, PL_CALL_CANDIDATE, "c"))
		settle(s.w);
	if (has_rung && !phone_say(&s.bob, PL_CALL_END, ""))
		settle(s.w);
	unsigned long used = pl_mem_count();
	pl_mem_fail_at(0, false);
	/* What was owed is said when there is memory again. */
	for (int i = 0; calls_kept(s.w) && i < 12; i++) {
		if (has_rung && phone_say(&s.bob, PL_CALL_END, "") == 0)
			settle(s.w);
		settle_for(s.w, 100);
	}
	if (calls_kept(s.w)) {
		phone_off(&s.alice);
		settle_for(s.w, 100);
	}
	assert_int_equal(calls_kept(s.w), 0);
	phone_off(&s.alice);
	phone_off(&s.bob);
	phone_off(&desk);
	world_free(s.w);
	return used;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	unsigned long all = talk_with_failure(0), used = all;
	assert_true(all > 20);
	for (unsigned long n = 1; n <= all + 5; n++)
		used = talk_with_failure(n);
	(void)used;
}

/* Going offline where there is no memory to tell the call's keeper: it is tried again. */
static void who_goes_without_memory_is_gone_in_the_end(void **state)
{
	struct scene s;
	(void)state;
	for (unsigned long n = 1; n < 8; n++) {
		scene_begin(&s, 20);
		scene_talk(&s);
		phone_off(&s.alice);
		settle(s.w);
		pl_mem_fail_at(n, false);
		settle_for(s.w, 60);
		pl_mem_fail_at(0, false);
		for (int i = 0; calls_kept(s.w) && i < 25; i++)
			settle_for(s.w, 100);
		fake_expect(&s.bob, "end u1 lost;");
		scene_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_not_there_cannot_be_called),
		cmocka_unit_test(who_is_invisible_cannot_be_called_but_may_call),
		cmocka_unit_test(odd_calls_are_refused_at_once),
		cmocka_unit_test(the_last_session_takes_the_call_with_it),
		cmocka_unit_test(who_comes_back_in_time_goes_on_talking),
		cmocka_unit_test(another_device_takes_over),
		cmocka_unit_test(another_user_on_the_line_inherits_nothing),
		cmocka_unit_test(there_are_only_so_many_calls),
		cmocka_unit_test(a_worker_keeps_only_so_many),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(who_goes_without_memory_is_gone_in_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
