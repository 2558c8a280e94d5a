/*
 * call_test.c - proves whom a call reaches: all sessions of who is called until one answers, then
 * the two that talk and nobody else; and how it ends, whichever of the two, or none, ends it. On
 * three workers.
 */
#include "chat/call_test.h"

static void it_rings_everywhere_until_one_answers(void **state)
{
	struct world *w = calls_new(1000, 5000);
	struct fake alice, other, bob[3], eve;
	(void)state;
	phone_on(w, &alice, 1, 0);
	phone_on(w, &other, 1, 1);
	phone_on(w, &eve, 3, 2);
	for (int i = 0; i < 3; i++)
		phone_on(w, &bob[i], 2, i);
	must_ring(w, &alice, 2);
	for (int i = 0; i < 3; i++)
		fake_expect(&bob[i], "offer u1 o;");
	must_say(w, &alice, PL_CALL_CANDIDATE, "c1");
	must_say(w, &bob[2], PL_CALL_CANDIDATE, "c2");
	for (int i = 0; i < 3; i++)
		fake_expect(&bob[i], "candidate u1 c1;");
	fake_expect(&alice, "candidate u2 c2;");
	must_say(w, &bob[1], PL_CALL_ANSWER, "a");
	fake_expect(&alice, "answer u2 a;");
	fake_expect(&bob[1], "reply answer;");
	fake_expect(&bob[0], "end u1 elsewhere;");
	fake_expect(&bob[2], "end u1 elsewhere;");
	must_say(w, &alice, PL_CALL_CANDIDATE, "c3");
	must_say(w, &bob[1], PL_CALL_SDP_OFFER, "s1");
	must_say(w, &alice, PL_CALL_SDP_ANSWER, "s2");
	fake_expect(&bob[1], "candidate u1 c3;sdp_answer u1 s2;");
	fake_expect(&alice, "sdp_offer u2 s1;");
	must_say(w, &bob[1], PL_CALL_END, "");
	fake_expect(&bob[1], "reply end;");
	fake_expect(&alice, "end u2;");
	assert_int_equal(calls_kept(w), 0);
	fake_expect(&bob[0], "");
	fake_expect(&bob[2], "");
	fake_expect(&other, "");
	fake_expect(&eve, "");
	for (int i = 0; i < 3; i++)
		phone_off(&bob[i]);
	phone_off(&alice);
	phone_off(&other);
	phone_off(&eve);
	world_free(w);
}

/* Two workers apart, and a third device of who is called. */
struct pair {
	struct world *w;
	struct fake alice, bob, desk;
};

static void pair_begin(struct pair *p, uint32_t grace_ms, uint32_t ring_ms)
{
	p->w = calls_new(grace_ms, ring_ms);
	phone_on(p->w, &p->alice, 1, 0);
	phone_on(p->w, &p->bob, 2, 1);
	phone_on(p->w, &p->desk, 2, 2);
}

static void pair_ring(struct pair *p)
{
	must_ring(p->w, &p->alice, 2);
	fake_expect(&p->bob, "offer u1 o;");
	fake_expect(&p->desk, "offer u1 o;");
}

static void pair_talk(struct pair *p)
{
	pair_ring(p);
	must_say(p->w, &p->bob, PL_CALL_ANSWER, "a");
	fake_expect(&p->alice, "answer u2 a;");
	fake_expect(&p->bob, "reply answer;");
	fake_expect(&p->desk, "end u1 elsewhere;");
}

/* Nobody has heard anything but what was expected, and nothing is left of any call. */
static void pair_end(struct pair *p)
{
	fake_expect(&p->alice, "");
	fake_expect(&p->bob, "");
	fake_expect(&p->desk, "");
	assert_int_equal(calls_kept(p->w), 0);
	phone_off(&p->alice);
	phone_off(&p->bob);
	phone_off(&p->desk);
	world_free(p->w);
}

static void must_be_unknown(struct pair *p, struct fake *f, enum pl_call_what what)
{
	char reply[64];
	snprintf(reply, sizeof(reply), "reply %s not found;", call_words[what]);
	must_say(p->w, f, what, "x");
	fake_expect(f, reply);
}

