/* pieces_test.c - proves that a body of any length comes out of its source in order and whole, with
 * little in memory however slowly it is read, and that the source hears once how it ended; by each
 * engine, with and without TLS. */
#include "conn/line_test.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

enum { QUEUED_MAX = 256 * 1024 };

/* A source of bytes that can be told from each other by where they stand. */
struct spring {
	struct line line; /* first: it is the endpoint's ctx */
	struct pl_body_source source;
	struct pl_http_reply reply;
	struct pl_timer timer; /* when a piece is given later */
	struct pl_conn *conn;
	uint64_t offset, given;
	size_t max, wants, most_queued;
	size_t at_most;    /* bytes in a piece; 0: what is wanted */
	uint64_t fails_at; /* 0: nowhere */
	enum { AT_ONCE, LATER, NEVER } when;
	int done, whole, err;
	bool is_pending, gives_too_much, answers_later;
};

static char byte_at(uint64_t i)
{
	return (char)(i * 7 ^ i >> 8 ^ i >> 17);
}

static void give(struct spring *s)
{
	size_t n = s->at_most && s->at_most < s->max ? s->at_most : s->max;
	bool fails = s->fails_at && s->offset + n >= s->fails_at;
	n += s->gives_too_much;
	struct pl_frame *f = fails ? NULL : pl_frame_new(n);
	for (size_t i = 0; f && i < n; i++)
		f->at[i] = byte_at(s->offset + i);
	s->given += f ? n : 0;
	s->is_pending = false;
	pl_conn_body(s->conn, f);
	pl_frame_release(f);
	size_t queued = s->done ? 0 : pl_conn_backlog(s->conn);
	s->most_queued = queued > s->most_queued ? queued : s->most_queued;
}

static void on_time(struct pl_timer *t)
{
	give(PL_CONTAINER(t, struct spring, timer));
}

static void want(struct pl_conn *c, void *ctx, uint64_t offset, size_t max)
{
	struct spring *s = ctx;
	assert_ptr_equal(c, s->conn);
	assert_false(s->is_pending); /* one at a time */
	assert_int_equal(offset, s->given);
	assert_int_equal(s->done, 0);
	assert_in_range(max, 1, s->source.length - offset);
	s->wants++;
	s->offset = offset;
	s->max = max;
	s->is_pending = true;
	if (s->when == AT_ONCE)
		give(s);
	else if (s->when == LATER)
		pl_timer_set(s->line.loop, &s->timer, 1);
}

static void done(void *ctx, bool is_whole)
{
	struct spring *s = ctx;
	pl_timer_stop(&s->timer);
	s->done++;
	s->whole += is_whole;
}

static void on_request(struct pl_conn *c, const struct pl_request *q)
{
	struct spring *s = pl_conn_ctx(c);
	if (!pl_slice_is(q->http->path, "/spring")) {
		line_on_request(c, q);
		return;
	}
	s->conn = c;
	s->given = 0;
	s->done = s->whole = 0;
	if (s->answers_later)
		return;
	s->err = pl_conn_respond_from(c, &s->reply, &s->source);
	assert_int_equal(s->done, 0); /* never inside the call */
	if (s->err)
		pl_conn_respond_text(c, 500, "text/plain", PL_S("no spring"));
}

static void open_spring(struct spring *s, void **state, uint64_t length, struct pl_conn_options o)
{
	memset(s, 0, sizeof(*s));
	line_open(&s->line, state, o);
	s->line.endpoint.on_request = on_request;
	s->source = (struct pl_body_source){.length = length, .want = want, .done = done, .ctx = s};
	s->reply = (struct pl_http_reply){.status = 200, .type = PL_S("image/png")};
	pl_timer_init(&s->timer, on_time);
}

static void close_spring(struct spring *s)
{
	line_close(&s->line);
	if (s->err == 0 && s->conn)
		assert_int_equal(s->done, 1);
	pl_timer_stop(&s->timer);
}

