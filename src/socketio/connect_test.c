/* Proves that a client comes into a namespace as Socket.IO 5 says: the CONNECT packet, who may come
 * in and who answers that when, what is refused and how, and that it leaves both ways. */
#include "socketio/testing.h"

static int on_connect(parley_socket *k)
{
	struct parley_slice nsp = parley_socket_namespace(k);
	note(&sio_world_of(k)->w, "+%.*s ", PARLEY_FMT(nsp));
	return 0;
}

static void on_disconnect(parley_socket *k, const char *reason)
{
	struct parley_slice nsp = parley_socket_namespace(k);
	note(&sio_world_of(k)->w, "-%.*s:%s ", PARLEY_FMT(nsp), reason);
	assert_false(parley_socket_is_connected(k));
	assert_int_equal(parley_emit(k, PARLEY_S("late"), PARLEY_NO_ARGS), PARLEY_ECLOSED);
}

static const struct parley_namespace root = {
	.name = "/", .on_connect = on_connect, .on_disconnect = on_disconnect};

static void it_is_told_its_id(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = engine_new(&s);
	tell(&s, c, "0");
	struct sid id = joined(&s, c, "");
	assert_string_equal(id.pid, "");
	expect_log(&s.w, "+/ ");
	/* An id for each namespace and client. */
	struct client *d = engine_new(&s);
	assert_string_not_equal(join_as(&s, d, "").text, id.text);
	sio_end(&s);
}

static void an_unknown_namespace_is_refused(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = engine_new(&s);
	tell(&s, c, "0/random,");
	expect(&s, c, "4/random,{\"message\":\"Invalid namespace\"}");
	tell(&s, c, "0/random");
	expect(&s, c, "4/random,{\"message\":\"Invalid namespace\"}");
	/* In this revision the query is part of the name. */
	tell(&s, c, "0/?a=1,");
	expect(&s, c, "4/?a=1,{\"message\":\"Invalid namespace\"}");
	join_as(&s, c, "");
	sio_end(&s);
}

static void namespaces_fit_patterns(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open_two(&s, &root, "/tenant-*");
	struct client *c = engine_new(&s), *d = engine_new(&s);
	join_as(&s, c, "/tenant-a");
	join_as(&s, c, "/tenant-b");
	join_as(&s, d, "/tenant-a");
	expect_log(&s.w, "+/tenant-a +/tenant-b +/tenant-a ");
	struct parley_target all = {.rooms = NULL};
	uintptr_t before = pl_sio_enter(s.sites[0]);
	assert_int_equal(pl_sio_emit_to(s.sio, "/tenant-a", &all, PL_S("x"), PARLEY_NO_ARGS), 0);
	assert_int_equal(pl_sio_emit_to(s.sio, "/other", &all, PL_S("x"), PARLEY_NO_ARGS),
			 PARLEY_ENOT_FOUND);
	pl_sio_leave(s.sites[0], before);
	expect(&s, c, "2/tenant-a,[\"x\"]");
	expect(&s, d, "2/tenant-a,[\"x\"]");
	expect_nothing(&s.w, c);
	/* It goes with its last socket. */
	assert_int_equal(s.sites[0]->halls.len, 3);
	tell(&s, c, "1/tenant-b,");
	settle(&s.w);
	assert_int_equal(s.sites[0]->halls.len, 2);
	sio_end(&s);
}

/* ---- who may come in ---- */

static parley_handshake *waiting;
static int freed;

static void count_free(void *data)
{
	freed += *(int *)data;
}

static void authorize(parley_handshake *h, void *user)
{
	static int one = 1;
	const parley_json *auth = parley_handshake_auth(h);
	const parley_request *q = parley_handshake_request(h);
	assert_string_equal(user, "mine");
	assert_true(parley_slice_eq(parley_handshake_namespace(h), PARLEY_S("/private")));
	assert_true(parley_slice_eq(parley_request_query(q, "color"), PARLEY_S("red")));
	assert_true(parley_slice_eq(parley_request_header(q, "host"), PARLEY_S("h")));
	assert_true(parley_slice_eq(parley_request_addr(q), PARLEY_S("192.0.2.1")));
	if (parley_is(auth, "token", "good"))
		parley_admit(h, &one, count_free);
	else if (parley_is(auth, "token", "later"))
		waiting = h;
	else
		parley_deny(h, "no\"pe", auth ? PARLEY_OBJ(parley_kint("code", 7)) : NULL);
}

