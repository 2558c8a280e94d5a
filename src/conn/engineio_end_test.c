/*
 * engineio_end_test.c - proves how a session ends: overlaps, goodbyes in both directions and by
 * both transports, broken connections, slow readers, a server that goes.
 */
#include "conn/engineio_test.h"

#define NOTHING           pl_slice(NULL, 0)
#define ERROR(code, text) "{\"code\":" code ",\"message\":\"" text "\"}"

/* ---- overlaps, and the end ---- */

static void two_polls_at_once_end_it(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *first = world_shake(&w, ""), *second = client_join(&w);
	client_poll(&w, first);
	world_pass(&w, 5);
	client_poll(&w, second);
	client_expect(&w, second, 400, "");
	client_expect(&w, first, 200, "1");
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	client_poll(&w, first);
	client_expect(&w, first, 400, ERROR("1", "Session ID unknown"));
	world_close(&w);
}

/* One that ends while another is under way: nobody can say which was meant to be first. */
static void two_posts_at_once_end_it(void **state)
{
	struct world w;
	char head[256];
	world_open(&w, state, world_options());
	struct client *slow = world_shake(&w, ""), *fast = client_join(&w);
	int n = snprintf(head, sizeof(head),
			 "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n4sl",
			 query_of(&w, "polling"));
	client_write(&w, slow, pl_slice(head, (size_t)n));
	world_pass(&w, 5);
	client_post(&w, fast, "4fast");
	client_expect(&w, fast, 200, "ok");
	assert_int_equal(w.closes, 0);
	client_write(&w, slow, PL_S("ow"));
	client_expect(&w, slow, 400, "");
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(w.messages, 1);
	client_post(&w, fast, "4late");
	client_expect(&w, fast, 400, ERROR("1", "Session ID unknown"));
	world_close(&w);
}

/* As many as one likes, one after the other, and slow ones too. */
static void posts_in_turn_do_not_overlap(void **state)
{
	struct world w;
	char head[256];
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, ""), *other = client_join(&w);
	for (int i = 0; i < 20; i++) {
		client_post(&w, i % 2 ? c : other, "4a");
		client_expect(&w, i % 2 ? c : other, 200, "ok");
	}
	int n = snprintf(head, sizeof(head),
			 "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n4sl",
			 query_of(&w, "polling"));
	for (int i = 0; i < 3; i++) {
		client_write(&w, c, pl_slice(head, (size_t)n));
		world_pass(&w, 3);
		client_write(&w, c, PL_S("ow"));
		client_expect(&w, c, 200, "ok");
	}
	assert_int_equal(w.messages, 23);
	assert_int_equal(w.closes, 0);
	world_close(&w);
}

static void the_client_closes(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, ""), *c = client_join(&w);
	client_poll(&w, poll);
	client_post(&w, c, "1");
	client_expect(&w, c, 200, "ok");
	client_expect(&w, poll, 200, "6");
	assert_int_equal(w.reason, PL_EIO_CLIENT_LEFT);
	client_poll(&w, c);
	client_expect(&w, c, 400, ERROR("1", "Session ID unknown"));
	struct client *ws = world_shake_ws(&w, "");
	ws_say(&w, ws, PL_WS_TEXT, "1");
	ws_expect_close(&w, ws, 1005);
	assert_int_equal(w.closes, 2);
	assert_int_equal(w.reason, PL_EIO_CLIENT_LEFT);
	world_close(&w);
}

static void a_poll_that_is_given_up_ends_it(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, "");
	client_poll(&w, poll);
	world_pass(&w, 5);
	client_leave(poll);
	WORLD_UNTIL(&w, w.closes);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(pl_eios_count(w.eios), 0);
	world_close(&w);
}

static void we_close_while_a_poll_hangs(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, ""), *c = client_join(&w);
	client_poll(&w, poll);
	client_post(&w, c,
		    "4a\x1e"
		    "4close\x1e"
		    "4b");
	client_expect(&w, c, 200, "ok");
	client_expect(&w, poll, 200, "4a");
	assert_int_equal(w.messages, 2);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, PL_EIO_FORCED);
	client_poll(&w, poll);
	client_expect(&w, poll, 200, "1");
	client_poll(&w, poll);
	client_expect(&w, poll, 400, ERROR("1", "Session ID unknown"));
	world_close(&w);
}

/* The last packets wait for a poll, though the session is over for everybody else. */
static void we_close_while_none_hangs(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	client_post(&w, c,
		    "4a\x1e"
		    "4close");
	client_expect(&w, c, 200, "ok");
	world_turn(&w);
	assert_int_equal(w.closes, 1);
	assert_int_equal(pl_eios_count(w.eios), 0);
	client_post(&w, c, "4too late");
	client_expect(&w, c, 200, "ok");
	assert_int_equal(w.messages, 2);
	client_poll(&w, c);
	client_expect(&w, c, 200, "4a");
	client_poll(&w, c);
	client_expect(&w, c, 200, "1");
	client_poll(&w, c);
	client_expect(&w, c, 400, ERROR("1", "Session ID unknown"));
	world_close(&w);
}

