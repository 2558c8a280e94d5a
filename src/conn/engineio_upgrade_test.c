/*
 * engineio_upgrade_test.c - proves the way from polling to a WebSocket: the probe, the switch,
 * nothing lost, doubled or out of order whenever it comes, and every way in which it does not come.
 */
#include "conn/engineio_test.h"

#define NOTHING           pl_slice(NULL, 0)
#define ERROR(code, text) "{\"code\":" code ",\"message\":\"" text "\"}"

static void the_whole_way(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, ""), *ws = ws_ask(&w, query_of(&w, "websocket"), "");
	client_expect(&w, ws, 101, NULL);
	ws_say(&w, ws, PL_WS_TEXT, "2probe");
	ws_expect(&w, ws, PL_WS_TEXT, "3probe");
	client_poll(&w, poll);
	client_expect(&w, poll, 200, "6");
	assert_int_equal(pl_eio_transport(w.e), PL_EIO_POLLING);
	ws_say(&w, ws, PL_WS_TEXT, "5");
	ws_say(&w, ws, PL_WS_TEXT, "4hello");
	ws_expect(&w, ws, PL_WS_TEXT, "4hello");
	assert_int_equal(w.upgrades, 1);
	assert_int_equal(pl_eios_polling(w.eios), 0);
	assert_int_equal(pl_eios_count(w.eios), 1);
	world_close(&w);
}

/* A poll that hangs when the probe comes is ended at once, so that the client can go on. */
static void the_probe_ends_the_poll(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, "");
	client_poll(&w, poll);
	world_pass(&w, 5);
	struct client *ws = world_probe(&w);
	client_expect(&w, poll, 200, "6");
	ws_say(&w, ws, PL_WS_TEXT, "5");
	WORLD_UNTIL(&w, w.upgrades);
	world_close(&w);
}

static void after_it_no_request_is_taken(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, ""), *ws = world_probe(&w);
	ws_say(&w, ws, PL_WS_TEXT, "5");
	WORLD_UNTIL(&w, w.upgrades);
	client_poll(&w, c);
	client_expect(&w, c, 400, ERROR("3", "Bad request"));
	client_post(&w, c, "4late");
	client_expect(&w, c, 400, ERROR("3", "Bad request"));
	struct client *second = ws_ask(&w, query_of(&w, "websocket"), "");
	client_expect(&w, second, 101, NULL);
	ws_expect_close(&w, second, 1005);
	ws_say(&w, ws, PL_WS_TEXT, "4hello");
	ws_expect(&w, ws, PL_WS_TEXT, "4hello");
	assert_int_equal(w.messages, 1);
	world_close(&w);
}

/* Everything goes by polling until `5`; what nobody fetched follows by the WebSocket. */
static void what_is_queued_moves(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, ""), *ws = world_probe(&w);
	(void)pl_eio_send(w.e, PL_WS_TEXT, PL_S("polled"));
	client_poll(&w, c);
	client_expect(&w, c, 200, "4polled");
	(void)pl_eio_send(w.e, PL_WS_TEXT, PL_S("moved"));
	(void)pl_eio_send(w.e, PL_WS_BINARY, PL_S("\1\2\3"));
	(void)pl_eio_send(w.e, PL_WS_TEXT, PL_S(""));
	assert_int_equal(pl_eio_backlog(w.e), 6 + 1 + 5 + 1 + 1);
	ws_say(&w, ws, PL_WS_TEXT, "5");
	(void)pl_eio_send(w.e, PL_WS_TEXT, PL_S("direct"));
	ws_expect(&w, ws, PL_WS_TEXT, "4moved");
	ws_expect(&w, ws, PL_WS_BINARY, "\1\2\3");
	ws_expect(&w, ws, PL_WS_TEXT, "4");
	ws_expect(&w, ws, PL_WS_TEXT, "4direct");
	world_close(&w);
}

/* A poll that the client sent against the rules when it said `5` gets nothing but its end. */
static void a_poll_beside_the_switch_takes_nothing(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *ws, *poll = world_shake(&w, "");
	struct pl_buf b;
	ws = world_probe(&w);
	pl_buf_init(&b, 4096);
	line_frame(&b, PL_WS_TEXT, "5");
	line_frame(&b, PL_WS_TEXT, "4a");
	client_poll(&w, poll);
	client_expect(&w, poll, 200, "6");
	client_write(&w, ws, pl_buf_slice(&b));
	ws_expect(&w, ws, PL_WS_TEXT, "4a");
	pl_buf_fini(&b);
	world_close(&w);
}

