/* heartbeat_test.c - proves the rules of an open WebSocket's clock, pings and pongs: who does not
 * answer, who is silent, who is inactive, and how each of them ends. */
#include "conn/line_test.h"

static const struct way plain = {PL_ENGINE_EPOLL, false};
static void *way = (void *)(uintptr_t)&plain;

/* Two ticks, and what a busy machine needs. */
enum { LATE = 2 * 100 + 800 };

static struct pl_ws_options quiet(void)
{
	return (struct pl_ws_options){.max_message = 1 << 20,
				      .max_frames = 64,
				      .out_soft = 256 << 10,
				      .out_hard = 1 << 20,
				      .slow_ms = 10000};
}

/* A set whose own habits would end or ping it at once: only the endpoint's count. */
static void open_with(struct line *l, const struct pl_ws_options *ws)
{
	struct pl_conn_options o = line_options();
	o.ws.heartbeat_ms = o.ws.silence_ms = o.ws.idle_ms = 1;
	line_open(l, &way, o);
	l->endpoint.ws = ws;
	line_upgrade(l);
}

static void wait_ms(struct line *l, uint64_t ms)
{
	for (uint64_t end = pl_now_ms() + ms; pl_now_ms() < end;)
		line_wait(l);
}

/* The close frame with its words, how long after `begin` it came; then the peer's answer. */
static void expect_goodbye(struct line *l, const char *reason, uint64_t begin, uint64_t after_ms)
{
	struct pl_ws_event ev = {0};
	LINE_UNTIL(l, line_next(l, &ev));
	assert_in_range(pl_now_ms() - begin, after_ms, after_ms + LATE);
	assert_int_equal(ev.op, PL_WS_CLOSE);
	assert_int_equal(ev.close_code, 1000);
	assert_true(pl_slice_is(ev.reason, reason));
	line_send(l, PL_WS_CLOSE, "\x03\xe8");
	LINE_UNTIL(l, l->closes == 1 && l->eof);
	assert_int_equal(l->close_code, 1000);
	assert_string_equal(l->reason, reason);
}

/* ---- beats ---- */

static void who_answers_beats_stays(void **state)
{
	struct pl_ws_options ws = quiet();
	struct line l;
	(void)state;
	ws.heartbeat_ms = 100;
	ws.beat = "heartbeat";
	ws.missed_max = 3;
	open_with(&l, &ws);
	for (int i = 0; i < 6; i++) {
		uint64_t begin = pl_now_ms();
		line_expect(&l, PL_WS_PING, "heartbeat");
		assert_in_range(pl_now_ms() - begin, i ? 50 : 0, 1000);
		line_send(&l, PL_WS_PONG, "heartbeat");
	}
	assert_true(pl_conn_is_open(l.conn));
	line_close(&l);
}

static void the_beat_after_three_unanswered_ends_it(void **state)
{
	struct pl_ws_options ws = quiet();
	struct line l;
	(void)state;
	ws.heartbeat_ms = 100;
	ws.beat = "heartbeat";
	ws.missed_max = 3;
	open_with(&l, &ws);
	uint64_t begin = pl_now_ms();
	for (int i = 0; i < 3; i++) { /* words and pings of the peer are no answer */
		line_expect(&l, PL_WS_PING, "heartbeat");
		line_send(&l, PL_WS_PING, "p");
		line_expect(&l, PL_WS_PONG, "p");
		line_send(&l, PL_WS_TEXT, "t");
		line_expect(&l, PL_WS_TEXT, "t");
	}
	expect_goodbye(&l, "No pong received", begin, 300);
	assert_int_equal(l.metrics.v[PL_M_HEARTBEAT_LOST], 1);
	line_close(&l);
}

static void any_pong_counts_as_an_answer(void **state)
{
	struct pl_ws_options ws = quiet();
	struct line l;
	(void)state;
	ws.heartbeat_ms = 100;
	ws.missed_max = 2;
	open_with(&l, &ws);
	line_expect(&l, PL_WS_PING, "");
	line_expect(&l, PL_WS_PING, "");
	line_send(&l, PL_WS_PONG, "nobody asked");
	uint64_t begin = pl_now_ms();
	line_expect(&l, PL_WS_PING, "");
	line_expect(&l, PL_WS_PING, "");
	expect_goodbye(&l, "No pong received", begin, 200);
	line_close(&l);
}

