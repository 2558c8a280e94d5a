/* ws_conn_test.c - proves what an endpoint's own options mean: limits, compression, what a slow
 * reader misses, what sending returns; and that it may close in any callback. */
#include "conn/line_test.h"

static struct pl_ws_options own(void)
{
	return (struct pl_ws_options){.max_message = 1000,
				      .max_frames = 64,
				      .out_soft = 65536,
				      .out_hard = 65536,
				      .slow_ms = 10000};
}

static void open_with(struct line *l, void **state, const struct pl_ws_options *ws)
{
	line_open(l, state, line_options());
	l->endpoint.ws = ws;
	line_upgrade(l);
}

/* ---- limits and compression ---- */

static void the_longest_message_is_the_endpoints(void **state)
{
	struct pl_ws_options ws = own();
	struct line l;
	char text[1002];
	memset(text, 'm', sizeof(text));
	open_with(&l, state, &ws);
	text[1000] = '\0';
	line_send(&l, PL_WS_TEXT, text);
	line_expect(&l, PL_WS_TEXT, text);
	text[1000] = 'm';
	text[1001] = '\0';
	line_send(&l, PL_WS_TEXT, text);
	line_expect_close(&l, 1009);
	line_close(&l);
}

#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

/* The payload's length on the wire of one echo of n equal letters. */
static size_t echo_on_the_wire(struct line *l, size_t n)
{
	char text[2001] = "";
	struct pl_ws_event ev = {0};
	memset(text, 'z', n);
	pl_conn_send(l->conn, PL_WS_TEXT, pl_slice(text, n));
	LINE_UNTIL(l, l->got.len);
	size_t on_the_wire = l->got.len;
	LINE_UNTIL(l, line_next(l, &ev));
	assert_true(pl_slice_is(ev.data, text));
	return on_the_wire;
}

static void an_endpoint_compresses_where_the_set_does_not(void **state)
{
	struct pl_ws_options ws = own();
	struct pl_conn_options o = line_options();
	struct line l;
	o.ws.compress = false;
	ws.compress = true;
	ws.compress_above = 300;
	line_open(&l, state, o);
	l.endpoint.ws = &ws;
	line_put(&l, LINE_UPGRADE("/ws") DEFLATE);
	line_take_head(&l);
	assert_true(l.deflate);
	assert_in_range(echo_on_the_wire(&l, 299), 300, 310);
	assert_in_range(echo_on_the_wire(&l, 300), 1, 50);
	/* The same for shared frames: one of each is built. */
	char text[400] = {0};
	struct pl_ws_event ev;
	struct pl_shared s = {.kind = PL_WS_BINARY, .payload = pl_slice(text, 299)};
	pl_conn_push(l.conn, &s);
	assert_true(s.plain && !s.packed);
	pl_shared_fini(&s);
	s.payload.len = 300;
	pl_conn_push(l.conn, &s);
	assert_true(s.packed && !s.plain);
	pl_shared_fini(&s);
	LINE_UNTIL(&l, line_next(&l, &ev) && ev.data.len == 299);
	LINE_UNTIL(&l, line_next(&l, &ev) && ev.data.len == 300);
	line_close(&l);
}

static void an_endpoint_may_not_compress_where_the_set_does(void **state)
{
	struct pl_ws_options ws = own();
	struct line l;
	line_open(&l, state, line_options());
	l.endpoint.ws = &ws;
	line_put(&l, LINE_UPGRADE("/ws") DEFLATE);
	line_take_head(&l);
	assert_false(l.deflate);
	assert_in_range(echo_on_the_wire(&l, 2000), 2001, 2010);
	line_close(&l);
}

/* ---- back-pressure, and what sending returns ---- */

/* Messages of 1000 bytes, each beginning with its number, until one is not taken. */
static int fill(struct line *l, int from, int *err)
{
	char text[1000] = {0};
	l->deaf = true;
	do {
		snprintf(text, sizeof(text), "%d", from);
		*err = pl_conn_send(l->conn, PL_WS_BINARY, pl_slice(text, sizeof(text)));
		line_turn(l);
	} while (!*err && ++from < 10000);
	return from;
}

