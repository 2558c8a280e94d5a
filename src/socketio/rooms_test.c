/* Proves that rooms and targets mean what Socket.IO says, on both workers: members of any of the
 * rooms, in none of the exceptions, not the one that is left out, each once. */
#include "socketio/testing.h"

enum { PEERS = 6 };

/* Six clients, every other one on the second worker: a b c d e f. a, b, c are in "abc"; c, d in
 * "cd"; nobody is in "none". */
static struct crowd {
	struct sio_world s;
	struct client *c[PEERS];
	struct sid id[PEERS];
} crowd;

static parley_socket *socket_of(int i)
{
	return pl_sio_site_socket(crowd.s.sites[i % 2], pl_slice(crowd.id[i].text, SOCKET_ID));
}

static struct parley_slice id_of(int i)
{
	return parley_slice(crowd.id[i].text, SOCKET_ID);
}

static void crowd_join(int i, const char *room)
{
	assert_int_equal(parley_socket_join(socket_of(i), parley_cstr(room)), 0);
}

static void crowd_new(const struct parley_namespace *n)
{
	sio_open(&crowd.s, n, 2);
	for (int i = 0; i < PEERS; i++)
		crowd.c[i] = peer_at(&crowd.s, i % 2, &crowd.id[i]);
	crowd_join(0, "abc");
	crowd_join(1, "abc");
	crowd_join(2, "abc");
	crowd_join(2, "cd");
	crowd_join(3, "cd");
}

/* Who heard the event, once each. */
static const char *who_heard(const char *event)
{
	static char who[PEERS + 1];
	char whole[128];
	size_t n = 0;
	(void)snprintf(whole, sizeof(whole), "4%s", event);
	settle(&crowd.s.w);
	for (int i = 0; i < PEERS; i++) {
		struct pl_ws_event ev = {0};
		if (!next_frame(crowd.c[i], &ev))
			continue;
		assert_string_equal(ev.data.at, whole);
		who[n++] = (char)('a' + i);
		expect_nothing(&crowd.s.w, crowd.c[i]);
	}
	who[n] = '\0';
	return who;
}

/* From a callback of this worker; -1: from elsewhere. */
static int from(int worker, int (*speak)(const struct parley_target *),
		const struct parley_target *t)
{
	struct pl_sio_site *here = worker < 0 ? NULL : crowd.s.sites[worker];
	uintptr_t before = here ? pl_sio_enter(here) : 0;
	int err = speak(t);
	if (here)
		pl_sio_leave(here, before);
	settle(&crowd.s.w);
	return err;
}

static int emit(const struct parley_target *t)
{
	return pl_sio_emit_to(crowd.s.sio, "/", t, PL_S("hi"), PARLEY_ARGS(parley_aint(1)));
}

static void expect_heard(int worker, const struct parley_target *t, const char *who)
{
	assert_int_equal(from(worker, emit, t), 0);
	const char *heard_by = who_heard("2[\"hi\",1]");
	if (strcmp(heard_by, who) != 0)
		fail_msg("heard by \"%s\", not \"%s\"", heard_by, who);
}

static void targets_mean_rooms(void **state)
{
	struct parley_slice abc = PARLEY_S("abc"), cd = PARLEY_S("cd");
	struct parley_slice both[] = {abc, cd}, none = PARLEY_S("none");
	(void)state;
	crowd_new(&(struct parley_namespace){.name = "/"});
	for (int worker = -1; worker < 2; worker++) {
		expect_heard(worker, NULL, "abcdef");
		expect_heard(worker, &(struct parley_target){.rooms = &abc, .nrooms = 1}, "abc");
		expect_heard(worker, &(struct parley_target){.rooms = both, .nrooms = 2}, "abcd");
		expect_heard(worker, &(struct parley_target){.rooms = &none, .nrooms = 1}, "");
		expect_heard(worker, &(struct parley_target){.except = &abc, .nexcept = 1}, "def");
		expect_heard(worker, &(struct parley_target){.except = both, .nexcept = 2}, "ef");
		expect_heard(worker,
			     &(struct parley_target){
				     .rooms = &abc, .nrooms = 1, .except = &cd, .nexcept = 1},
			     "ab");
		expect_heard(worker,
			     &(struct parley_target){
				     .rooms = &abc, .nrooms = 1, .except = &none, .nexcept = 1},
			     "abc");
	}
	sio_end(&crowd.s);
}

