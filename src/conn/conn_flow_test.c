/* conn_flow_test.c - proves what happens over time: readers that are slow, silent or gone, answers
 * that are owed, draining; by each engine, with and without TLS. */
#include "conn/line_test.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static void wait_ms(struct line *l, uint64_t ms)
{
	for (uint64_t end = pl_now_ms() + ms; pl_now_ms() < end;)
		line_wait(l);
}

/* ---- slow readers ---- */

/* Every message that arrives is whole and in order, then comes the goodbye with its advice. */
static void hear_whole_messages_then_1013(struct line *l, size_t size)
{
	struct pl_ws_event ev = {0};
	for (char next = 'a';; next = next == 'z' ? 'a' : (char)(next + 1)) {
		LINE_UNTIL(l, line_next(l, &ev));
		if (ev.op == PL_WS_CLOSE)
			break;
		assert_int_equal(ev.data.len, size);
		for (size_t i = 0; i < size; i++)
			if (ev.data.at[i] != next)
				fail_msg("byte %zu of %zu", i, size);
	}
	assert_int_equal(ev.close_code, 1013);
	assert_non_null(memmem(ev.reason.at, ev.reason.len, "history", 7));
	line_send(l, PL_WS_CLOSE, "\x03\xf5");
	LINE_UNTIL(l, l->closes == 1);
	assert_int_equal(l->close_code, 1013);
}

static void a_slow_reader_is_closed_between_messages(void **state)
{
	static const size_t sizes[] = {900, 5000, 70001, 390001};
	for (size_t i = 0; i < 4; i++) {
		struct line l;
		char *text = malloc(sizes[i]);
		struct pl_conn_options o = line_options();
		o.ws.compress = false;
		line_open(&l, state, o);
		line_upgrade(&l);
		l.deaf = true;
		char next = 'a';
		for (int n = 0; pl_conn_is_open(l.conn) && n < 200000; n++) {
			memset(text, next, sizes[i]);
			next = next == 'z' ? 'a' : (char)(next + 1);
			pl_conn_send(l.conn, PL_WS_BINARY, pl_slice(text, sizes[i]));
			if (n % 97 == 0)
				line_turn(&l);
		}
		assert_false(pl_conn_is_open(l.conn));
		l.deaf = false;
		hear_whole_messages_then_1013(&l, sizes[i]);
		free(text);
		line_close(&l);
	}
}

static void what_is_volatile_is_dropped_first(void **state)
{
	struct line l;
	char text[3000];
	memset(text, 'v', sizeof(text));
	line_open(&l, state, line_options());
	line_upgrade(&l);
	l.deaf = true;
	for (int i = 0; i < 2000; i++) {
		struct pl_shared s = {.kind = PL_WS_BINARY,
				      .payload = pl_slice(text, sizeof(text)),
				      .is_volatile = true};
		pl_conn_push(l.conn, &s);
		pl_shared_fini(&s);
		if (i % 50 == 0)
			line_turn(&l);
	}
	assert_true(l.metrics.v[PL_M_VOLATILE_DROPPED] > 1000);
	assert_true(pl_conn_is_open(l.conn));
	pl_conn_send(l.conn, PL_WS_TEXT, PL_S("not volatile"));
	l.deaf = false;
	struct pl_ws_event ev = {0};
	do
		LINE_UNTIL(&l, line_next(&l, &ev));
	while (ev.op == PL_WS_BINARY);
	assert_true(pl_slice_is(ev.data, "not volatile"));
	line_close(&l);
}

static void too_long_above_the_soft_limit_is_too_slow(void **state)
{
	struct pl_conn_options o = line_options();
	struct line l;
	char text[20000] = {0};
	o.ws.slow_ms = 300;
	o.ws.out_hard = 64 << 20;
	line_open(&l, state, o);
	line_upgrade(&l);
	l.deaf = true;
	for (int i = 0; i < 30; i++) {
		pl_conn_send(l.conn, PL_WS_BINARY, pl_slice(text, sizeof(text)));
		line_turn(&l);
	}
	assert_true(pl_conn_is_open(l.conn));
	wait_ms(&l, 400);
	pl_conn_send(l.conn, PL_WS_BINARY, pl_slice(text, sizeof(text)));
	assert_false(pl_conn_is_open(l.conn));
	assert_int_equal(l.metrics.v[PL_M_SLOW_CLOSED], 1);
	l.deaf = false;
	line_expect_close(&l, 1013);
	line_close(&l);
}

static void who_does_not_read_echoes_is_not_read(void **state)
{
	struct line l;
	struct pl_buf b;
	char text[8001] = "";
	enum { MANY = 400 };
	memset(text, 'e', 8000);
	line_open(&l, state, line_options());
	line_upgrade(&l);
	l.deaf = true;
	pl_buf_init(&b, 64 << 20);
	for (int i = 0; i < MANY; i++)
		line_frame(&b, PL_WS_TEXT, text);
	line_say(&l, pl_buf_slice(&b), WHOLE);
	assert_in_range(l.messages, 10, 100);
	assert_true(pl_conn_is_open(l.conn));
	pl_buf_fini(&b);
	line_close(&l);
}

/* ---- silence ---- */