static int with_data(parley_socket *k)
{
	assert_int_equal(*(int *)parley_socket_data(k), 1);
	assert_true(parley_slice_eq(parley_request_query(parley_socket_request(k), "color"),
				    PARLEY_S("red")));
	return on_connect(k);
}

static const struct parley_namespace private = {.name = "/private",
						.user = (void *)(uintptr_t) "mine",
						.authorize = authorize,
						.on_connect = with_data,
						.on_disconnect = on_disconnect};

static void it_is_asked_who_may_come(void **state)
{
	struct sio_world s;
	(void)state;
	freed = 0;
	sio_open(&s, &private, 1);
	struct client *c = engine_new(&s);
	tell(&s, c, "0/private,{\"token\":\"bad\"}");
	expect(&s, c, "4/private,{\"message\":\"no\\\"pe\",\"data\":{\"code\":7}}");
	tell(&s, c, "0/private,");
	expect(&s, c, "4/private,{\"message\":\"no\\\"pe\"}");
	tell(&s, c, "0/private,{\"token\":\"good\"}");
	joined(&s, c, "/private");
	expect_log(&s.w, "+/private ");
	tell(&s, c, "1/private,");
	settle(&s.w);
	expect_log(&s.w, "-/private:client namespace disconnect ");
	assert_int_equal(freed, 1);
	sio_end(&s);
}

static void it_is_answered_later(void **state)
{
	struct sio_world s;
	int one = 1;
	(void)state;
	freed = 0;
	sio_open(&s, &private, 1);
	struct client *c = engine_new(&s);
	tell(&s, c, "0/private,{\"token\":\"later\",\"deep\":[{\"a\":\"b\"}]}");
	settle(&s.w);
	/* Others say something meanwhile: what this one said stays what it was. */
	struct client *d = engine_new(&s);
	tell(&s, d, "0/private,{\"token\":\"good\",\"deep\":[{\"a\":\"other\"}]}");
	joined(&s, d, "/private");
	const parley_json *deep = parley_get(parley_handshake_auth(waiting), "deep");
	assert_true(parley_slice_eq(parley_raw(deep), PARLEY_S("[{\"a\":\"b\"}]")));
	parley_admit(waiting, &one, count_free);
	parley_deny(waiting, "too late", NULL); /* the first answer counts */
	joined(&s, c, "/private");
	sio_end(&s);
	assert_int_equal(freed, 2);
}

static void it_leaves_before_the_answer(void **state)
{
	struct sio_world s;
	int one = 1;
	(void)state;
	freed = 0;
	sio_open(&s, &private, 1);
	struct client *c = engine_new(&s);
	tell(&s, c, "0/private,{\"token\":\"later\"}");
	settle(&s.w);
	hang_up(c);
	settle(&s.w);
	assert_true(parley_slice_eq(
		parley_request_query(parley_handshake_request(waiting), "color"), PARLEY_S("red")));
	assert_true(parley_is(parley_handshake_auth(waiting), "token", "later"));
	parley_admit(waiting, &one, count_free);
	settle(&s.w);
	assert_int_equal(freed, 1);
	expect_log(&s.w, "");
	sio_end(&s);
}

static void the_server_leaves_before_the_answer(void **state)
{
	struct sio_world s;
	int one = 1;
	(void)state;
	freed = 0;
	sio_open(&s, &private, 1);
	struct client *c = engine_new(&s);
	tell(&s, c, "0/private,{\"token\":\"later\"}");
	settle(&s.w);
	sio_end(&s);
	assert_null(parley_request_server(parley_handshake_request(waiting)));
	assert_true(parley_is(parley_handshake_auth(waiting), "token", "later"));
	parley_admit(waiting, &one, count_free);
	assert_int_equal(freed, 1);
}

static void nobody_answers(void **state)
{
	struct sio_world s;
	int one = 1;
	(void)state;
	freed = 0;
	struct parley_namespace n = private;
	n.authorize_ms = 30;
	sio_open(&s, &n, 1);
	struct client *c = engine_new(&s);
	tell(&s, c, "0/private,{\"token\":\"later\"}");
	expect(&s, c, "4/private,{\"message\":\"The authorization took too long\"}");
	/* It may try again; the late answer is not for the second try. */
	parley_handshake *first = waiting;
	tell(&s, c, "0/private,{\"token\":\"later\"}");
	settle(&s.w);
	assert_ptr_not_equal(waiting, first);
	parley_deny(first, "late", NULL);
	settle(&s.w);
	expect_nothing(&s.w, c);
	parley_admit(waiting, &one, count_free);
	joined(&s, c, "/private");
	sio_end(&s);
}

