/*
 * typing_test.c - proves that typing is told when it begins and when it ends, by whatever it ends,
 * once each, to the others and not to the typist's own connection.
 */
#include "chat/testing.h"

static struct pl_uuid c1, c2;

static void sit_down(struct world *w, struct fake *f, int worker, unsigned user)
{
	c1 = id_of('c', 1);
	c2 = id_of('c', 2);
	fake_init(w, f, worker);
	assert_int_equal(fake_enter(f, user, 0), 0);
	fake_join(f, 1);
	fake_join(f, 2);
	settle(w);
	fake_expect(f, "");
}

static void begins_once_and_ends_by_stop(void **state)
{
	struct world *w = world_new(1000, 1000);
	struct fake a, b, own;
	(void)state;
	sit_down(w, &a, 0, 1);
	sit_down(w, &b, 1, 2);
	sit_down(w, &own, 2, 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(pl_typing_start(a.hub, &a.peer, &c1), 0);
	settle(w);
	fake_expect(&a, "");
	fake_expect(&b, "types u1 c1;");
	fake_expect(&own, "types u1 c1;");   /* the same person's other device */
	pl_typing_stop(a.hub, &a.peer, &c2); /* never begun */
	pl_typing_stop(a.hub, &a.peer, &c1);
	pl_typing_stop(a.hub, &a.peer, &c1);
	settle(w);
	fake_expect(&b, "rests u1 c1;");
	for (struct fake *f[] = {&a, &b, &own}, **p = f; p < f + 3; p++)
		pl_hub_leave((*p)->hub, &(*p)->peer);
	world_free(w);
}

static void ends_by_itself_unless_it_goes_on(void **state)
{
	struct world *w = world_new(1000, 80);
	struct fake a, b;
	(void)state;
	sit_down(w, &a, 0, 1);
	sit_down(w, &b, 1, 2);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(pl_typing_start(a.hub, &a.peer, &c1), 0);
		settle_for(w, 40); /* 200 ms in all */
	}
	fake_expect(&b, "types u1 c1;");
	settle_for(w, 90);
	fake_expect(&b, "rests u1 c1;");
	settle_for(w, 90);
	fake_expect(&b, "");
	assert_int_equal(a.peer.ntyping, 0);
	pl_hub_leave(a.hub, &a.peer);
	pl_hub_leave(b.hub, &b.peer);
	world_free(w);
}

static void ends_by_leaving_the_room_or_the_line(void **state)
{
	struct world *w = world_new(1000, 60);
	struct fake a, b;
	(void)state;
	sit_down(w, &a, 0, 1);
	sit_down(w, &b, 1, 2);
	assert_int_equal(pl_typing_start(a.hub, &a.peer, &c1), 0);
	assert_int_equal(pl_typing_start(a.hub, &a.peer, &c2), 0);
	pl_hub_unjoin(a.hub, &a.peer, &c1);
	settle(w);
	fake_expect(&b, "types u1 c1;types u1 c2;rests u1 c1;");
	pl_hub_leave(a.hub, &a.peer);
	settle(w);
	fake_expect(&b, "rests u1 c2;");
	memset(&a, 0xff, sizeof(a)); /* the peer's memory is gone; no timer may look at it */
	settle_for(w, 100);
	fake_expect(&b, "");
	pl_hub_leave(b.hub, &b.peer);
	world_free(w);
}

static void another_user_on_the_line_does_not_go_on_typing(void **state)
{
	struct world *w = world_new(1000, 60);
	struct fake a, b;
	(void)state;
	sit_down(w, &a, 0, 1);
	sit_down(w, &b, 1, 2);
	assert_int_equal(pl_typing_start(a.hub, &a.peer, &c1), 0);
	pl_hub_leave(a.hub, &a.peer);
	assert_int_equal(fake_enter(&a, 3, 0), 0);
	settle_for(w, 100);
	fake_expect(&b, "types u1 c1;rests u1 c1;");
	pl_hub_leave(a.hub, &a.peer);
	pl_hub_leave(b.hub, &b.peer);
	world_free(w);
}

static void sixteen_at_once_is_enough(void **state)
{
	struct world *w = world_new(1000, 1000);
	struct fake a;
	(void)state;
	sit_down(w, &a, 0, 1);
	for (unsigned i = 0; i < 16; i++) {
		struct pl_uuid c = id_of('c', 10 + i);
		assert_int_equal(pl_typing_start(a.hub, &a.peer, &c), 0);
	}
	assert_int_equal(pl_typing_start(a.hub, &a.peer, &c1), PL_ELIMIT);
	pl_typing_stop_all(a.hub, &a.peer);
	assert_int_equal(pl_typing_start(a.hub, &a.peer, &c1), 0);
	pl_hub_leave(a.hub, &a.peer);
	settle(w);
	world_free(w);
}

static void without_memory_it_is_not_told_or_refused(void **state)
{
	(void)state;
	for (unsigned long n = 1; n < 20; n++) {
		struct world *w = world_new(1000, 1000);
		struct fake a;
		sit_down(w, &a, 0, 1);
		pl_mem_fail_at(n, false);
		int err = pl_typing_start(a.hub, &a.peer, &c1);
		assert_true(!err || err == PL_ENOMEM);
		assert_int_equal(a.peer.ntyping, !err);
		pl_typing_stop(a.hub, &a.peer, &c1);
		pl_mem_fail_at(0, false);
		assert_int_equal(a.peer.ntyping, 0);
		pl_hub_leave(a.hub, &a.peer);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_once_and_ends_by_stop),
		cmocka_unit_test(ends_by_itself_unless_it_goes_on),
		cmocka_unit_test(ends_by_leaving_the_room_or_the_line),
		cmocka_unit_test(another_user_on_the_line_does_not_go_on_typing),
		cmocka_unit_test(sixteen_at_once_is_enough),
		cmocka_unit_test(without_memory_it_is_not_told_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