/*
 * A stock client's steps with a message from the server between any two of them, and one from the
 * client: each arrives once, in order, whatever carries it.
 */
static void send_numbered(struct world *w, int *next)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d;", (*next)++);
	assert_int_equal(pl_eio_send(w->e, PL_WS_TEXT, pl_slice(text, (size_t)n)), 0);
}

/* Takes what a poll brought: "4<n>;" and more, or a noop. */
static void take_polled(struct client *c, struct pl_buf *heard)
{
	for (const char *at = c->body; *at; at++)
		if (*at == ';' || (*at >= '0' && *at <= '9' && at != c->body && at[-1] != '\x1e'))
			pl_buf_putc(heard, *at);
}

static void one_upgrade(struct world *w, unsigned where)
{
	struct pl_buf heard, expected;
	struct pl_ws_event ev;
	int next = 10, after;
	struct client *poll = world_shake(w, ""), *ws;
	pl_buf_init(&heard, 4096);
	pl_buf_init(&expected, 4096);
#define STEP(bit)                                \
	do {                                     \
		if (where & 1u << (bit))         \
			send_numbered(w, &next); \
		if (where & 1u << ((bit) + 1))   \
			world_turn(w);           \
	} while (0)
	client_poll(w, poll);
	STEP(0);
	ws = ws_ask(w, query_of(w, "websocket"), "");
	client_expect(w, ws, 101, NULL);
	STEP(2);
	ws_say(w, ws, PL_WS_TEXT, "2probe");
	STEP(4);
	ws_expect(w, ws, PL_WS_TEXT, "3probe");
	client_expect(w, poll, 200, NULL);
	take_polled(poll, &heard);
	STEP(6);
	ws_say(w, ws, PL_WS_TEXT, "5");
	STEP(8);
	after = next;
	send_numbered(w, &next);
	WORLD_UNTIL(w, w->upgrades);
	for (world_turn(w); ws_next(ws, &ev); world_turn(w))
		pl_buf_put(&heard, ev.data.at + 1, ev.data.len - 1);
	for (int i = 10; i <= after; i++)
		pl_buf_printf(&expected, "%d;", i);
	assert_int_equal(heard.len, expected.len);
	assert_memory_equal(heard.at, expected.at, expected.len);
	pl_buf_fini(&heard);
	pl_buf_fini(&expected);
	client_leave(poll);
	client_leave(ws);
	WORLD_UNTIL(w, !w->e);
	w->upgrades = 0;
#undef STEP
}

static void nothing_is_lost_or_doubled_whenever_it_comes(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	for (unsigned where = 0; where < 1u << 10; where++)
		one_upgrade(&w, where);
	assert_int_equal(w.opens, 1024);
	world_close(&w);
}

/* ---- when it does not come ---- */

static void what_is_no_probe_closes_only_itself(void **state)
{
	static const char *const said[] = {"4early", "5", "2", "3probe", "abc", "1", "", "2probe2"};
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++) {
		struct client *ws = ws_ask(&w, query_of(&w, "websocket"), "");
		client_expect(&w, ws, 101, NULL);
		ws_say(&w, ws, PL_WS_TEXT, said[i]);
		ws_expect_close(&w, ws, 1005);
		client_leave(ws);
	}
	struct client *ws = world_probe(&w);
	ws_say(&w, ws, PL_WS_BINARY, "5");
	ws_expect_close(&w, ws, 1005);
	client_post(&w, c, "4still here");
	client_expect(&w, c, 200, "ok");
	client_poll(&w, c);
	client_expect(&w, c, 200, "4still here");
	assert_int_equal(w.messages, 1);
	assert_int_equal(w.closes, 0);
	assert_int_equal(w.upgrades, 0);
	world_close(&w);
}

static void only_one_may_probe(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	world_shake(&w, "");
	struct client *first = world_probe(&w), *second = ws_ask(&w, query_of(&w, "websocket"), "");
	client_expect(&w, second, 101, NULL);
	ws_expect_close(&w, second, 1005);
	ws_say(&w, first, PL_WS_TEXT, "2probe"); /* again is no harm */
	ws_expect(&w, first, PL_WS_TEXT, "3probe");
	ws_say(&w, first, PL_WS_TEXT, "5");
	WORLD_UNTIL(&w, w.upgrades);
	world_close(&w);
}

