/* Proves that a program speaks for itself over bare Engine.IO, beside Socket.IO, and that requests
 * find the engine whose path they are under. */
#include "socketio/testing.h"

static struct sio_world world;

static int on_open(parley_engine *e, const parley_request *q)
{
	static int opened;
	struct parley_slice who = parley_request_query(q, "who");
	assert_string_equal(parley_engine_user(e), "mine");
	if (parley_slice_eq(who, PARLEY_S("nobody")))
		return PARLEY_EDENIED;
	parley_engine_set_data(e, &opened);
	opened++;
	note(&world.w, "+%.*s ", PARLEY_FMT(who));
	return parley_engine_send(e, PARLEY_TEXT, PARLEY_S("hello"));
}

static void on_message(parley_engine *e, enum parley_kind kind, struct parley_slice data)
{
	assert_non_null(parley_engine_data(e));
	if (parley_slice_eq(data, PARLEY_S("close")))
		parley_engine_close(e);
	else
		(void)parley_engine_send(e, kind, data);
}

static void on_close(parley_engine *e, const char *reason)
{
	assert_int_equal(parley_engine_send(e, PARLEY_TEXT, PARLEY_S("late")), PARLEY_ECLOSED);
	note(&world.w, "-%s ", reason);
}

static const struct parley_engineio bare = {.path = "/bare",
					    .user = (void *)(uintptr_t) "mine",
					    .on_open = on_open,
					    .on_message = on_message,
					    .on_close = on_close};

static void open_world(const struct parley_engineio *e)
{
	const char *why = NULL;
	sio_new(&world, 1);
	sio_namespace(&world, &(struct parley_namespace){.name = "/"});
	assert_int_equal(pl_sio_add_engine(world.sio, e, sizeof(*e), &why), 0);
	sio_start(&world);
}

static struct client *open_session(const char *path)
{
	struct pl_ws_event ev = {0};
	struct client *c = client_at(&world.w, 0, path);
	UNTIL(&world.w, next_frame(c, &ev));
	assert_memory_equal(ev.data.at, "0{\"sid\":\"", 9);
	return c;
}

static void messages_are_echoed(void **state)
{
	(void)state;
	open_world(&bare);
	struct client *c = open_session("/bare/?EIO=4&transport=websocket&who=anna");
	expect_text(&world.w, c, "4hello");
	say(&world.w, c, "4test");
	expect_text(&world.w, c, "4test");
	say_bytes(&world.w, c, PL_WS_BINARY, PL_S("\1\2"));
	expect_frame(&world.w, c, PL_WS_BINARY, "\1\2");
	say(&world.w, c, "4");
	expect_text(&world.w, c, "4");
	say(&world.w, c, "4close");
	expect_close(&world.w, c, 1005, "");
	expect_log(&world.w, "+anna -forced close ");
	sio_end(&world);
}

static void somebody_may_not_come(void **state)
{
	(void)state;
	open_world(&bare);
	struct client *c = client_ask(&world.w, "/bare/?EIO=4&transport=websocket&who=nobody", "");
	expect_status(&world.w, c, "400", "Forbidden");
	expect_log(&world.w, "");
	sio_end(&world);
}

static void without_callbacks_it_is_quiet(void **state)
{
	(void)state;
	open_world(&(struct parley_engineio){.path = "/bare/"});
	struct client *c = open_session("/bare/?EIO=4&transport=websocket");
	say(&world.w, c, "4test");
	expect_nothing(&world.w, c);
	sio_end(&world);
}

static void it_ends_with_the_server(void **state)
{
	(void)state;
	open_world(&bare);
	open_session("/bare/?EIO=4&transport=websocket&who=a");
	pl_sio_site_drain(world.sites[0]);
	settle(&world.w);
	expect_log(&world.w, "+a -server shutting down ");
	sio_end(&world);
}

static const struct pl_endpoint *at(const char *path, bool upgrade)
{
	struct pl_http_request q = {.path = pl_slice_str(path), .wants_upgrade = upgrade};
	return pl_sio_find(world.sites[0], &q);
}

static void paths_are_prefixes(void **state)
{
	(void)state;
	open_world(&bare);
	for (int upgrade = 0; upgrade < 2; upgrade++) {
		assert_non_null(at("/socket.io/", upgrade));
		assert_non_null(at("/socket.io", upgrade));
		assert_ptr_equal(at("/socket.io/anything", upgrade), at("/socket.io/", upgrade));
		assert_non_null(at("/bare/", upgrade));
		assert_ptr_equal(at("/bare", upgrade), at("/bare/", upgrade));
		assert_ptr_not_equal(at("/bare/", upgrade), at("/socket.io/", upgrade));
		assert_null(at("/socket.iox", upgrade));
		assert_null(at("/", upgrade));
		assert_null(at("", upgrade));
		assert_null(at("/engine.io/", upgrade));
	}
	sio_end(&world);
}

static void engines_need_no_namespace(void **state)
{
	const char *why = NULL;
	(void)state;
	sio_new(&world, 1);
	assert_int_equal(pl_sio_add_engine(world.sio, &bare, sizeof(bare), &why), 0);
	sio_start(&world);
	assert_null(at("/socket.io/", true));
	struct client *c = open_session("/bare/?EIO=4&transport=websocket&who=a");
	expect_text(&world.w, c, "4hello");
	size_t polling = 9;
	assert_int_equal(pl_sio_site_clients(world.sites[0], &polling), 0);
	assert_int_equal(polling, 0);
	sio_end(&world);
	expect_log(&world.w, "+a -transport close ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_echoed),
		cmocka_unit_test(somebody_may_not_come),
		cmocka_unit_test(without_callbacks_it_is_quiet),
		cmocka_unit_test(it_ends_with_the_server),
		cmocka_unit_test(paths_are_prefixes),
		cmocka_unit_test(engines_need_no_namespace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