static int number_of(const struct pl_ws_event *ev)
{
	assert_int_equal(ev->op, PL_WS_BINARY);
	assert_int_equal(ev->data.len, 1000);
	uint64_t number = UINT64_MAX;
	assert_int_equal(pl_slice_u64(pl_slice_str(ev->data.at), 10000, &number), 0);
	return (int)number;
}

static void a_slow_reader_misses_messages(void **state)
{
	struct pl_ws_options ws = own();
	struct line l;
	struct pl_ws_event ev = {0};
	int err, heard = 0;
	ws.drop_when_slow = true;
	open_with(&l, state, &ws);
	int sent = fill(&l, 0, &err);
	assert_in_range(sent, 60, 1000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(err, PL_EBUSY);
		assert_in_range(pl_conn_backlog(l.conn), 60000, 66000);
		err = pl_conn_send(l.conn, PL_WS_BINARY, PL_S("lost"));
		char big[70000] = {0};
		err = pl_conn_send(l.conn, PL_WS_BINARY, pl_slice(big, sizeof(big)));
	}
	assert_int_equal(l.metrics.v[PL_M_SLOW_CLOSED], 0);
	l.deaf = false;
	for (; heard < sent; heard++) { /* all that was taken, whole and in order */
		LINE_UNTIL(&l, line_next(&l, &ev));
		if (ev.data.len == 4)
			heard--;
		else
			assert_int_equal(number_of(&ev), heard);
	}
	assert_true(pl_conn_is_open(l.conn));
	assert_int_equal(pl_conn_send(l.conn, PL_WS_TEXT, PL_S("there is room")), 0);
	do
		LINE_UNTIL(&l, line_next(&l, &ev));
	while (pl_slice_is(ev.data, "lost"));
	assert_true(pl_slice_is(ev.data, "there is room"));
	line_close(&l);
}

static void too_long_above_the_soft_limit_misses_messages(void **state)
{
	struct pl_ws_options ws = own();
	struct line l;
	char text[1000] = {0};
	ws.drop_when_slow = true;
	ws.out_hard = 64 << 20;
	ws.slow_ms = 100;
	open_with(&l, state, &ws);
	l.deaf = true;
	int err = 0;
	for (uint64_t end = pl_now_ms() + 3000; !err && pl_now_ms() < end; line_wait(&l))
		for (int i = 0; !err && i < 100; i++)
			err = pl_conn_send(l.conn, PL_WS_BINARY, pl_slice(text, sizeof(text)));
	assert_int_equal(err, PL_EBUSY);
	assert_true(pl_conn_is_open(l.conn));
	line_close(&l);
}

static void sending_says_what_became_of_it(void **state)
{
	struct pl_ws_options ws = own();
	struct line l;
	int err;
	open_with(&l, state, &ws);
	assert_int_equal(pl_conn_send(l.conn, PL_WS_TEXT, PL_S("taken")), 0);
	pl_conn_close(l.conn, 1000, PL_S(""));
	assert_int_equal(pl_conn_send(l.conn, PL_WS_TEXT, PL_S("late")), PL_ECLOSED);
	line_close(&l);

	open_with(&l, state, &ws);
	fill(&l, 0, &err);
	assert_int_equal(err, PL_EBUSY);
	assert_int_equal(pl_conn_send(l.conn, PL_WS_TEXT, PL_S("late")), PL_ECLOSED);
	assert_int_equal(l.metrics.v[PL_M_SLOW_CLOSED], 1);
	line_close(&l);

	open_with(&l, state, &ws);
	char *big = calloc(1, 100000);
	pl_mem_fail_at(1, true);
	assert_int_equal(pl_conn_send(l.conn, PL_WS_BINARY, pl_slice(big, 100000)), PL_ENOMEM);
	assert_int_equal(pl_conn_send(l.conn, PL_WS_TEXT, PL_S("late")), PL_ECLOSED);
	pl_mem_fail_at(0, false);
	LINE_UNTIL(&l, l.closes == 1);
	assert_int_equal(l.close_code, 1006);
	free(big);
	line_close(&l);
}

