/*
 * roster_test.c - proves that the rosters tell the truth with several workers: everybody who sits
 * down is told of to those who sit there and finds all of them in the members, in order; leaving is
 * told however it happens; two who come at once never miss each other; who comes while others come
 * and go has the right list; nothing is left behind.
 */
#include "chat/testing.h"

/* A peer that writes down rosters. */
struct guest {
	struct pl_peer peer;
	struct pl_hub *hub;
	char heard[HEARD];
	size_t len;
};

static void note(struct guest *g, const char *fmt, unsigned a, unsigned b)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s%u/%u ", fmt, a, b);
	assert_true(n > 0 && g->len + (size_t)n < HEARD);
	memcpy(g->heard + g->len, text, (size_t)n + 1);
	g->len += (size_t)n;
}

static void hear(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	struct guest *g = PL_CONTAINER(p, struct guest, peer);
	(void)x;
	if (e->kind == PL_EV_ROSTER)
		note(g, e->on ? "+" : "-", number_of(&e->actor.id), number_of(&e->conversation));
	if (e->kind != PL_EV_MEMBERS)
		return;
	assert_true(pl_slice_is(e->ref, "ref"));
	for (size_t i = 0; i < e->nsitters; i++)
		note(g, "=", number_of(&e->sitters[i].user), number_of(&e->conversation));
}

static const struct pl_peer_ops guest_ops = {fake_encode, hear, fake_forget};

static void come(struct world *w, struct guest *g, int worker, unsigned user)
{
	char name[16];
	snprintf(name, sizeof(name), "u%u", user);
	*g = (struct guest){.hub = &w->hubs[worker]};
	pl_peer_init(&g->peer, &guest_ops, ++w->next_id);
	struct pl_user who = {.id = id_of('u', user), .display_name = pl_slice_str(name)};
	assert_int_equal(pl_hub_enter_guest(g->hub, &g->peer, &who), 0);
}

static int sit(struct guest *g, unsigned room)
{
	struct pl_conversation c = {.id = id_of('c', room), .type = PL_ROOM, .alias = PL_S("room")};
	return pl_hub_sit(g->hub, &g->peer, &c, PL_S("ref"));
}

static void unsit(struct guest *g, unsigned room)
{
	struct pl_uuid id = id_of('c', room);
	pl_hub_unjoin(g->hub, &g->peer, &id);
}

static void expect(struct guest *g, const char *heard)
{
	if (strcmp(g->heard, heard) != 0)
		fail_msg("heard \"%s\", not \"%s\"", g->heard, heard);
	g->len = 0;
	g->heard[0] = '\0';
}

static size_t rosters(const struct world *w)
{
	size_t n = 0;
	for (int i = 0; i < WORKERS; i++)
		n += w->hubs[i].rosters.len;
	return n;
}

static void who_sits_down_is_told_and_told_of(void **state)
{
	struct world *w = world_new(0, 1000);
	struct guest g[3];
	(void)state;
	for (int i = 0; i < 3; i++)
		come(w, &g[i], i, (unsigned)i + 1);
	assert_int_equal(sit(&g[0], 7), 0);
	settle(w);
	expect(&g[0], "=1/7 ");
	assert_int_equal(sit(&g[1], 7), 0);
	settle(w);
	expect(&g[0], "+2/7 ");
	expect(&g[1], "=1/7 =2/7 ");
	assert_int_equal(sit(&g[2], 7), 0);
	settle(w);
	expect(&g[0], "+3/7 ");
	expect(&g[1], "+3/7 ");
	expect(&g[2], "=1/7 =2/7 =3/7 ");
	assert_int_equal(sit(&g[0], 7), 0); /* again: told again, the place stays */
	settle(w);
	expect(&g[0], "=1/7 =2/7 =3/7 ");
	expect(&g[1], "+1/7 ");
	unsit(&g[0], 7);
	unsit(&g[0], 7);
	unsit(&g[0], 8);
	settle(w);
	expect(&g[0], "");
	expect(&g[1], "-1/7 ");
	expect(&g[2], "+1/7 -1/7 ");
	pl_hub_leave(g[1].hub, &g[1].peer);
	settle(w);
	expect(&g[2], "-2/7 ");
	assert_int_equal(rosters(w), 1);
	pl_hub_leave(g[2].hub, &g[2].peer);
	pl_hub_leave(g[0].hub, &g[0].peer);
	settle(w);
	assert_int_equal(rosters(w), 0);
	world_free(w);
}

