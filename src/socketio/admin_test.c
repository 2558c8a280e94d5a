/*
 * Proves what the Admin UI is told, and when: the way in, the list of both workers, what happens
 * after it; that a slow administrator or a busy worker costs events and never more than was set
 * aside, and is repaired by a new list; that nothing is watched or kept while nobody looks on; and
 * that whoever goes away in the middle, or an allocation that fails, leaves nothing behind (the
 * sanitizers are the judges).
 */
#include "socketio/admin_test.h"

static const struct pl_sio_admin_options development = {
	.user = "operator", .password_hash = HASH, .sessions_max = 4};
static const struct pl_sio_admin_options production = {
	.user = "operator", .password_hash = HASH, .sessions_max = 4, .is_production = true};

enum { BACKLOG = 4 << 20 };

/* ---- the way in ---- */

static void test_the_order_of_the_way_in(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest g;
	char session[64];
	(void)state;
	assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
	assert_true(guest_calls(&g, &s, 0, ""));
	guest_say(&g, LOGIN);
	guest_hears(&g, "42/admin,[\"session\",\"");
	assert_true(g.text.len < sizeof(session));
	memcpy(session, g.text.at, g.text.len);
	size_t n = g.text.len;
	assert_int_equal(n, strlen("42/admin,[\"session\",\"\"]") + PL_ADMIN_SESSION_TEXT);
	guest_hears(&g, "4");
	assert_true(pl_slice_starts(g.text, PL_S("40/admin,{\"sid\":\"")));
	guest_hears(&g, "4");
	assert_true(pl_slice_eq(g.text, pl_slice(session, n)));
	guest_hears(&g, "4");
	assert_true(pl_slice_is(
		g.text, "42/admin,[\"config\",{\"supportedFeatures\":[\"EMIT\",\"JOIN\",\"LEAVE\","
			"\"DISCONNECT\",\"MJOIN\",\"MLEAVE\",\"MDISCONNECT\",\"AGGREGATED_EVENTS\","
			"\"ALL_EVENTS\"]}]"));
	guest_hears(&g, "42/admin,[\"server_stats\",{\"serverId\":\"");
	guest_hears(&g, "42/admin,[\"all_sockets\",[{\"id\":\"");
	guest_leave(&g);
	stage_close(&s);
}

/* The password is checked whoever the name is of; ten wrong tries and the right one waits, too. */
static void test_wrong_tries(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest g;
	(void)state;
	assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
	for (int i = 0; i < PL_ADMIN_TRIES; i++) {
		assert_true(guest_calls(&g, &s, i % POSTS, ""));
		guest_say(&g,
			  i % 3 ? "40/admin,{\"username\":\"operator\",\"password\":\"guess\"}"
				: "40/admin,{\"username\":\"x\",\"password\":\"a secret word\"}");
		guest_hears(&g, "44/admin,{\"message\":\"invalid credentials\"}");
		guest_leave(&g);
	}
	assert_int_equal(stage_count(&s, PL_M_LOGINS_REFUSED), PL_ADMIN_TRIES);
	assert_true(guest_calls(&g, &s, 0, ""));
	guest_say(&g, LOGIN);
	guest_hears(&g, "44/admin,{\"message\":\"too many attempts");
	guest_leave(&g);
	stage_close(&s);
}

static void test_so_many_administrators(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest g[PL_ADMINS_MAX + 1];
	char auth[128];
	(void)state;
	assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
	guest_log_in(&g[0], &s, 0);
	guest_hears(&g[0], "42/admin,[\"session\",\"");
	snprintf(auth, sizeof(auth), "40/admin,{\"sessionId\":\"%.*s\"}", PL_ADMIN_SESSION_TEXT,
		 g[0].text.at + strlen("42/admin,[\"session\",\""));
	for (int i = 1; i <= PL_ADMINS_MAX; i++) {
		assert_true(guest_calls(&g[i], &s, 0, ""));
		guest_say(&g[i], auth);
		guest_hears(&g[i],
			    i < PL_ADMINS_MAX ? "40/admin," : "44/admin,{\"message\":\"too many");
	}
	for (int i = 0; i <= PL_ADMINS_MAX; i++)
		guest_leave(&g[i]);
	stage_close(&s);
}