static void we_close_inside_on_open(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	w.greeting = "and goodbye";
	w.closes_at_once = true;
	struct client *c = world_shake(&w, "");
	client_poll(&w, c);
	client_expect(&w, c, 200, "4and goodbye");
	client_poll(&w, c);
	client_expect(&w, c, 200, "1");
	struct client *ws = world_shake_ws(&w, "");
	ws_expect(&w, ws, PL_WS_TEXT, "4and goodbye");
	ws_expect_close(&w, ws, 4000);
	assert_int_equal(w.closes, 2);
	world_close(&w);
}

static void a_websocket_ends(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake_ws(&w, "");
	ws_say(&w, c, PL_WS_TEXT, "4close");
	ws_expect_close(&w, c, 1005);
	assert_int_equal(w.reason, PL_EIO_FORCED);
	c = world_shake_ws(&w, "");
	ws_say(&w, c, PL_WS_CLOSE, "\x03\xe8");
	ws_expect_close(&w, c, 1000);
	assert_int_equal(w.reason, PL_EIO_CLIENT_LEFT);
	c = world_shake_ws(&w, "");
	client_leave(c);
	WORLD_UNTIL(&w, w.closes == 3);
	assert_int_equal(w.reason, PL_EIO_CLIENT_LEFT);
	static const char *const bad[] = {"7", "", "abc", "b!",
					  "bAQ==\x1e"
					  "4x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		c = world_shake_ws(&w, "");
		ws_say(&w, c, PL_WS_TEXT, bad[i]);
		ws_expect_close(&w, c, 1005);
		assert_int_equal(w.reason, PL_EIO_PARSE_ERROR);
		client_leave(c);
	}
	c = world_shake_ws(&w, "");
	ws_say(&w, c, PL_WS_TEXT, "2");
	ws_expect_close(&w, c, 1005);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(w.closes, 9);
	world_close(&w);
}

/* Reserved bits end a connection, not the process. */
static void a_broken_frame_ends_its_session(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	o.max_payload = 10;
	world_open(&w, state, o);
	struct client *c = world_shake_ws(&w, "");
	client_write(&w, c, PL_S("\xf1\x80\0\0\0\0"));
	ws_expect_close(&w, c, 1002);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	c = world_shake_ws(&w, "");
	ws_say(&w, c, PL_WS_TEXT, "4a message of more than ten bytes");
	ws_expect_close(&w, c, 1009);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(w.closes, 2);
	world_close(&w);
}

static void who_does_not_poll_is_too_slow_at_last(void **state)
{
	struct pl_eio_options o = world_options();
	char text[1000];
	struct world w;
	int err = 0;
	memset(text, 't', sizeof(text));
	o.out_hard = 10000;
	world_open(&w, state, o);
	struct client *c = world_shake(&w, "");
	/* One turn may say more than that while somebody listens. */
	client_poll(&w, c);
	for (int i = 0; i < 15; i++)
		assert_int_equal(pl_eio_send(w.e, PL_WS_TEXT, pl_slice(text, sizeof(text))), 0);
	client_expect(&w, c, 200, NULL);
	assert_int_equal(c->body_len + pl_eio_backlog(w.e), 15 * 1001 + 13);
	for (int i = 0; i < 5 && !err; i++)
		err = pl_eio_send(w.e, PL_WS_TEXT, pl_slice(text, sizeof(text)));
	assert_int_equal(err, PL_EBUSY);
	assert_int_equal(pl_eio_send(w.e, PL_WS_TEXT, PL_S("x")), PL_ECLOSED);
	world_turn(&w);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(w.closes, 1);
	world_close(&w);
}

static void draining_says_goodbye_to_all(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, ""), *ws = world_shake_ws(&w, "");
	char sid[64];
	client_leave(world_shake(&w, ""));
	memcpy(sid, w.sid, sizeof(sid));
	(void)pl_eio_send(w.e, PL_WS_TEXT, PL_S("last"));
	struct client *first = world_shake(&w, "");
	client_poll(&w, first);
	world_turn(&w);
	pl_eios_drain(w.eios);
	world_turn(&w);
	client_expect(&w, first, 200, "1");
	ws_expect_close(&w, ws, 1001);
	assert_int_equal(w.closes, 4);
	assert_int_equal(w.reason, PL_EIO_SHUTTING_DOWN);
	memcpy(w.sid, sid, sizeof(sid));
	client_poll(&w, poll);
	client_expect(&w, poll, 200,
		      "4last\x1e"
		      "1");
	client_ask(&w, poll, "GET", "EIO=4&transport=polling", "", NOTHING);
	client_expect(&w, poll, 503, "");
	struct client *late = ws_ask(&w, "EIO=4&transport=websocket", "");
	client_expect(&w, late, 503, NULL);
	world_close(&w);
}