static void an_id_is_a_room(void **state)
{
	(void)state;
	crowd_new(&(struct parley_namespace){.name = "/"});
	for (int worker = -1; worker < 2; worker++) {
		for (int i = 0; i < PEERS; i++) {
			struct parley_slice id = id_of(i);
			expect_heard(worker, &(struct parley_target){.rooms = &id, .nrooms = 1},
				     (char[]){(char)('a' + i), '\0'});
		}
		struct parley_slice abc = PARLEY_S("abc"), b = id_of(1);
		expect_heard(worker,
			     &(struct parley_target){
				     .rooms = &abc, .nrooms = 1, .except = &b, .nexcept = 1},
			     "ac");
	}
	/* Others may be in it, too. */
	struct parley_slice id = id_of(0), twice[] = {id_of(0), id_of(0)};
	assert_int_equal(parley_socket_join(socket_of(5), id), 0);
	expect_heard(0, &(struct parley_target){.rooms = &id, .nrooms = 1}, "af");
	expect_heard(0, &(struct parley_target){.rooms = twice, .nrooms = 2}, "af");
	/* And it cannot be left. */
	assert_int_equal(parley_socket_leave(socket_of(0), id), 0);
	assert_true(parley_socket_in(socket_of(0), id));
	assert_int_equal(parley_socket_join(socket_of(0), id), 0);
	expect_heard(1, &(struct parley_target){.rooms = &id, .nrooms = 1}, "af");
	sio_end(&crowd.s);
}

static void one_may_be_left_out(void **state)
{
	struct parley_slice abc = PARLEY_S("abc");
	(void)state;
	crowd_new(&(struct parley_namespace){.name = "/"});
	expect_heard(0, &(struct parley_target){.but = socket_of(0)}, "bcdef");
	expect_heard(0, &(struct parley_target){.rooms = &abc, .nrooms = 1, .but = socket_of(0)},
		     "bc");
	expect_heard(0, &(struct parley_target){.rooms = &abc, .nrooms = 1, .but = socket_of(4)},
		     "abc");
	sio_end(&crowd.s);
}

static void local_stays_here(void **state)
{
	(void)state;
	crowd_new(&(struct parley_namespace){.name = "/"});
	expect_heard(0, &(struct parley_target){.local = true}, "ace");
	expect_heard(1, &(struct parley_target){.local = true}, "bdf");
	assert_int_equal(from(-1, emit, &(struct parley_target){.local = true}), PARLEY_ESTATE);
	sio_end(&crowd.s);
}

static void attachments_reach_everybody(void **state)
{
	(void)state;
	crowd_new(&(struct parley_namespace){.name = "/"});
	uintptr_t before = pl_sio_enter(crowd.s.sites[0]);
	assert_int_equal(pl_sio_emit_to(crowd.s.sio, "/", NULL, PL_S("b"),
					PARLEY_ARGS(parley_abin(PARLEY_S("one")),
						    parley_abin(PARLEY_S("")))),
			 0);
	assert_int_equal(pl_sio_emit_to(crowd.s.sio, "/",
					&(struct parley_target){.is_volatile = true}, PL_S("b"),
					PARLEY_ARGS(parley_abin(PARLEY_S("two")))),
			 0);
	pl_sio_leave(crowd.s.sites[0], before);
	for (int i = 0; i < PEERS; i++) {
		expect(&crowd.s, crowd.c[i],
		       "52-[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":"
		       "1}]");
		expect_bytes(&crowd.s, crowd.c[i], "one");
		expect_bytes(&crowd.s, crowd.c[i], "");
		expect(&crowd.s, crowd.c[i], "51-[\"b\",{\"_placeholder\":true,\"num\":0}]");
		expect_bytes(&crowd.s, crowd.c[i], "two");
	}
	sio_end(&crowd.s);
}