/* ---- what is told ---- */

static void test_both_workers(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest a, b, admin;
	char first[SOCKET_ID + 1], second[SOCKET_ID + 1], text[256];
	(void)state;
	assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
	guest_come(&a, &s, 0, first);
	guest_say(&a, "42[\"enter\",\"kitchen\"]");
	stage_pass(&s, 5);
	guest_log_in(&admin, &s, 1);
	guest_hears(&admin, "42/admin,[\"all_sockets\",[");
	snprintf(text, sizeof(text), "\"rooms\":[\"%s\",\"kitchen\"]}", first);
	assert_true(guest_heard(&admin, text));
	guest_come(&b, &s, 0, second);
	snprintf(text, sizeof(text), "42/admin,[\"room_joined\",\"/\",\"%s\",\"%s\",\"", second,
		 second);
	guest_hears(&admin, text);
	snprintf(text, sizeof(text), "42/admin,[\"socket_connected\",{\"id\":\"%s\",", second);
	guest_hears(&admin, text);
	guest_say(&b, "42[\"enter\",\"cellar\"]");
	snprintf(text, sizeof(text),
		 "42/admin,[\"event_received\",\"/\",\"%s\",[\"enter\",\"cellar\"],\"", second);
	guest_hears(&admin, text);
	snprintf(text, sizeof(text), "42/admin,[\"room_joined\",\"/\",\"cellar\",\"%s\",\"",
		 second);
	guest_hears(&admin, text);
	guest_leave(&b);
	snprintf(text, sizeof(text),
		 "42/admin,[\"socket_disconnected\",\"/\",\"%s\",\"transport close\",\"", second);
	guest_hears(&admin, text);
	snprintf(text, sizeof(text), "42/admin,[\"room_left\",\"/\",\"%s\",\"%s\",\"", second,
		 second);
	guest_hears(&admin, text);
	snprintf(text, sizeof(text), "42/admin,[\"room_left\",\"/\",\"cellar\",\"%s\",\"", second);
	guest_hears(&admin, text);
	guest_leave(&a);
	guest_leave(&admin);
	stage_close(&s);
}

/* What the page may show of how somebody came, and what it may not. */
static void test_a_handshake(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest a, admin;
	(void)state;
	assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
	guest_log_in(&admin, &s, 0);
	guest_hears(&admin, "42/admin,[\"all_sockets\",[");
	assert_true(guest_calls(&a, &s, 0, "&token=very%20secret&page=%C3%A4%22&bad=%zz&%"));
	guest_say(&a, "40");
	guest_hears(&a, "40{\"sid\":\"");
	guest_hears(&admin, "42/admin,[\"socket_connected\",");
	assert_true(guest_heard(&admin, "\"address\":\"10.0.0.1\""));
	assert_true(guest_heard(&admin, "\"cookie\":\"(hidden)\""));
	assert_true(guest_heard(&admin, "\"x-page\":\"start\""));
	assert_true(guest_heard(&admin, "\"query\":{\"EIO\":\"4\",\"transport\":\"websocket\","
					"\"token\":\"(hidden)\",\"page\":\"\xc3\xa4\\\"\"}"));
	assert_true(guest_heard(&admin, "\"url\":\"/socket.io/\""));
	assert_true(guest_heard(&admin, "\"clientId\":\"000000000002\""));
	assert_false(guest_heard(&admin, "very"));
	assert_false(guest_heard(&admin, "a=b"));
	guest_leave(&a);
	guest_leave(&admin);
	stage_close(&s);
}

