/*
 * rooms_test.c - proves who hears a broadcast: whoever is a member at that moment, each once, on
 * every worker; that rooms belong to an endpoint; and that limits are kept, whatever clients wish.
 */
#include "handler/internal.h"
#include "handler/testing.h"

static struct world w;

/*
 * Clients say what their connections do: {"do":"join","room":"a"}, leave, and
 * {"do":"tell","rooms":["a","b"],"self":true,"own":true,"text":"..."}.
 */
static int tell(parley_conn *c, const parley_json *json)
{
	struct parley_slice rooms[16];
	struct parley_to to = {.rooms = rooms,
			       .include_self = parley_bool(json, "self", false),
			       .own_rooms = parley_bool(json, "own", false),
			       .binary = parley_bool(json, "binary", false)};
	const parley_json *list = parley_get(json, "rooms");
	for (const parley_json *r = parley_first(list); r; r = parley_next(r))
		rooms[to.nrooms++] = parley_text(r);
	if (parley_is(json, "do", "tell-all"))
		return parley_broadcast(c, parley_str(json, "text"), NULL);
	return parley_broadcast(c, parley_str(json, "text"), &to);
}

static int obey(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		const parley_json *json)
{
	struct parley_slice room = parley_str(json, "room");
	(void)kind;
	(void)raw;
	if (parley_is(json, "do", "join"))
		return parley_join(c, room);
	if (parley_is(json, "do", "leave"))
		return parley_leave(c, room);
	if (parley_is(json, "do", "close"))
		parley_close(c, 1000, NULL);
	return parley_is(json, "do", "close") ? 0 : tell(c, json);
}

static const struct parley_endpoint rooms_at = {.pattern = "/ws", .on_message = obey};

static void act(struct client *c, const char *what)
{
	char text[256];
	size_t n = 0;
	for (; *what && n < sizeof(text) - 1; what++) /* 'so' instead of \"so\" */
		text[n++] = *what == '\'' ? '"' : *what;
	text[n] = '\0';
	say(&w, c, text);
	settle(&w);
}

/* Which of the clients heard it, once: "0134". Nobody hears anything else. */
static void heard(const char *who, const char *text)
{
	settle(&w);
	for (int i = 0; i < w.nclients; i++) {
		if (w.clients[i].fd >= 0 && strchr(who, '0' + i))
			expect_text(&w, &w.clients[i], text);
		if (w.clients[i].fd >= 0)
			expect_nothing(&w, &w.clients[i]);
	}
}

/* Clients 0 to 2 are on the first worker, 3 and 4 on the second: 0 in a, b; 1 in b; 2 in c; 3 in a,
 * c; 4 in none. */
static void people(void)
{
	world_new(&w, NULL, 2);
	world_serve(&w, &rooms_at);
	world_start(&w);
	for (int i = 0; i < 5; i++)
		(void)client_at(&w, i / 3, "/ws");
	act(&w.clients[0], "{'do':'join','room':'a'}");
	act(&w.clients[0], "{'do':'join','room':'b'}");
	act(&w.clients[0], "{'do':'join','room':'b'}");
	act(&w.clients[1], "{'do':'join','room':'b'}");
	act(&w.clients[2], "{'do':'join','room':'c'}");
	act(&w.clients[3], "{'do':'join','room':'a'}");
	act(&w.clients[3], "{'do':'join','room':'c'}");
}

