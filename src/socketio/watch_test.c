/* Proves that an observer of a worker sees what happens there, in the order in which it happens,
 * and that what the house can do more than the public, it can: a context per worker, a reply that
 * is held, recovery of its own, packets of its own JSON. */
#include "socketio/testing.h"

static struct sio_world world;

static void saw_engine(void *ctx, struct pl_eio *eio, bool opened, const char *reason)
{
	assert_ptr_equal(ctx, &world);
	assert_non_null(pl_eio_user(eio));
	note(&world.w, opened ? "engine " : "engine-%s ", reason);
}

static void saw_socket(void *ctx, parley_socket *k, bool connected, const char *reason)
{
	(void)ctx;
	struct parley_slice nsp = parley_socket_namespace(k);
	note(&world.w, connected ? "socket:%.*s%s " : "socket-%.*s:%s ", PARLEY_FMT(nsp), reason);
}

static void saw_room(void *ctx, parley_socket *k, struct pl_slice room, bool joined)
{
	(void)ctx;
	(void)k;
	note(&world.w, "room%c%.*s ", joined ? '+' : '-', PL_FMT(room));
}

static void saw_event(void *ctx, parley_socket *k, struct pl_slice json, bool is_received)
{
	(void)ctx;
	(void)k;
	note(&world.w, "%c%.*s ", is_received ? '>' : '<', PL_FMT(json));
}

static const struct pl_sio_watch watch = {.ctx = &world,
					  .on_engine = saw_engine,
					  .on_socket = saw_socket,
					  .on_room = saw_room,
					  .on_event = saw_event};

static int on_all(parley_socket *k, const parley_packet *p)
{
	int err = parley_emit(k, PARLEY_S("one"), PARLEY_ARGS(parley_apacket(p, 0)));
	if (!err)
		err = parley_ack(p, PARLEY_NO_ARGS); /* an answer is no event */
	if (!err)
		err = parley_socket_join(k, PARLEY_S("r"));
	if (!err)
		err = parley_socket_join(k, PARLEY_S("r"));
	if (!err)
		err = pl_sio_emit_to(world.sio, "/", NULL, PL_S("many"), PARLEY_NO_ARGS);
	if (!err)
		err = parley_socket_leave(k, PARLEY_S("r"));
	return err ? err : parley_socket_leave(k, PARLEY_S("r"));
}

static const struct parley_on events[] = {{"all", on_all}, {NULL, NULL}};

static void what_happens_is_seen(void **state)
{
	(void)state;
	sio_open(&world, &(struct parley_namespace){.name = "/", .events = events}, 1);
	pl_sio_site_watch(world.sites[0], &watch);
	struct client *c = engine_new(&world);
	expect_log(&world.w, "engine ");
	join_as(&world, c, "");
	expect_log(&world.w, "socket:/ ");
	tell(&world, c, "25[\"all\",1]");
	settle(&world.w);
	expect_log(&world.w, ">[\"all\",1] <[\"one\",1] room+r <[\"many\"] room-r ");
	tell(&world, c, "1");
	settle(&world.w);
	expect_log(&world.w, "socket-/:client namespace disconnect ");
	hang_up(c);
	settle(&world.w);
	expect_log(&world.w, "engine-transport close ");
	/* And no more. */
	pl_sio_site_watch(world.sites[0], NULL);
	c = peer_new(&world);
	tell(&world, c, "2[\"all\",1]");
	settle(&world.w);
	expect_log(&world.w, "");
	size_t polling = 9;
	assert_int_equal(pl_sio_site_clients(world.sites[0], &polling), 1);
	assert_int_equal(polling, 0);
	sio_end(&world);
}

static void packets_are_counted(void **state)
{
	(void)state;
	sio_open(&world, &(struct parley_namespace){.name = "/", .events = events}, 1);
	struct client *c = engine_new(&world);
	struct pl_sio_counts n = pl_sio_site_counts(world.sites[0]);
	assert_int_equal(n.packets_in + n.packets_out + n.bytes_in + n.bytes_out, 0);
	join_as(&world, c, "");
	tell(&world, c, "25[\"all\",1]");
	settle(&world.w);
	n = pl_sio_site_counts(world.sites[0]);
	assert_int_equal(n.packets_in, 2);
	assert_int_equal(n.bytes_in, 1 + 11);
	assert_int_equal(n.packets_out, 4);
	assert_int_equal(n.bytes_out, 31 + 10 + 4 + 9);
	sio_end(&world);
}