static void test_counts(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest a, admin;
	char id[SOCKET_ID + 1];
	(void)state;
	assert_int_equal(stage_open(&s, &production, BACKLOG), 0);
	guest_log_in(&admin, &s, 1);
	guest_hears(&admin, "42/admin,[\"server_stats\",");
	assert_true(guest_heard(&admin, "\"aggregatedEvents\":[]"));
	guest_come(&a, &s, 0, id);
	guest_hears(&admin, "42/admin,[\"server_stats\",");
	assert_true(guest_heard(&admin, "\"clientsCount\":2,\"pollingClientsCount\":0,"));
	assert_true(guest_heard(&admin, "\"type\":\"rawConnection\",\"count\":1}"));
	assert_true(guest_heard(&admin, "{\"name\":\"/\",\"socketsCount\":1}"));
	assert_true(guest_heard(&admin, "{\"name\":\"/admin\",\"socketsCount\":1}"));
	guest_leave(&a);
	guest_hears(&admin, "42/admin,[\"server_stats\",");
	assert_true(guest_heard(&admin, "\"clientsCount\":1,"));
	assert_true(guest_heard(
		&admin,
		"\"type\":\"rawDisconnection\",\"subType\":\"transport close\",\"count\":1}"));
	assert_false(guest_heard(&admin, "rawConnection"));
	guest_leave(&admin);
	stage_close(&s);
}

/* ---- what it costs ---- */

static void test_nobody_looks_on(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest a, admin;
	char id[SOCKET_ID + 1];
	(void)state;
	assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
	guest_come(&a, &s, 0, id);
	assert_ptr_equal(s.posts[0].sio->watch, &s.posts[0].admin->brief);
	guest_log_in(&admin, &s, 1);
	guest_hears(&admin, "42/admin,[\"all_sockets\",[");
	for (int i = 0; i < POSTS; i++)
		assert_ptr_equal(s.posts[i].sio->watch, &s.posts[i].admin->full);
	guest_leave(&admin);
	stage_pass(&s, 20);
	guest_say(&a, "42[\"enter\",\"kitchen\"]");
	stage_pass(&s, 20);
	assert_ptr_equal(s.posts[0].sio->watch, &s.posts[0].admin->brief);
	assert_null(s.posts[0].admin->open);
	assert_false(pl_timer_is_set(&s.posts[1].admin->tick));
	guest_leave(&a);
	stage_close(&s);
}

static void test_what_is_kept_of_clients(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest g[8];
	char id[SOCKET_ID + 1];
	(void)state;
	for (int is_production = 0; is_production < 2; is_production++) {
		assert_int_equal(
			stage_open(&s, is_production ? &production : &development, BACKLOG), 0);
		for (int i = 0; i < 8; i++)
			guest_come(&g[i], &s, 0, id);
		assert_int_equal(s.posts[0].admin->handshakes.len, is_production ? 0 : 8);
		for (int i = 0; i < 8; i++)
			guest_leave(&g[i]);
		stage_pass(&s, 20);
		assert_int_equal(s.posts[0].admin->handshakes.len, 0);
		stage_close(&s);
	}
}

static void flood(struct guest *g, int n)
{
	char text[8192];
	memset(text, 'x', sizeof(text));
	memcpy(text, "42[\"noise\",\"", 12);
	memcpy(text + sizeof(text) - 3, "\"]", 3);
	for (int i = 0; i < n; i++) {
		guest_say(g, text);
		stage_turn(g->stage);
	}
}