static void a_final_miss_breaks_it(void **state)
{
	struct pl_ws_options ws = quiet();
	struct line l;
	(void)state;
	ws.heartbeat_ms = 100;
	ws.missed_max = 1;
	ws.missed_is_final = true;
	open_with(&l, &ws);
	line_expect(&l, PL_WS_PING, "");
	line_send(&l, PL_WS_PONG, "");
	line_expect(&l, PL_WS_PING, "");
	LINE_UNTIL(&l, l.eof);
	assert_int_equal(l.got.len, 0); /* without a word */
	assert_int_equal(l.closes, 1);
	assert_int_equal(l.close_code, 1006);
	line_close(&l);
}

/* A full socket: no ping can leave, and none is piled up behind it. */
static void who_takes_nothing_misses_beats(void **state)
{
	struct pl_ws_options ws = quiet();
	struct pl_conn_options o = line_options();
	struct line l;
	char text[100000] = {0};
	(void)state;
	ws.heartbeat_ms = 100;
	ws.missed_max = 2;
	o.close_ms = 200;
	line_open(&l, &way, o);
	l.endpoint.ws = &ws;
	line_upgrade(&l);
	l.deaf = true;
	assert_int_equal(pl_conn_send(l.conn, PL_WS_BINARY, pl_slice(text, sizeof(text))), 0);
	line_turn(&l);
	size_t backlog = pl_conn_backlog(l.conn);
	assert_true(backlog > 1000);
	wait_ms(&l, 150);
	assert_int_equal(pl_conn_backlog(l.conn), backlog);
	LINE_UNTIL(&l, l.closes == 1);
	assert_int_equal(l.close_code, 1000);
	assert_string_equal(l.reason, "No pong received");
	line_close(&l);
}

/* ---- silence and inactivity ---- */

static void the_silent_are_dropped_without_beats_too(void **state)
{
	struct pl_ws_options ws = quiet();
	struct line l;
	(void)state;
	ws.silence_ms = 300;
	open_with(&l, &ws);
	wait_ms(&l, 200);
	line_send(&l, PL_WS_PONG, "I am here");
	uint64_t begin = pl_now_ms();
	LINE_UNTIL(&l, l.eof);
	assert_in_range(pl_now_ms() - begin, 295, 300 + LATE);
	assert_int_equal(l.got.len, 0);
	assert_int_equal(l.close_code, 1006);
	line_close(&l);
}

static void messages_and_pings_are_activity_and_pongs_are_not(void **state)
{
	struct pl_ws_options ws = quiet();
	struct line l;
	(void)state;
	ws.idle_ms = 300;
	open_with(&l, &ws);
	for (int i = 0; i < 4; i++) {
		wait_ms(&l, 150);
		line_send(&l, i % 2 ? PL_WS_TEXT : PL_WS_PING, "x");
		line_expect(&l, i % 2 ? PL_WS_TEXT : PL_WS_PONG, "x");
	}
	uint64_t begin = pl_now_ms();
	wait_ms(&l, 150);
	line_send(&l, PL_WS_PONG, "x");
	wait_ms(&l, 50);
	assert_true(pl_conn_is_open(l.conn));
	expect_goodbye(&l, "Inactivity timeout", begin, 295);
	line_close(&l);
}

/* The nearest of several deadlines counts, and none of them hides another. */
static void beats_and_inactivity_go_together(void **state)
{
	struct pl_ws_options ws = quiet();
	struct line l;
	int beats = 0;
	(void)state;
	ws.heartbeat_ms = 100;
	ws.missed_max = 3;
	ws.idle_ms = 450;
	ws.silence_ms = 2000;
	open_with(&l, &ws);
	struct pl_ws_event ev = {0};
	for (uint64_t begin = pl_now_ms();; beats++) {
		LINE_UNTIL(&l, line_next(&l, &ev));
		if (ev.op == PL_WS_CLOSE) {
			assert_in_range(pl_now_ms() - begin, 445, 450 + LATE);
			break;
		}
		line_send(&l, PL_WS_PONG, "");
	}
	assert_true(pl_slice_is(ev.reason, "Inactivity timeout"));
	assert_in_range(beats, 3, 6);
	line_close(&l);
}

