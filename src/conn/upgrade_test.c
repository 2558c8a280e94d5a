/* upgrade_test.c - proves that an upgrade may be answered later, whatever happens meanwhile: early
 * frames, a client that leaves, draining, the end of the set, no memory. */
#include "conn/internal.h"
#include "conn/line_test.h"

/* What the endpoint keeps until it answers. */
struct owed {
	struct pl_request *request;
	struct pl_conn *conn;
};
static struct owed owed;

static void forget(void)
{
	pl_free(owed.request);
	owed = (struct owed){0};
}

static void keep_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	struct line *l = line_of(c);
	l->upgrades++;
	owed.request = pl_request_keep(q);
	if (!owed.request) {
		pl_conn_respond_text(c, 503, "text/plain", PL_S("no memory"));
		return;
	}
	owed.conn = c;
	l->is_owed = true;
	pl_conn_set_user(c, &owed);
}

static void close_kept(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	struct line *l = line_of(c);
	assert_ptr_equal(pl_conn_user(c), code ? (void *)l : (void *)&owed);
	l->is_owed = l->is_owed && !code;
	line_on_close(c, code, reason);
	if (!code)
		forget();
}

static void open_owed(struct line *l, void **state)
{
	line_open(l, state, line_options());
	l->endpoint.on_upgrade = keep_upgrade;
	l->endpoint.on_close = close_kept;
}

/* Asks for the upgrade and waits until it is owed. */
static void ask(struct line *l)
{
	line_put(l, LINE_UPGRADE("/ws/7?x=y") "\r\n");
	LINE_UNTIL(l, l->is_owed);
	for (int i = 0; i < 3; i++)
		line_turn(l);
	assert_int_equal(l->got.len, 0);
}

static int answer(struct line *l)
{
	int err = pl_conn_upgrade(owed.conn, owed.request, (struct pl_slice){NULL, 0}, l);
	l->conn = owed.conn;
	l->is_upgraded = !err;
	if (!err) {
		l->is_owed = false;
		forget();
	}
	return err;
}

static void refuse(struct line *l)
{
	struct pl_conn *c = owed.conn;
	l->is_owed = false;
	forget();
	pl_conn_respond_text(c, 401, "text/plain", PL_S("no"));
}

static void early_frames_wait_for_the_answer(void **state)
{
	static const size_t steps[] = {WHOLE, 1, 33};
	for (size_t i = 0; i < 3; i++) {
		struct line l;
		struct pl_buf b;
		open_owed(&l, state);
		pl_buf_init(&b, 65536);
		PL_PUT(&b, LINE_UPGRADE("/ws") "\r\n");
		line_frame(&b, PL_WS_TEXT, "first");
		line_frame(&b, PL_WS_PING, "second");
		line_frame(&b, PL_WS_BINARY, "third");
		line_say(&l, pl_buf_slice(&b), steps[i]);
		LINE_UNTIL(&l, l.is_owed);
		for (int turn = 0; turn < 5; turn++)
			line_turn(&l);
		assert_int_equal(l.messages, 0);
		assert_int_equal(answer(&l), 0);
		assert_int_equal(l.messages, 0); /* not inside the call */
		line_take_head(&l);
		line_expect(&l, PL_WS_TEXT, "first");
		line_expect(&l, PL_WS_PONG, "second");
		line_expect(&l, PL_WS_BINARY, "third");
		line_send(&l, PL_WS_TEXT, "late");
		line_expect(&l, PL_WS_TEXT, "late");
		line_hang_up(&l);
		LINE_UNTIL(&l, l.closes == 1);
		assert_int_equal(l.close_code, 1006);
		pl_buf_fini(&b);
		line_close(&l);
	}
}

static void a_message_may_lie_on_both_sides_of_the_answer(void **state)
{
	struct line l;
	open_owed(&l, state);
	line_say(&l, PL_S(LINE_UPGRADE("/ws") "\r\n\x81\x85\0\0"), WHOLE);
	LINE_UNTIL(&l, l.is_owed);
	line_say(&l, PL_S("\0\0wh"), WHOLE);
	assert_int_equal(answer(&l), 0);
	line_take_head(&l);
	line_say(&l, PL_S("ole"), WHOLE);
	line_expect(&l, PL_WS_TEXT, "whole");
	line_close(&l);
}

/* A loop that asks for readiness twice in a turn could bring later bytes before the early ones. */
static void nothing_is_read_before_the_early_frames(void **state)
{
	struct line l;
	open_owed(&l, state);
	line_say(&l, PL_S(LINE_UPGRADE("/ws") "\r\n\x81\x80\0\0\0\0"), WHOLE);
	LINE_UNTIL(&l, l.is_owed);
	assert_int_equal(answer(&l), 0);
	pl_conn_close(l.conn, 1000, PL_S("at once")); /* waits for the peer's close frame */
	assert_false(l.conn->is_reading);
	line_turn(&l);
	assert_true(l.conn->is_reading);
	line_take_head(&l);
	line_expect_close(&l, 1000);
	assert_int_equal(l.messages, 0);
	line_close(&l);
}

