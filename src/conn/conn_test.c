/* conn_test.c - proves what a client sees of a connection: requests and answers however they are
 * cut, the upgrade, messages, errors, and both close handshakes; by each engine, with and without
 * TLS. */
#include "conn/line_test.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* ---- HTTP ---- */

static void requests_are_answered_however_they_are_cut(void **state)
{
	struct line l;
	static const size_t steps[] = {WHOLE, 1, 7, 40};
	line_open(&l, state, line_options());
	for (size_t i = 0; i < 4; i++) {
		l.requests = 0;
		pl_buf_clear(&l.got);
		line_say(&l, PL_S(GET("/now") GET("/later") GET("/now")), steps[i]);
		LINE_UNTIL(&l, line_count(&l, "\r\n\r\nnow") == 2);
		assert_int_equal(l.requests, 3);
		char *first = memmem(l.got.at, l.got.len, "now", 3);
		char *later = memmem(l.got.at, l.got.len, "later", 5);
		assert_true(first < later); /* answers keep the order of the questions */
		assert_non_null(memmem(later, (size_t)(l.got.at + l.got.len - later), "now", 3));
	}
	line_close(&l);
}

static void bodies_by_length_and_in_chunks(void **state)
{
	static const char *const posts[] = {
		"POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n<one>",
		"POST /e HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\n<o\r\n3;x=y\r\nne>\r\n0\r\n\r\n",
	};
	struct line l;
	line_open(&l, state, line_options());
	for (size_t i = 0; i < 4; i++) {
		pl_buf_clear(&l.got);
		line_say(&l, pl_slice_str(posts[i / 2]), i % 2 ? 1 : WHOLE);
		LINE_UNTIL(&l, line_count(&l, "<one>") == 1);
	}
	pl_buf_clear(&l.got);
	line_put(&l, "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
		     "Expect: 100-continue\r\n\r\n");
	LINE_UNTIL(&l, line_heard(&l, "HTTP/1.1 100 Continue\r\n\r\n"));
	assert_false(line_heard(&l, "200"));
	line_put(&l, "body");
	LINE_UNTIL(&l, line_heard(&l, "\r\n\r\nbody"));
	pl_buf_clear(&l.got);
	line_put(&l, "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n");
	LINE_UNTIL(&l, l.eof && line_heard(&l, "HTTP/1.1 413"));
	assert_int_equal(l.is_notified, l.tls != NULL);
	line_close(&l);
}

static void a_chunked_body_over_the_limit_is_413(void **state)
{
	struct line l;
	struct pl_buf b;
	line_open(&l, state, line_options());
	pl_buf_init(&b, 1 << 20);
	PL_PUT(&b, "POST /e HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 9; i++) {
		PL_PUT(&b, "2000\r\n");
		for (int j = 0; j < 0x2000; j++)
			pl_buf_putc(&b, 'x');
		PL_PUT(&b, "\r\n");
	}
	line_say(&l, pl_buf_slice(&b), WHOLE);
	LINE_UNTIL(&l, l.eof && line_heard(&l, "HTTP/1.1 413"));
	assert_int_equal(l.requests, 0);
	pl_buf_fini(&b);
	line_close(&l);
}

static void what_is_malformed_is_refused_and_ends(void **state)
{
	static const struct {
		const char *text, *status;
	} bad[] = {
		{"GET / HTTP/1.1\r\n\r\n", "400"},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		 "400"},
		{LINE_UPGRADE("/refused") "\r\nGET /now HTTP/1.1\r\nHost: h\r\n\r\n", "401"},
		{"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		 "Sec-WebSocket-Version: 13\r\n\r\n" GET("/now"),
		 "400"},
		{LINE_UPGRADE("/ws") "Origin: http://evil.example\r\n\r\n" GET("/now"), "403"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct line l;
		char want[16];
		line_open(&l, state, line_options());
		snprintf(want, sizeof(want), "HTTP/1.1 %s", bad[i].status);
		line_put(&l, bad[i].text);
		LINE_UNTIL(&l, l.eof);
		assert_true(line_heard(&l, want));
		assert_int_equal(line_count(&l, "HTTP/1.1 "), 1);
		assert_int_equal(l.requests, 0);
		line_close(&l);
	}
}