static void new_options_set_the_clock_of_open_connections(void **state)
{
	struct pl_conn_options o = line_options();
	struct line l;
	(void)state;
	o.ws.heartbeat_ms = o.ws.silence_ms = 0;
	line_open(&l, &way, o);
	line_upgrade(&l);
	wait_ms(&l, 150);
	assert_int_equal(l.got.len, 0);
	struct pl_conn_options next = o;
	next.ws.heartbeat_ms = 100;
	pl_conns_set_options(l.set, &next);
	line_expect(&l, PL_WS_PING, "");
	line_expect(&l, PL_WS_PING, "");
	line_close(&l);
}

/* ---- pings and pongs ---- */

struct heard {
	int pings, pongs;
	char last[PL_WS_CONTROL_MAX + 1];
};
static struct heard heard;

static void note_ping(struct pl_conn *c, struct pl_slice payload)
{
	heard.pings++;
	snprintf(heard.last, sizeof(heard.last), "%.*s", PL_FMT(payload));
	if (pl_slice_is(payload, "answer"))
		pl_conn_pong(c, PL_S("by hand"));
}

static void note_pong(struct pl_conn *c, struct pl_slice payload)
{
	(void)c;
	heard.pongs++;
	snprintf(heard.last, sizeof(heard.last), "%.*s", PL_FMT(payload));
}

static void an_endpoint_may_answer_pings_itself(void **state)
{
	struct line l;
	(void)state;
	memset(&heard, 0, sizeof(heard));
	line_open(&l, &way, line_options());
	l.endpoint.on_ping = note_ping;
	l.endpoint.on_pong = note_pong;
	line_upgrade(&l);
	line_send(&l, PL_WS_PING, "no answer");
	line_send(&l, PL_WS_PING, "answer");
	line_expect(&l, PL_WS_PONG, "by hand"); /* and nothing before it */
	assert_int_equal(heard.pings, 2);
	line_send(&l, PL_WS_PONG, "unasked");
	assert_int_equal(heard.pongs, 1);
	assert_string_equal(heard.last, "unasked");
	line_close(&l);
}

static void pings_carry_what_fits(void **state)
{
	struct line l;
	char text[200], cut[126];
	(void)state;
	memset(text, 'p', sizeof(text));
	snprintf(cut, sizeof(cut), "%.*s", 125, text);
	line_open(&l, &way, line_options());
	line_upgrade(&l);
	pl_conn_ping(l.conn, pl_slice(text, sizeof(text)));
	pl_conn_pong(l.conn, PL_S(""));
	line_expect(&l, PL_WS_PING, cut);
	line_expect(&l, PL_WS_PONG, "");
	pl_conn_close(l.conn, 1000, PL_S("bye"));
	size_t backlog = pl_conn_backlog(l.conn);
	pl_conn_ping(l.conn, PL_S("too late"));
	pl_conn_pong(l.conn, PL_S("too late"));
	assert_int_equal(pl_conn_backlog(l.conn), backlog);
	line_expect_close(&l, 1000);
	line_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_answers_beats_stays),
		cmocka_unit_test(the_beat_after_three_unanswered_ends_it),
		cmocka_unit_test(any_pong_counts_as_an_answer),
		cmocka_unit_test(a_final_miss_breaks_it),
		cmocka_unit_test(who_takes_nothing_misses_beats),
		cmocka_unit_test(the_silent_are_dropped_without_beats_too),
		cmocka_unit_test(messages_and_pings_are_activity_and_pongs_are_not),
		cmocka_unit_test(beats_and_inactivity_go_together),
		cmocka_unit_test(new_options_set_the_clock_of_open_connections),
		cmocka_unit_test(an_endpoint_may_answer_pings_itself),
		cmocka_unit_test(pings_carry_what_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