static void a_later_refusal_ends_it(void **state)
{
	struct line l;
	open_owed(&l, state);
	ask(&l);
	refuse(&l);
	LINE_UNTIL(&l, l.eof);
	assert_true(line_heard(&l, "HTTP/1.1 401"));
	assert_true(line_heard(&l, "Connection: close"));
	line_hang_up(&l);
	LINE_UNTIL(&l, !pl_conns_count(l.set));
	assert_int_equal(l.closes, 0);
	line_close(&l);
}

static void an_answer_is_given_once(void **state)
{
	struct line l;
	open_owed(&l, state);
	ask(&l);
	struct pl_request *again = pl_request_keep(owed.request);
	assert_int_equal(answer(&l), 0);
	assert_int_equal(pl_conn_upgrade(l.conn, again, PL_S("p"), NULL), PL_ESTATE);
	pl_conn_respond_text(l.conn, 500, "text/plain", PL_S("no"));
	line_take_head(&l);
	line_send(&l, PL_WS_TEXT, "works");
	line_expect(&l, PL_WS_TEXT, "works");
	pl_free(again);
	line_close(&l);
}

static void who_leaves_while_owed_is_told_once(void **state)
{
	for (int half = 0; half < 2; half++) {
		struct line l;
		open_owed(&l, state);
		ask(&l);
		if (half)
			shutdown(l.fd, SHUT_WR);
		else
			line_hang_up(&l);
		LINE_UNTIL(&l, l.closes == 1);
		assert_int_equal(l.close_code, 0);
		assert_int_equal(pl_conns_count(l.set), 0);
		line_wait(&l);
		assert_int_equal(l.closes, 1);
		line_close(&l);
	}
}

/* Gone already, but nobody noticed before the answer. */
static void an_answer_in_vain_is_a_connection_that_broke(void **state)
{
	for (int refused = 0; refused < 2; refused++) {
		struct line l;
		open_owed(&l, state);
		ask(&l);
		line_hang_up(&l);
		if (refused)
			refuse(&l);
		else
			assert_int_equal(answer(&l), 0);
		LINE_UNTIL(&l, !pl_conns_count(l.set));
		line_wait(&l);
		assert_int_equal(l.closes, !refused);
		assert_int_equal(l.close_code, refused ? 0 : 1006);
		line_close(&l);
	}
}

static void draining_lets_the_owed_be_refused(void **state)
{
	struct line l;
	open_owed(&l, state);
	ask(&l);
	struct pl_conn *c = owed.conn;
	pl_conns_drain(l.set, "soon back"); /* leaves the owed alone */
	assert_int_equal(l.closes, 0);
	assert_int_equal(answer(&l), PL_ECLOSED);
	refuse(&l);
	pl_conn_respond_text(c, 500, "text/plain", PL_S("twice"));
	LINE_UNTIL(&l, l.eof);
	assert_int_equal(line_count(&l, "HTTP/1.1 "), 1);
	assert_true(line_heard(&l, "HTTP/1.1 401"));
	assert_int_equal(l.closes, 0);
	line_close(&l);
}

static void the_end_of_the_set_ends_what_is_owed(void **state)
{
	struct line l;
	open_owed(&l, state);
	ask(&l);
	pl_conns_free(l.set);
	l.set = NULL;
	assert_int_equal(l.closes, 1);
	assert_int_equal(l.close_code, 0);
	line_close(&l);
}

/* Closing instead of answering is an answer, too: nobody is told what he did himself. */
static void closing_what_is_owed(void **state)
{
	struct line l;
	open_owed(&l, state);
	ask(&l);
	struct pl_conn *c = owed.conn;
	l.is_owed = false;
	forget();
	pl_conn_close(c, 1000, PL_S("enough"));
	LINE_UNTIL(&l, l.eof);
	assert_int_equal(l.got.len, 0);
	line_hang_up(&l);
	LINE_UNTIL(&l, !pl_conns_count(l.set));
	assert_int_equal(l.closes, 0);
	line_close(&l);
}

static void plain_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	line_of(c)->requests++;
	assert_int_equal(pl_conn_upgrade(c, q, PL_S("p"), NULL), PL_ESTATE);
	pl_conn_respond_text(c, 200, "text/plain", PL_S("as it is"));
}