static void deadlines_end_the_silent_and_the_slow(void **state)
{
	static const struct {
		const char *text;
		bool is_told;
	} slow[] = {
		{"", false},
		{"GET / HT", true},
		{"POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n<o", true},
		{GET("/now"), false},
		{GET("/now") "GET / HT", true},
		{GET("/later") "GET / HT", true},
	};
	struct pl_conn_options o = line_options();
	o.header_ms = 300;
	o.keep_alive_ms = 900;
	for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++) {
		struct line l;
		line_open(&l, state, o);
		uint64_t begin = pl_now_ms();
		/* A byte at a time: the beginning counts, not the last sign of life. */
		line_say(&l, pl_slice_str(slow[i].text), i % 2 ? 1 : WHOLE);
		LINE_UNTIL(&l, l.eof);
		assert_int_equal(line_heard(&l, "HTTP/1.1 408"), slow[i].is_told);
		assert_in_range(pl_now_ms() - begin, 250, slow[i].is_told || !i ? 800 : 1500);
		line_close(&l);
	}
}

static void a_long_answer_may_take_its_time(void **state)
{
	static const char *const asks[] = {
		GET("/big"), "GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"};
	struct pl_conn_options o = line_options();
	o.keep_alive_ms = o.close_ms = 100;
	for (size_t i = 0; i < 2; i++) {
		struct line l;
		line_open(&l, state, o);
		l.answer_bytes = 4 << 20;
		l.deaf = true;
		line_put(&l, asks[i]);
		for (uint64_t end = pl_now_ms() + 500; pl_now_ms() < end;)
			line_wait(&l);
		l.deaf = false;
		LINE_UNTIL(&l, l.got.len > l.answer_bytes);
		line_close(&l);
	}
}

/* Who asks without reading the answers is not read any more, and starts again when he does. */
static void pipelining_without_reading_is_held(void **state)
{
	enum { MANY = 600 };
	struct pl_conn_options o = line_options();
	struct line l;
	o.ws.out_soft = 65536;
	line_open(&l, state, o);
	l.answer_bytes = 20000;
	l.deaf = true;
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	for (int i = 0; i < MANY; i++)
		PL_PUT(&b, GET("/big"));
	line_say(&l, pl_buf_slice(&b), WHOLE);
	for (int i = 0; i < 20; i++)
		line_turn(&l);
	/* 64 KiB, what the socket took, and the answer that went beyond. */
	assert_in_range(l.requests, 3, 40);
	l.deaf = false;
	LINE_UNTIL(&l, l.requests == MANY && line_count(&l, "HTTP/1.1 200") == MANY);
	pl_buf_fini(&b);
	line_close(&l);
}

static void half_closed_gets_its_answer(void **state)
{
	static const char *const paths[] = {GET("/now"), GET("/later"), GET("/big")};
	for (size_t i = 0; i < 3; i++) {
		struct line l;
		line_open(&l, state, line_options());
		l.answer_bytes = 500000;
		line_say(&l, pl_slice_str(paths[i]), WHOLE - 1);
		shutdown(l.fd, SHUT_WR);
		LINE_UNTIL(&l, l.eof);
		assert_true(line_heard(&l, "HTTP/1.1 200"));
		if (i == 2)
			assert_true(l.got.len > 500000);
		LINE_UNTIL(&l, !pl_conns_count(l.set));
		line_close(&l);
	}
}

static void who_leaves_while_owed_is_told_to_the_endpoint(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	line_put(&l, GET("/never"));
	LINE_UNTIL(&l, l.requests == 1);
	line_hang_up(&l);
	LINE_UNTIL(&l, l.closes == 1);
	assert_int_equal(l.close_code, 0);
	assert_int_equal(pl_conns_count(l.set), 0);
	line_close(&l);
}

/* ---- WebSocket ---- */

static void frames_may_come_with_the_handshake(void **state)
{
	static const size_t steps[] = {WHOLE, 1, 33};
	for (size_t i = 0; i < 3; i++) {
		struct line l;
		struct pl_buf b;
		line_open(&l, state, line_options());
		pl_buf_init(&b, 65536);
		/* A body before it, so that the state of HTTP is there when it ends. */
		PL_PUT(&b, "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n<one>");
		PL_PUT(&b, LINE_UPGRADE("/ws") "\r\n");
		line_frame(&b, PL_WS_TEXT, "first");
		line_frame(&b, PL_WS_PING, "second");
		line_frame(&b, PL_WS_BINARY, "third");
		line_say(&l, pl_buf_slice(&b), steps[i]);
		LINE_UNTIL(&l, line_heard(&l, "<one>"));
		char *end = memmem(l.got.at, l.got.len, "<one>", 5);
		pl_buf_drop(&l.got, (size_t)(end + 5 - l.got.at));
		line_take_head(&l);
		line_expect(&l, PL_WS_TEXT, "first");
		line_expect(&l, PL_WS_PONG, "second");
		line_expect(&l, PL_WS_BINARY, "third");
		line_hang_up(&l);
		LINE_UNTIL(&l, l.closes == 1);
		assert_int_equal(l.close_code, 1006);
		assert_int_equal(l.fault, PL_ECLOSED);
		pl_buf_fini(&b);
		line_close(&l);
	}
}

