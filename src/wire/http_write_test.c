/*
 * http_write_test.c - proves that what is written is exactly one message, whatever the values are,
 * and that our own parser reads it back.
 */
#include "wire/http.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define COUNT(a)      (sizeof(a) / sizeof(*(a)))
#define holds(b, txt) assert_true(pl_slice_is(pl_buf_slice(b), (txt)))

static struct pl_buf b;

static int fresh(void **state)
{
	(void)state;
	pl_buf_init(&b, 4096);
	return 0;
}

static int gone(void **state)
{
	(void)state;
	pl_buf_fini(&b);
	return 0;
}

static void a_head_is_written_line_by_line(void **state)
{
	(void)state;
	assert_int_equal(pl_http_write_status(&b, 101), 0);
	assert_int_equal(pl_http_write_header(&b, PL_S("Upgrade"), PL_S("websocket")), 0);
	assert_int_equal(pl_http_write_header(&b, PL_S("X-Empty"), PL_S("")), 0);
	assert_int_equal(pl_http_write_header_u64(&b, PL_S("N"), UINT64_MAX), 0);
	assert_int_equal(pl_http_write_end(&b), 0);
	holds(&b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX-Empty: \r\n"
		  "N: 18446744073709551615\r\n\r\n");
	assert_int_equal(pl_http_write_status(&b, 99), PL_EINVAL);
	assert_int_equal(pl_http_write_status(&b, 600), PL_EINVAL);
	assert_true(pl_slice_is(pl_http_reason(431), "Request Header Fields Too Large"));
	assert_true(pl_slice_is(pl_http_reason(499), "Client Error"));
	assert_true(pl_slice_is(pl_http_reason(9999), "Unknown"));
}

static void no_value_ends_a_line(void **state)
{
	static const struct pl_http_header bad[] = {
		{PL_S("A"), PL_S("b\r\nC: d")}, {PL_S("A"), PL_S("b\n")},
		{PL_S("A"), PL_S("\r")},        {PL_S("A"), PL_S("b\0c")},
		{PL_S("A"), PL_S("\x7f")},      {PL_S("A"), PL_S("\x1b[0m")},
		{PL_S(""), PL_S("b")},          {PL_S("A:"), PL_S("b")},
		{PL_S("A B"), PL_S("b")},       {PL_S("A\r\nB"), PL_S("b")},
		{PL_S("A\0"), PL_S("b")},       {PL_S("\xc3\xa9"), PL_S("b")},
	};
	(void)state;
	PL_PUT(&b, "before");
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct pl_http_reply r = {.status = 200, .headers = &bad[i], .header_count = 1};
		assert_int_equal(pl_http_write_header(&b, bad[i].name, bad[i].value), PL_EINVAL);
		assert_int_equal(pl_http_write_reply(&b, &r), PL_EINVAL);
		holds(&b, "before");
		assert_int_equal(b.err, 0);
	}
	assert_int_equal(pl_http_write_header_u64(&b, PL_S("A\r\n"), 1), PL_EINVAL);
	struct pl_http_reply r = {.status = 200, .type = PL_S("text/plain\r\nX: y")};
	assert_int_equal(pl_http_write_reply(&b, &r), PL_EINVAL);
	holds(&b, "before");
	assert_int_equal(pl_http_write_header(&b, PL_S("A"), PL_S("\xff\tok")), 0);
}

