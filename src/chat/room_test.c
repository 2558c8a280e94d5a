/*
 * room_test.c - proves that a room tells each of its peers once and nobody else, that joining and
 * leaving in any order keeps seats and places in step, and that an empty room is gone.
 */
#include "chat/room.h"

#include "base/mem.h"
#include "chat/seats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct fake {
	struct pl_peer peer;
	unsigned heard;
};

static unsigned encoded, freed;

static struct pl_encoded *encode(const struct pl_event *e)
{
	static char words;
	encoded++;
	return e->kind == PL_EV_RAW ? NULL : (struct pl_encoded *)(void *)&words;
}

static void push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	assert_non_null(x);
	assert_true(e->kind != PL_EV_RAW);
	PL_CONTAINER(p, struct fake, peer)->heard++;
}

static void free_encoded(struct pl_encoded *x)
{
	assert_non_null(x);
	freed++;
}

static const struct pl_peer_ops kind_a = {encode, push, free_encoded};
static const struct pl_peer_ops kind_b = {encode, push, free_encoded};

static struct fake *people(size_t n)
{
	struct fake *f = calloc(n, sizeof(*f));
	assert_non_null(f);
	for (size_t i = 0; i < n; i++) {
		f[i].peer.ops = i % 2 ? &kind_b : &kind_a;
		f[i].peer.id = i + 1;
	}
	return f;
}

static struct pl_topic_id topic(uint32_t n)
{
	struct pl_uuid id = {{0}};
	memcpy(id.b, &n, sizeof(n));
	return pl_topic_conversation(&id);
}

static void tell(struct pl_rooms *rooms, enum pl_event_kind kind, uint64_t origin,
		 const uint32_t *topics, size_t n)
{
	struct pl_event *e = pl_event_new(kind);
	assert_non_null(e);
	e->origin = origin;
	for (size_t i = 0; i < n; i++) {
		struct pl_topic_id t = topic(topics[i]);
		assert_int_equal(pl_event_address(e, pl_topic_slice(&t)), 0);
	}
	pl_rooms_deliver(rooms, e);
	pl_event_release(e);
}

static int join(struct pl_rooms *rooms, struct fake *f, uint32_t n)
{
	struct pl_topic_id t = topic(n);
	return pl_room_join(rooms, &f->peer.member, pl_topic_slice(&t));
}

static bool leave(struct pl_rooms *rooms, struct fake *f, uint32_t n)
{
	struct pl_topic_id t = topic(n);
	return pl_room_leave(rooms, &f->peer.member, pl_topic_slice(&t));
}

static bool has(struct pl_rooms *rooms, struct fake *f, uint32_t n)
{
	struct pl_topic_id t = topic(n);
	return pl_room_has(rooms, &f->peer.member, pl_topic_slice(&t));
}

static size_t size(struct pl_rooms *rooms, uint32_t n)
{
	struct pl_topic_id t = topic(n);
	return pl_room_size(rooms, pl_topic_slice(&t));
}