static void who_hears_a_broadcast(void **state)
{
	static const struct {
		int from;
		const char *what, *heard;
	} rows[] = {
		{0, "{'do':'tell-all','text':'x'}", "1234"},
		{4, "{'do':'tell-all','text':'x'}", "0123"},
		{0, "{'do':'tell','text':'x'}", "1234"},
		{0, "{'do':'tell','self':true,'text':'x'}", "01234"},
		{0, "{'do':'tell','rooms':['a'],'text':'x'}", "3"},
		{0, "{'do':'tell','rooms':['a'],'self':true,'text':'x'}", "03"},
		{3, "{'do':'tell','rooms':['a'],'text':'x'}", "0"},
		{0, "{'do':'tell','rooms':['b'],'self':true,'text':'x'}", "01"},
		/* the sender need not be a member, and hears it only if he is */
		{4, "{'do':'tell','rooms':['a'],'text':'x'}", "03"},
		{4, "{'do':'tell','rooms':['a'],'self':true,'text':'x'}", "03"},
		/* several rooms: each member once */
		{2, "{'do':'tell','rooms':['a','b'],'text':'x'}", "013"},
		{2, "{'do':'tell','rooms':['a','b','c','a'],'text':'x'}", "013"},
		{2, "{'do':'tell','rooms':['a','b','c'],'self':true,'text':'x'}", "0123"},
		{1, "{'do':'tell','rooms':['nowhere'],'self':true,'text':'x'}", ""},
		{1, "{'do':'tell','rooms':['nowhere','c'],'text':'x'}", "23"},
		/* his own rooms; in none: all */
		{0, "{'do':'tell','own':true,'text':'x'}", "13"},
		{0, "{'do':'tell','own':true,'self':true,'text':'x'}", "013"},
		{0, "{'do':'tell','own':true,'rooms':['c'],'text':'x'}", "13"},
		{3, "{'do':'tell','own':true,'text':'x'}", "02"},
		{1, "{'do':'tell','own':true,'text':'x'}", "0"},
		{4, "{'do':'tell','own':true,'text':'x'}", "0123"},
		{4, "{'do':'tell','own':true,'self':true,'text':'x'}", "01234"},
	};
	(void)state;
	people();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		act(&w.clients[rows[i].from], rows[i].what);
		heard(rows[i].heard, "x");
	}
	act(&w.clients[0], "{'do':'tell','binary':true,'text':'bin'}");
	for (int i = 1; i < 5; i++)
		expect_frame(&w, &w.clients[i], PL_WS_BINARY, "bin");
	act(&w.clients[0], "{'do':'leave','room':'a'}");
	act(&w.clients[0], "{'do':'leave','room':'a'}");
	act(&w.clients[4], "{'do':'tell','rooms':['a'],'text':'x'}");
	heard("3", "x");
	hang_up(&w.clients[3]);
	settle(&w);
	act(&w.clients[4], "{'do':'tell','rooms':['a','c'],'text':'x'}");
	heard("2", "x");
	world_end(&w);
}

/* The number of a broadcast is 32 bits long. */
static void numbers_begin_again(void **state)
{
	(void)state;
	people();
	for (int i = 0; i < 4; i++) {
		act(&w.clients[2], "{'do':'tell','rooms':['a','b'],'text':'x'}");
		heard("013", "x");
		if (i == 0) /* they carry the number 1 now, which comes again */
			w.sites[0]->stamp = w.sites[1]->stamp = UINT32_MAX;
	}
	assert_int_equal(w.sites[0]->stamp, 3);
	world_end(&w);
}

static void bad_names_are_told(void **state)
{
	static const char *const rows[] = {
		"{'do':'join'}",
		"{'do':'join','room':''}",
		"{'do':'leave','room':''}",
		"{'do':'join','room':7}",
		"{'do':'tell','rooms':[''],'text':'x'}",
		"{'do':'tell','rooms':['a',3],'text':'x'}",
	};
	char name[300];
	(void)state;
	people();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		act(&w.clients[0], rows[i]);
		heard("0", "{\"type\":\"error\",\"message\":\"invalid argument\"}");
	}
	memset(name, 'n', sizeof(name));
	memcpy(name, "{'do':'join','room':'", 21);
	memcpy(name + 21 + 255, "'}", 3);
	char *at = malloc(400);
	assert_non_null(at);
	for (size_t i = 0; i <= strlen(name); i++)
		at[i] = name[i] == '\'' ? '"' : name[i];
	say(&w, &w.clients[0], at); /* 255 bytes */
	heard("", "");
	memcpy(at + 21 + 255, "n\"}", 4);
	say(&w, &w.clients[0], at);
	heard("0", "{\"type\":\"error\",\"message\":\"invalid argument\"}");
	free(at);
	world_end(&w);
}