static void the_silent_are_pinged_then_dropped(void **state)
{
	struct pl_conn_options o = line_options();
	struct line l;
	o.ws.heartbeat_ms = 200;
	o.ws.silence_ms = 700;
	line_open(&l, state, o);
	line_upgrade(&l);
	uint64_t begin = pl_now_ms();
	for (int i = 0; i < 5; i++) { /* who answers stays */
		line_expect(&l, PL_WS_PING, "");
		line_send(&l, PL_WS_PONG, "");
	}
	assert_true(pl_now_ms() - begin > 800);
	assert_true(pl_conn_is_open(l.conn));
	LINE_UNTIL(&l, l.closes == 1);
	assert_int_equal(l.close_code, 1006);
	assert_int_equal(l.metrics.v[PL_M_HEARTBEAT_LOST], 1);
	line_close(&l);
}

/* Nobody sends anything any more; the backlog alone must not keep the connection for ever. */
static void a_full_socket_and_silence_end_too(void **state)
{
	struct pl_conn_options o = line_options();
	struct line l;
	char text[100000] = {0};
	o.ws.heartbeat_ms = 200;
	o.ws.silence_ms = 600;
	line_open(&l, state, o);
	line_upgrade(&l);
	l.deaf = true;
	for (int i = 0; i < 6; i++)
		pl_conn_send(l.conn, PL_WS_BINARY, pl_slice(text, sizeof(text)));
	LINE_UNTIL(&l, l.closes == 1);
	assert_int_equal(pl_conns_count(l.set), 0);
	line_close(&l);
}

/* ---- owed answers ---- */

static void an_upgrade_waits_behind_an_owed_answer(void **state)
{
	struct line l;
	struct pl_buf b;
	line_open(&l, state, line_options());
	pl_buf_init(&b, 65536);
	PL_PUT(&b, GET("/later") LINE_UPGRADE("/ws") "\r\n");
	line_frame(&b, PL_WS_TEXT, "early");
	line_say(&l, pl_buf_slice(&b), WHOLE);
	LINE_UNTIL(&l, line_heard(&l, "\r\n\r\nlater"));
	char *end = memmem(l.got.at, l.got.len, "\r\n\r\nlater", 9);
	pl_buf_drop(&l.got, (size_t)(end + 9 - l.got.at));
	line_take_head(&l);
	line_expect(&l, PL_WS_TEXT, "early");
	line_send(&l, PL_WS_TEXT, "late"); /* it is read again */
	line_expect(&l, PL_WS_TEXT, "late");
	pl_buf_fini(&b);
	line_close(&l);
}

static void much_behind_an_owed_answer_is_served(void **state)
{
	enum { MANY = 3000 };
	struct line l;
	struct pl_buf b;
	line_open(&l, state, line_options());
	pl_buf_init(&b, 1 << 20);
	PL_PUT(&b, GET("/later"));
	for (int i = 0; i < MANY; i++)
		PL_PUT(&b, GET("/now"));
	line_say(&l, pl_buf_slice(&b), WHOLE);
	LINE_UNTIL(&l, line_count(&l, "\r\n\r\nnow") == MANY);
	assert_int_equal(l.requests, MANY + 1);
	pl_buf_fini(&b);
	line_close(&l);
}

/* ---- draining ---- */

static void draining_ends_the_idle_and_lets_the_owed_finish(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	pl_conns_drain(l.set, "soon back");
	LINE_UNTIL(&l, l.eof);
	assert_int_equal(l.got.len, 0);
	line_close(&l);

	line_open(&l, state, line_options());
	line_put(&l, GET("/later"));
	pl_conns_drain(l.set, "soon back");
	LINE_UNTIL(&l, l.eof);
	assert_true(line_heard(&l, "\r\n\r\nlater"));
	assert_true(line_heard(&l, "Connection: close"));
	line_close(&l);

	line_open(&l, state, line_options());
	line_put(&l, "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n<o");
	pl_conns_drain(l.set, "soon back");
	line_put(&l, "ne>");
	LINE_UNTIL(&l, l.eof);
	assert_true(line_heard(&l, "\r\n\r\n<one>"));
	line_close(&l);
}

static void draining_says_goodbye_to_websockets(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	line_upgrade(&l);
	pl_conn_send(l.conn, PL_WS_TEXT, PL_S("the last word"));
	pl_conns_drain(l.set, "soon back");
	line_expect(&l, PL_WS_TEXT, "the last word");
	line_expect_close(&l, 1001);
	line_send(&l, PL_WS_CLOSE, "\x03\xe9");
	LINE_UNTIL(&l, l.closes == 1);
	assert_int_equal(l.close_code, 1001);
	line_hang_up(&l);
	LINE_UNTIL(&l, !pl_conns_count(l.set));
	line_connect(&l); /* nobody is let in any more */
	LINE_UNTIL(&l, l.eof);
	assert_int_equal(pl_conns_count(l.set), 0);
	line_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL_WAYS(a_slow_reader_is_closed_between_messages),
		ALL_WAYS(what_is_volatile_is_dropped_first),
		ALL_WAYS(too_long_above_the_soft_limit_is_too_slow),
		ALL_WAYS(who_does_not_read_echoes_is_not_read),
		ALL_WAYS(the_silent_are_pinged_then_dropped),
		ALL_WAYS(a_full_socket_and_silence_end_too),
		ALL_WAYS(an_upgrade_waits_behind_an_owed_answer),
		ALL_WAYS(much_behind_an_owed_answer_is_served),
		ALL_WAYS(draining_ends_the_idle_and_lets_the_owed_finish),
		ALL_WAYS(draining_says_goodbye_to_websockets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
