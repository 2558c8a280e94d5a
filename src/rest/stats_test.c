/*
 * Proves that /ws/stats counts users and rooms over all workers once each, that it is bounded, and
 * that neither a connection that goes away meanwhile nor a failed allocation leaves anything
 * behind (the sanitizers are the judges).
 */
#include "rest/testing.h"

enum { GATHERS = 4, LISTED = 100000 };

/* Somebody who listens and hears nothing. */
static const struct pl_peer_ops deaf = {0};

struct guest {
	struct pl_peer peer;
	struct pl_hub *hub;
};

static struct pl_uuid id_of(unsigned n)
{
	struct pl_uuid id = {{0}};
	for (unsigned i = 0; i < 4; i++)
		id.b[12 + i] = (uint8_t)(n >> (24 - 8 * i));
	id.b[0] = 1;
	return id;
}

static void enter(struct rig *r, struct guest *g, int worker, unsigned user, unsigned peer)
{
	struct pl_op_sign_in in = {.user = {.id = id_of(user)}};
	g->hub = &r->posts[worker].hub;
	pl_peer_init(&g->peer, &deaf, peer);
	assert_int_equal(pl_hub_enter(g->hub, &g->peer, &in), 0);
}

static void join(struct guest *g, unsigned conversation)
{
	struct pl_uuid id = id_of(conversation);
	assert_int_equal(pl_hub_join(g->hub, &g->peer, &id), 0);
}

struct stats {
	int64_t all, authenticated, in_rooms, rooms, users;
	size_t listed;
	bool is_truncated;
};

static bool is_listed(const struct pl_json *ids, unsigned user)
{
	char text[PL_UUID_TEXT];
	struct pl_uuid id = id_of(user);
	pl_uuid_format(&id, text);
	PL_JSON_EACH(it, ids)
	if (pl_slice_eq(pl_json_str(it), pl_slice(text, sizeof(text))))
		return true;
	return false;
}

/* The shape that QryptChat documents with the three of the Socket.IO chat, and "truncated". */
static struct stats read_stats(struct pl_slice body, const unsigned *users, size_t n)
{
	struct pl_json_parser *p;
	const struct pl_json *root;
	assert_int_equal(pl_json_parser_new(ANSWER_MAX, &p), 0);
	assert_int_equal(pl_json_parse(p, body, &root), 0);
	const struct pl_json *rooms = pl_json_get(root, "roomStats");
	const struct pl_json *ids = pl_json_get(rooms, "onlineUsers");
	assert_int_equal(root->count, 7);
	assert_int_equal(rooms->count, 4);
	assert_true(pl_json_is(ids, PL_JSON_ARRAY));
	assert_true(pl_json_is(pl_json_get(root, "truncated"), PL_JSON_BOOL));
	for (size_t i = 0; i < n; i++)
		assert_true(is_listed(ids, users[i]));
	assert_int_equal(pl_json_i64(pl_json_get(root, "connections"), -1),
			 pl_json_i64(pl_json_get(root, "totalConnections"), -2));
	assert_int_equal(pl_json_i64(pl_json_get(root, "rooms"), -1),
			 pl_json_i64(pl_json_get(rooms, "totalRooms"), -2));
	assert_int_equal(pl_json_i64(pl_json_get(root, "onlineUsers"), -1),
			 pl_json_i64(pl_json_get(rooms, "totalUsers"), -2));
	struct stats s = {
		.all = pl_json_i64(pl_json_get(root, "totalConnections"), -1),
		.authenticated = pl_json_i64(pl_json_get(root, "authenticatedConnections"), -1),
		.in_rooms = pl_json_i64(pl_json_get(rooms, "totalConnections"), -1),
		.rooms = pl_json_i64(pl_json_get(rooms, "totalRooms"), -1),
		.users = pl_json_i64(pl_json_get(rooms, "totalUsers"), -1),
		.listed = ids->count,
		.is_truncated = pl_json_bool(pl_json_get(root, "truncated"), false),
	};
	pl_json_parser_free(p);
	return s;
}

static struct stats ask_stats(struct rig *r, const unsigned *users, size_t n)
{
	struct heard h;
	ask(r, "/ws/stats", WITH_KEY, &h);
	assert_int_equal(h.head.status, 200);
	assert_header(&h, "Content-Type", "application/json; charset=utf-8");
	assert_header(&h, "Cache-Control", "no-store");
	struct stats s = read_stats(h.body, users, n);
	pl_buf_fini(&h.text);
	return s;
}

static void test_nobody(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	post_start(&r->posts[1]);
	struct stats s = ask_stats(r, NULL, 0);
	assert_true(!s.all && !s.authenticated && !s.in_rooms && !s.rooms && !s.users);
	assert_true(!s.listed && !s.is_truncated);
	rig_free(r);
}

static void leave(struct rig *r, struct guest *g, size_t n)
{
	post_stop(&r->posts[1]);
	for (size_t i = 0; i < n; i++)
		pl_hub_leave(g[i].hub, &g[i].peer);
	turn_all(r);
}