/* ---- what is asked of rooms ---- */

static bool has(const struct parley_slice *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (parley_slice_eq(list[i], parley_cstr(name)))
			return true;
	return false;
}

static int ask_about_rooms(parley_conn *c)
{
	struct parley_slice out[4] = {{NULL, 0}};
	assert_int_equal(parley_rooms(c, NULL, 0), 1);
	assert_int_equal(parley_join(c, PARLEY_S("a\0b")), 0);
	assert_int_equal(parley_join(c, PARLEY_S("c")), 0);
	assert_int_equal(parley_rooms(c, out, 2), 3);
	assert_non_null(out[1].at);
	assert_null(out[2].at);
	assert_int_equal(parley_rooms(c, out, 4), 3);
	assert_true(has(out, 3, "lobby") && has(out, 3, "c"));
	assert_true(parley_in_room(c, PARLEY_S("a\0b")));
	assert_false(parley_in_room(c, PARLEY_S("a")));
	assert_false(parley_in_room(c, PARLEY_S("")));
	assert_false(parley_in_room(c, parley_cstr(NULL)));
	assert_int_equal(parley_room_size(c, PARLEY_S("c")), 1);
	assert_int_equal(parley_room_size(c, PARLEY_S("")), 0);
	assert_int_equal(parley_room_size(c, PARLEY_S("nowhere")), 0);
	assert_int_equal(parley_leave(c, PARLEY_S("lobby")), 0);
	assert_int_equal(parley_leave(c, PARLEY_S("lobby")), 0);
	assert_false(parley_in_room(c, PARLEY_S("lobby")));
	assert_int_equal(parley_room_size(c, PARLEY_S("lobby")), 0);
	assert_int_equal(parley_rooms(c, out, 4), 2);
	note(&w, "asked;");
	return 0;
}

static int hall_number(parley_conn *c)
{
	assert_int_equal(parley_join(c, PARLEY_S("same")), 0);
	return parley_broadcast(c, PARLEY_S("hello"), &(struct parley_to){.include_self = true});
}

static void rooms_belong_to_an_endpoint(void **state)
{
	struct parley_endpoint a = {.pattern = "/a", .on_connect = hall_number},
			       b = {.pattern = "/b", .on_connect = hall_number};
	struct parley_endpoint c = {
		.pattern = "/c", .default_room = "lobby", .on_connect = ask_about_rooms};
	(void)state;
	world_new(&w, NULL, 1);
	world_serve(&w, &a);
	world_serve(&w, &b);
	world_serve(&w, &c);
	world_start(&w);
	struct client *one = client_new(&w, "/a");
	expect_text(&w, one, "hello");
	struct client *two = client_new(&w, "/b");
	expect_text(&w, two, "hello");
	expect_nothing(&w, one);
	(void)client_new(&w, "/c");
	expect_log(&w, "asked;");
	expect_nothing(&w, one);
	world_end(&w);
}

/* ---- in on_close, and closing while others are told ---- */

static void tell_in_close(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	struct parley_slice id = parley_conn_id(c), room = PARLEY_S("a");
	(void)code;
	(void)reason;
	assert_true(parley_in_room(c, room)); /* still */
	assert_int_equal(
		parley_broadcast_object(c,
					PARLEY_OBJ(parley_kstr("type", PARLEY_S("user-left")),
						   parley_kstr("userId", id)),
					&(struct parley_to){.include_self = true}),
		0);
	assert_int_equal(
		parley_broadcast(c, PARLEY_S("bye"), &(struct parley_to){.own_rooms = true}), 0);
	assert_int_equal(parley_leave(c, room), 0);
	assert_false(parley_in_room(c, room));
}

static int join_a(parley_conn *c)
{
	return parley_join(c, PARLEY_S("a"));
}