static void a_probe_that_goes_away_leaves_it_polling(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	client_leave(world_probe(&w));
	world_pass(&w, 5);
	client_poll(&w, c);
	world_pass(&w, 5);
	assert_false(client_take(c)); /* polls hang again */
	(void)pl_eio_send(w.e, PL_WS_TEXT, PL_S("a"));
	client_expect(&w, c, 200, "4a");
	struct client *ws = world_probe(&w);
	ws_say(&w, ws, PL_WS_TEXT, "5");
	WORLD_UNTIL(&w, w.upgrades);
	world_close(&w);
}

static void a_probe_has_its_time(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	o.upgrade_timeout_ms = 40;
	world_open(&w, state, o);
	struct client *c = world_shake(&w, ""), *ws = world_probe(&w);
	uint64_t began = pl_now_ms();
	ws_expect_close(&w, ws, 1005);
	assert_in_range(pl_now_ms() - began, 30, 2000);
	client_post(&w, c, "4a");
	client_expect(&w, c, 200, "ok");
	assert_int_equal(w.closes, 0);
	ws = world_probe(&w);
	ws_say(&w, ws, PL_WS_TEXT, "5");
	WORLD_UNTIL(&w, w.upgrades);
	world_pass(&w, 80);
	assert_int_equal(w.closes, 0); /* an upgrade that came has no time any more */
	world_close(&w);
}

static void the_session_ends_while_it_probes(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, ""), *ws = world_probe(&w);
	client_post(&w, c, "1");
	client_expect(&w, c, 200, "ok");
	ws_expect_close(&w, ws, 1005);
	assert_int_equal(w.reason, PL_EIO_CLIENT_LEFT);
	client_leave(c);
	c = world_shake(&w, "");
	ws = world_probe(&w);
	client_post(&w, c, "4close");
	client_expect(&w, c, 200, "ok");
	ws_expect_close(&w, ws, 1005);
	client_poll(&w, c);
	client_expect(&w, c, 200, "1");
	assert_int_equal(w.closes, 2);
	/* And it cannot be taken over any more. */
	c = world_shake(&w, "");
	client_post(&w, c, "4close");
	client_expect(&w, c, 200, "ok");
	struct client *late = ws_ask(&w, query_of(&w, "websocket"), "");
	client_expect(&w, late, 101, NULL);
	ws_expect_close(&w, late, 1005);
	world_close(&w);
}

static void upgrades_may_be_off(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	o.no_upgrade = true;
	world_open(&w, state, o);
	world_shake(&w, "");
	struct client *ws = ws_ask(&w, query_of(&w, "websocket"), "");
	client_expect(&w, ws, 101, NULL);
	ws_expect_close(&w, ws, 1005);
	world_close(&w);
}

static void another_revision_is_refused(void **state)
{
	struct world w;
	char query[128];
	world_open(&w, state, world_options());
	world_shake(&w, "");
	snprintf(query, sizeof(query), "EIO=3&transport=websocket&sid=%s", w.sid);
	struct client *ws = ws_ask(&w, query, "");
	client_expect(&w, ws, 400, "Bad request");
	world_close(&w);
}

/* ---- who shook hands without WebSocket frames of bytes ---- */

static void base64_stays_after_the_upgrade(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = client_join(&w);
	client_ask(&w, c, "GET", "EIO=4&transport=polling&b64=1", "", NOTHING);
	client_expect(&w, c, 200, NULL);
	remember_sid(&w, c->body);
	struct client *ws = world_probe(&w);
	(void)pl_eio_send(w.e, PL_WS_BINARY, PL_S("\1\2\3"));
	ws_say(&w, ws, PL_WS_TEXT, "5");
	ws_expect(&w, ws, PL_WS_TEXT, "bAQID");
	(void)pl_eio_send(w.e, PL_WS_BINARY, PL_S("\4"));
	ws_expect(&w, ws, PL_WS_TEXT, "bBA==");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_ENGINES(the_whole_way),
		BOTH_ENGINES(the_probe_ends_the_poll),
		BOTH_ENGINES(after_it_no_request_is_taken),
		BOTH_ENGINES(what_is_queued_moves),
		BOTH_ENGINES(a_poll_beside_the_switch_takes_nothing),
		BOTH_ENGINES(nothing_is_lost_or_doubled_whenever_it_comes),
		BOTH_ENGINES(what_is_no_probe_closes_only_itself),
		BOTH_ENGINES(only_one_may_probe),
		BOTH_ENGINES(a_probe_that_goes_away_leaves_it_polling),
		BOTH_ENGINES(a_probe_has_its_time),
		BOTH_ENGINES(the_session_ends_while_it_probes),
		BOTH_ENGINES(upgrades_may_be_off),
		BOTH_ENGINES(another_revision_is_refused),
		BOTH_ENGINES(base64_stays_after_the_upgrade),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