static void one_device_declines_for_all(void **state)
{
	static const enum pl_call_what ways[] = {PL_CALL_DECLINE, PL_CALL_BUSY, PL_CALL_END};
	struct pair p;
	(void)state;
	pair_begin(&p, 1000, 5000);
	for (size_t i = 0; i < 3; i++) {
		char text[64];
		pair_ring(&p);
		must_say(p.w, &p.desk, ways[i], "");
		snprintf(text, sizeof(text), "%s u2;", call_words[ways[i]]);
		fake_expect(&p.alice, text);
		snprintf(text, sizeof(text), "reply %s;", call_words[ways[i]]);
		fake_expect(&p.desk, text);
		fake_expect(&p.bob, "end u1 elsewhere;");
		must_be_unknown(&p, &p.bob, PL_CALL_ANSWER);
		must_be_unknown(&p, &p.alice, PL_CALL_CANDIDATE);
	}
	pair_end(&p);
}

static void the_caller_thinks_better_of_it(void **state)
{
	struct pair p;
	(void)state;
	pair_begin(&p, 1000, 5000);
	pair_ring(&p);
	must_say(p.w, &p.alice, PL_CALL_END, "");
	fake_expect(&p.alice, "reply end;");
	fake_expect(&p.bob, "end u1;");
	fake_expect(&p.desk, "end u1;");
	pair_end(&p);
}

static void nobody_answers_in_time(void **state)
{
	struct pair p;
	(void)state;
	pair_begin(&p, 1000, 80);
	pair_ring(&p);
	fake_expect(&p.alice, "");
	settle_for(p.w, 120);
	fake_expect(&p.alice, "end u2 timeout;");
	fake_expect(&p.bob, "end u1 timeout;");
	fake_expect(&p.desk, "end u1 timeout;");
	/* Who has answered is not rung any more. */
	pair_talk(&p);
	settle_for(p.w, 120);
	fake_expect(&p.alice, "");
	must_say(p.w, &p.alice, PL_CALL_END, "");
	fake_expect(&p.alice, "reply end;");
	fake_expect(&p.bob, "end u1;");
	pair_end(&p);
}

static void no_call_lasts_for_ever(void **state)
{
	struct pair p;
	(void)state;
	pair_begin(&p, 1000, 5000);
	p.w->options.call_max_ms = 50;
	pair_talk(&p);
	settle_for(p.w, 100);
	fake_expect(&p.alice, "end u2 timeout;");
	fake_expect(&p.bob, "end u1 timeout;");
	pair_end(&p);
}

/* Strangers, other devices of the two, and ids that are made up: all get the same answer. */
static void nobody_else_may_speak(void **state)
{
	static const enum pl_call_what all[] = {
		PL_CALL_ANSWER,     PL_CALL_DECLINE,   PL_CALL_BUSY,
		PL_CALL_END,        PL_CALL_CANDIDATE, PL_CALL_SDP_OFFER,
		PL_CALL_SDP_ANSWER, PL_CALL_ROTATE,    PL_CALL_ROTATED};
	struct pair p;
	struct fake eve, second;
	(void)state;
	pair_begin(&p, 1000, 5000);
	phone_on(p.w, &eve, 3, 2);
	phone_on(p.w, &second, 1, 1);
	pair_ring(&p);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		must_be_unknown(&p, &eve, all[i]);
		must_be_unknown(&p, &second, all[i]);
	}
	must_say(p.w, &p.bob, PL_CALL_ANSWER, "a");
	fake_expect(&p.alice, "answer u2 a;");
	fake_expect(&p.bob, "reply answer;");
	fake_expect(&p.desk, "end u1 elsewhere;");
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		must_be_unknown(&p, &eve, all[i]);
		must_be_unknown(&p, &second, all[i]);
		must_be_unknown(&p, &p.desk, all[i]);
	}
	must_say(p.w, &p.bob, PL_CALL_CANDIDATE, "c");
	fake_expect(&p.alice, "candidate u2 c;");
	struct pl_uuid real = call_id;
	call_id = pl_uuid_v4();
	must_be_unknown(&p, &p.alice, PL_CALL_END);
	call_id = real;
	must_say(p.w, &p.alice, PL_CALL_END, "");
	fake_expect(&p.alice, "reply end;");
	fake_expect(&p.bob, "end u1;");
	fake_expect(&eve, "");
	fake_expect(&second, "");
	phone_off(&eve);
	phone_off(&second);
	pair_end(&p);
}

static void must_be_out_of_place(struct pair *p, struct fake *f, enum pl_call_what what)
{
	char reply[64];
	snprintf(reply, sizeof(reply), "reply %s %s;", call_words[what], pl_strerror(PL_ESTATE));
	must_say(p->w, f, what, "x");
	fake_expect(f, reply);
}

