/*
 * engineio_beat_test.c - proves the clock: pings by whatever carries the session, who does not
 * answer is gone in time whatever requests are open, and last packets do not wait for ever.
 */
#include "conn/engineio_test.h"
#include "conn/engineio_internal.h"

#define ERROR(code, text) "{\"code\":" code ",\"message\":\"" text "\"}"

enum { INTERVAL = 80, TIMEOUT = 250, LATE = 1000 /* machines are busy */ };

static void open_world(struct world *w, void **state)
{
	struct pl_eio_options o = world_options();
	o.ping_interval_ms = INTERVAL;
	o.ping_timeout_ms = TIMEOUT;
	world_open(w, state, o);
}

static void a_ping_comes_by_poll(void **state)
{
	struct world w;
	open_world(&w, state);
	uint64_t began = pl_now_ms();
	struct client *c = world_shake(&w, "");
	for (int i = 1; i <= 3; i++) {
		client_poll(&w, c);
		client_expect(&w, c, 200, "2");
		assert_in_range(pl_now_ms() - began, INTERVAL - 2, INTERVAL + LATE);
		client_post(&w, c, "3");
		began = pl_now_ms();
		client_expect(&w, c, 200, "ok");
		assert_int_equal(w.pongs, i);
	}
	assert_int_equal(w.closes, 0);
	world_close(&w);
}

static void a_ping_comes_by_websocket(void **state)
{
	struct world w;
	open_world(&w, state);
	struct client *c = world_shake_ws(&w, "");
	for (int i = 1; i <= 3; i++) {
		ws_expect(&w, c, PL_WS_TEXT, "2");
		ws_say(&w, c, PL_WS_TEXT, "3");
		WORLD_UNTIL(&w, w.pongs == i);
	}
	assert_int_equal(w.closes, 0);
	world_close(&w);
}

/* Nothing but answers keeps a session, not even a poll that hangs. */
static void who_does_not_answer_is_gone(void **state)
{
	struct world w;
	open_world(&w, state);
	struct client *c = world_shake(&w, "");
	uint64_t began = pl_now_ms();
	client_poll(&w, c);
	client_expect(&w, c, 200, "2");
	client_poll(&w, c);
	client_expect(&w, c, 200, "1");
	assert_in_range(pl_now_ms() - began, INTERVAL + TIMEOUT - 4, INTERVAL + TIMEOUT + LATE);
	assert_int_equal(w.reason, PL_EIO_PING_TIMEOUT);
	client_poll(&w, c);
	client_expect(&w, c, 400, ERROR("1", "Session ID unknown"));
	struct client *ws = world_shake_ws(&w, "");
	ws_expect(&w, ws, PL_WS_TEXT, "2");
	ws_expect_close(&w, ws, 1005);
	assert_int_equal(w.closes, 2);
	assert_int_equal(w.reason, PL_EIO_PING_TIMEOUT);
	world_close(&w);
}

static void who_never_came_back_is_gone(void **state)
{
	struct world w;
	open_world(&w, state);
	for (int i = 0; i < 5; i++)
		client_leave(world_shake(&w, ""));
	world_pass(&w, INTERVAL + TIMEOUT + 30);
	assert_int_equal(w.closes, 5);
	assert_int_equal(pl_eios_count(w.eios), 0);
	assert_int_equal(pl_eios_polling(w.eios), 0);
	world_close(&w);
}

/* A request does not meet a session whose time is up, even if the timer has not come yet. */
static void a_request_in_the_very_moment_is_late(void **state)
{
	struct world w;
	open_world(&w, state);
	struct client *c = world_shake(&w, "");
	WORLD_UNTIL(&w, pl_eio_backlog(w.e)); /* the ping */
	uint64_t pinged = pl_now_ms();
	struct pl_buf b;
	pl_buf_init(&b, 1024);
	pl_buf_printf(&b, "GET /engine.io/?%s HTTP/1.1\r\nHost: h\r\n\r\n",
		      query_of(&w, "polling"));
	while (pl_now_ms() <= pinged + TIMEOUT)
		usleep(1000); /* no turn meanwhile: the loop was busy */
	client_write(&w, c, pl_buf_slice(&b));
	client_expect(&w, c, 400, ERROR("1", "Session ID unknown"));
	pl_buf_fini(&b);
	world_close(&w);
}

/* Another packet while the pong is awaited gives it the same time once more, and only once. */
static void who_says_something_else_is_given_more_time(void **state)
{
	struct world w;
	open_world(&w, state);
	uint64_t began = pl_now_ms();
	struct client *c = world_shake_ws(&w, "");
	ws_expect(&w, c, PL_WS_TEXT, "2");
	ws_say(&w, c, PL_WS_TEXT, "4a");
	ws_expect(&w, c, PL_WS_TEXT, "4a");
	world_pass(&w, TIMEOUT + 10);
	assert_int_equal(w.closes, 0);
	ws_say(&w, c, PL_WS_TEXT, "4b");
	ws_expect(&w, c, PL_WS_TEXT, "4b");
	ws_expect_close(&w, c, 1005);
	assert_in_range(pl_now_ms() - began, INTERVAL + 2 * TIMEOUT - 4,
			INTERVAL + 2 * TIMEOUT + LATE);
	assert_int_equal(w.reason, PL_EIO_PING_TIMEOUT);
	world_close(&w);
}