static void a_user_twice_is_two_lines(void **state)
{
	struct world *w = world_new(0, 1000);
	struct guest a, b;
	(void)state;
	come(w, &a, 0, 5);
	come(w, &b, 1, 5);
	assert_int_equal(sit(&a, 1), 0);
	settle(w);
	assert_int_equal(sit(&b, 1), 0);
	settle(w);
	expect(&a, "=5/1 +5/1 ");
	expect(&b, "=5/1 =5/1 ");
	pl_hub_leave(a.hub, &a.peer);
	settle(w);
	expect(&b, "-5/1 ");
	assert_int_equal(rosters(w), 1);
	pl_hub_leave(b.hub, &b.peer);
	settle(w);
	world_free(w);
}

static void leaving_all_is_told_in_every_room(void **state)
{
	enum { ROOMS = 100 };
	struct world *w = world_new(0, 1000);
	static struct guest a, b;
	(void)state;
	come(w, &a, 0, 1);
	come(w, &b, 2, 2);
	for (unsigned i = 0; i < ROOMS; i++) {
		assert_int_equal(sit(&a, i), 0);
		assert_int_equal(sit(&b, i), 0);
	}
	settle(w);
	assert_int_equal(rosters(w), ROOMS);
	b.len = 0;
	pl_hub_leave(a.hub, &a.peer);
	settle(w);
	size_t told = 0;
	for (const char *at = b.heard; (at = strstr(at, "-1/")); at++)
		told++;
	assert_int_equal(told, ROOMS);
	pl_hub_leave(b.hub, &b.peer);
	settle(w);
	assert_int_equal(rosters(w), 0);
	world_free(w);
}

/* Whatever the order in which the workers turn: each is in the other's members, or hears of it. */
static void two_at_once_do_not_miss_each_other(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 27; order++) {
		for (unsigned room = 0; room < 6; room++) {
			struct world *w = world_new(0, 1000);
			struct guest a, b;
			come(w, &a, 0, 1);
			come(w, &b, 1, 2);
			assert_int_equal(sit(&a, room), 0);
			for (unsigned i = 0, o = order; i < 3; i++, o /= 3)
				pl_loop_turn(w->loops[o % 3], 0);
			assert_int_equal(sit(&b, room), 0);
			settle(w);
			bool knows_b = strstr(a.heard, "+2/") || strstr(a.heard, "=2/");
			bool knows_a = strstr(b.heard, "+1/") || strstr(b.heard, "=1/");
			assert_true(knows_a && knows_b);
			pl_hub_leave(a.hub, &a.peer);
			pl_hub_leave(b.hub, &b.peer);
			world_free(w);
		}
	}
}

/* What a client makes of it: the members are the list, a change before them is nobody's. */
static unsigned list_of(const struct guest *g)
{
	unsigned list = 0;
	char last = ' ';
	for (const char *at = g->heard; *at; at = strchr(at, ' ') + 1) {
		unsigned bit = 1u << strtoul(at + 1, NULL, 10);
		if (*at == '=' && last != '=')
			list = 0;
		list = *at == '-' ? list & ~bit : list | bit;
		last = *at;
	}
	return list;
}

/* Whatever the order in which the workers turn: the list of who came meanwhile is right. */
static void changes_while_the_members_are_on_their_way(void **state)
{
	enum { ORDERS = 729 };
	(void)state;
	for (unsigned order = 0; order < ORDERS; order++) {
		for (unsigned room = 0; room < 6; room++) {
			struct world *w = world_new(0, 1000);
			struct guest a, b, c;
			unsigned o = order;
			come(w, &a, 0, 1);
			come(w, &b, 1, 2);
			come(w, &c, 2, 3);
			assert_int_equal(sit(&a, room), 0);
			settle(w);
			assert_int_equal(sit(&b, room), 0);
			for (unsigned i = 0; i < 2; i++, o /= 3)
				pl_loop_turn(w->loops[o % 3], 0);
			unsit(&a, room);
			assert_int_equal(sit(&c, room), 0);
			for (unsigned i = 0; i < 4; i++, o /= 3)
				pl_loop_turn(w->loops[o % 3], 0);
			settle(w);
			assert_int_equal(b.heard[0], '=');
			assert_int_equal(c.heard[0], '=');
			assert_int_equal(list_of(&b), 1u << 2 | 1u << 3);
			assert_int_equal(list_of(&c), 1u << 2 | 1u << 3);
			pl_hub_leave(b.hub, &b.peer);
			pl_hub_leave(c.hub, &c.peer);
			pl_hub_leave(a.hub, &a.peer);
			world_free(w);
		}
	}
}