/* Five users on two workers; user 1 twice; conversations 100 (both workers), 101, 102. */
static void test_two_workers(void **state)
{
	static const unsigned users[] = {1, 2, 3, 4, 5};
	struct rig *r = rig_new();
	struct guest g[6];
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		enter(r, &g[i], i % 2, i + 1, i + 1);
	enter(r, &g[5], 1, 1, 6);
	join(&g[0], 100);
	join(&g[1], 100);
	join(&g[2], 100);
	join(&g[0], 101);
	join(&g[3], 102);
	turn_all(r);
	pl_metric_add(&r->posts[0].metrics, PL_M_WS_OPEN, 3);
	pl_metric_add(&r->posts[1].metrics, PL_M_WS_OPEN, 4);
	post_start(&r->posts[1]);
	for (int again = 0; again < 20; again++) {
		struct stats s = ask_stats(r, users, 5);
		assert_int_equal(s.all, 7);
		assert_int_equal(s.in_rooms, 7);
		assert_int_equal(s.authenticated, 6);
		assert_int_equal(s.users, 5);
		assert_int_equal(s.listed, 5);
		assert_int_equal(s.rooms, 3);
		assert_false(s.is_truncated);
	}
	leave(r, g, 6);
	rig_free(r);
}

/* Asked on the last worker, the way home leads backwards. */
static void test_asked_elsewhere(void **state)
{
	static const unsigned users[] = {9};
	struct rig *r = rig_new();
	struct guest g;
	struct heard h;
	(void)state;
	enter(r, &g, 0, 9, 1);
	turn_all(r);
	post_start(&r->posts[0]);
	int fd = call(r, 1);
	say(fd, "GET", "/ws/stats", WITH_KEY);
	hear(r, 1, fd, false, &h);
	assert_int_equal(read_stats(h.body, users, 1).users, 1);
	pl_buf_fini(&h.text);
	close(fd);
	post_stop(&r->posts[0]);
	leave(r, &g, 1);
	rig_free(r);
}

/* Users fill worker 0's map, whoever keeps them: the route only looks at the keys. */
static void fill(struct pl_hub *hub, struct pl_uuid *ids, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ids[i] = id_of(i);
		assert_int_equal(pl_map_put(&hub->online, pl_uuid_slice(&ids[i]), hub), 0);
	}
}

static void check_listed(struct rig *r, unsigned n)
{
	struct pl_uuid *ids = pl_zalloc(n, sizeof(*ids));
	struct pl_map *online = &r->posts[0].hub.online;
	assert_non_null(ids);
	fill(&r->posts[0].hub, ids, n);
	struct stats s = ask_stats(r, NULL, 0);
	assert_int_equal(s.users, n);
	assert_int_equal(s.listed, n < LISTED ? n : LISTED);
	assert_int_equal(s.is_truncated, n > LISTED);
	pl_map_fini(online);
	pl_map_init(online, r->chat.online_max);
	pl_free(ids);
}

static void test_list_is_bounded(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	post_start(&r->posts[1]);
	check_listed(r, LISTED);
	check_listed(r, LISTED + 1);
	rig_free(r);
}

/* ---- open, as the original was ---- */

/* Without the key: the three numbers and nobody's name; with it: everything. */
static void test_open_to_everybody(void **state)
{
	struct rig *r = rig_new();
	struct guest g;
	struct heard h;
	(void)state;
	enter(r, &g, 0, 1, 1);
	join(&g, 100);
	turn_all(r);
	pl_metric_add(&r->posts[0].metrics, PL_M_WS_OPEN, 2);
	pl_metric_add(&r->posts[1].metrics, PL_M_POLLING, 3);
	post_start(&r->posts[1]);
	ask(r, "/ws/stats", "", &h);
	assert_int_equal(h.head.status, 401);
	pl_buf_fini(&h.text);
	r->posts[0].rest.is_open = true;
	ask(r, "/ws/stats", "", &h);
	assert_int_equal(h.head.status, 200);
	assert_true(pl_slice_is(h.body, "{\"onlineUsers\":1,\"rooms\":1,\"connections\":5}\n"));
	pl_buf_fini(&h.text);
	ask(r, "/ready", "", &h);
	assert_int_equal(h.head.status, 401);
	pl_buf_fini(&h.text);
	assert_int_equal(ask_stats(r, (const unsigned[]){1}, 1).users, 1);
	leave(r, &g, 1);
	rig_free(r);
}

/* Pages of this host, on any port, may read it; others may not even ask. */
static void test_pages(void **state)
{
	struct rig *r = rig_new();
	struct heard h;
	(void)state;
	post_start(&r->posts[1]);
	ask(r, "/ws/stats", WITH_KEY "Origin: http://x:5173\r\n", &h);
	assert_int_equal(h.head.status, 200);
	assert_header(&h, "Access-Control-Allow-Origin", "http://x:5173");
	assert_header(&h, "Vary", "Origin");
	pl_buf_fini(&h.text);
	ask(r, "/ws/stats", WITH_KEY "Origin: http://evil.example\r\n", &h);
	assert_int_equal(h.head.status, 403);
	assert_true(!pl_http_header(&h.head.head, "Access-Control-Allow-Origin").at);
	pl_buf_fini(&h.text);
	rig_free(r);
}