static void what_is_no_upgrade_is_not_upgraded(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	l.endpoint.on_request = plain_upgrade;
	line_put(&l, "GET / HTTP/1.1\r\nHost: h\r\n" LINE_KEY "\r\n");
	LINE_UNTIL(&l, line_heard(&l, "as it is"));
	line_close(&l);
}

/* ---- the copy ---- */

static void a_kept_request_is_the_same(void **state)
{
	(void)state;
	static const char text[] = "GET /a%20b?x=1 HTTP/1.1\r\nHost: h:80\r\nEmpty:\r\n"
				   "Connection: Upgrade\r\nUpgrade: websocket\r\n" LINE_KEY "\r\n";
	char *copy = malloc(sizeof(text));
	memcpy(copy, text, sizeof(text));
	struct pl_http_parser p = {0};
	struct pl_http_request http;
	size_t used;
	assert_int_equal(pl_http_parse_head(&p, &pl_http_default_limits,
					    pl_slice(copy, sizeof(text) - 1), &used, &http),
			 0);
	struct pl_request *k =
		pl_request_keep(&(struct pl_request){.http = &http, .body = PL_S("body")});
	free(copy); /* from here on only what was kept can be read */
	memset(&http, 0x55, sizeof(http));
	assert_int_equal(k->body.len, 0);
	assert_int_equal(k->http->method, PL_HTTP_GET);
	assert_true(pl_slice_is(k->http->method_name, "GET"));
	assert_true(pl_slice_is(k->http->target, "/a%20b?x=1"));
	assert_true(pl_slice_is(k->http->path, "/a%20b"));
	assert_true(pl_slice_is(k->http->query, "x=1"));
	assert_true(pl_slice_is(k->http->host, "h:80"));
	assert_true(k->http->wants_upgrade);
	assert_int_equal(k->http->head.count, 6);
	assert_true(pl_slice_is(k->http->head.headers[5].name, "Sec-WebSocket-Version"));
	assert_true(pl_slice_is(pl_http_header(&k->http->head, "upgrade"), "websocket"));
	struct pl_slice empty = pl_http_header(&k->http->head, "Empty");
	assert_true(empty.at && !empty.len);
	assert_null(pl_http_header(&k->http->head, "Absent").at);
	pl_mem_fail_at(1, false);
	assert_null(pl_request_keep(k));
	pl_mem_fail_at(0, false);
	pl_free(k);
}

/* ---- no memory ---- */

/* The n-th allocation of the server fails: the client hears 101 or 503 or the end, the endpoint at
 * most one on_close, and nothing leaks. */
static bool one_late_answer(void **state, unsigned long n)
{
	struct line l;
	open_owed(&l, state);
	l.fail_in = n;
	line_say(&l,
		 PL_S(LINE_UPGRADE("/ws") "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
					  "\x81\x85\0\0\0\0early\x01\x83\0\0\0\0hal"),
		 WHOLE);
	line_server_begins(&l);
	if (owed.conn && answer(&l))
		refuse(&l);
	line_server_ends(&l);
	for (int i = 0; i < 5; i++)
		line_wait(&l);
	if (!l.eof)
		line_say(&l, PL_S("\x80\x82\0\0\0\0ve"), WHOLE);
	bool has_failed = l.has_failed;
	if (!has_failed)
		assert_int_equal(l.messages, 2);
	line_hang_up(&l);
	LINE_UNTIL(&l, !pl_conns_count(l.set));
	line_wait(&l);
	assert_int_equal(l.closes <= l.upgrades, true);
	assert_true(!l.is_upgraded || l.closes == 1);
	assert_null(owed.request);
	l.fail_in = 0;
	line_close(&l);
	return has_failed;
}

static void every_allocation_of_a_late_answer_may_fail(void **state)
{
	unsigned long n = 1;
	while (one_late_answer(state, n))
		n++;
	assert_in_range(n, 6, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWO_WAYS(early_frames_wait_for_the_answer),
		TWO_WAYS(a_message_may_lie_on_both_sides_of_the_answer),
		TWO_WAYS(nothing_is_read_before_the_early_frames),
		TWO_WAYS(a_later_refusal_ends_it),
		TWO_WAYS(an_answer_is_given_once),
		TWO_WAYS(who_leaves_while_owed_is_told_once),
		TWO_WAYS(an_answer_in_vain_is_a_connection_that_broke),
		TWO_WAYS(draining_lets_the_owed_be_refused),
		TWO_WAYS(the_end_of_the_set_ends_what_is_owed),
		TWO_WAYS(closing_what_is_owed),
		TWO_WAYS(what_is_no_upgrade_is_not_upgraded),
		cmocka_unit_test(a_kept_request_is_the_same),
		WAY_TEST(every_allocation_of_a_late_answer_may_fail, "", 0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