/* Nothing of it is left, and nobody is told who is gone. */
static void who_leaves_before_the_members_come_is_not_told(void **state)
{
	struct world *w = world_new(0, 1000);
	struct guest a, b;
	(void)state;
	come(w, &a, 0, 1);
	come(w, &b, 1, 2);
	for (unsigned room = 0; room < 6; room++) {
		assert_int_equal(sit(&a, room), 0);
		assert_int_equal(sit(&a, room), 0);
		unsit(&a, room);
		assert_int_equal(sit(&b, room), 0);
		pl_hub_leave(b.hub, &b.peer);
		come(w, &b, 1, 2);
		settle(w);
		expect(&a, "");
		assert_int_equal(sit(&a, room), 0);
		settle(w);
		assert_int_equal(list_of(&a), 1u << 1);
		a.len = 0;
		a.heard[0] = '\0';
		unsit(&a, room);
	}
	settle(w);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(w->hubs[i].awaited.len, 0);
	assert_int_equal(rosters(w), 0);
	pl_hub_leave(a.hub, &a.peer);
	pl_hub_leave(b.hub, &b.peer);
	world_free(w);
}

static void an_unlisted_peer_is_on_no_roster(void **state)
{
	struct world *w = world_new(0, 1000);
	struct guest a, b;
	struct pl_uuid room = id_of('c', 1);
	(void)state;
	come(w, &a, 0, 1);
	come(w, &b, 0, 2);
	assert_int_equal(pl_hub_join(b.hub, &b.peer, &room), 0);
	assert_int_equal(sit(&a, 1), 0);
	settle(w);
	expect(&a, "=1/1 ");
	pl_hub_unjoin(b.hub, &b.peer, &room);
	settle(w);
	expect(&a, "");
	pl_hub_leave(a.hub, &a.peer);
	pl_hub_leave(b.hub, &b.peer);
	settle(w);
	world_free(w);
}

/* A peer that writes down users, not connections. */
static void hear_crowd(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	struct guest *g = PL_CONTAINER(p, struct guest, peer);
	(void)x;
	if (e->kind == PL_EV_CROWD)
		note(g, e->on ? "+" : "-", number_of(&e->actor.id), number_of(&e->conversation));
	for (size_t i = 0; e->kind == PL_EV_MEMBERS && i < e->nsitters; i++)
		if (!e->sitters[i].is_another)
			note(g, "=", number_of(&e->sitters[i].user), number_of(&e->conversation));
}

static const struct pl_peer_ops crowd_ops = {fake_encode, hear_crowd, fake_forget};

/* On however many workers its connections are: told once when the first comes and the last goes. */
static void a_user_comes_once_and_goes_once(void **state)
{
	struct world *w = world_new(0, 1000);
	struct guest ear, d[WORKERS * 2];
	(void)state;
	come(w, &ear, 0, 1);
	ear.peer.ops = &crowd_ops;
	assert_int_equal(sit(&ear, 3), 0);
	settle(w);
	expect(&ear, "=1/3 ");
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < WORKERS * 2; i++) {
			come(w, &d[i], i % WORKERS, 7);
			d[i].peer.ops = &crowd_ops;
			assert_int_equal(sit(&d[i], 3), 0);
			settle(w);
			assert_non_null(strstr(d[i].heard, "=1/3 =7/3 "));
		}
		expect(&ear, "+7/3 ");
		for (int i = 0; i < WORKERS * 2; i++) {
			int k = round == 0 ? i : round == 1 ? WORKERS * 2 - 1 - i : (i * 5 + 1) % 6;
			expect(&ear, "");
			pl_hub_leave(d[k].hub, &d[k].peer);
			settle(w);
		}
		expect(&ear, "-7/3 ");
	}
	pl_hub_leave(ear.hub, &ear.peer);
	settle(w);
	assert_int_equal(rosters(w), 0);
	world_free(w);
}