static void bad_targets_are_refused(void **state)
{
	static char long_name[ROOM_NAME_MAX + 2];
	static struct parley_slice many[ROOMS_TOLD_MAX + 1];
	(void)state;
	memset(long_name, 'x', ROOM_NAME_MAX + 1);
	for (size_t i = 0; i <= ROOMS_TOLD_MAX; i++)
		many[i] = PARLEY_S("r");
	crowd_new(&(struct parley_namespace){.name = "/"});
	struct parley_slice bad[] = {PARLEY_S(""), parley_slice(NULL, 0), parley_cstr(long_name)};
	for (size_t i = 0; i < 3; i++) {
		struct parley_target t = {.rooms = &bad[i], .nrooms = 1};
		assert_int_equal(emit(&t), PARLEY_EINVAL);
		t = (struct parley_target){.except = &bad[i], .nexcept = 1};
		assert_int_equal(emit(&t), PARLEY_EINVAL);
		assert_int_equal(parley_socket_join(socket_of(0), bad[i]), PARLEY_EINVAL);
		assert_int_equal(parley_socket_leave(socket_of(0), bad[i]), PARLEY_EINVAL);
		assert_false(parley_socket_in(socket_of(0), bad[i]));
		assert_int_equal(pl_sio_sockets_join(crowd.s.sio, "/", NULL, pl_in(bad[i])),
				 PARLEY_EINVAL);
		assert_int_equal(pl_sio_sockets_leave(crowd.s.sio, "/", NULL, pl_in(bad[i])),
				 PARLEY_EINVAL);
	}
	assert_int_equal(emit(&(struct parley_target){.nrooms = 1}), PARLEY_EINVAL);
	assert_int_equal(emit(&(struct parley_target){.nexcept = 1}), PARLEY_EINVAL);
	assert_int_equal(emit(&(struct parley_target){.rooms = many, .nrooms = ROOMS_TOLD_MAX + 1}),
			 PARLEY_ELIMIT);
	expect_heard(0, &(struct parley_target){.rooms = many, .nrooms = ROOMS_TOLD_MAX}, "");
	assert_int_equal(pl_sio_emit_to(crowd.s.sio, "/no", NULL, PL_S("x"), PARLEY_NO_ARGS),
			 PARLEY_ENOT_FOUND);
	assert_int_equal(pl_sio_emit_to(crowd.s.sio, NULL, NULL, PL_S("x"), PARLEY_NO_ARGS),
			 PARLEY_EINVAL);
	assert_int_equal(pl_sio_emit_to(crowd.s.sio, "/", NULL, PL_S("connect"), PARLEY_NO_ARGS),
			 PARLEY_EINVAL);
	assert_int_equal(pl_sio_emit_to(crowd.s.sio, "/", NULL, pl_slice(NULL, 0), PARLEY_NO_ARGS),
			 PARLEY_EINVAL);
	assert_string_equal(who_heard(""), "");
	sio_end(&crowd.s);
}

/* ---- from afar ---- */

static int join_x(const struct parley_target *t)
{
	return pl_sio_sockets_join(crowd.s.sio, "/", t, PL_S("x"));
}

static int leave_abc(const struct parley_target *t)
{
	return pl_sio_sockets_leave(crowd.s.sio, "/", t, PL_S("abc"));
}

static int disconnect(const struct parley_target *t)
{
	return pl_sio_sockets_disconnect(crowd.s.sio, "/", t, false);
}

static void sockets_join_and_leave_from_afar(void **state)
{
	struct parley_slice abc = PARLEY_S("abc"), x = PARLEY_S("x"), cd = PARLEY_S("cd");
	(void)state;
	for (int worker = -1; worker < 2; worker++) {
		crowd_new(&(struct parley_namespace){.name = "/"});
		assert_int_equal(
			from(worker, join_x, &(struct parley_target){.rooms = &abc, .nrooms = 1}),
			0);
		expect_heard(0, &(struct parley_target){.rooms = &x, .nrooms = 1}, "abc");
		/* The room that is walked is the one that is left. */
		struct parley_target not_cd = {
			.rooms = &abc, .nrooms = 1, .except = &cd, .nexcept = 1};
		assert_int_equal(from(worker, leave_abc, &not_cd), 0);
		expect_heard(1, &(struct parley_target){.rooms = &abc, .nrooms = 1}, "c");
		assert_int_equal(
			from(worker, join_x, &(struct parley_target){.rooms = &x, .nrooms = 1}), 0);
		expect_heard(1, &(struct parley_target){.rooms = &x, .nrooms = 1}, "abc");
		sio_end(&crowd.s);
	}
}

