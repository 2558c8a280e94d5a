/*
 * presence_test.c - proves that a user is online once, from the first device's coming to the grace
 * period after the last one's going, whatever workers the devices are on and in whatever order the
 * news reach the keeper.
 */
#include "chat/testing.h"

/* Somebody who sits in conversation 1 (and 2) and listens. */
static void listen(struct world *w, struct fake *f, unsigned rooms)
{
	fake_init(w, f, 0);
	assert_int_equal(fake_enter(f, 999, 0), 0);
	for (unsigned i = 1; i <= rooms; i++)
		fake_join(f, i);
	settle(w);
	fake_expect(f, "");
}

static void one_coming_and_one_going_for_all_devices(void **state)
{
	struct world *w = world_new(40, 1000);
	struct fake ear, d[WORKERS];
	(void)state;
	listen(w, &ear, 2);
	for (int i = 0; i < WORKERS; i++) {
		fake_init(w, &d[i], i);
		assert_int_equal(fake_enter(&d[i], 7, 2), 0);
		settle(w);
	}
	fake_expect(&ear, "online u7 c1;online u7 c2;");
	pl_hub_leave(&w->hubs[1], &d[1].peer);
	pl_hub_leave(&w->hubs[0], &d[0].peer);
	settle_for(w, 90);
	fake_expect(&ear, ""); /* the third is there */
	pl_hub_leave(&w->hubs[2], &d[2].peer);
	settle(w);
	fake_expect(&ear, ""); /* not before the grace period is over */
	settle_for(w, 90);
	fake_expect(&ear, "offline u7 c1;offline u7 c2;");
	pl_hub_leave(ear.hub, &ear.peer);
	world_free(w);
}

static void coming_back_in_time_is_not_told(void **state)
{
	struct world *w = world_new(150, 1000);
	struct fake ear, d;
	(void)state;
	listen(w, &ear, 1);
	fake_init(w, &d, 1);
	assert_int_equal(fake_enter(&d, 7, 1), 0);
	settle(w);
	fake_expect(&ear, "online u7 c1;");
	for (int i = 0; i < 5; i++) {
		pl_hub_leave(&w->hubs[1], &d.peer);
		settle_for(w, 20);
		fake_init(w, &d, 1);
		assert_int_equal(fake_enter(&d, 7, 1), 0);
		settle_for(w, 50); /* 250 ms in all: no timer is left running */
	}
	fake_expect(&ear, "");
	pl_hub_leave(&w->hubs[1], &d.peer);
	pl_hub_leave(ear.hub, &ear.peer);
	world_free(w);
}

static void set(struct fake *d, enum pl_status status)
{
	assert_int_equal(pl_presence_set(d->hub, &d->peer, status), 0);
}

/* One truth for all devices: whichever said it last, and until the last one has gone. */
static void a_status_is_the_users(void **state)
{
	struct world *w = world_new(40, 1000);
	struct fake ear, a, b;
	(void)state;
	listen(w, &ear, 1);
	fake_init(w, &a, 1);
	fake_init(w, &b, 2);
	assert_int_equal(fake_enter(&a, 7, 1), 0);
	settle(w);
	set(&a, PL_IS_AWAY);
	settle(w);
	fake_expect(&ear, "online u7 c1;away u7 c1;");
	assert_int_equal(fake_enter(&b, 7, 1), 0);
	settle(w);
	set(&b, PL_IS_AWAY); /* it is already */
	settle(w);
	fake_expect(&ear, "");
	set(&b, PL_IS_BUSY);
	settle(w);
	pl_hub_leave(&w->hubs[2], &b.peer);
	settle_for(w, 90);
	fake_expect(&ear, "busy u7 c1;");
	set(&a, PL_IS_ONLINE);
	settle(w);
	fake_expect(&ear, "back u7 c1;");
	set(&a, PL_IS_AWAY);
	settle(w);
	pl_hub_leave(&w->hubs[1], &a.peer);
	settle_for(w, 90);
	fake_expect(&ear, "away u7 c1;offline u7 c1;");
	/* Whoever comes anew is online. */
	fake_init(w, &a, 1);
	assert_int_equal(fake_enter(&a, 7, 1), 0);
	settle(w);
	set(&a, PL_IS_ONLINE);
	settle(w);
	fake_expect(&ear, "online u7 c1;");
	pl_hub_leave(&w->hubs[1], &a.peer);
	pl_hub_leave(ear.hub, &ear.peer);
	world_free(w);
}