/* The poll goes away in the very turn in which the session ends by something else. */
static void a_poll_and_its_session_end_together(void **state)
{
	struct world w;
	struct pl_buf b;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, ""), *post = client_join(&w);
	client_poll(&w, poll);
	world_turn(&w);
	pl_buf_init(&b, 1024);
	pl_buf_printf(&b, "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1",
		      query_of(&w, "polling"));
	client_leave(poll);
	client_write(&w, post, pl_buf_slice(&b));
	pl_buf_fini(&b);
	client_expect(&w, post, 200, "ok");
	WORLD_UNTIL(&w, w.closes == 1);
	world_close(&w);
}

/* A WebSocket whose socket is full: volatile messages are dropped, then it is too slow. */
static void who_does_not_read_is_too_slow_at_last(void **state)
{
	struct pl_eio_options o = world_options();
	static char text[5000];
	struct world w;
	int sent = 0, err = 0;
	memset(text, 't', sizeof(text));
	o.out_soft = 10000;
	o.out_hard = 50000;
	world_open(&w, state, o);
	world_shake_ws(&w, "");
	assert_true(pl_eio_is_writable(w.e));
	while (pl_eio_is_writable(w.e) && sent++ < 1000) { /* nobody reads: no turn */
		assert_int_equal(pl_eio_send(w.e, PL_WS_TEXT, pl_slice(text, sizeof(text))), 0);
		pl_loop_turn(w.line.loop, 0);
	}
	assert_false(pl_eio_is_writable(w.e));
	(void)pl_eio_send(w.e, PL_WS_TEXT, pl_slice(text, sizeof(text)));
	(void)pl_eio_send(w.e, PL_WS_TEXT, pl_slice(text, sizeof(text)));
	size_t before = pl_eio_backlog(w.e);
	struct pl_eio_shared s = {.is_volatile = true, .payload = pl_slice(text, sizeof(text))};
	pl_eio_push(w.e, &s);
	assert_int_equal(pl_eio_backlog(w.e), before);
	s.is_volatile = false;
	for (int i = 0; i < 20 && pl_eio_is_open(w.e); i++)
		pl_eio_push(w.e, &s);
	pl_eio_shared_fini(&s);
	assert_false(pl_eio_is_open(w.e));
	err = pl_eio_send(w.e, PL_WS_TEXT, PL_S("x"));
	assert_int_equal(err, PL_ECLOSED);
	world_turn(&w);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	world_close(&w);
}

/* A client of two sessions asks in one breath for both: nobody hears of the second inside the call
 * that answers the first. */
static void what_waits_behind_a_poll_comes_after_the_call(void **state)
{
	struct world w;
	char text[512];
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	struct pl_eio *first = w.e;
	int n = snprintf(text, sizeof(text), "GET /engine.io/?%s HTTP/1.1\r\nHost: h\r\n\r\n",
			 query_of(&w, "polling"));
	world_shake(&w, "");
	n += snprintf(text + n, sizeof(text) - (size_t)n,
		      "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\n4behind",
		      query_of(&w, "polling"));
	client_write(&w, c, pl_slice(text, (size_t)n));
	world_pass(&w, 5);
	pl_eio_close(first, PL_EIO_FORCED, 0);
	assert_int_equal(w.messages, 0);
	client_expect(&w, c, 200, "1");
	client_expect(&w, c, 200, "ok");
	assert_int_equal(w.messages, 1);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_ENGINES(two_polls_at_once_end_it),
		BOTH_ENGINES(two_posts_at_once_end_it),
		BOTH_ENGINES(posts_in_turn_do_not_overlap),
		BOTH_ENGINES(the_client_closes),
		BOTH_ENGINES(a_poll_that_is_given_up_ends_it),
		BOTH_ENGINES(we_close_while_a_poll_hangs),
		BOTH_ENGINES(we_close_while_none_hangs),
		BOTH_ENGINES(we_close_inside_on_open),
		BOTH_ENGINES(a_websocket_ends),
		BOTH_ENGINES(a_broken_frame_ends_its_session),
		BOTH_ENGINES(who_does_not_poll_is_too_slow_at_last),
		BOTH_ENGINES(draining_says_goodbye_to_all),
		BOTH_ENGINES(a_poll_and_its_session_end_together),
		BOTH_ENGINES(who_does_not_read_is_too_slow_at_last),
		BOTH_ENGINES(what_waits_behind_a_poll_comes_after_the_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