/* He does not read: what is too much is dropped and counted, he stays, and gets a new list. */
static void test_a_slow_administrator(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest a, admin;
	char id[SOCKET_ID + 1];
	(void)state;
	assert_int_equal(stage_open(&s, &development, 1 << 20), 0);
	guest_come(&a, &s, 0, id);
	guest_log_in(&admin, &s, 0);
	guest_hears(&admin, "42/admin,[\"all_sockets\",[");
	flood(&a, 1000);
	assert_true(stage_count(&s, PL_M_ADMIN_DROPPED) > 0);
	struct pl_admin *seen = PL_CONTAINER(s.posts[0].admin->here.next, struct pl_admin, node);
	assert_int_equal(seen->view, PL_ADMIN_BLIND);
	size_t backlog = pl_eio_backlog(pl_socket_engine(seen->socket));
	assert_in_range(backlog, 1, (1 << 20) / 4 + (64 << 10));
	guest_hears(&admin, "42/admin,[\"event_received\",");
	guest_hears(&admin, "42/admin,[\"all_sockets\",[");
	guest_say(&a, "42[\"enter\",\"kitchen\"]");
	guest_hears(&admin, "42/admin,[\"room_joined\",\"/\",\"kitchen\",");
	assert_false(admin.eof);
	guest_leave(&a);
	guest_leave(&admin);
	stage_close(&s);
}

/* The administrator's worker stands still: the other one keeps what was set aside, and no more. */
static void test_a_busy_worker(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest a, admin;
	char id[SOCKET_ID + 1];
	(void)state;
	assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
	guest_come(&a, &s, 0, id);
	guest_log_in(&admin, &s, 1);
	guest_hears(&admin, "42/admin,[\"all_sockets\",[");
	stage_pass(&s, 5);
	s.is_halted[1] = true;
	flood(&a, 200);
	assert_int_equal(s.admin->unread[0], PL_ADMIN_BATCHES_MAX);
	assert_true(s.posts[0].admin->dropped > 100);
	s.is_halted[1] = false;
	guest_hears(&admin, "42/admin,[\"event_received\",");
	/* He was told that there is a gap, and sees again what is. */
	guest_hears(&admin, "42/admin,[\"all_sockets\",[");
	assert_true(guest_heard(&admin, id));
	assert_int_equal(s.posts[0].admin->dropped, 0);
	guest_leave(&a);
	guest_leave(&admin);
	stage_close(&s);
}

/* More than fits into a list: as many as fit, and still every count. */
static void test_a_long_list(void **state)
{
	enum { MANY = 60 };
	struct stage s = {.fail_in = 0};
	struct guest g[MANY], admin;
	char id[SOCKET_ID + 1];
	(void)state;
	assert_int_equal(stage_open(&s, &development, 64 << 10), 0);
	for (int i = 0; i < MANY; i++)
		guest_come(&g[i], &s, i % POSTS, id);
	guest_log_in(&admin, &s, 0);
	guest_hears(&admin, "42/admin,[\"server_stats\",");
	assert_true(guest_heard(&admin, "\"clientsCount\":61,"));
	assert_true(guest_heard(&admin, "{\"name\":\"/\",\"socketsCount\":60}"));
	guest_hears(&admin, "42/admin,[\"all_sockets\",[");
	assert_in_range(admin.text.len, 20 << 10, 32 << 10);
	assert_true(pl_slice_eq(pl_slice(admin.text.at + admin.text.len - 4, 4), PL_S("]}]]")));
	assert_true(guest_heard(&admin, "\"x-page\":\"start\""));
	assert_true(guest_heard(&admin, "{\"address\":\"10.0.0.1\",\"headers\":{},\"query\":{}}"));
	for (int i = 0; i < MANY; i++)
		guest_leave(&g[i]);
	guest_leave(&admin);
	stage_close(&s);
}

/* ---- going away ---- */

/* The list is on its way when he leaves; and when the server ends. */
static void test_gone_meanwhile(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest a, admin;
	char id[SOCKET_ID + 1];
	(void)state;
	for (int server_ends = 0; server_ends < 2; server_ends++) {
		assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
		guest_come(&a, &s, 0, id);
		s.is_halted[1] = true;
		guest_log_in(&admin, &s, 0);
		guest_say(&a, "42[\"enter\",\"kitchen\"]");
		stage_pass(&s, 5);
		assert_true(s.posts[0].admin->is_gathering);
		assert_int_equal(
			PL_CONTAINER(s.posts[0].admin->here.next, struct pl_admin, node)->view,
			PL_ADMIN_WAITING);
		if (!server_ends) {
			guest_leave(&admin);
			stage_pass(&s, 5);
			assert_int_equal(s.posts[0].admin->nhere, 0);
			s.is_halted[1] = false;
			stage_pass(&s, 20);
			assert_false(s.posts[0].admin->is_gathering);
		}
		stage_close(&s);
		guest_leave(&a);
		guest_leave(&admin);
	}
}

