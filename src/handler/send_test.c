/*
 * send_test.c - proves what leaves for one connection and what its options do: close codes and
 * reasons, control frames, limits, slow readers, heartbeat, inactivity, compression.
 */
#include "handler/testing.h"

static struct world w;

static void close_noted(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	(void)c;
	note(&w, "close %u %.*s;", code, PARLEY_FMT(reason));
}

static uint16_t close_code;
static const char *close_reason;

static int close_as_told(parley_conn *c)
{
	parley_close(c, close_code, close_reason);
	return 0;
}

static void codes_and_reasons_of_a_close(void **state)
{
	static const struct {
		uint16_t code, sent;
	} rows[] = {{1000, 1000}, {1003, 1003}, {1004, 1011}, {1005, 1011}, {1006, 1011},
		    {1007, 1007}, {1014, 1014}, {1015, 1011}, {2999, 1011}, {3000, 3000},
		    {4999, 4999}, {5000, 1011}, {0, 1011},    {999, 1011},  {65535, 1011}};
	struct parley_endpoint e = {.pattern = "/ws", .on_connect = close_as_told};
	char long_reason[200], cut[124];
	(void)state;
	world_open(&w, &e);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		close_code = rows[i].code;
		close_reason = i % 2 ? NULL : "why";
		expect_close(&w, client_new(&w, "/ws"), rows[i].sent, i % 2 ? "" : "why");
	}
	memset(long_reason, 'r', sizeof(long_reason));
	memcpy(long_reason + 122, "\xe2\x82\xac", 4); /* the limit is inside it */
	memset(cut, 'r', sizeof(cut));
	cut[122] = '\0';
	close_code = 4000;
	close_reason = long_reason;
	expect_close(&w, client_new(&w, "/ws"), 4000, cut);
	close_reason = "\xff!";
	expect_close(&w, client_new(&w, "/ws"), 4000, "\xef\xbf\xbd!");
	world_end(&w);
}

/* ---- control frames, limits ---- */

static int control_frames(parley_conn *c)
{
	static const char long_payload[126] = "";
	assert_int_equal(parley_ping(c, parley_slice(long_payload, 126)), PARLEY_ETOO_BIG);
	assert_int_equal(parley_pong(c, parley_slice(long_payload, 126)), PARLEY_ETOO_BIG);
	assert_int_equal(parley_ping(c, parley_slice(long_payload, 125)), 0);
	assert_int_equal(parley_ping(c, PARLEY_S("p")), 0);
	assert_int_equal(parley_pong(c, PARLEY_S("q")), 0);
	assert_int_equal(parley_ping(c, parley_cstr(NULL)), 0);
	assert_int_equal(parley_send(c, parley_slice(long_payload, (size_t)1 << 31)),
			 PARLEY_ETOO_BIG);
	assert_int_equal(parley_send(c, parley_cstr(NULL)), 0);
	return 0;
}

static void answer_ping(parley_conn *c, struct parley_slice payload)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "mine: %.*s", PARLEY_FMT(payload));
	assert_int_equal(parley_pong(c, parley_slice(text, (size_t)n)), 0);
}

static void control_frames_and_limits(void **state)
{
	struct parley_endpoint e = {
		.pattern = "/ws", .on_connect = control_frames, .on_ping = answer_ping};
	(void)state;
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws");
	struct pl_ws_event ev = {0};
	UNTIL(&w, next_frame(c, &ev));
	assert_int_equal(ev.op, PL_WS_PING);
	assert_int_equal(ev.data.len, 125);
	expect_frame(&w, c, PL_WS_PING, "p");
	expect_frame(&w, c, PL_WS_PONG, "q");
	expect_frame(&w, c, PL_WS_PING, "");
	expect_frame(&w, c, PL_WS_TEXT, "");
	say_bytes(&w, c, PL_WS_PING, PL_S("a"));
	expect_frame(&w, c, PL_WS_PONG, "mine: a");
	expect_nothing(&w, c); /* no second pong */
	world_end(&w);
}

static int flood_result;

static int flood(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		 const parley_json *json)
{
	static char block[32768];
	(void)kind;
	(void)raw;
	(void)json;
	memset(block, 'f', sizeof(block));
	flood_result = 0;
	for (int i = 0; i < 1000 && !flood_result; i++)
		flood_result = parley_send(c, parley_slice(block, sizeof(block)));
	note(&w, parley_conn_backlog(c) > 100000 ? "much;" : "little;");
	return 0;
}