static int look(parley_socket *k, const parley_packet *p)
{
	const parley_request *q = parley_socket_request(k);
	(void)p;
	if (q)
		note(&sio_world_of(k)->w, "%.*s,%.*s,%.*s ",
		     PARLEY_FMT(parley_request_query(q, "color")),
		     PARLEY_FMT(parley_request_header(q, "HOST")),
		     PARLEY_FMT(parley_request_path(q)));
	else
		note(&sio_world_of(k)->w, "none ");
	return 0;
}

static int look_at_once(parley_socket *k)
{
	return look(k, NULL);
}

static void requests_are_kept_where_that_is_asked_for(void **state)
{
	static const struct parley_on events[] = {{"look", look}, {NULL, NULL}};
	(void)state;
	for (int keep = 0; keep < 2; keep++) {
		struct sio_world s;
		sio_new(&s, 1);
		struct parley_namespace n = {.name = "/",
					     .events = events,
					     .on_connect = look_at_once,
					     .keep_request = keep};
		sio_namespace(&s, &n);
		n.name = "/b";
		n.keep_request = false;
		sio_namespace(&s, &n);
		sio_start(&s);
		struct client *c = engine_new(&s);
		join_as(&s, c, "");
		expect_log(&s.w, "red,h,/socket.io/ ");
		tell(&s, c, "2[\"look\"]");
		tell(&s, c, "2[\"look\"]");
		settle(&s.w);
		expect_log(&s.w, keep ? "red,h,/socket.io/ red,h,/socket.io/ " : "none none ");
		join_as(&s, c, "/b");
		expect_log(&s.w, keep ? "red,h,/socket.io/ " : "none ");
		tell(&s, c, "2/b,[\"look\"]");
		settle(&s.w);
		expect_log(&s.w, "none ");
		sio_end(&s);
	}
}

/* ---- how long one may stay without a namespace ---- */

static void who_joins_nothing_is_closed(void **state)
{
	struct sio_world s;
	(void)state;
	sio_new(&s, 1);
	sio_options(&s, &(struct parley_socketio){.connect_timeout_ms = 60});
	sio_namespace(&s, &root);
	sio_start(&s);
	struct client *c = engine_new(&s), *d = engine_new(&s);
	uint64_t begun = pl_now_ms();
	join_as(&s, d, "");
	/* A refused one does not count. */
	tell(&s, c, "0/none,");
	expect(&s, c, "4/none,{\"message\":\"Invalid namespace\"}");
	expect_end(&s, c);
	assert_true(pl_now_ms() - begun >= 50);
	expect_nothing(&s.w, d);
	expect_log(&s.w, "+/ ");
	sio_end(&s);
}

static void an_answer_that_is_awaited_gives_time_once(void **state)
{
	struct sio_world s;
	(void)state;
	sio_new(&s, 1);
	sio_options(&s, &(struct parley_socketio){.connect_timeout_ms = 20});
	struct parley_namespace n = private;
	n.authorize_ms = 100;
	sio_namespace(&s, &n);
	sio_start(&s);
	struct client *c = engine_new(&s);
	uint64_t begun = pl_now_ms();
	tell(&s, c, "0/private,{\"token\":\"later\"}");
	expect(&s, c, "4/private,{\"message\":\"The authorization took too long\"}");
	parley_deny(waiting, "late", NULL);
	tell(&s, c, "0/private,{\"token\":\"later\"}");
	expect_end(&s, c);
	assert_in_range(pl_now_ms() - begun, 90, 5000);
	parley_deny(waiting, "late", NULL);
	sio_end(&s);
}

/* ---- the end ---- */

static int turn_away(parley_socket *k)
{
	on_connect(k);
	return PARLEY_EDENIED;
}

static void report(parley_socket *k, int err, const char *event)
{
	note(&sio_world_of(k)->w, "!%d:%s ", err, event);
}

static void on_connect_may_fail(void **state)
{
	struct sio_world s;
	(void)state;
	struct parley_namespace n = root;
	n.on_connect = turn_away;
	n.on_error = report;
	sio_open(&s, &n, 1);
	struct client *c = engine_new(&s);
	tell(&s, c, "0");
	joined(&s, c, "");
	expect(&s, c, "1");
	expect_log(&s.w, "+/ !-10:connect -/:server namespace disconnect ");
	expect_nothing(&s.w, c);
	sio_end(&s);
}