/* He leaves while his password is looked at. */
static void test_gone_before_he_was_let_in(void **state)
{
	struct stage s = {.fail_in = 0};
	struct guest admin;
	(void)state;
	assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
	assert_true(guest_calls(&admin, &s, 0, ""));
	guest_say(&admin, LOGIN);
	for (int i = 0; i < 1000 && !s.posts[0].admin->nlogins; i++)
		stage_turn(&s);
	assert_int_equal(s.posts[0].admin->nlogins, 1);
	guest_leave(&admin);
	for (int i = 0; i < PATIENCE_MS && s.posts[0].admin->nlogins; i++)
		stage_pass(&s, 1);
	assert_int_equal(s.posts[0].admin->nlogins, 0);
	assert_int_equal(s.posts[0].admin->nhere, 0);
	assert_int_equal(s.admin->present[0], 0);
	stage_close(&s);
}

/* ---- failing allocations ---- */

/* One of everything, as far as it gets. */
static void try_all(struct stage *s)
{
	struct guest a = {.fd = 0}, admin = {.fd = 0};
	if (guest_calls(&a, s, 0, "") && guest_calls(&admin, s, 1, "")) {
		guest_say(&a, "40");
		guest_say(&admin, LOGIN);
		guest_waits(&admin, "42/admin,[\"all_sockets\"", s->has_failed ? 1 : 500);
		guest_say(&a, "42[\"enter\",\"kitchen\"]");
		guest_waits(&admin, "42/admin,[\"room_joined\"", s->has_failed ? 50 : 500);
		guest_say(&admin, "42/admin,[\"emit\",\"/\",null,\"news\",1]");
		guest_waits(&a, "42[\"news\"", s->has_failed ? 20 : 500);
	}
	guest_leave(&admin);
	guest_leave(&a);
}

static void test_no_memory(void **state)
{
	unsigned long n = 0;
	bool is_through = false;
	(void)state;
	while (!is_through && n < 2000) {
		struct stage s = {.fail_in = 0};
		assert_int_equal(stage_open(&s, &development, BACKLOG), 0);
		s.fail_in = ++n;
		try_all(&s);
		is_through = !s.has_failed;
		s.fail_in = 0;
		pl_mem_fail_at(0, false);
		stage_close(&s);
	}
	assert_true(is_through);
	assert_true(n > 50);
}

static void test_no_memory_to_begin_with(void **state)
{
	int err = PL_ENOMEM;
	(void)state;
	for (unsigned long n = 1; err; n++) {
		struct stage s = {.fail_in = 0};
		assert_true(n < 2000);
		pl_mem_fail_at(n, false);
		err = stage_open(&s, &development, BACKLOG);
		pl_mem_fail_at(0, false);
		assert_true(!err || err == PL_ENOMEM);
		stage_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_order_of_the_way_in),
		cmocka_unit_test(test_wrong_tries),
		cmocka_unit_test(test_so_many_administrators),
		cmocka_unit_test(test_both_workers),
		cmocka_unit_test(test_a_handshake),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_nobody_looks_on),
		cmocka_unit_test(test_what_is_kept_of_clients),
		cmocka_unit_test(test_a_slow_administrator),
		cmocka_unit_test(test_a_busy_worker),
		cmocka_unit_test(test_a_long_list),
		cmocka_unit_test(test_gone_meanwhile),
		cmocka_unit_test(test_gone_before_he_was_let_in),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_no_memory_to_begin_with),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