static void a_goodbye_reaches_the_others(void **state)
{
	struct parley_endpoint e = {.pattern = "/ws",
				    .on_connect = join_a,
				    .on_message = obey,
				    .on_close = tell_in_close};
	struct pl_ws_event ev = {0};
	(void)state;
	world_new(&w, NULL, 2);
	world_serve(&w, &e);
	world_start(&w);
	struct client *here = client_at(&w, 0, "/ws"), *there = client_at(&w, 1, "/ws"),
		      *leaves = client_at(&w, 0, "/ws");
	say_close(&w, leaves, 1000, "");
	struct client *others[] = {here, there};
	for (int i = 0; i < 2; i++) {
		UNTIL(&w, next_frame(others[i], &ev));
		assert_memory_equal(ev.data.at, "{\"type\":\"user-left\",\"userId\":\"", 30);
		assert_int_equal(ev.data.len, 30 + PL_UUID_TEXT + 2);
		expect_text(&w, others[i], "bye");
		expect_nothing(&w, others[i]);
	}
	expect_close(&w, leaves, 1000, ""); /* and nothing before it */
	/* Both leave in one turn: each is told of the other or not, nothing breaks. */
	act(here, "{'do':'close'}");
	hang_up(there);
	hang_up(here);
	UNTIL(&w, !pl_conns_count(w.sets[0]) && !pl_conns_count(w.sets[1]));
	world_end(&w);
}

static parley_conn *all[CLIENTS];
static int nall;

static int be_known(parley_conn *c)
{
	all[nall++] = c;
	return parley_join(c, PARLEY_S("a"));
}

/* Whoever speaks closes everybody, tells them, lets them join and leave, and closes them again. */
static int close_all(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		     const parley_json *json)
{
	(void)kind;
	(void)json;
	for (int i = 0; i < nall; i += 2)
		parley_close(all[i], 4000, "all of you");
	assert_int_equal(parley_broadcast(c, raw, NULL), 0);
	for (int i = 0; i < nall; i++) {
		assert_int_equal(parley_join(all[i], PARLEY_S("b")), i % 2 ? 0 : PARLEY_ECLOSED);
		assert_int_equal(parley_leave(all[i], PARLEY_S("a")), 0);
	}
	assert_int_equal(parley_room_size(c, PARLEY_S("b")), nall / 2);
	assert_int_equal(parley_room_size(c, PARLEY_S("a")), 0);
	for (int i = 0; i < nall; i++)
		parley_close(all[i], 4000, "all of you");
	return 0;
}

static void anybody_may_close_everybody(void **state)
{
	struct parley_endpoint e = {
		.pattern = "/ws", .on_connect = be_known, .on_message = close_all};
	(void)state;
	nall = 0;
	world_open(&w, &e);
	for (int i = 0; i < 10; i++)
		(void)client_new(&w, "/ws");
	say(&w, &w.clients[1], "news");
	for (int i = 0; i < 10; i++) {
		if (i % 2 && i != 1)
			expect_text(&w, &w.clients[i], "news");
		expect_close(&w, &w.clients[i], 4000, "all of you");
	}
	world_end(&w);
}

/* ---- limits ---- */

static int million(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		   const parley_json *json)
{
	int taken = 0, refused = 0, names = *(const int *)parley_conn_user(c);
	(void)kind;
	(void)raw;
	(void)json;
	for (int i = 0; i < names; i++) {
		char name[32];
		int n = snprintf(name, sizeof(name), "room %d", i);
		int err = parley_join(c, parley_slice(name, (size_t)n));
		taken += !err;
		refused += err == PARLEY_ELIMIT;
	}
	note(&w, "%d %d %zu;", taken, refused, parley_rooms(c, NULL, 0));
	return parley_join(c, PARLEY_S("one more"));
}