/* ---- going away ---- */

static void turn_some(struct rig *r, int i)
{
	for (int n = 0; n < 10; n++)
		pl_loop_turn(r->posts[i].loop, 0);
}

/* The question waits at worker 1, which does not turn: the client loses patience. */
static void test_closed_meanwhile(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	int fd = call(r, 0);
	say(fd, "GET", "/ws/stats", WITH_KEY);
	turn_some(r, 0);
	assert_int_equal(r->posts[0].rest.gathers, 1);
	assert_int_equal(pl_conns_count(r->posts[0].conns), 1);
	close(fd);
	turn_some(r, 0);
	assert_int_equal(pl_conns_count(r->posts[0].conns), 0);
	assert_int_equal(r->posts[0].rest.gathers, 1); /* still on its way */
	turn_some(r, 1);
	turn_some(r, 0);
	assert_int_equal(r->posts[0].rest.gathers, 0);
	post_start(&r->posts[1]);
	assert_int_equal(ask_stats(r, NULL, 0).users, 0);
	rig_free(r);
}

/* The server ends while questions are under way: rig_free turns the loops as the contract says. */
static void test_server_ends_meanwhile(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	int a = call(r, 0), b = call(r, 1);
	say(a, "GET", "/ws/stats", WITH_KEY);
	say(b, "GET", "/ws/stats", WITH_KEY);
	turn_some(r, 0);
	pl_loop_turn(r->posts[1].loop, 0);
	rig_free(r);
	close(a);
	close(b);
}

static void test_many_at_once(void **state)
{
	struct rig *r = rig_new();
	int fds[GATHERS];
	struct heard h;
	(void)state;
	for (int i = 0; i < GATHERS; i++) {
		fds[i] = call(r, 0);
		say(fds[i], "GET", "/ws/stats", WITH_KEY);
	}
	turn_some(r, 0);
	assert_int_equal(r->posts[0].rest.gathers, GATHERS);
	ask(r, "/ws/stats", WITH_KEY, &h);
	assert_int_equal(h.head.status, 503);
	assert_header(&h, "Retry-After", "1");
	pl_buf_fini(&h.text);
	turn_all(r);
	for (int i = 0; i < GATHERS; i++) {
		hear(r, 0, fds[i], false, &h);
		assert_int_equal(h.head.status, 200);
		pl_buf_fini(&h.text);
		close(fds[i]);
	}
	post_start(&r->posts[1]);
	assert_int_equal(ask_stats(r, NULL, 0).users, 0);
	rig_free(r);
}

static bool contains(const struct heard *h, const char *word)
{
	return h->text.len && memmem(h->text.at, h->text.len, word, strlen(word));
}

/* Two questions behind each other on one connection: each is answered, in order. */
static void test_pipelined(void **state)
{
	struct rig *r = rig_new();
	struct heard h;
	(void)state;
	post_start(&r->posts[1]);
	int fd = call(r, 0);
	say(fd, "GET", "/ws/stats", WITH_KEY);
	say(fd, "GET", "/ready", WITH_KEY);
	heard_init(&h);
	for (int n = 0; n < TURNS_MAX && !contains(&h, "\"ready\""); n++)
		hear_on(r, 0, fd, false, &h);
	assert_true(contains(&h, "onlineUsers"));
	assert_true(contains(&h, "\"ready\""));
	assert_int_equal(h.head.status, 200);
	assert_true(pl_slice_starts(h.body, PL_S("{\"onlineUsers\"")));
	pl_buf_fini(&h.text);
	close(fd);
	rig_free(r);
}

/* Every allocation of a question fails once: an answer, an apology or a closed line. */
static void test_no_memory(void **state)
{
	struct rig *r = rig_new();
	struct guest g;
	unsigned long n = 0;
	unsigned apologies = 0;
	bool is_through = false;
	(void)state;
	enter(r, &g, 0, 1, 1);
	join(&g, 100);
	turn_all(r);
	post_start(&r->posts[1]);
	while (!is_through && n < 1000) {
		struct heard h;
		int fd = call(r, 0);
		say(fd, "GET", "/ws/stats", WITH_KEY);
		heard_init(&h);
		pl_mem_fail_at(++n, false);
		hear_on(r, 0, fd, false, &h);
		is_through = pl_mem_count() < n;
		pl_mem_fail_at(0, false);
		assert_true(h.is_closed || h.head.status == 200 || h.head.status == 503);
		apologies += h.head.status == 503;
		pl_buf_fini(&h.text);
		close(fd);
		turn_some(r, 0);
	}
	assert_true(is_through);
	assert_true(apologies >= 3); /* the question itself, its two lists, the answer */
	leave(r, &g, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_two_workers),
		cmocka_unit_test(test_asked_elsewhere),
		cmocka_unit_test(test_list_is_bounded),
		cmocka_unit_test(test_open_to_everybody),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_closed_meanwhile),
		cmocka_unit_test(test_server_ends_meanwhile),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
