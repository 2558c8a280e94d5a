/* body_limit_test.c - proves that each endpoint has its own limit of bodies, that a client can read
 * why his was refused, that every method reaches who wants every method, and that a request leaves
 * nothing behind; by each engine, with and without TLS. */
#include "conn/line_test.h"

#define HEAD(method, path) method " " path " HTTP/1.1\r\nHost: h\r\n"
#define GET(path)          HEAD("GET", path) "\r\n"

/* ---- the limit ---- */

static void put_chunks(struct pl_buf *b, size_t n, size_t each)
{
	PL_PUT(b, HEAD("POST", "/e") "Transfer-Encoding: chunked\r\n\r\n");
	for (size_t done = 0; done < n; done += each) {
		pl_buf_printf(b, "%zx\r\n", each);
		for (size_t i = 0; i < each; i++)
			pl_buf_putc(b, 'x');
		PL_PUT(b, "\r\n");
	}
	PL_PUT(b, "0\r\n\r\n");
}

static void put_post(struct pl_buf *b, size_t n)
{
	pl_buf_printf(b, HEAD("POST", "/e") "Content-Length: %zu\r\n\r\n", n);
	for (size_t i = 0; i < n; i++)
		pl_buf_putc(b, 'x');
}

/* n bytes are asked to go round, the limit being `limit`. */
static void ask(void **state, bool chunked, size_t n, uint32_t limit, size_t step)
{
	struct line l;
	struct pl_buf b;
	line_open(&l, state, line_options());
	l.endpoint.body_bytes = limit;
	pl_buf_init(&b, 1 << 20);
	if (chunked)
		put_chunks(&b, n, 10);
	else
		put_post(&b, n);
	line_say(&l, pl_buf_slice(&b), step);
	if (n <= limit) {
		LINE_UNTIL(&l, line_heard(&l, "HTTP/1.1 200"));
		LINE_UNTIL(&l, line_heard(&l, "xxxxxxxxxx"));
		assert_int_equal(l.requests, 1);
		assert_false(l.eof);
	} else {
		LINE_UNTIL(&l, l.eof);
		assert_memory_equal(l.got.at, "HTTP/1.1 413 Content Too Large\r\n", 32);
		assert_true(line_heard(&l, "Connection: close\r\n"));
		assert_int_equal(line_count(&l, "HTTP/1.1"), 1);
		assert_int_equal(l.requests, 0);
	}
	pl_buf_fini(&b);
	line_close(&l);
}

static void an_endpoint_has_its_own_limit(void **state)
{
	static const size_t steps[] = {WHOLE, 1, 33};
	for (size_t i = 0; i < 3; i++)
		for (int chunked = 0; chunked < 2; chunked++) {
			ask(state, chunked, 200, 200, steps[i]);
			ask(state, chunked, 210, 200, steps[i]);
			ask(state, chunked, 210, 209, steps[i]);
		}
	/* More than what holds for all others (65,536). */
	ask(state, false, 100000, 100000, 5000);
	ask(state, true, 70000, 100000, 5000);
	ask(state, false, 100001, 100000, 5000);
}

static void the_others_keep_that_of_the_set(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	struct pl_endpoint tiny = l.endpoint;
	tiny.body_bytes = 3;
	l.routes[1] = (struct pl_route){PL_HTTP_POST, "/tiny", &tiny};
	line_put(&l, HEAD("POST", "/tiny") "Content-Length: 3\r\n\r\nabc");
	LINE_UNTIL(&l, line_heard(&l, "\r\n\r\nabc"));
	line_put(&l, HEAD("POST", "/e") "Content-Length: 6\r\n\r\nabcdef");
	LINE_UNTIL(&l, line_heard(&l, "\r\n\r\nabcdef"));
	line_put(&l, HEAD("POST", "/tiny") "Content-Length: 4\r\n\r\nabcd" GET("/now"));
	LINE_UNTIL(&l, l.eof && line_heard(&l, "HTTP/1.1 413"));
	assert_int_equal(l.requests, 2);
	line_close(&l);
}

