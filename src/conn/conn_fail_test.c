/* conn_fail_test.c - proves that when any one allocation of a worker fails, nothing crashes, leaks
 * or hangs: at worst this one connection ends, and the next one is served. */
#include "conn/line_test.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static void turns(struct line *l, int n)
{
	while (n--)
		line_wait(l);
}

static void handshake(struct line *l)
{
	struct pl_buf hello;
	pl_buf_init(&hello, 1 << 16);
	assert_int_equal(pl_tls_new(l->client_tls, NULL, &l->tls), 0);
	assert_int_equal(pl_tls_start(l->tls, &hello), 0);
	line_write_all(l, pl_buf_slice(&hello), hello.len);
	pl_buf_fini(&hello);
	for (int i = 0; i < 20 && !l->eof && !pl_tls_is_ready(l->tls); i++)
		line_turn(l);
}

static void say(struct line *l, const char *text, size_t n)
{
	if (!l->eof && (!l->tls || pl_tls_is_ready(l->tls)))
		line_say(l, pl_slice(text, n), WHOLE);
}

static void say_frame(struct line *l, enum pl_ws_op op, const char *text)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	line_frame(&b, op, text);
	say(l, b.at, b.len);
	pl_buf_fini(&b);
}

/* A little of everything that takes memory: kept heads, bodies, owed answers, an upgrade with
 * compression, fragments, large messages, a reader that is slow for a while, and both goodbyes. */
static void live(struct line *l)
{
	static const char first
		[] = "POST /e HTTP/1.1\r\nHo",
	   second[] = "st: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3\r\nab";
	static const char third[] = "c\r\n0\r\n\r\n" GET("/later") GET("/now");
	static const char fourth[] =
		LINE_UPGRADE("/ws") "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
				    "\x81\x85\0\0\0\0early\x01\x83\0\0\0\0hal";
	static char large[60001];
	memset(large, 'l', 60000);
	say(l, first, sizeof(first) - 1);
	say(l, second, sizeof(second) - 1);
	say(l, third, sizeof(third) - 1);
	turns(l, 10);
	say(l, fourth, sizeof(fourth) - 1);
	say(l, "\x80\x82\0\0\0\0ve", 8);
	say_frame(l, PL_WS_PING, "are you there?");
	l->deaf = true;
	for (int i = 0; i < 3; i++)
		say_frame(l, PL_WS_TEXT, large);
	line_server_begins(l);
	for (int i = 0; l->is_upgraded && !l->closes && i < 30; i++) {
		struct pl_shared s = {.kind = PL_WS_BINARY,
				      .payload = pl_slice(large, 7000 + 100u * (unsigned)i)};
		pl_conn_push(l->conn, &s);
		pl_shared_fini(&s);
	}
	line_server_ends(l);
	turns(l, 3);
	l->deaf = false;
	turns(l, 5);
	say_frame(l, PL_WS_TEXT, "close");
	say_frame(l, PL_WS_CLOSE, "\x0f\xa1");
	turns(l, 2);
}

/* The worker is as good as before, and counts right: the gate lets only one in. */
static void serves_the_next(struct line *l, const struct way *way)
{
	l->fail_in = 0;
	line_connect(l);
	if (way->tls)
		handshake(l);
	line_put(l, GET("/now"));
	LINE_UNTIL(l, line_heard(l, "\r\n\r\nnow"));
	line_hang_up(l);
	LINE_UNTIL(l, !pl_conns_count(l->set));
}

static bool one_life(const struct way *way, unsigned long n)
{
	struct line l = {.o = line_options(), .fd = -1, .fail_in = n};
	if (way->tls)
		way_contexts(&l.server_tls, &l.client_tls);
	assert_int_equal(pl_inflater_new(&l.inflater), 0);
	line_server_begins(&l);
	bool serves = line_serve(&l, way, 1);
	line_server_ends(&l);
	if (serves) {
		line_connect(&l);
		if (way->tls)
			handshake(&l);
		live(&l);
		if (!l.has_failed)
			assert_int_equal(l.closes, 1);
		line_hang_up(&l);
		LINE_UNTIL(&l, !pl_conns_count(l.set));
		assert_true(l.closes >= (l.is_upgraded ? 1 : 0));
		serves_the_next(&l, way);
	}
	bool has_failed = l.has_failed;
	assert_true(l.closes <= l.requests + l.upgrades);
	line_close(&l);
	return has_failed;
}

static void every_allocation_may_fail(void **state)
{
	const struct way *way = *state;
	unsigned long n = 1;
	if (!way_is_there(way))
		skip();
	while (one_life(way, n))
		n++;
	assert_in_range(n, 20, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WAY_TEST(every_allocation_may_fail, ", epoll", 0),
		WAY_TEST(every_allocation_may_fail, ", io_uring", 1),
		WAY_TEST(every_allocation_may_fail, ", epoll, TLS", 2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