static void everything_has_its_time(void **state)
{
	struct pair p;
	(void)state;
	pair_begin(&p, 1000, 5000);
	pair_ring(&p);
	must_be_out_of_place(&p, &p.alice, PL_CALL_ANSWER);
	must_be_out_of_place(&p, &p.alice, PL_CALL_DECLINE);
	must_be_out_of_place(&p, &p.alice, PL_CALL_BUSY);
	must_be_out_of_place(&p, &p.alice, PL_CALL_ROTATE);
	must_be_out_of_place(&p, &p.bob, PL_CALL_ROTATED);
	must_say(p.w, &p.bob, PL_CALL_ANSWER, "a");
	fake_expect(&p.alice, "answer u2 a;");
	fake_expect(&p.bob, "reply answer;");
	fake_expect(&p.desk, "end u1 elsewhere;");
	must_be_out_of_place(&p, &p.bob, PL_CALL_ANSWER);
	must_be_out_of_place(&p, &p.bob, PL_CALL_DECLINE);
	must_be_out_of_place(&p, &p.alice, PL_CALL_BUSY);
	must_be_out_of_place(&p, &p.alice, PL_CALL_ROTATE); /* not a call with keys */
	must_say(p.w, &p.bob, PL_CALL_END, "");
	fake_expect(&p.alice, "end u2;");
	fake_expect(&p.bob, "reply end;");
	pair_end(&p);
}

/* ---- keys ---- */

static int say_keys(struct fake *f, enum pl_call_what what, const char *key, int64_t number)
{
	const struct pl_call_words words = {.what = what,
					    .body = pl_slice_str(key),
					    .keys = {pl_slice_str(key), PL_S("k2")},
					    .has_keys = true,
					    .number = number,
					    .is_asked_for = true};
	const struct pl_user to = {.id = id_of('u', 2)};
	return what == PL_CALL_OFFER ? pl_call_begin(f->hub, &f->peer, &to, &words)
				     : pl_call_say(f->hub, &f->peer, &call_id, &words);
}

static void must_say_keys(struct pair *p, struct fake *f, enum pl_call_what what, const char *key,
			  int64_t number)
{
	assert_int_equal(say_keys(f, what, key, number), 0);
	settle(p->w);
}

static void keys_are_exchanged_and_rotated(void **state)
{
	struct pair p;
	(void)state;
	pair_begin(&p, 1000, 5000);
	must_say_keys(&p, &p.alice, PL_CALL_OFFER, "k", 0);
	fake_expect(&p.alice, "reply offer;");
	fake_expect(&p.bob, "offer u1 k;");
	fake_expect(&p.desk, "offer u1 k;");
	/* Without keys it would be another call than was offered. */
	must_be_out_of_place(&p, &p.bob, PL_CALL_ANSWER);
	must_say_keys(&p, &p.bob, PL_CALL_ANSWER, "a", 0);
	fake_expect(&p.alice, "answer u2 a;");
	fake_expect(&p.bob, "reply answer;");
	fake_expect(&p.desk, "end u1 elsewhere;");
	must_say_keys(&p, &p.alice, PL_CALL_ROTATED, "r", 7); /* nothing was asked */
	fake_expect(&p.alice, "reply rotated not found;");
	must_say_keys(&p, &p.alice, PL_CALL_ROTATE, "r", 7);
	fake_expect(&p.alice, "reply rotate;");
	fake_expect(&p.bob, "rotate u1 r;");
	must_say_keys(&p, &p.bob, PL_CALL_ROTATED, "s", 6);
	fake_expect(&p.bob, "reply rotated not found;");
	must_say_keys(&p, &p.alice, PL_CALL_ROTATED, "s", 7); /* one's own */
	fake_expect(&p.alice, "reply rotated not found;");
	must_say_keys(&p, &p.bob, PL_CALL_ROTATED, "s", 7);
	fake_expect(&p.bob, "reply rotated;");
	fake_expect(&p.alice, "rotated u2 s;");
	must_say_keys(&p, &p.bob, PL_CALL_ROTATED, "s", 7);
	fake_expect(&p.bob, "reply rotated not found;");
	must_say(p.w, &p.alice, PL_CALL_END, "");
	fake_expect(&p.alice, "reply end;");
	fake_expect(&p.bob, "end u1;");
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_rings_everywhere_until_one_answers),
		cmocka_unit_test(one_device_declines_for_all),
		cmocka_unit_test(the_caller_thinks_better_of_it),
		cmocka_unit_test(nobody_answers_in_time),
		cmocka_unit_test(no_call_lasts_for_ever),
		cmocka_unit_test(nobody_else_may_speak),
		cmocka_unit_test(everything_has_its_time),
		cmocka_unit_test(keys_are_exchanged_and_rotated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