/* What is too large is neither asked for (100 Continue) nor believed to be small. */
static void who_asks_first_is_refused_first(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	l.endpoint.body_bytes = 10;
	line_put(&l, HEAD("POST", "/e") "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n");
	LINE_UNTIL(&l, l.eof);
	assert_memory_equal(l.got.at, "HTTP/1.1 413", 12);
	line_close(&l);
}

static void refuse_bare(struct pl_conn *c, const struct pl_request *q)
{
	struct line *l = line_of(c);
	assert_true(pl_slice_is(q->http->path, "/e"));
	assert_true(pl_slice_is(pl_http_header(&q->http->head, "X"), "y"));
	assert_int_equal(q->body.len, 0);
	l->closes += 100;
	struct pl_http_reply reply = {.status = 413};
	pl_conn_respond(c, &reply);
}

/* He writes megabytes before he reads: the answer must not be lost to a reset. */
static void the_endpoint_refuses_in_its_own_words(void **state)
{
	enum { MUCH = 4 << 20 };
	char *much = malloc(MUCH);
	memset(much, 'm', MUCH);
	for (int chunked = 0; chunked < 2; chunked++) {
		struct line l;
		line_open(&l, state, line_options());
		l.endpoint.body_bytes = 1000;
		l.endpoint.on_too_large = refuse_bare;
		line_put(&l,
			 chunked ? HEAD("POST", "/e") "X: y\r\nTransfer-Encoding: chunked\r\n\r\n"
						      "400000\r\n"
				 : HEAD("POST", "/e") "X: y\r\nContent-Length: 4194304\r\n\r\n");
		l.deaf = true;
		line_say(&l, pl_slice(much, MUCH), 40000);
		l.deaf = false;
		LINE_UNTIL(&l, l.eof);
		assert_memory_equal(l.got.at, "HTTP/1.1 413", 12);
		assert_true(line_heard(&l, "Content-Length: 0\r\n\r\n"));
		assert_true(line_heard(&l, "Connection: close\r\n"));
		assert_memory_equal(l.got.at + l.got.len - 4, "\r\n\r\n", 4);
		assert_int_equal(l.closes, 100); /* asked once, and no on_close */
		assert_int_equal(l.requests, 0);
		line_close(&l);
	}
	free(much);
}

static void say_nothing(struct pl_conn *c, const struct pl_request *q)
{
	(void)c;
	(void)q;
}

static void an_endpoint_that_is_silent_is_spoken_for(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	l.endpoint.body_bytes = 1;
	l.endpoint.on_too_large = say_nothing;
	line_put(&l, HEAD("POST", "/e") "Content-Length: 2\r\n\r\n");
	LINE_UNTIL(&l, l.eof && line_heard(&l, "HTTP/1.1 413"));
	line_close(&l);
}

/* ---- who is asked ---- */

static void every_method_reaches_who_wants_all(void **state)
{
	static const char *const methods[] = {"GET",   "POST",  "PUT",     "DELETE",
					      "PATCH", "TRACE", "OPTIONS", "BREW"};
	struct line l;
	line_open(&l, state, line_options());
	l.routes[2] = (struct pl_route){PL_HTTP_ANY, "/any", &l.endpoint};
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		char text[128];
		pl_buf_clear(&l.got);
		snprintf(text, sizeof(text),
			 "%s /any HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nme", methods[i]);
		line_put(&l, text);
		LINE_UNTIL(&l, line_heard(&l, "\r\n\r\nme"));
		assert_true(line_heard(&l, "HTTP/1.1 200"));
	}
	line_put(&l,
		 HEAD("HEAD", "/any") "\r\n" HEAD("PUT", "/other") "Content-Length: 2\r\n\r\nme");
	LINE_UNTIL(&l, line_heard(&l, "HTTP/1.1 405"));
	line_close(&l);
}

static const struct pl_endpoint *find(void *ctx, const struct pl_http_request *q, unsigned *status)
{
	struct line *l = ctx;
	*status = pl_slice_is(q->path, "/forbidden") ? 403 : 0;
	return pl_slice_is(q->path, "/found") ? &l->endpoint : NULL;
}