/* The head's rest and a body's beginning in one packet, the body's end and an upgrade in the next:
 * every buffer of the HTTP state has been used when the WebSocket begins (a leak, else). */
static void an_upgrade_behind_a_body_in_pieces(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	line_put(&l, "POST /e HTTP/1.1\r\nHo");
	line_put(&l, "st: h\r\nContent-Length: 5\r\n\r\n<o");
	line_put(&l, "ne>" LINE_UPGRADE("/ws") "\r\n");
	LINE_UNTIL(&l, l.upgrades == 1 && line_heard(&l, "HTTP/1.1 101"));
	line_close(&l);
}

static void large_messages_go_round(void **state)
{
	struct line l;
	struct pl_ws_event ev = {0};
	enum { BIG = 900000 };
	char *big = malloc(BIG + 1);
	memset(big, 'm', BIG);
	big[BIG] = '\0';
	line_open(&l, state, line_options());
	line_upgrade(&l);
	for (int i = 0; i < 3; i++) {
		line_send(&l, PL_WS_TEXT, big);
		LINE_UNTIL(&l, line_next(&l, &ev));
		assert_int_equal(ev.data.len, BIG);
		assert_memory_equal(ev.data.at, big, BIG);
	}
	free(big);
	line_close(&l);
}

static void the_peer_closes(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	line_upgrade(&l);
	line_send(&l, PL_WS_CLOSE,
		  "\x0f\xa1"
		  "enough");
	line_expect_close(&l, 4001);
	LINE_UNTIL(&l, l.eof);
	assert_int_equal(l.closes, 1);
	assert_int_equal(l.close_code, 4001);
	assert_int_equal(l.fault, 0);
	assert_string_equal(l.reason, "enough");
	line_hang_up(&l);
	LINE_UNTIL(&l, !pl_conns_count(l.set));
	line_close(&l);
}

static void we_close_and_wait_for_the_answer(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	line_upgrade(&l);
	line_send(&l, PL_WS_TEXT, "close");
	line_expect_close(&l, 4001);
	line_send(&l, PL_WS_TEXT, "too late");
	assert_int_equal(l.messages, 1);
	assert_int_equal(l.closes, 0);
	line_send(&l, PL_WS_CLOSE, "\x0f\xa1");
	LINE_UNTIL(&l, l.closes == 1 && l.eof);
	assert_int_equal(l.is_notified, l.tls != NULL);
	assert_int_equal(l.close_code, 4001);
	assert_int_equal(l.fault, 0);
	line_close(&l);
}

static void who_never_answers_a_close_is_dropped(void **state)
{
	struct line l;
	struct pl_conn_options o = line_options();
	o.close_ms = 200;
	line_open(&l, state, o);
	line_upgrade(&l);
	line_send(&l, PL_WS_TEXT, "close");
	LINE_UNTIL(&l, l.closes == 1 && l.eof);
	assert_int_equal(pl_conns_count(l.set), 0);
	line_close(&l);
}