static void on_disconnect(parley_socket *k, const char *reason)
{
	note(&sio_world_of(k)->w, "-%s ", reason);
}

static void sockets_are_disconnected_from_afar(void **state)
{
	struct parley_slice abc = PARLEY_S("abc");
	(void)state;
	for (int worker = -1; worker < 2; worker++) {
		crowd_new(&(struct parley_namespace){.name = "/", .on_disconnect = on_disconnect});
		assert_int_equal(from(worker, disconnect,
				      &(struct parley_target){.rooms = &abc, .nrooms = 1}),
				 0);
		assert_string_equal(who_heard("1"), "abc");
		expect_log(&crowd.s.w, "-server namespace disconnect -server namespace disconnect "
				       "-server namespace disconnect ");
		expect_heard(0, NULL, "def");
		assert_int_equal(pl_sio_sockets_disconnect(crowd.s.sio, "/", NULL, true), 0);
		for (int i = 3; i < PEERS; i++)
			expect_end(&crowd.s, crowd.c[i]);
		sio_end(&crowd.s);
	}
}

/* ---- what is there ---- */

static void visit(parley_socket *k, void *ctx)
{
	*(int *)ctx += 1;
	/* Whatever it does to what is walked. */
	assert_int_equal(parley_socket_leave(k, PARLEY_S("abc")), 0);
	parley_disconnect(k, true);
}

static void sockets_are_listed(void **state)
{
	struct parley_slice abc = PARLEY_S("abc");
	struct parley_target t = {.rooms = &abc, .nrooms = 1};
	int n = 0;
	(void)state;
	crowd_new(&(struct parley_namespace){.name = "/"});
	assert_int_equal(pl_sio_sockets_each(crowd.s.sio, "/", &t, visit, &n), 0);
	assert_null(pl_sio_socket(crowd.s.sio, "/", pl_slice(crowd.id[0].text, SOCKET_ID)));
	uintptr_t before = pl_sio_enter(crowd.s.sites[0]);
	assert_ptr_equal(pl_sio_socket(crowd.s.sio, "/", pl_slice(crowd.id[0].text, SOCKET_ID)),
			 socket_of(0));
	assert_null(pl_sio_socket(crowd.s.sio, "/", pl_slice(crowd.id[1].text, SOCKET_ID)));
	assert_null(pl_sio_socket(crowd.s.sio, "/x", pl_slice(crowd.id[0].text, SOCKET_ID)));
	assert_null(pl_sio_socket(crowd.s.sio, "/", PL_S("short")));
	assert_int_equal(pl_sio_sockets_each(crowd.s.sio, "/", &t, visit, &n), 2);
	assert_int_equal(n, 2);
	assert_null(pl_sio_socket(crowd.s.sio, "/", pl_slice(crowd.id[0].text, SOCKET_ID)));
	assert_int_equal(pl_sio_sockets_each(crowd.s.sio, "/", NULL, visit, &n), 1);
	assert_int_equal(pl_sio_sockets_each(crowd.s.sio, "/none", NULL, visit, &n), 0);
	pl_sio_leave(crowd.s.sites[0], before);
	for (int i = 0; i < PEERS; i += 2)
		expect_end(&crowd.s, crowd.c[i]);
	expect_heard(1, NULL, "bdf");
	sio_end(&crowd.s);
}

static void a_socket_knows_its_rooms(void **state)
{
	struct parley_slice rooms[4] = {{NULL, 0}};
	(void)state;
	crowd_new(&(struct parley_namespace){.name = "/", .max_rooms_each = 3, .max_rooms = 4});
	parley_socket *c = socket_of(2);
	assert_int_equal(parley_socket_rooms(c, NULL, 0), 3);
	assert_int_equal(parley_socket_rooms(c, rooms, 4), 3);
	assert_true(parley_slice_eq(rooms[0], id_of(2)));
	assert_true(parley_slice_eq(rooms[1], PARLEY_S("abc")));
	assert_true(parley_slice_eq(rooms[2], PARLEY_S("cd")));
	assert_true(parley_socket_in(c, PARLEY_S("cd")));
	assert_false(parley_socket_in(c, PARLEY_S("none")));
	/* Twice is once. */
	crowd_join(2, "cd");
	assert_int_equal(parley_socket_rooms(c, NULL, 0), 3);
	/* Limits: of one socket, of the namespace. */
	crowd_join(2, "third");
	assert_int_equal(parley_socket_join(c, PARLEY_S("fourth")), PARLEY_ELIMIT);
	crowd_join(0, "fourth");
	assert_int_equal(parley_socket_join(socket_of(0), PARLEY_S("fifth")), PARLEY_ELIMIT);
	sio_end(&crowd.s);
}