/* The ping waited for a poll; after the upgrade it comes by the WebSocket, and so does its pong. */
static void a_ping_moves_with_the_upgrade(void **state)
{
	struct world w;
	open_world(&w, state);
	world_shake(&w, "");
	struct client *ws = world_probe(&w);
	world_pass(&w, INTERVAL + 8);
	ws_say(&w, ws, PL_WS_TEXT, "5");
	ws_expect(&w, ws, PL_WS_TEXT, "2");
	ws_say(&w, ws, PL_WS_TEXT, "3");
	WORLD_UNTIL(&w, w.pongs == 1);
	ws_expect(&w, ws, PL_WS_TEXT, "2");
	assert_int_equal(w.closes, 0);
	world_close(&w);
}

/* Sessions that began at different times are each pinged in their own. */
static void each_has_its_own_beat(void **state)
{
	struct world w;
	open_world(&w, state);
	struct client *first = world_shake_ws(&w, "");
	world_pass(&w, INTERVAL / 2);
	struct client *second = world_shake_ws(&w, "");
	ws_expect(&w, first, PL_WS_TEXT, "2");
	struct pl_ws_event ev;
	assert_false(ws_next(second, &ev));
	ws_expect(&w, second, PL_WS_TEXT, "2");
	ws_say(&w, second, PL_WS_TEXT, "3");
	ws_expect_close(&w, first, 1005);
	assert_int_equal(w.closes, 1);
	world_close(&w);
}

/* A session may end inside any callback on it, whatever comes behind that. */
static void it_may_close_in_any_callback(void **state)
{
	struct world w;
	open_world(&w, state);
	w.closes_in = IN_PONG;
	struct client *c = world_shake(&w, "");
	client_poll(&w, c);
	client_expect(&w, c, 200, "2");
	client_post(&w, c,
		    "3\x1e"
		    "4never heard");
	client_expect(&w, c, 200, "ok");
	client_poll(&w, c);
	client_expect(&w, c, 200, "1");
	assert_int_equal(w.closes, 1);
	w.closes_in = IN_UPGRADE;
	world_shake(&w, "");
	struct client *ws = world_probe(&w);
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	line_frame(&b, PL_WS_TEXT, "5");
	line_frame(&b, PL_WS_TEXT, "4never heard");
	client_write(&w, ws, pl_buf_slice(&b));
	ws_expect_close(&w, ws, 1005);
	w.closes_in = IN_MESSAGE;
	ws = world_shake_ws(&w, "");
	pl_buf_clear(&b);
	line_frame(&b, PL_WS_TEXT, "4heard");
	line_frame(&b, PL_WS_TEXT, "4never heard");
	client_write(&w, ws, pl_buf_slice(&b));
	ws_expect_close(&w, ws, 1005);
	pl_buf_fini(&b);
	assert_int_equal(w.closes, 3);
	assert_int_equal(w.messages, 1);
	world_close(&w);
}

/* Sessions end at the end of a turn: what others are told then goes with the next one. */
static void others_hear_of_an_end(void **state)
{
	struct world w;
	open_world(&w, state);
	w.last_words = "gone";
	client_leave(world_shake(&w, ""));
	struct client *gone = world_shake_ws(&w, ""), *poll = world_shake(&w, "");
	client_poll(&w, poll);
	world_turn(&w);
	client_leave(gone);
	client_expect(&w, poll, 200, "4gone");
	gone = world_shake_ws(&w, "");
	struct client *ws = world_shake_ws(&w, "");
	client_leave(gone);
	ws_expect(&w, ws, PL_WS_TEXT, "4gone");
	world_close(&w);
}

/* As long as the original waits for a poll: half a minute. */
static void last_packets_do_not_wait_for_ever(void **state)
{
	struct world w;
	open_world(&w, state);
	struct client *c = world_shake(&w, "");
	struct pl_eio *e = w.e;
	client_post(&w, c, "4close");
	client_expect(&w, c, 200, "ok");
	world_turn(&w);
	assert_int_equal(w.closes, 1);
	assert_ptr_equal(w.eios->leaving.next, &e->beat);
	assert_in_range(e->due_ms - pl_now_ms(), 25000, 30000);
	e->due_ms = pl_now_ms();
	pl_timer_set(w.line.loop, &w.eios->clock, 0);
	WORLD_UNTIL(&w, pl_list_empty(&w.eios->leaving));
	client_poll(&w, c);
	client_expect(&w, c, 400, ERROR("1", "Session ID unknown"));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_ENGINES(a_ping_comes_by_poll),
		BOTH_ENGINES(a_ping_comes_by_websocket),
		BOTH_ENGINES(who_does_not_answer_is_gone),
		BOTH_ENGINES(who_never_came_back_is_gone),
		BOTH_ENGINES(a_request_in_the_very_moment_is_late),
		BOTH_ENGINES(who_says_something_else_is_given_more_time),
		BOTH_ENGINES(a_ping_moves_with_the_upgrade),
		BOTH_ENGINES(each_has_its_own_beat),
		BOTH_ENGINES(it_may_close_in_any_callback),
		BOTH_ENGINES(others_hear_of_an_end),
		BOTH_ENGINES(last_packets_do_not_wait_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