/* Takes a head off; it must say so many bytes. */
static void take_head(struct line *l, uint64_t length)
{
	char want_length[64];
	LINE_UNTIL(l, line_heard(l, "\r\n\r\n"));
	char *end = memmem(l->got.at, l->got.len, "\r\n\r\n", 4);
	snprintf(want_length, sizeof(want_length), "\r\nContent-Length: %llu\r\n",
		 (unsigned long long)length);
	assert_memory_equal(l->got.at, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(
		memmem(l->got.at, (size_t)(end + 4 - l->got.at), want_length, strlen(want_length)));
	pl_buf_drop(&l->got, (size_t)(end + 4 - l->got.at));
}

static void expect_body(struct line *l, uint64_t length)
{
	uint64_t at = 0;
	while (at < length) {
		LINE_UNTIL(l, l->got.len > 0);
		size_t n = l->got.len < length - at ? l->got.len : (size_t)(length - at);
		for (size_t i = 0; i < n; i++)
			if (l->got.at[i] != byte_at(at + i))
				fail_msg("byte %llu", (unsigned long long)(at + i));
		pl_buf_drop(&l->got, n);
		at += n;
	}
}

/* ---- whole ---- */

static void bodies_of_any_length_are_whole(void **state)
{
	static const uint64_t lengths[] = {1, 4096, 131072, 131073, 262144, 262145, 3000000};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		for (int later = 0; later < 2; later++) {
			struct spring s;
			open_spring(&s, state, lengths[i], line_options());
			s.when = later ? LATER : AT_ONCE;
			/* Asked twice, and something else behind it: it ends where it ends. */
			line_put(&s.line, GET("/spring") GET("/now"));
			take_head(&s.line, lengths[i]);
			expect_body(&s.line, lengths[i]);
			LINE_UNTIL(&s.line, line_heard(&s.line, "\r\n\r\nnow"));
			assert_memory_equal(s.line.got.at, "HTTP/1.1 200 OK\r\n", 17);
			assert_int_equal(s.done, 1);
			assert_int_equal(s.whole, 1);
			pl_buf_clear(&s.line.got);
			line_put(&s.line, GET("/spring"));
			take_head(&s.line, lengths[i]);
			expect_body(&s.line, lengths[i]);
			LINE_UNTIL(&s.line, s.done == 1);
			assert_int_equal(s.line.closes, 0);
			close_spring(&s);
		}
}

static void small_pieces_make_a_whole(void **state)
{
	struct spring s;
	open_spring(&s, state, 50000, line_options());
	s.at_most = 37;
	line_put(&s.line, GET("/spring"));
	take_head(&s.line, 50000);
	expect_body(&s.line, 50000);
	LINE_UNTIL(&s.line, s.done == 1);
	assert_int_equal(s.wants, (50000 + 36) / 37);
	close_spring(&s);
}

static void fifty_megabytes_need_little_memory(void **state)
{
	enum { LENGTH = 50 << 20 };
	struct spring s;
	struct pl_conn_options o = line_options();
	o.ws.out_soft = 4096; /* what holds for others does not hold here, either way */
	open_spring(&s, state, LENGTH, o);
	line_put(&s.line, GET("/spring"));
	/* Nobody reads: what waits is little, and nothing more is asked for. */
	s.line.deaf = true;
	for (int i = 0; i < 20; i++)
		line_turn(&s.line);
	assert_in_range(s.given, 1, QUEUED_MAX + 128 * 1024); /* the socket took some */
	size_t wants = s.wants;
	for (int i = 0; i < 20; i++)
		line_turn(&s.line);
	assert_int_equal(s.wants, wants);
	s.line.deaf = false;
	take_head(&s.line, LENGTH);
	expect_body(&s.line, LENGTH);
	LINE_UNTIL(&s.line, s.done == 1);
	assert_int_equal(s.whole, 1);
	/* Records of TLS are a little longer than what is in them. */
	assert_in_range(s.most_queued, 100000, QUEUED_MAX + 8192);
	close_spring(&s);
}

static void nothing_is_asked_for_nothing(void **state)
{
	struct spring s;
	open_spring(&s, state, 0, line_options());
	line_put(&s.line, GET("/spring"));
	take_head(&s.line, 0);
	LINE_UNTIL(&s.line, s.done == 1);
	s.source.length = 1000;
	line_put(&s.line, "HEAD /spring HTTP/1.1\r\nHost: h\r\n\r\n" GET("/now"));
	take_head(&s.line, 1000);
	LINE_UNTIL(&s.line, line_heard(&s.line, "\r\n\r\nnow"));
	assert_memory_equal(s.line.got.at, "HTTP/1.1 200 OK\r\n", 17);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.whole, 1);
	assert_int_equal(s.wants, 0);
	close_spring(&s);
}