static void who_finds_may_be_asked_for_plain_requests(void **state)
{
	struct line l;
	line_open(&l, state, line_options());
	l.routes[0] = l.routes[1] = l.routes[2] =
		(struct pl_route){PL_HTTP_GET, "/now", &l.endpoint};
	l.router.find = find;
	l.router.find_ctx = &l;
	line_put(&l, HEAD("PUT", "/found") "\r\n");
	LINE_UNTIL(&l, line_heard(&l, "HTTP/1.1 404"));
	l.router.finds_plain = true;
	line_put(&l, HEAD("PUT", "/found") "Content-Length: 4\r\n\r\nhere" GET("/now"));
	LINE_UNTIL(&l, line_heard(&l, "\r\n\r\nhere") && line_heard(&l, "\r\n\r\nnow"));
	/* A refused body is read all the same, so that the next request is found. */
	line_put(&l, HEAD("PUT", "/forbidden") "Content-Length: 4\r\n\r\nGET " GET("/now"));
	LINE_UNTIL(&l, line_heard(&l, "HTTP/1.1 403") && line_count(&l, "\r\n\r\nnow") == 2);
	line_close(&l);
}

static void an_endpoint_may_know_origins_itself(void **state)
{
	for (int any = 0; any < 2; any++) {
		struct line l;
		line_open(&l, state, line_options());
		l.endpoint.checks_origin = any;
		line_put(&l, LINE_UPGRADE("/ws") "Origin: http://other.example\r\n\r\n");
		LINE_UNTIL(&l, line_heard(&l, any ? "HTTP/1.1 101" : "HTTP/1.1 403"));
		assert_int_equal(l.upgrades, any);
		line_close(&l);
	}
}

/* ---- what is left of a request ---- */

static void an_answered_body_leaves_nothing(void **state)
{
	struct pl_conn_options o = line_options();
	o.keep_alive_ms = 300;
	for (int i = 0; i < 2; i++) {
		struct line l;
		line_open(&l, state, o);
		line_say(&l, PL_S(HEAD("POST", "/e") "Content-Length: 5\r\n\r\n<one>"), 20);
		LINE_UNTIL(&l, line_heard(&l, "\r\n\r\n<one>"));
		pl_buf_clear(&l.got);
		if (i) /* who is idle is let go at once */
			pl_conns_drain(l.set, "bye");
		LINE_UNTIL(&l, l.eof);
		assert_int_equal(l.got.len, 0); /* and is not told that his request took too long */
		line_close(&l);
	}
}

/* 16 KB in a second are enough, whatever header_ms says; a byte now and then is not. */
static void a_body_may_take_the_time_that_it_needs(void **state)
{
	enum { PIECE = 2000, PIECES = 20 };
	struct pl_conn_options o = line_options();
	o.header_ms = 300;
	for (int drips = 0; drips < 2; drips++) {
		struct line l;
		char piece[PIECE];
		line_open(&l, state, o);
		memset(piece, 'p', PIECE);
		line_put(&l, HEAD("POST", "/e") "Content-Length: 40000\r\n\r\n");
		uint64_t begin = pl_now_ms(), next = begin;
		for (int i = 0; i < PIECES && !l.eof; i++) {
			line_say(&l, pl_slice(piece, drips ? 1 : PIECE), WHOLE);
			for (next += 50; !l.eof && pl_now_ms() < next;)
				line_wait(&l);
		}
		if (drips) {
			assert_true(l.eof && line_heard(&l, "HTTP/1.1 408"));
			assert_in_range(pl_now_ms() - begin, 250, 800);
		} else {
			LINE_UNTIL(&l, line_heard(&l, "HTTP/1.1 200") && l.got.len > 40000);
		}
		line_close(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL_WAYS(an_endpoint_has_its_own_limit),
		ALL_WAYS(the_others_keep_that_of_the_set),
		ALL_WAYS(who_asks_first_is_refused_first),
		ALL_WAYS(the_endpoint_refuses_in_its_own_words),
		ALL_WAYS(an_endpoint_that_is_silent_is_spoken_for),
		ALL_WAYS(every_method_reaches_who_wants_all),
		ALL_WAYS(who_finds_may_be_asked_for_plain_requests),
		ALL_WAYS(an_endpoint_may_know_origins_itself),
		ALL_WAYS(an_answered_body_leaves_nothing),
		ALL_WAYS(a_body_may_take_the_time_that_it_needs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