static int ping_behind(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		       const parley_json *json)
{
	static char large[(1 << 20) + 1];
	(void)kind;
	(void)raw;
	(void)json;
	assert_int_equal(parley_ping(c, PARLEY_S("a")), 0);
	assert_int_equal(parley_send_binary(c, parley_slice(large, sizeof(large))), 0);
	assert_int_equal(parley_ping(c, PARLEY_S("b")), PARLEY_EBUSY);
	assert_int_equal(parley_pong(c, PARLEY_S("b")), PARLEY_EBUSY);
	return 0;
}

static void no_ping_behind_a_full_backlog(void **state)
{
	struct parley_endpoint e = {
		.pattern = "/ws", .max_backlog = 1 << 20, .on_message = ping_behind};
	(void)state;
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws");
	say(&w, c, "go");
	expect_frame(&w, c, PL_WS_PING, "a");
	world_end(&w);
}

static void a_slow_reader(void **state)
{
	struct parley_endpoint e = {.pattern = "/ws",
				    .max_backlog = 1 << 20,
				    .on_message = flood,
				    .on_close = close_noted};
	struct pl_ws_event ev = {0};
	(void)state;
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws");
	c->deaf = true;
	say(&w, c, "go");
	assert_int_equal(flood_result, PARLEY_EBUSY);
	c->deaf = false;
	expect_close(&w, c, 1013, "too slow: reconnect and load what you missed from the history");
	world_end(&w);
	forget_log(&w);
	e.drop_when_slow = true;
	world_open(&w, &e);
	c = client_new(&w, "/ws");
	c->deaf = true;
	say(&w, c, "go");
	assert_int_equal(flood_result, PARLEY_EBUSY);
	expect_log(&w, "much;");
	c->deaf = false;
	size_t got = 0;
	for (int i = 0; i < 100; i++) {
		turn_for(&w, 1);
		for (; next_frame(c, &ev); got++)
			assert_int_equal(ev.data.len, 32768);
	}
	assert_in_range(got, 16, 64); /* what had room came whole, the rest was dropped */
	say(&w, c, "and again");
	UNTIL(&w, next_frame(c, &ev));
	world_end(&w);
	forget_log(&w);
}

/* ---- options that the connection keeps ---- */

static void heartbeat_and_inactivity(void **state)
{
	struct parley_endpoint e = {
		.pattern = "/beat", .heartbeat_ms = 100, .on_close = close_noted};
	struct parley_endpoint idle = {.pattern = "/idle", .idle_ms = 300, .on_close = close_noted};
	(void)state;
	world_new(&w, NULL, 1);
	world_serve(&w, &e);
	world_serve(&w, &idle);
	world_start(&w);
	struct client *c = client_new(&w, "/beat");
	for (int i = 0; i < 5; i++) { /* who answers lives on */
		expect_frame(&w, c, PL_WS_PING, "heartbeat");
		say_bytes(&w, c, PL_WS_PONG, PL_S("any"));
	}
	for (int i = 0; i < 3; i++)
		expect_frame(&w, c, PL_WS_PING, "heartbeat");
	expect_close(&w, c, 1000, "No pong received");
	say_close(&w, c, 1000, "");
	UNTIL(&w, w.log_len);
	expect_log(&w, "close 1000 No pong received;");
	c = client_new(&w, "/idle");
	uint64_t begin = pl_now_ms();
	while (pl_now_ms() - begin < 450) {
		turn_for(&w, 50);
		say_bytes(&w, c, PL_WS_PING, PL_S(""));
	}
	begin = pl_now_ms();
	expect_close(&w, c, 1000, "Inactivity timeout");
	assert_true(pl_now_ms() - begin >= 200);
	world_end(&w);
	forget_log(&w);
}

static void compression_is_an_endpoints_choice(void **state)
{
	struct parley_endpoint no = PARLEY_ENDPOINT("/no");
	struct parley_endpoint yes = {.pattern = "/yes", .compress = true};
	(void)state;
	world_new(&w, NULL, 1);
	world_serve(&w, &no);
	world_serve(&w, &yes);
	world_start(&w);
	for (int i = 0; i < 2; i++) {
		struct client *c = client_ask(&w, i ? "/yes" : "/no",
					      "Sec-WebSocket-Extensions: permessage-deflate\r\n");
		UNTIL(&w, has_head(c));
		assert_int_equal(memmem(c->got.at, c->got.len, "permessage-deflate", 18) != NULL,
				 i);
	}
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_and_reasons_of_a_close),
		cmocka_unit_test(control_frames_and_limits),
		cmocka_unit_test(no_ping_behind_a_full_backlog),
		cmocka_unit_test(a_slow_reader),
		cmocka_unit_test(heartbeat_and_inactivity),
		cmocka_unit_test(compression_is_an_endpoints_choice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