static void it_leaves_one_of_its_namespaces(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open_two(&s, &root, "/custom");
	struct client *c = engine_new(&s);
	join_as(&s, c, "");
	join_as(&s, c, "/custom");
	tell(&s, c, "1/custom,");
	settle(&s.w);
	expect_log(&s.w, "+/ +/custom -/custom:client namespace disconnect ");
	expect_nothing(&s.w, c);
	tell(&s, c, "1");
	settle(&s.w);
	expect_log(&s.w, "-/:client namespace disconnect ");
	/* And comes back. */
	join_as(&s, c, "/custom");
	hang_up(c);
	settle(&s.w);
	expect_log(&s.w, "+/custom -/custom:transport close ");
	sio_end(&s);
}

static int on_kick(parley_socket *k, const parley_packet *p)
{
	parley_disconnect(k, parley_nargs(p) > 0);
	assert_false(parley_socket_is_connected(k));
	assert_int_equal(parley_socket_join(k, PARLEY_S("r")), PARLEY_ECLOSED);
	parley_disconnect(k, true); /* it is on its way out already */
	note(&sio_world_of(k)->w, "kicked ");
	return 0;
}

static void we_disconnect_it(void **state)
{
	static const struct parley_on events[] = {{"kick", on_kick}, {NULL, NULL}};
	struct sio_world s;
	(void)state;
	struct parley_namespace n = root;
	n.events = events;
	sio_open_two(&s, &n, "/custom");
	struct client *c = engine_new(&s);
	join_as(&s, c, "");
	join_as(&s, c, "/custom");
	forget_log(&s.w);
	tell(&s, c, "2/custom,[\"kick\"]");
	expect(&s, c, "1/custom,");
	/* Never inside the callback that did it. */
	expect_log(&s.w, "kicked -/custom:server namespace disconnect ");
	join_as(&s, c, "/custom");
	forget_log(&s.w);
	tell(&s, c, "2[\"kick\",true]");
	expect(&s, c, "1/custom,");
	expect(&s, c, "1");
	expect_end(&s, c);
	expect_log(&s.w, "kicked -/:server namespace disconnect "
			 "-/custom:server namespace disconnect ");
	sio_end(&s);
}

static void what_does_not_fit_the_state_closes(void **state)
{
	static const char *const packets[] = {
		"0",         "0{\"again\":1}", "2/custom,[\"x\"]", "3/custom,1[]",
		"1/custom,", "2/none,[\"x\"]"};
	struct sio_world s;
	(void)state;
	sio_open_two(&s, &root, "/custom");
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		struct client *c = peer_new(&s);
		forget_log(&s.w);
		tell(&s, c, packets[i]);
		expect_end(&s, c);
		expect_log(&s.w, "-/:forced server close ");
	}
	sio_end(&s);
}

static void the_server_ends(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	forget_log(&s.w);
	pl_sio_site_drain(s.sites[0]);
	expect_close(&s.w, c, 1001, "");
	settle(&s.w);
	expect_log(&s.w, "-/:server shutting down ");
	sio_end(&s);
	/* Or without a word. */
	sio_open(&s, &root, 1);
	peer_new(&s);
	forget_log(&s.w);
	sio_end(&s);
	assert_memory_equal(s.w.log, "-/:", 3);
}

static void there_is_an_end_to_namespaces(void **state)
{
	struct sio_world s;
	char packet[64];
	(void)state;
	struct parley_namespace n = {.name = "/n*"};
	sio_open(&s, &n, 1);
	struct client *c = engine_new(&s);
	for (int i = 0; i < SOCKETS_EACH; i++) {
		(void)snprintf(packet, sizeof(packet), "/n%d", i);
		join_as(&s, c, packet);
	}
	tell(&s, c, "0/none-more,");
	expect(&s, c, "4/none-more,{\"message\":\"The server has no room for you\"}");
	sio_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_its_id),
		cmocka_unit_test(an_unknown_namespace_is_refused),
		cmocka_unit_test(namespaces_fit_patterns),
		cmocka_unit_test(it_is_asked_who_may_come),
		cmocka_unit_test(it_is_answered_later),
		cmocka_unit_test(it_leaves_before_the_answer),
		cmocka_unit_test(the_server_leaves_before_the_answer),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(requests_are_kept_where_that_is_asked_for),
		cmocka_unit_test(who_joins_nothing_is_closed),
		cmocka_unit_test(an_answer_that_is_awaited_gives_time_once),
		cmocka_unit_test(on_connect_may_fail),
		cmocka_unit_test(it_leaves_one_of_its_namespaces),
		cmocka_unit_test(we_disconnect_it),
		cmocka_unit_test(what_does_not_fit_the_state_closes),
		cmocka_unit_test(the_server_ends),
		cmocka_unit_test(there_is_an_end_to_namespaces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