/* He has said all that he wanted to: that is no reason not to answer. */
static void half_closed_gets_all_of_it(void **state)
{
	for (int later = 0; later < 2; later++) {
		struct spring s;
		open_spring(&s, state, 1000000, line_options());
		s.when = LATER;
		s.answers_later = later;
		line_say(&s.line, PL_S(GET("/spring")), WHOLE - 1);
		LINE_UNTIL(&s.line, s.conn);
		if (later)
			s.err = pl_conn_respond_from(s.conn, &s.reply, &s.source);
		assert_int_equal(s.err, 0);
		shutdown(s.line.fd, SHUT_WR);
		take_head(&s.line, 1000000);
		expect_body(&s.line, 1000000);
		LINE_UNTIL(&s.line, s.done == 1 && s.line.eof);
		assert_int_equal(s.whole, 1);
		close_spring(&s);
	}
}

static void who_asked_to_close_is_closed_after_it(void **state)
{
	for (int drains = 0; drains < 2; drains++) {
		struct spring s;
		open_spring(&s, state, 500000, line_options());
		s.when = LATER;
		line_put(&s.line, drains ? GET("/spring")
					 : "GET /spring HTTP/1.1\r\nHost: h\r\n"
					   "Connection: close\r\n\r\n");
		take_head(&s.line, 500000);
		if (drains)
			pl_conns_drain(s.line.set, "bye");
		expect_body(&s.line, 500000);
		LINE_UNTIL(&s.line, s.line.eof);
		assert_int_equal(s.line.got.len, 0);
		assert_int_equal(s.line.is_notified, s.line.tls != NULL);
		close_spring(&s);
		assert_int_equal(s.whole, 1);
	}
}

/* ---- not whole ---- */

static void who_hangs_up_ends_it(void **state)
{
	for (int pending = 0; pending < 2; pending++) {
		struct spring s;
		open_spring(&s, state, 50 << 20, line_options());
		line_put(&s.line, GET("/spring"));
		LINE_UNTIL(&s.line, s.wants > 0);
		if (pending) {
			s.when = NEVER;
			LINE_UNTIL(&s.line, s.is_pending);
		}
		line_hang_up(&s.line);
		LINE_UNTIL(&s.line, s.done == 1);
		assert_int_equal(s.whole, 0);
		assert_int_equal(pl_conns_count(s.line.set), 0);
		close_spring(&s);
	}
}

static void a_source_that_fails_breaks_it(void **state)
{
	for (int too_much = 0; too_much < 2; too_much++)
		for (int later = 0; later < 2; later++) {
			struct spring s;
			open_spring(&s, state, 1000000, line_options());
			s.when = later ? LATER : AT_ONCE;
			s.fails_at = too_much ? 0 : 500000;
			s.gives_too_much = too_much;
			line_put(&s.line, GET("/spring") GET("/now"));
			LINE_UNTIL(&s.line, s.line.eof && s.done == 1);
			assert_int_equal(s.whole, 0);
			/* Whoever counts finds out, and does not take another answer for the rest.
			 */
			assert_true(s.line.got.len < 1000000);
			assert_false(line_heard(&s.line, "\r\n\r\nnow"));
			close_spring(&s);
		}
}