static void who_is_invisible_looks_offline(void **state)
{
	struct world *w = world_new(40, 1000);
	struct fake ear, a, b;
	(void)state;
	listen(w, &ear, 1);
	fake_init(w, &a, 1);
	fake_init(w, &b, 2);
	assert_int_equal(fake_enter(&a, 7, 1), 0);
	set(&a, PL_IS_INVISIBLE);
	settle(w);
	fake_expect(&ear, "online u7 c1;offline u7 c1;");
	/* A second device does not give it away, nor does going. */
	assert_int_equal(fake_enter(&b, 7, 1), 0);
	settle(w);
	pl_hub_leave(&w->hubs[2], &b.peer);
	settle_for(w, 90);
	fake_expect(&ear, "");
	set(&a, PL_IS_BUSY);
	settle(w);
	fake_expect(&ear, "online u7 c1;");
	set(&a, PL_IS_INVISIBLE);
	settle(w);
	fake_expect(&ear, "offline u7 c1;");
	pl_hub_leave(&w->hubs[1], &a.peer);
	settle_for(w, 90);
	fake_expect(&ear, "");
	pl_hub_leave(ear.hub, &ear.peer);
	world_free(w);
}

/* Who asks hears the same as who listens; gone for now is not there to be told. */
static enum pl_status asked_status;
static bool asked_on;

static void hear_answer(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	(void)p;
	(void)x;
	if (e->kind != PL_EV_ANSWER)
		return;
	asked_on = e->on;
	asked_status = e->status;
}

static void expect_answer(struct world *w, struct fake *ear, bool on, enum pl_status status)
{
	static const struct pl_peer_ops ops = {fake_encode, hear_answer, fake_forget};
	struct pl_uuid user = id_of('u', 7);
	ear->peer.ops = &ops;
	asked_on = !on;
	assert_int_equal(pl_presence_ask(ear->hub, &ear->peer, &user, PL_S("r")), 0);
	settle(w);
	assert_int_equal(asked_on, on);
	assert_int_equal(asked_status, status);
}

static void an_answer_says_how_somebody_is(void **state)
{
	struct world *w = world_new(10000, 1000);
	struct fake ear, a;
	(void)state;
	listen(w, &ear, 1);
	expect_answer(w, &ear, false, PL_IS_OFFLINE);
	fake_init(w, &a, 1);
	assert_int_equal(fake_enter(&a, 7, 1), 0);
	expect_answer(w, &ear, true, PL_IS_ONLINE);
	set(&a, PL_IS_AWAY);
	expect_answer(w, &ear, true, PL_IS_AWAY);
	set(&a, PL_IS_INVISIBLE);
	expect_answer(w, &ear, false, PL_IS_OFFLINE);
	set(&a, PL_IS_BUSY);
	pl_hub_leave(&w->hubs[1], &a.peer);
	expect_answer(w, &ear, true, PL_IS_OFFLINE);
	pl_hub_leave(ear.hub, &ear.peer);
	world_free(w);
}

static void conversations_that_come_later_hear_of_it_too(void **state)
{
	struct world *w = world_new(20, 1000);
	struct fake ear, d;
	struct pl_uuid user = id_of('u', 7), second = id_of('c', 2);
	(void)state;
	listen(w, &ear, 2);
	fake_init(w, &d, 2);
	assert_int_equal(fake_enter(&d, 7, 1), 0);
	pl_presence_joined(&w->hubs[1], &user, &second, 1);
	pl_presence_joined(&w->hubs[1], &user, &second, 1); /* twice is once */
	settle(w);
	fake_expect(&ear, "online u7 c1;");
	pl_hub_leave(&w->hubs[2], &d.peer);
	settle_for(w, 60);
	fake_expect(&ear, "offline u7 c1;offline u7 c2;");
	pl_hub_leave(ear.hub, &ear.peer);
	world_free(w);
}

/*
 * The conversation was made after the sign-in read its list, and the keeper hears of it before it
 * hears of the session: it is told there all the same.
 */