static void faults_close_after_what_was_right(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		uint16_t code;
	} bad[] = {
		{"\x83\x80\0\0\0\0", 6, 1002},              /* reserved opcode */
		{"\x81\x01x", 3, 1002},                     /* no mask */
		{"\xc1\x81\0\0\0\0x", 7, 1002},             /* RSV1, nothing negotiated */
		{"\x81\xc8\0\0\0\0\xff", 7, 1007},          /* bad UTF-8, frame unfinished */
		{"\x81\xff\0\0\0\0\0\x10\0\x01", 10, 1009}, /* one byte over the limit */
		{"\x81\xff\x80\0\0\0\0\0\0\0", 10, 1002},   /* the highest bit of a length */
		{"\x80\x80\0\0\0\0", 6, 1002},              /* continues nothing */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct line l;
		struct pl_buf b;
		line_open(&l, state, line_options());
		line_upgrade(&l);
		pl_buf_init(&b, 65536);
		line_frame(&b, PL_WS_TEXT, "right");
		line_frame(&b, PL_WS_PING, "right, too");
		pl_buf_put(&b, bad[i].bytes, bad[i].n);
		line_say(&l, pl_buf_slice(&b), i % 2 ? 1 : WHOLE);
		line_expect(&l, PL_WS_TEXT, "right");
		line_expect(&l, PL_WS_PONG, "right, too");
		line_expect_close(&l, bad[i].code);
		LINE_UNTIL(&l, l.eof && l.closes == 1);
		assert_int_equal(l.close_code, bad[i].code);
		assert_int_equal(l.fault, bad[i].code == 1009 ? PL_ETOOBIG : PL_EPROTO);
		pl_buf_fini(&b);
		line_close(&l);
	}
}

/* Fragments without bytes, and pings between, count as frames. */
static void tiny_fragments_are_counted(void **state)
{
	struct line l;
	struct pl_buf b;
	line_open(&l, state, line_options());
	line_upgrade(&l);
	pl_buf_init(&b, 65536);
	pl_buf_put(&b, "\x01\x80\0\0\0\0", 6);
	for (int i = 0; i < 40; i++) {
		pl_buf_put(&b, "\0\x80\0\0\0\0", 6);
		pl_buf_put(&b, "\x89\x80\0\0\0\0", 6);
	}
	line_say(&l, pl_buf_slice(&b), WHOLE);
	LINE_UNTIL(&l, l.closes == 1);
	assert_true(l.close_code == 1009 || l.close_code == 1008);
	pl_buf_fini(&b);
	line_close(&l);
}

static void deflate_round_trip_and_bomb(void **state)
{
	struct line l;
	struct pl_deflater *d;
	struct pl_deflate_options how = pl_deflate_defaults();
	enum { BIG = 1000000, BOMB = 1200000 };
	char *zeros = malloc(BOMB);
	memset(zeros, '0', BOMB);
	assert_int_equal(pl_deflater_new(&how, &d), 0);
	line_open(&l, state, line_options());
	line_put(&l, LINE_UPGRADE("/ws") "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
	line_take_head(&l);
	assert_true(l.deflate);
	struct pl_ws_event ev = {0};
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	pl_ws_put_deflated(&b, d, PL_WS_TEXT, pl_slice(zeros, BIG), line_mask);
	assert_true(b.len < BIG / 50);
	line_say(&l, pl_buf_slice(&b), WHOLE);
	LINE_UNTIL(&l, line_next(&l, &ev));
	assert_int_equal(ev.data.len, BIG);
	pl_buf_clear(&b);
	pl_ws_put_deflated(&b, d, PL_WS_TEXT, pl_slice(zeros, BOMB), line_mask);
	line_say(&l, pl_buf_slice(&b), WHOLE);
	line_expect_close(&l, 1009);
	LINE_UNTIL(&l, l.closes == 1);
	assert_int_equal(l.close_code, 1009);
	pl_buf_fini(&b);
	pl_deflater_free(d);
	free(zeros);
	line_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL_WAYS(requests_are_answered_however_they_are_cut),
		ALL_WAYS(bodies_by_length_and_in_chunks),
		ALL_WAYS(a_chunked_body_over_the_limit_is_413),
		ALL_WAYS(what_is_malformed_is_refused_and_ends),
		ALL_WAYS(deadlines_end_the_silent_and_the_slow),
		ALL_WAYS(a_long_answer_may_take_its_time),
		ALL_WAYS(pipelining_without_reading_is_held),
		ALL_WAYS(half_closed_gets_its_answer),
		ALL_WAYS(who_leaves_while_owed_is_told_to_the_endpoint),
		ALL_WAYS(frames_may_come_with_the_handshake),
		ALL_WAYS(an_upgrade_behind_a_body_in_pieces),
		ALL_WAYS(large_messages_go_round),
		ALL_WAYS(the_peer_closes),
		ALL_WAYS(we_close_and_wait_for_the_answer),
		ALL_WAYS(who_never_answers_a_close_is_dropped),
		ALL_WAYS(faults_close_after_what_was_right),
		ALL_WAYS(tiny_fragments_are_counted),
		ALL_WAYS(deflate_round_trip_and_bomb),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