static void count_socket(parley_socket *k, void *ctx)
{
	(void)k;
	++*(int *)ctx;
}

static void all_sockets_are_visited(void **state)
{
	int n = 0;
	(void)state;
	sio_open(&world, &(struct parley_namespace){.name = "/n*"}, 1);
	struct client *c = engine_new(&world);
	join_as(&world, c, "/n1");
	join_as(&world, c, "/n2");
	join_as(&world, engine_new(&world), "/n1");
	pl_sio_site_each(world.sites[0], count_socket, &n);
	assert_int_equal(n, 3);
	sio_end(&world);
}

/* ---- the house ---- */

static int ctxs[2];

static void authorize(parley_handshake *h, void *user)
{
	struct pl_slice pid = pl_handshake_pid(h), offset = pl_handshake_offset(h);
	(void)user;
	assert_non_null(pl_handshake_engine(h));
	note(&world.w, "ctx%d,%.*s,%.*s ", (int)((int *)pl_handshake_ctx(h) - ctxs), PL_FMT(pid),
	     PL_FMT(offset));
	assert_int_equal(pl_handshake_restore(h, PL_S("short"), PL_S("p"), true), PL_EINVAL);
	if (pid.at)
		assert_int_equal(pl_handshake_restore(h, PL_S("aaaaaaaaaaaaaaaaaaaa"), pid, true),
				 0);
	else
		assert_int_equal(
			pl_handshake_restore(h, pl_slice(NULL, 0), PL_S("its\"own"), false), 0);
	pl_handshake_hold(h);
	parley_admit(h, NULL, NULL);
}

static int on_connect(parley_socket *k)
{
	assert_ptr_equal(pl_socket_ctx(k), &ctxs[0]);
	assert_int_equal(parley_emit(k, PARLEY_S("before"), PARLEY_NO_ARGS), 0);
	note(&world.w, parley_socket_recovered(k) ? "back " : "new ");
	pl_socket_hello(k);
	pl_socket_hello(k); /* once */
	return pl_sio_emit_json(k, PL_S("[\"after\",1]"));
}

static void on_pong(parley_socket *k)
{
	(void)k;
	note(&world.w, "pong ");
}

static void the_house_may_do_more(void **state)
{
	const char *why = NULL;
	struct pl_sio_house house = {.nsp = {.name = "/house",
					     .recovery_ms = 60000,
					     .authorize = authorize,
					     .on_connect = on_connect},
				     .has_own_recovery = true,
				     .on_pong = on_pong};
	(void)state;
	sio_new(&world, 2);
	sio_options(&world, &(struct parley_socketio){.ping_interval_ms = 60});
	assert_int_equal(pl_sio_add_house(world.sio, &house, &why), 0);
	assert_int_equal(pl_sio_add_house(world.sio, &house, &why), PL_EINVAL);
	sio_start(&world);
	for (int i = 0; i < 2; i++)
		pl_sio_site_set_ctx(world.sites[i], "/house", &ctxs[i]);
	pl_sio_site_set_ctx(world.sites[0], "/none", &ctxs[1]);
	struct client *c = engine_new(&world);
	tell(&world, c, "0/house,");
	expect(&world, c, "2/house,[\"before\"]");
	const char *reply = heard(&world, c);
	assert_non_null(strstr(reply, "\",\"pid\":\"its\\\"own\"}"));
	expect(&world, c, "2/house,[\"after\",1]");
	expect_log(&world.w, "ctx0,, new ");
	struct client *d = engine_new(&world);
	tell(&world, d, "0/house,{\"pid\":\"p1\",\"offset\":\"o1\"}");
	expect(&world, d, "2/house,[\"before\"]");
	expect(&world, d, "0/house,{\"sid\":\"aaaaaaaaaaaaaaaaaaaa\",\"pid\":\"p1\"}");
	expect(&world, d, "2/house,[\"after\",1]");
	expect_log(&world.w, "ctx0,p1,o1 back ");
	/* An id that somebody has is nobody else's. */
	struct client *e = engine_new(&world);
	tell(&world, e, "0/house,{\"pid\":\"p1\"}");
	expect(&world, e, "4/house,{\"message\":\"The server has no room for you\"}");
	forget_log(&world.w);
	expect_text(&world.w, c, "2");
	say(&world.w, c, "3");
	settle(&world.w);
	expect_log(&world.w, "pong ");
	sio_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_happens_is_seen),
		cmocka_unit_test(packets_are_counted),
		cmocka_unit_test(all_sockets_are_visited),
		cmocka_unit_test(the_house_may_do_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