/* One goes on a worker while another comes on the next: whoever listens ends with the truth. */
static void who_is_there_at_the_end_was_told_last(void **state)
{
	struct world *w = world_new(0, 1000);
	struct guest ear, old, young;
	(void)state;
	come(w, &ear, 0, 1);
	ear.peer.ops = &crowd_ops;
	assert_int_equal(sit(&ear, 3), 0);
	for (int first = 0; first < WORKERS; first++) {
		come(w, &old, 1, 7);
		assert_int_equal(sit(&old, 3), 0);
		settle(w);
		ear.len = 0;
		come(w, &young, 2, 7);
		if (first % 2)
			pl_hub_leave(old.hub, &old.peer);
		assert_int_equal(sit(&young, 3), 0);
		if (!(first % 2))
			pl_hub_leave(old.hub, &old.peer);
		for (int i = 0; i < WORKERS; i++)
			pl_loop_turn(w->loops[(first + i) % WORKERS], 0);
		settle(w);
		ear.heard[ear.len] = '\0';
		size_t n = strlen(ear.heard);
		assert_true(!n || !strcmp(ear.heard, "-7/3 +7/3 "));
		pl_hub_leave(young.hub, &young.peer);
		settle(w);
	}
	pl_hub_leave(ear.hub, &ear.peer);
	settle(w);
	world_free(w);
}

/* The members once more, and nobody hears of it; also right behind the first time. */
static void who_sits_there_can_look_around(void **state)
{
	struct world *w = world_new(0, 1000);
	struct guest a, b;
	struct pl_conversation c = {.id = id_of('c', 3), .type = PL_ROOM, .alias = PL_S("room")};
	(void)state;
	come(w, &a, 0, 1);
	come(w, &b, 1, 2);
	assert_int_equal(sit(&a, 3), 0);
	settle(w);
	expect(&a, "=1/3 ");
	assert_int_equal(sit(&b, 3), 0);
	assert_int_equal(pl_hub_look_around(b.hub, &b.peer, &c, PL_S("ref")), 0);
	settle(w);
	expect(&a, "+2/3 ");
	expect(&b, "=1/3 =2/3 =1/3 =2/3 ");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pl_hub_look_around(a.hub, &a.peer, &c, PL_S("ref")), 0);
		settle(w);
		expect(&a, "=1/3 =2/3 ");
		expect(&b, "");
	}
	/* And it hears on. */
	unsit(&b, 3);
	settle(w);
	expect(&a, "-2/3 ");
	assert_int_equal(pl_hub_look_around(a.hub, &a.peer, &c, PL_S("ref")), 0);
	unsit(&a, 3);
	settle(w);
	expect(&a, "");
	pl_hub_leave(a.hub, &a.peer);
	pl_hub_leave(b.hub, &b.peer);
	settle(w);
	world_free(w);
}

static void memory_may_run_out(void **state)
{
	unsigned long n = 1, made;
	(void)state;
	do {
		struct world *w = world_new(0, 1000);
		struct guest a, b;
		come(w, &a, 0, 1);
		come(w, &b, 1, 2);
		pl_mem_fail_at(n, false);
		int err = sit(&a, 3);
		settle(w);
		if (sit(&b, 3) && err)
			assert_int_equal(err, PL_ENOMEM);
		settle(w);
		unsit(&a, 3);
		settle(w);
		made = pl_mem_count();
		pl_mem_fail_at(0, false);
		struct pl_uuid id = id_of('c', 3);
		assert_false(pl_hub_has_joined(a.hub, &a.peer, &id));
		pl_hub_leave(a.hub, &a.peer);
		pl_hub_leave(b.hub, &b.peer);
		settle(w);
		world_free(w);
	} while (made >= n++);
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sits_down_is_told_and_told_of),
		cmocka_unit_test(a_user_twice_is_two_lines),
		cmocka_unit_test(leaving_all_is_told_in_every_room),
		cmocka_unit_test(two_at_once_do_not_miss_each_other),
		cmocka_unit_test(changes_while_the_members_are_on_their_way),
		cmocka_unit_test(who_leaves_before_the_members_come_is_not_told),
		cmocka_unit_test(an_unlisted_peer_is_on_no_roster),
		cmocka_unit_test(a_user_comes_once_and_goes_once),
		cmocka_unit_test(who_is_there_at_the_end_was_told_last),
		cmocka_unit_test(who_sits_there_can_look_around),
		cmocka_unit_test(memory_may_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