static void rooms_belong_to_a_namespace(void **state)
{
	struct sio_world s;
	struct sid id;
	struct parley_slice r = PARLEY_S("r");
	struct parley_target t = {.rooms = &r, .nrooms = 1};
	(void)state;
	sio_new(&s, 1);
	sio_namespace(&s, &(struct parley_namespace){.name = "/"});
	sio_namespace(&s, &(struct parley_namespace){.name = "/b"});
	sio_start(&s);
	struct client *c = peer_at(&s, 0, &id);
	assert_int_equal(
		parley_socket_join(pl_sio_site_socket(s.sites[0], pl_slice(id.text, SOCKET_ID)), r),
		0);
	struct sid b = join_as(&s, c, "/b");
	uintptr_t before = pl_sio_enter(s.sites[0]);
	assert_int_equal(pl_sio_emit_to(s.sio, "/b", &t, PL_S("x"), PARLEY_NO_ARGS), 0);
	r = parley_slice(id.text, SOCKET_ID);
	assert_int_equal(pl_sio_emit_to(s.sio, "/b", &t, PL_S("x"), PARLEY_NO_ARGS), 0);
	r = parley_slice(b.text, SOCKET_ID);
	assert_int_equal(pl_sio_emit_to(s.sio, "/b", &t, PL_S("x"), PARLEY_NO_ARGS), 0);
	pl_sio_leave(s.sites[0], before);
	expect(&s, c, "2/b,[\"x\"]");
	expect_nothing(&s.w, c);
	sio_end(&s);
}

static int on_say(parley_socket *k, const parley_packet *p)
{
	struct parley_target t = {.but = k};
	return pl_sio_emit_to(sio_world_of(k)->sio, "/", &t, PL_S("said"),
			      PARLEY_ARGS(parley_apacket(p, 0)));
}

/* The order of one worker is everybody's. */
static void order_is_kept(void **state)
{
	static const struct parley_on events[] = {{"say", on_say}, {NULL, NULL}};
	char text[64];
	(void)state;
	crowd_new(&(struct parley_namespace){.name = "/", .events = events});
	for (int i = 0; i < 50; i++) {
		(void)snprintf(text, sizeof(text), "2[\"say\",%d]", i);
		tell(&crowd.s, crowd.c[0], text);
	}
	for (int k = 1; k < PEERS; k++) {
		for (int i = 0; i < 50; i++) {
			(void)snprintf(text, sizeof(text), "2[\"said\",%d]", i);
			expect(&crowd.s, crowd.c[k], text);
		}
	}
	expect_nothing(&crowd.s.w, crowd.c[0]);
	sio_end(&crowd.s);
}

/* The number of walks is 32 bits wide. */
static void the_stamp_begins_again(void **state)
{
	struct parley_slice both[] = {PARLEY_S("abc"), PARLEY_S("cd")};
	struct parley_target t = {.rooms = both, .nrooms = 2};
	(void)state;
	crowd_new(&(struct parley_namespace){.name = "/"});
	crowd.s.sites[0]->stamp = crowd.s.sites[1]->stamp = UINT32_MAX - 1;
	for (int i = 0; i < 4; i++)
		expect_heard(0, &t, "abcd");
	sio_end(&crowd.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_mean_rooms),
		cmocka_unit_test(an_id_is_a_room),
		cmocka_unit_test(one_may_be_left_out),
		cmocka_unit_test(local_stays_here),
		cmocka_unit_test(attachments_reach_everybody),
		cmocka_unit_test(bad_targets_are_refused),
		cmocka_unit_test(sockets_join_and_leave_from_afar),
		cmocka_unit_test(sockets_are_disconnected_from_afar),
		cmocka_unit_test(sockets_are_listed),
		cmocka_unit_test(a_socket_knows_its_rooms),
		cmocka_unit_test(rooms_belong_to_a_namespace),
		cmocka_unit_test(order_is_kept),
		cmocka_unit_test(the_stamp_begins_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