static void a_conversation_made_while_signing_in_is_not_forgotten(void **state)
{
	struct pl_uuid user = id_of('u', 7);
	(void)state;
	for (int worker = 0; worker < WORKERS; worker++) {
		struct world *w = world_new(20, 1000);
		struct fake ear, d;
		int keeper = (int)pl_bus_keeper(w->bus, pl_uuid_slice(&user));
		listen(w, &ear, 2);
		fake_init(w, &d, worker);
		struct pl_event *e = pl_event_new(PL_EV_CONVERSATION);
		struct pl_topic_id t = pl_topic_user(&user);
		assert_non_null(e);
		e->conversation = id_of('c', 2);
		e->participants = &user;
		e->nparticipants = 1;
		assert_int_equal(pl_event_address(e, pl_topic_slice(&t)), 0);
		if (worker == keeper)
			assert_int_equal(fake_enter(&d, 7, 1), 0);
		assert_int_equal(pl_bus_publish(w->bus, e), 0);
		if (worker != keeper) {
			pl_loop_turn(w->loops[keeper], 0);
			assert_int_equal(fake_enter(&d, 7, 1), 0);
		}
		settle(w);
		fake_expect(&d, "made u0 c2;");
		pl_hub_leave(d.hub, &d.peer);
		settle_for(w, 60);
		fake_expect(&ear, "online u7 c1;offline u7 c1;offline u7 c2;");
		pl_hub_leave(ear.hub, &ear.peer);
		world_free(w);
	}
}

static size_t online_in(const struct world *w)
{
	size_t n = 0;
	for (int i = 0; i < WORKERS; i++)
		n += w->hubs[i].online.len;
	return n;
}

/* Grace is a matter of time: waits for it, but not for ever. */
static void settle_to(struct world *w, size_t online)
{
	for (int i = 0; i < 500 && online_in(w) != online; i++)
		settle_for(w, 10);
	assert_int_equal(online_in(w), online);
}

static void a_user_with_very_many_conversations_stalls_nobody(void **state)
{
	struct world *w = world_new(20, 1000);
	struct fake d[8];
	(void)state;
	uint64_t began = pl_now_ms();
	for (int i = 0; i < 8; i++) {
		fake_init(w, &d[i], i % WORKERS);
		assert_int_equal(fake_enter(&d[i], 7, 10000), 0);
		settle(w);
	}
	/* Comparing each with each would be 400 million comparisons. */
	assert_true(pl_now_ms() - began < 5000);
	for (int i = 0; i < 8; i++)
		pl_hub_leave(d[i].hub, &d[i].peer);
	settle_to(w, 0);
	world_free(w);
}

static void without_memory_nobody_is_counted_by_half(void **state)
{
	(void)state;
	for (unsigned long n = 1; n < 40; n++) {
		struct world *w = world_new(1, 1000);
		struct fake a, b;
		fake_init(w, &a, 0);
		fake_init(w, &b, 1);
		assert_int_equal(fake_enter(&a, 7, 3), 0);
		settle(w);
		pl_mem_fail_at(n, false);
		int err = fake_enter(&b, 7, 3);
		pl_mem_fail_at(0, false);
		assert_int_equal(pl_peer_is_signed_in(&b.peer), !err);
		assert_int_equal(b.peer.member.nseats, !err);
		pl_hub_leave(b.hub, &b.peer);
		settle_for(w, 10);
		assert_int_equal(online_in(w), 1); /* a is there still */
		pl_hub_leave(a.hub, &a.peer);
		settle_to(w, 0);
		world_free(w);
	}
}

static void the_end_may_come_at_any_time(void **state)
{
	(void)state;
	for (int turns = 0; turns < 6; turns++) {
		struct world *w = world_new(0, 1000);
		struct fake d[WORKERS];
		for (int i = 0; i < WORKERS; i++) {
			fake_init(w, &d[i], i);
			assert_int_equal(fake_enter(&d[i], (unsigned)i, 2), 0);
		}
		for (int i = 0; i < turns; i++)
			pl_loop_turn(w->loops[i % WORKERS], 0);
		for (int i = 0; i < WORKERS; i++)
			pl_hub_leave(d[i].hub, &d[i].peer);
		world_free(w); /* leaks are found by the sanitizer */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_is_the_users),
		cmocka_unit_test(who_is_invisible_looks_offline),
		cmocka_unit_test(an_answer_says_how_somebody_is),
		cmocka_unit_test(one_coming_and_one_going_for_all_devices),
		cmocka_unit_test(coming_back_in_time_is_not_told),
		cmocka_unit_test(conversations_that_come_later_hear_of_it_too),
		cmocka_unit_test(a_conversation_made_while_signing_in_is_not_forgotten),
		cmocka_unit_test(a_user_with_very_many_conversations_stalls_nobody),
		cmocka_unit_test(without_memory_nobody_is_counted_by_half),
		cmocka_unit_test(the_end_may_come_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