/* ---- closing in every callback ---- */

enum place { IN_UPGRADE, IN_MESSAGE, IN_PING, IN_PONG, IN_CLOSE, PLACES };
static enum place where;

static void close_here(struct pl_conn *c, enum place here)
{
	if (where != here)
		return;
	struct line *l = line_of(c);
	pl_conn_close(c, 4002, PL_S("here"));
	pl_conn_close(c, 4003, PL_S("twice"));
	assert_false(pl_conn_is_open(c));
	assert_int_equal(pl_conn_send(c, PL_WS_TEXT, PL_S("no")), PL_ECLOSED);
	pl_conn_ping(c, PL_S("no"));
	assert_ptr_equal(pl_conn_user(c), l);
}

static void open_and_close(struct pl_conn *c, const struct pl_request *q)
{
	line_on_upgrade(c, q);
	close_here(c, IN_UPGRADE);
}

static void message_and_close(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice data)
{
	char before[8];
	size_t n = data.len < sizeof(before) ? data.len : sizeof(before);
	memcpy(before, data.at, n);
	line_of(c)->messages++;
	(void)kind;
	close_here(c, IN_MESSAGE);
	assert_memory_equal(data.at, before, n); /* good until we return */
}

static void ping_and_close(struct pl_conn *c, struct pl_slice payload)
{
	pl_conn_pong(c, payload);
	close_here(c, IN_PING);
}

static void pong_and_close(struct pl_conn *c, struct pl_slice payload)
{
	(void)payload;
	close_here(c, IN_PONG);
}

static void closed_and_close(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	close_here(c, IN_CLOSE);
	line_on_close(c, code, reason);
}

static void it_may_close_in_any_callback(void **state)
{
	for (where = 0; where < PLACES; where++) {
		struct line l;
		struct pl_buf b;
		line_open(&l, state, line_options());
		l.endpoint.on_upgrade = open_and_close;
		l.endpoint.on_message = message_and_close;
		l.endpoint.on_ping = ping_and_close;
		l.endpoint.on_pong = pong_and_close;
		l.endpoint.on_close = closed_and_close;
		pl_buf_init(&b, 65536);
		PL_PUT(&b, LINE_UPGRADE("/ws") "\r\n");
		line_frame(&b, PL_WS_PING, "ping");
		line_frame(&b, PL_WS_PONG, "pong");
		line_frame(&b, PL_WS_TEXT, "one");
		line_frame(&b, PL_WS_TEXT, "two");
		line_frame(&b, PL_WS_CLOSE,
			   "\x0f\xa9"
			   "peer"); /* 4009 */
		line_say(&l, pl_buf_slice(&b), WHOLE);
		line_take_head(&l);
		uint16_t code = where == IN_CLOSE ? 4009 : 4002;
		line_expect_close(&l, code);
		LINE_UNTIL(&l, l.closes == 1 && l.eof);
		assert_int_equal(l.close_code, code);
		assert_string_equal(l.reason, where == IN_CLOSE ? "peer" : "here");
		assert_int_equal(l.messages, where == IN_MESSAGE ? 1 : where == IN_CLOSE ? 2 : 0);
		assert_int_equal(l.got.len, 0);
		pl_buf_fini(&b);
		line_close(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWO_WAYS(the_longest_message_is_the_endpoints),
		TWO_WAYS(an_endpoint_compresses_where_the_set_does_not),
		TWO_WAYS(an_endpoint_may_not_compress_where_the_set_does),
		TWO_WAYS(a_slow_reader_misses_messages),
		TWO_WAYS(too_long_above_the_soft_limit_misses_messages),
		TWO_WAYS(sending_says_what_became_of_it),
		TWO_WAYS(it_may_close_in_any_callback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