static void a_reply_is_complete(void **state)
{
	static const struct pl_http_header more[] = {{PL_S("Cache-Control"), PL_S("no-store")}};
	struct pl_http_reply r = {.status = 404,
				  .type = PL_S("application/json"),
				  .body = PL_S("{}\n"),
				  .headers = more,
				  .header_count = 1,
				  .now_ms = 784111777123,
				  .keep_alive = true};
	(void)state;
	assert_int_equal(pl_http_write_reply(&b, &r), 0);
	holds(&b, "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		  "Content-Type: application/json\r\nCache-Control: no-store\r\nConnection: "
		  "keep-alive\r\n"
		  "Content-Length: 3\r\n\r\n{}\n");
	pl_buf_clear(&b);
	r.is_head = true; /* RFC 9110, 9.3.2: the same head, no content */
	r.keep_alive = false;
	r.now_ms = 0;
	assert_int_equal(pl_http_write_reply(&b, &r), 0);
	holds(&b, "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nCache-Control: "
		  "no-store\r\n"
		  "Connection: close\r\nContent-Length: 3\r\n\r\n");
	pl_buf_clear(&b);
	r = (struct pl_http_reply){
		.status = 204, .type = PL_S("a/b"), .body = PL_S("x"), .keep_alive = true};
	assert_int_equal(pl_http_write_reply(&b, &r), 0); /* 8.6: no length with 204 */
	holds(&b, "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
	pl_buf_clear(&b);
	r = (struct pl_http_reply){.status = 426};
	assert_int_equal(pl_http_write_reply(&b, &r), 0); /* 15.5.22 */
	holds(&b, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close, "
		  "Upgrade\r\n"
		  "Content-Length: 0\r\n\r\n");
}

static void an_encoded_body_is_named_so(void **state)
{
	struct pl_http_reply r = {.status = 200,
				  .type = PL_S("text/plain"),
				  .encoding = PL_S("gzip"),
				  .body = PL_S("xyz"),
				  .varies = true};
	(void)state;
	assert_int_equal(pl_http_write_reply(&b, &r), 0);
	holds(&b, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n"
		  "Vary: Accept-Encoding\r\nConnection: close\r\nContent-Length: 3\r\n\r\nxyz");
	pl_buf_clear(&b);
	r.status = 304; /* no content that could have a form; but caches must know (15.4.5) */
	assert_int_equal(pl_http_write_reply(&b, &r), 0);
	holds(&b,
	      "HTTP/1.1 304 Not Modified\r\nVary: Accept-Encoding\r\nConnection: close\r\n\r\n");
	pl_buf_clear(&b);
	/* The body may come later, and be longer than memory. */
	r = (struct pl_http_reply){.status = 200, .body = PL_S("not this")};
	assert_int_equal(pl_http_write_reply_head(&b, &r, 1ull << 40), 0);
	holds(&b, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1099511627776\r\n\r\n");
	assert_true(pl_http_reply_has_body(&r));
	r.is_head = true;
	assert_false(pl_http_reply_has_body(&r));
	r = (struct pl_http_reply){.status = 304};
	assert_false(pl_http_reply_has_body(&r));
}

static void a_reply_has_one_meaning(void **state)
{
	static const char *const own[] = {"Content-Length", "content-type", "TRANSFER-ENCODING",
					  "connection",     "date",         "Content-Encoding"};
	(void)state;
	for (size_t i = 0; i < COUNT(own); i++) {
		struct pl_http_header h = {pl_slice_str(own[i]), PL_S("1")};
		struct pl_http_reply r = {.status = 200, .headers = &h, .header_count = 1};
		assert_int_equal(pl_http_write_reply(&b, &r), PL_EINVAL);
	}
	struct pl_http_reply odd = {.status = 200, .encoding = PL_S("a\r\nb")};
	assert_int_equal(pl_http_write_reply(&b, &odd), PL_EINVAL);
	struct pl_http_reply early = {.status = 101};
	assert_int_equal(pl_http_write_reply(&b, &early), PL_EINVAL);
	assert_int_equal(b.len, 0);
}

static void a_date_is_as_in_the_rfc(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{784111777000, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{951782399999, "Mon, 28 Feb 2000 23:59:59 GMT"},
		{951782400000, "Tue, 29 Feb 2000 00:00:00 GMT"},
		{1709164800000, "Thu, 29 Feb 2024 00:00:00 GMT"},
		{1735689599000, "Tue, 31 Dec 2024 23:59:59 GMT"},
		{4107542400000, "Mon, 01 Mar 2100 00:00:00 GMT"},
		{253402300799000, "Fri, 31 Dec 9999 23:59:59 GMT"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[PL_HTTP_DATE];
		pl_http_date(rows[i].ms, out);
		assert_true(pl_slice_is(pl_slice(out, sizeof(out)), rows[i].text));
	}
}

static void nothing_leaves_by_halves(void **state)
{
	struct pl_http_header h = {PL_S("A"), PL_S("b")};
	struct pl_http_reply r = {.status = 200,
				  .type = PL_S("t/t"),
				  .body = PL_S("body"),
				  .headers = &h,
				  .header_count = 1,
				  .now_ms = 1};
	(void)state;
	assert_int_equal(pl_http_write_reply(&b, &r), 0);
	size_t full = b.len;
	for (size_t max = 0; max < full; max++) {
		struct pl_buf small;
		pl_buf_init(&small, max);
		assert_int_equal(pl_http_write_reply(&small, &r), PL_ETOOBIG);
		assert_int_equal(small.len, 0);
		pl_buf_fini(&small);
	}
	for (unsigned long n = 1;; n++) {
		struct pl_buf fresh_buf;
		pl_buf_init(&fresh_buf, 4096);
		pl_mem_fail_at(n, false);
		int err = pl_http_write_reply(&fresh_buf, &r);
		bool was_reached = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		assert_int_equal(err, was_reached ? PL_ENOMEM : 0);
		assert_int_equal(fresh_buf.len, was_reached ? 0 : full);
		pl_buf_fini(&fresh_buf);
		if (!was_reached) {
			assert_true(n > 1);
			break;
		}
	}
}

static void a_request_is_read_back(void **state)
{
	static struct pl_http_request q;
	static struct pl_http_response a;
	struct pl_http_parser p = {0};
	struct pl_slice none = {NULL, 0};
	size_t used;
	(void)state;
	assert_int_equal(pl_http_write_request(&b, PL_S("GET"), PL_S("/ws"), PL_S("a=b"),
					       PL_S("[::1]:8080")),
			 0);
	assert_int_equal(pl_http_write_header(&b, PL_S("Upgrade"), PL_S("websocket")), 0);
	assert_int_equal(pl_http_write_header(&b, PL_S("Connection"), PL_S("Upgrade")), 0);
	assert_int_equal(pl_http_write_end(&b), 0);
	holds(&b, "GET /ws?a=b HTTP/1.1\r\nHost: [::1]:8080\r\nUpgrade: websocket\r\nConnection: "
		  "Upgrade\r\n\r\n");
	assert_int_equal(
		pl_http_parse_head(&p, &pl_http_default_limits, pl_buf_slice(&b), &used, &q), 0);
	assert_true(q.wants_upgrade && used == b.len);
	pl_buf_clear(&b);
	struct pl_http_reply r = {.status = 400, .body = PL_S("no")};
	assert_int_equal(pl_http_write_reply(&b, &r), 0);
	assert_int_equal(
		pl_http_parse_response(&p, &pl_http_default_limits, pl_buf_slice(&b), &used, &a),
		0);
	assert_true(a.status == 400 && a.head.content_length == 2 && !a.head.keep_alive &&
		    used + 2 == b.len);

	pl_buf_clear(&b);
	struct pl_slice get = PL_S("GET"), path = PL_S("/"), host = PL_S("h");
	assert_int_equal(pl_http_write_request(&b, PL_S("G T"), path, none, host), PL_EINVAL);
	assert_int_equal(pl_http_write_request(&b, get, PL_S("ws"), none, host), PL_EINVAL);
	assert_int_equal(pl_http_write_request(&b, get, PL_S("/a b"), none, host), PL_EINVAL);
	assert_int_equal(pl_http_write_request(&b, get, PL_S("/a?b"), none, host), PL_EINVAL);
	assert_int_equal(pl_http_write_request(&b, get, path, PL_S("a\r\nb"), host), PL_EINVAL);
	assert_int_equal(pl_http_write_request(&b, get, path, none, PL_S("h\r\nA: b")), PL_EINVAL);
	assert_int_equal(b.len, 0);
}

#define row(f) cmocka_unit_test_setup_teardown(f, fresh, gone)
int main(void)
{
	const struct CMUnitTest tests[] = {
		row(a_head_is_written_line_by_line),
		row(no_value_ends_a_line),
		row(a_reply_is_complete),
		row(an_encoded_body_is_named_so),
		row(a_reply_has_one_meaning),
		row(a_date_is_as_in_the_rfc),
		row(nothing_leaves_by_halves),
		row(a_request_is_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