static void everybody_in_the_room_hears_once_but_not_the_origin(void **state)
{
	struct pl_rooms rooms;
	struct fake *f = people(5);
	(void)state;
	pl_rooms_init(&rooms, 100, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(join(&rooms, &f[i], 7), 0);
	assert_int_equal(join(&rooms, &f[0], 7), 0); /* twice is fine */
	assert_int_equal(size(&rooms, 7), 4);
	encoded = freed = 0;
	tell(&rooms, PL_EV_MESSAGE, 2, (uint32_t[]){7, 8}, 2);
	assert_int_equal(encoded, 2); /* once per kind of peer */
	assert_int_equal(freed, 2);
	const unsigned want[] = {1, 0, 1, 1, 0};
	for (int i = 0; i < 5; i++)
		assert_int_equal(f[i].heard, want[i]);
	encoded = freed = 0;
	tell(&rooms, PL_EV_RAW, 0, (uint32_t[]){7}, 1); /* they do not hear of such events */
	assert_int_equal(encoded, 2);
	assert_int_equal(freed, 0);
	for (int i = 0; i < 5; i++)
		pl_room_leave_all(&rooms, &f[i].peer.member);
	assert_int_equal(rooms.by_topic.len, 0);
	pl_rooms_fini(&rooms);
	free(f);
}

/* Against a table of who sits where, with peers that have few seats and one that has very many. */
static void any_order_of_joins_and_leaves_keeps_them_in_step(void **state)
{
	enum { PEERS = 24, ROOMS = 700, STEPS = 120000 };
	static bool sits[PEERS][ROOMS];
	struct pl_rooms rooms;
	struct fake *f = people(PEERS);
	uint32_t seed = 12345;
	(void)state;
	pl_rooms_init(&rooms, ROOMS, NULL);
	for (int step = 0; step < STEPS; step++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t p = (seed >> 8) % PEERS, r = (seed >> 16) % (p ? 3u + p * 29 : ROOMS);
		seed = seed * 1664525 + 1013904223;
		bool come = (seed >> 20) % 100 < (step < STEPS / 2 ? 60u : 40u);
		if (come) {
			assert_int_equal(join(&rooms, &f[p], r), 0);
			sits[p][r] = true;
		} else {
			assert_int_equal(leave(&rooms, &f[p], r), sits[p][r]);
			sits[p][r] = false;
		}
		assert_int_equal(has(&rooms, &f[p], r), sits[p][r]);
	}
	for (uint32_t r = 0; r < ROOMS; r++) {
		size_t n = 0;
		for (uint32_t p = 0; p < PEERS; p++) {
			n += sits[p][r];
			assert_int_equal(has(&rooms, &f[p], r), sits[p][r]);
			f[p].heard = 0;
		}
		assert_int_equal(size(&rooms, r), n);
		tell(&rooms, PL_EV_MESSAGE, 0, &r, 1);
		for (uint32_t p = 0; p < PEERS; p++)
			assert_int_equal(f[p].heard, sits[p][r]);
	}
	for (int p = 0; p < PEERS; p++)
		pl_room_leave_all(&rooms, &f[p].peer.member);
	assert_int_equal(rooms.by_topic.len, 0);
	pl_rooms_fini(&rooms);
	free(f);
}

static void a_crowd_comes_and_goes(void **state)
{
	enum { CROWD = 3000 };
	struct pl_rooms rooms;
	struct fake *f = people(CROWD);
	(void)state;
	pl_rooms_init(&rooms, 10, NULL);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(join(&rooms, &f[i], 1), 0);
	for (int i = 0; i < CROWD; i += 2)
		assert_true(leave(&rooms, &f[i], 1));
	tell(&rooms, PL_EV_MESSAGE, 0, (uint32_t[]){1}, 1);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(f[i].heard, i % 2);
	for (int i = 1; i < CROWD; i += 2)
		assert_true(leave(&rooms, &f[i], 1));
	assert_int_equal(rooms.by_topic.len, 0);
	for (int i = 0; i < CROWD; i++)
		pl_room_leave_all(&rooms, &f[i].peer.member);
	pl_rooms_fini(&rooms);
	free(f);
}

static void limits_are_kept_and_leave_nothing_behind(void **state)
{
	struct pl_rooms rooms;
	struct fake *f = people(1);
	(void)state;
	pl_rooms_init(&rooms, PL_SEATS_MAX + 1, NULL);
	for (uint32_t i = 0; i < PL_SEATS_MAX; i++)
		assert_int_equal(join(&rooms, f, i), 0);
	assert_int_equal(join(&rooms, f, PL_SEATS_MAX), PL_ELIMIT);
	assert_int_equal(rooms.by_topic.len, PL_SEATS_MAX);
	assert_int_equal(join(&rooms, f, 5), 0); /* there already */
	pl_room_leave_all(&rooms, &f->peer.member);
	pl_rooms_fini(&rooms);
	pl_rooms_init(&rooms, 100, NULL);
	rooms.seats_max = 3;
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(join(&rooms, f, i), 0);
	assert_int_equal(join(&rooms, f, 3), PL_ELIMIT);
	assert_true(leave(&rooms, f, 1));
	assert_int_equal(join(&rooms, f, 3), 0);
	pl_room_leave_all(&rooms, &f->peer.member);
	pl_rooms_fini(&rooms);
	pl_rooms_init(&rooms, 2, NULL);
	assert_int_equal(join(&rooms, f, 1), 0);
	assert_int_equal(join(&rooms, f, 2), 0);
	assert_int_equal(join(&rooms, f, 3), PL_ELIMIT);
	pl_room_leave_all(&rooms, &f->peer.member);
	pl_rooms_fini(&rooms);
	free(f);
}

static void count_visit(struct pl_member *m, void *ctx)
{
	PL_CONTAINER(m, struct fake, peer.member)->heard++;
	++*(unsigned *)ctx;
}

static void a_room_shows_its_members_and_a_seat_its_room(void **state)
{
	struct pl_rooms rooms;
	struct fake *f = people(5);
	unsigned visits = 0;
	(void)state;
	pl_rooms_init(&rooms, 10, NULL);
	for (int i = 1; i < 5; i++)
		assert_int_equal(join(&rooms, &f[i], 1), 0);
	assert_int_equal(pl_room_join(&rooms, &f[1].peer.member, PL_S("")), 0); /* also a topic */
	assert_true(leave(&rooms, &f[2], 1));
	struct pl_topic_id t = topic(1);
	pl_room_each(&rooms, pl_topic_slice(&t), count_visit, &visits);
	assert_int_equal(visits, 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(f[i].heard, i && i != 2);
	assert_true(pl_slice_eq(pl_room_topic(f[1].peer.member.seats[0].room), pl_topic_slice(&t)));
	assert_true(pl_slice_is(pl_room_topic(f[1].peer.member.seats[1].room), ""));
	pl_room_each(&rooms, PL_S("nowhere"), count_visit, &visits);
	assert_int_equal(visits, 3);
	for (int i = 0; i < 5; i++)
		pl_room_leave_all(&rooms, &f[i].peer.member);
	pl_rooms_fini(&rooms);
	free(f);
}

static void without_memory_nothing_changes(void **state)
{
	struct fake *f = people(40);
	(void)state;
	for (unsigned long n = 1; n < 200; n++) {
		struct pl_rooms rooms;
		pl_rooms_init(&rooms, 100, NULL);
		unsigned failed = 0;
		pl_mem_fail_at(n, false);
		for (int i = 0; i < 40; i++) { /* one peer in many rooms, one room of many */
			int err = join(&rooms, &f[0], (uint32_t)i);
			assert_int_equal(has(&rooms, &f[0], (uint32_t)i), !err);
			int other = join(&rooms, &f[i], 0);
			assert_int_equal(has(&rooms, &f[i], 0), !other);
			failed += (err != 0) + (other != 0);
		}
		pl_mem_fail_at(0, false);
		assert_true(failed <= 2);
		for (int i = 0; i < 40; i++)
			pl_room_leave_all(&rooms, &f[i].peer.member);
		assert_int_equal(rooms.by_topic.len, 0);
		pl_rooms_fini(&rooms);
	}
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_in_the_room_hears_once_but_not_the_origin),
		cmocka_unit_test(any_order_of_joins_and_leaves_keeps_them_in_step),
		cmocka_unit_test(a_crowd_comes_and_goes),
		cmocka_unit_test(limits_are_kept_and_leave_nothing_behind),
		cmocka_unit_test(a_room_shows_its_members_and_a_seat_its_room),
		cmocka_unit_test(without_memory_nothing_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