static void a_million_names_hit_a_limit(void **state)
{
	int names = 1000000;
	struct parley_endpoint e = {.pattern = "/ws", .user = &names, .on_message = million};
	(void)state;
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws");
	say(&w, c, "go");
	expect_text(&w, c, "{\"type\":\"error\",\"message\":\"too many\"}");
	expect_log(&w, "1000 999000 1000;");
	world_end(&w);
	names = 10000;
	e.max_rooms_each = 4096;
	world_open(&w, &e);
	say(&w, client_new(&w, "/ws"), "go");
	expect_log(&w, "4096 5904 4096;");
	world_end(&w);
	e.max_rooms = 50; /* of all connections together */
	world_open(&w, &e);
	c = client_new(&w, "/ws");
	say(&w, c, "go");
	expect_log(&w, "50 9950 50;");
	struct client *other = client_new(&w, "/ws");
	say(&w, other, "go");
	expect_log(&w, "50 9950 50;"); /* the same rooms: they are there */
	hang_up(c);
	hang_up(other);
	UNTIL(&w, !pl_conns_count(w.sets[0]));
	c = client_new(&w, "/ws");
	say(&w, c, "go");
	expect_log(&w, "50 9950 50;"); /* an empty room is gone */
	world_end(&w);
}

/* Coming and going takes no memory that stays, and none at all where there is room. */
static int come_and_go(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		       const parley_json *json)
{
	(void)kind;
	(void)raw;
	(void)json;
	for (int i = 0; i < 900; i++) {
		char name[32];
		int n = snprintf(name, sizeof(name), "room %d", i);
		assert_int_equal(parley_join(c, parley_slice(name, (size_t)n)), 0);
	}
	pl_mem_fail_at(0, false);
	for (int i = 0; i < 100000; i++) {
		char name[32];
		int n = snprintf(name, sizeof(name), "room %d", i % 900);
		assert_int_equal(parley_leave(c, parley_slice(name, (size_t)n)), 0);
		assert_int_equal(parley_join(c, parley_slice(name, (size_t)n)), 0);
	}
	/* A room is born with its first member, in one block. Nothing is moved. */
	assert_int_equal(pl_mem_count(), 100000);
	return 0;
}

static void joining_and_leaving_are_constant(void **state)
{
	struct parley_endpoint e = {.pattern = "/ws", .on_message = come_and_go};
	(void)state;
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws");
	say(&w, c, "go");
	expect_nothing(&w, c);
	world_end(&w);
}

static int tell_too_much(parley_conn *c)
{
	static struct parley_slice rooms[4097];
	static char large[1];
	for (size_t i = 0; i < 4097; i++)
		rooms[i] = PARLEY_S("a");
	struct parley_to to = {.rooms = rooms, .nrooms = 4097};
	assert_int_equal(parley_broadcast(c, PARLEY_S("x"), &to), PARLEY_ELIMIT);
	to.nrooms = 4096;
	assert_int_equal(parley_broadcast(c, PARLEY_S("x"), &to), 0);
	to.rooms = NULL;
	assert_int_equal(parley_broadcast(c, PARLEY_S("x"), &to), PARLEY_EINVAL);
	assert_int_equal(parley_broadcast(c, parley_slice(large, 1u << 31), NULL), PARLEY_ETOO_BIG);
	assert_int_equal(parley_broadcast(c, parley_cstr(NULL), NULL), 0);
	assert_int_equal(parley_broadcast_object(c, NULL, NULL), PARLEY_EINVAL);
	note(&w, "told;");
	return 0;
}

static void what_is_too_much_to_tell(void **state)
{
	struct parley_endpoint e = {.pattern = "/ws", .on_connect = tell_too_much};
	(void)state;
	world_open(&w, &e);
	(void)client_new(&w, "/ws");
	expect_log(&w, "told;");
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_hears_a_broadcast),
		cmocka_unit_test(numbers_begin_again),
		cmocka_unit_test(bad_names_are_told),
		cmocka_unit_test(rooms_belong_to_an_endpoint),
		cmocka_unit_test(a_goodbye_reaches_the_others),
		cmocka_unit_test(anybody_may_close_everybody),
		cmocka_unit_test(a_million_names_hit_a_limit),
		cmocka_unit_test(joining_and_leaving_are_constant),
		cmocka_unit_test(what_is_too_much_to_tell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