static void who_reads_nothing_is_let_go_of(void **state)
{
	struct spring s;
	struct pl_conn_options o = line_options();
	o.close_ms = 100;
	open_spring(&s, state, 50 << 20, o);
	s.at_most = 4000; /* so that what waits is little, and the time for it short */
	s.line.deaf = true;
	line_put(&s.line, GET("/spring"));
	uint64_t begin = pl_now_ms();
	while (!s.done && pl_now_ms() - begin < 20000)
		line_wait(&s.line);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.whole, 0);
	/* 128 KiB at 16 bytes in a millisecond, and close_ms. */
	assert_in_range(pl_now_ms() - begin, 2000, 12000);
	close_spring(&s);
}

static void the_worker_may_end_in_the_middle(void **state)
{
	struct spring s;
	open_spring(&s, state, 50 << 20, line_options());
	s.when = LATER;
	line_put(&s.line, GET("/spring"));
	LINE_UNTIL(&s.line, s.wants > 0);
	line_close(&s.line);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.whole, 0);
}

static void the_endpoint_may_end_it(void **state)
{
	struct spring s;
	open_spring(&s, state, 50 << 20, line_options());
	s.when = NEVER;
	line_put(&s.line, GET("/spring"));
	LINE_UNTIL(&s.line, s.is_pending);
	pl_conn_close(s.conn, 1000, PL_S("enough"));
	pl_conn_body(s.conn, NULL); /* until it is told, it may not know */
	LINE_UNTIL(&s.line, s.done == 1 && s.line.eof);
	assert_int_equal(s.whole, 0);
	close_spring(&s);
}

static void only_what_is_owed_is_answered(void **state)
{
	struct spring s;
	struct pl_http_header bad = {PL_S("X"), PL_S("a\r\nY: b")};
	open_spring(&s, state, 1000, line_options());
	s.reply.headers = &bad;
	s.reply.header_count = 1;
	line_put(&s.line, GET("/spring"));
	LINE_UNTIL(&s.line, line_heard(&s.line, "no spring"));
	assert_int_equal(s.err, PL_EINVAL);
	assert_int_equal(s.done, 0);
	line_close(&s.line);

	open_spring(&s, state, 1000, line_options());
	line_put(&s.line, GET("/now"));
	LINE_UNTIL(&s.line, line_heard(&s.line, "now"));
	assert_int_equal(pl_conn_respond_from(s.line.conn, &s.reply, &s.source), PL_ESTATE);
	line_close(&s.line);
}

static bool one_body(void **state, unsigned long n)
{
	struct spring s;
	open_spring(&s, state, 400000, line_options());
	pl_buf_reserve(&s.line.got, 1 << 20);
	s.line.fail_in = n;
	line_put(&s.line, GET("/spring") GET("/now"));
	for (int i = 0; i < 3000 && !s.line.eof && !line_heard(&s.line, "\r\n\r\nnow"); i++)
		line_wait(&s.line);
	s.line.fail_in = 0;
	assert_true(s.line.eof || line_heard(&s.line, "\r\n\r\nnow"));
	if (s.conn && !s.err && s.line.eof)
		LINE_UNTIL(&s.line, s.done == 1);
	bool has_failed = s.line.has_failed;
	close_spring(&s);
	return has_failed;
}

static void every_allocation_may_fail(void **state)
{
	unsigned long n = 1;
	const struct way *way = *state;
	if (!way_is_there(way))
		skip();
	while (one_body(state, n))
		n++;
	assert_in_range(n, 6, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL_WAYS(bodies_of_any_length_are_whole),
		ALL_WAYS(small_pieces_make_a_whole),
		ALL_WAYS(fifty_megabytes_need_little_memory),
		ALL_WAYS(nothing_is_asked_for_nothing),
		ALL_WAYS(half_closed_gets_all_of_it),
		ALL_WAYS(who_asked_to_close_is_closed_after_it),
		ALL_WAYS(who_hangs_up_ends_it),
		ALL_WAYS(a_source_that_fails_breaks_it),

		/* Eight seconds: one way is enough. */
		WAY_TEST(who_reads_nothing_is_let_go_of, "", 1),
		ALL_WAYS(the_worker_may_end_in_the_middle),
		ALL_WAYS(the_endpoint_may_end_it),
		ALL_WAYS(only_what_is_owed_is_answered),
		ALL_WAYS(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
