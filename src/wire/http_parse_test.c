/*
 * http_parse_test.c - proves that heads are read as RFC 9110 and RFC 9112 say, that every form
 * which two readers could take differently is refused with its status, and that it does not matter
 * how bytes arrive.
 */
#include "wire/http.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct pl_http_request q;
static struct pl_http_response r;

/* 0, PL_EAGAIN, or the status to answer. */
static int whole(struct pl_slice in, size_t *used)
{
	struct pl_http_parser p = {0};
	int err = pl_http_parse_head(&p, &pl_http_default_limits, in, used, &q);
	assert_true(err == 0 || err == PL_EAGAIN || err == PL_EPROTO);
	return err == PL_EPROTO ? p.status : err;
}

static int in_bytes(struct pl_slice in, size_t *used)
{
	struct pl_http_parser p = {0};
	for (size_t n = 1; n <= in.len; n++) {
		int err = pl_http_parse_head(&p, &pl_http_default_limits, pl_slice(in.at, n), used,
					     &q);
		if (err != PL_EAGAIN)
			return err == PL_EPROTO ? p.status : err;
	}
	return PL_EAGAIN;
}

static int parse(const char *text)
{
	size_t used = 0;
	return whole(pl_slice_str(text), &used);
}

#define is(slice, text) assert_true(pl_slice_is((slice), (text)))

static void a_request_is_cut_into_its_parts(void **state)
{
	(void)state;
	assert_int_equal(parse("GET /ws?token=a%20b&x HTTP/1.1\r\nHost: example.org:8080\r\n"
			       "uSeR-aGeNt:\t x y \t\r\nEmpty:\r\nX-Bytes: \x80\xff\tz\r\n\r\n"),
			 0);
	assert_int_equal(q.method, PL_HTTP_GET);
	is(q.method_name, "GET");
	is(q.target, "/ws?token=a%20b&x");
	is(q.path, "/ws");
	is(q.query, "token=a%20b&x");
	is(q.host, "example.org:8080");
	assert_int_equal(q.head.minor, 1);
	assert_int_equal(q.head.count, 4);
	is(pl_http_header(&q.head, "User-Agent"), "x y");
	is(pl_http_header(&q.head, "empty"), "");
	assert_non_null(pl_http_header(&q.head, "empty").at);
	is(pl_http_header(&q.head, "x-bytes"), "\x80\xff\tz"); /* bytes are data */
	assert_null(pl_http_header(&q.head, "absent").at);
	assert_true(q.head.keep_alive);
	assert_false(q.head.has_length || q.head.is_chunked || q.wants_upgrade ||
		     q.expects_continue);
}

static void targets_have_three_forms(void **state)
{
	static const struct {
		const char *line, *path, *query, *host;
	} good[] = {
		{"GET / HTTP/1.1", "/", NULL, "h"},
		{"GET /a? HTTP/1.1", "/a", "", "h"},
		{"GET //a?b?c HTTP/1.1", "//a", "b?c", "h"},
		{"GET /a|{}^`\"<>\\ HTTP/1.1", "/a|{}^`\"<>\\", NULL, "h"},
		{"GET http://other:81/p?q HTTP/1.1", "/p", "q", "other:81"},
		{"GET HTTP://other HTTP/1.1", "/", NULL, "other"},
		{"GET https://[::1]?q HTTP/1.1", "/", "q", "[::1]"},
		{"OPTIONS * HTTP/1.1", "*", NULL, "h"},
		{"X!#$%&'*+-.^_`|~9 /x HTTP/1.1", "/x", NULL, "h"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		char text[256];
		(void)snprintf(text, sizeof(text), "%s\r\nHost: h\r\n\r\n", good[i].line);
		assert_int_equal(parse(text), 0);
		is(q.path, good[i].path);
		is(q.host, good[i].host);
		assert_int_equal(q.query.at == NULL, good[i].query == NULL);
		is(q.query, good[i].query);
	}
}

static void methods_are_known_by_name(void **state)
{
	static const struct {
		const char *name;
		enum pl_http_method method;
	} rows[] = {
		{"GET", PL_HTTP_GET},         {"HEAD", PL_HTTP_HEAD},
		{"POST", PL_HTTP_POST},       {"PUT", PL_HTTP_PUT},
		{"PATCH", PL_HTTP_PATCH},     {"DELETE", PL_HTTP_DELETE},
		{"OPTIONS", PL_HTTP_OPTIONS}, {"TRACE", PL_HTTP_TRACE},
		{"get", PL_HTTP_OTHER},       {"GETS", PL_HTTP_OTHER},
		{"PROPFIND", PL_HTTP_OTHER},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[128];
		(void)snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: h\r\n\r\n",
			       rows[i].name);
		assert_int_equal(parse(text), 0);
		assert_int_equal(q.method, rows[i].method);
	}
}

struct bad {
	int status;
	struct pl_slice text;
};
#define LINE(line)   PL_S(line "\r\nHost: h\r\n\r\n")
#define FIELD(field) PL_S("POST / HTTP/1.1\r\nHost: h\r\n" field "\r\n\r\n")

static const struct bad refused[] = {
	/* RFC 9112, 2.2 and 3: the line ends in CRLF, one space between the parts, one empty line
	   before. */
	{400, PL_S("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")},
	{400, PL_S("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")},
	{400, PL_S("\rGET / HTTP/1.1\r\nHost: h\r\n\r\n")},
	{400, LINE(" GET / HTTP/1.1")},
	{400, LINE("\0GET / HTTP/1.1")},
	{400, LINE("\x01GET / HTTP/1.1")},
	{400, LINE("GET  / HTTP/1.1")},
	{400, LINE("GET / HTTP/1.1 ")},
	{400, LINE("GET /  HTTP/1.1")},
	{400, LINE("GET\t/ HTTP/1.1")},
	{400, LINE("GET /")},
	{400, LINE("GET")},
	{400, LINE("G(T / HTTP/1.1")},
	{400, LINE("G\xc3T / HTTP/1.1")},
	{400, PL_S("GET / HTTP/1.1\nHost: h\r\n\r\n")},
	{400, PL_S("GET / HTTP/1.1\r\nHost: h\n\r\n")},
	{400, PL_S("GET / HTTP/1.1\r\nHost: h\r\n\n")},
	{400, PL_S("GET / HTTP/1.1\r\nHost: h\r\n\r\r\n\r\n")},
	{400, PL_S("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n")},
	{400, LINE("GET /\r HTTP/1.1")},
	/* 2.3 and 3: versions */
	{400, LINE("GET / http/1.1")},
	{400, LINE("GET / HTTP/1")},
	{400, LINE("GET / HTTP/1.")},
	{400, LINE("GET / HTTP/1.10")},
	{400, LINE("GET / HTTP/11")},
	{400, LINE("GET / HTTP/1,1")},
	{400, LINE("GET / HTTP/a.1")},
	{400, LINE("GET / HTTP/1.a")},
	{505, LINE("GET / HTTP/0.9")},
	{505, LINE("GET / HTTP/1.2")},
	{505, LINE("GET / HTTP/2.0")},
	{505, LINE("GET / HTTP/3.1")},
	{505, PL_S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
	/* 3.2: targets */
	{400, LINE("GET * HTTP/1.1")},
	{400, LINE("OPTIONS ** HTTP/1.1")},
	{400, LINE("GET a HTTP/1.1")},
	{400, LINE("GET ?a HTTP/1.1")},
	{400, LINE("GET /a#b HTTP/1.1")},
	{400, LINE("GET /\x7f HTTP/1.1")},
	{400, LINE("GET /\xc3\xa9 HTTP/1.1")},
	{400, LINE("GET /\0 HTTP/1.1")},
	{400, LINE("GET http:///a HTTP/1.1")},
	{400, LINE("GET http://a@b/ HTTP/1.1")},
	{400, LINE("GET http://a:b/ HTTP/1.1")},
	{400, LINE("GET ftp://a/ HTTP/1.1")},
	{400, LINE("GET h:80 HTTP/1.1")},
	{501, LINE("CONNECT h:80 HTTP/1.1")},
	{501, LINE("ABCDEFGHIJKLMNOPQRSTUVWXYZ1234567 / HTTP/1.1")},
	/* 5: field lines */
	{400, FIELD(": x")},
	{400, FIELD("A : x")},
	{400, FIELD("A\t: x")},
	{400, FIELD("A")},
	{400, FIELD("A B: x")},
	{400, FIELD("A(: x")},
	{400, FIELD("A\xe9: x")},
	{400, FIELD("A: x\r\n folded")},
	{400, FIELD("A: x\r\n\tfolded")},
	{400, PL_S("GET / HTTP/1.1\r\n Host: h\r\n\r\n")},
	{400, FIELD("A: x\0y")},
	{400, FIELD("A: x\x01y")},
	{400, FIELD("A: x\ry")},
	{400, FIELD("A: x\x7fy")},
	{400, FIELD("A: x\x1b[2J")},
	/* 3.2: Host */
	{400, PL_S("GET / HTTP/1.1\r\n\r\n")},
	{400, PL_S("GET / HTTP/1.1\r\nHost:\r\n\r\n")},
	{400, PL_S("GET / HTTP/1.1\r\nHost: \t \r\n\r\n")},
	{400, PL_S("GET / HTTP/1.0\r\nHost:\r\n\r\n")},
	{400, PL_S("GET http://a/ HTTP/1.1\r\n\r\n")},
	{400, FIELD("Host: h")},
	{400, FIELD("host: i")},
	{400, PL_S("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n")},
	{400, PL_S("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n")},
	{400, PL_S("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")},
	{400, PL_S("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n")},
	{400, PL_S("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n")},
	/* 6.1 to 6.3: one length, or none */
	{400, FIELD("Content-Length: 5\r\nTransfer-Encoding: chunked")},
	{400, FIELD("Transfer-Encoding: chunked\r\nContent-Length: 5")},
	{400, PL_S("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")},
	{400, PL_S("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n")},
	{400, FIELD("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")},
	{400, FIELD("Transfer-Encoding: chunked, chunked")},
	{400, FIELD("Transfer-Encoding: chunked, gzip")},
	{400, FIELD("Transfer-Encoding: gzip")},
	{400, FIELD("Transfer-Encoding: identity")},
	{400, FIELD("Transfer-Encoding: xchunked")},
	{400, FIELD("Transfer-Encoding: chunked;a=b")},
	{400, FIELD("Transfer-Encoding: \"chunked\"")},
	{400, FIELD("Transfer-Encoding: \x0b"
		    "chunked")},
	{400, FIELD("Transfer-Encoding:")},
	{501, FIELD("Transfer-Encoding: gzip, chunked")},
	{400, FIELD("Transfer-Encoding: gzip, chunked\r\nContent-Length: 5")},
	{400, FIELD("Connection: a b")},
	{400, FIELD("Connection: \"close")},
	{417, FIELD("Expect: 200-ok")},
};

static void what_is_ambiguous_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		size_t used = 77;
		int status = whole(refused[i].text, &used);
		if (status != refused[i].status)
			fail_msg("%d instead of %d: %.*s", status, refused[i].status,
				 PL_FMT(refused[i].text));
		assert_int_equal(used, 77);
		assert_int_equal(q.head.count, 0); /* never a partial set of headers */
		status = in_bytes(refused[i].text, &used);
		if (status != refused[i].status)
			fail_msg("by bytes %d instead of %d: %.*s", status, refused[i].status,
				 PL_FMT(refused[i].text));
	}
}

static void requests_may_follow_each_other(void **state)
{
	static const char text[] =
		"\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
	struct pl_slice in = pl_slice(text, sizeof(text) - 1);
	struct pl_http_parser p = {0};
	size_t used = 0;
	(void)state;
	assert_int_equal(pl_http_parse_head(&p, &pl_http_default_limits, in, &used, &q), 0);
	is(q.path, "/1");
	assert_int_equal(used, 2 + 28);
	assert_int_equal(p.scanned, 0);
	in = pl_slice(in.at + used, in.len - used);
	assert_int_equal(pl_http_parse_head(&p, &pl_http_default_limits, in, &used, &q), 0);
	is(q.path, "/2");
	is(q.host, "b");
	assert_int_equal(used, in.len);
}

static void bytes_may_come_one_by_one(void **state)
{
	static const char text[] = "\r\nGET /x HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\nrest";
	struct pl_http_parser p = {0};
	size_t used = 0, n = 0;
	int err = PL_EAGAIN;
	(void)state;
	assert_true(sizeof(p) <= 16);
	assert_int_equal(parse(""), PL_EAGAIN);
	while (err == PL_EAGAIN && n < sizeof(text)) {
		n++;
		/* A copy of its own: reading past what has arrived is seen by the sanitizer. */
		char *piece = pl_memdup0(text, n);
		char *exact = pl_realloc(piece, n);
		assert_non_null(exact);
		err = pl_http_parse_head(&p, &pl_http_default_limits, pl_slice(exact, n), &used,
					 &q);
		pl_free(exact);
		/* What was searched is not searched again (the parser does not count the CRLF
		 * before). */
		if (err == PL_EAGAIN && n > 2)
			assert_int_equal(p.scanned, n - 2);
	}
	assert_int_equal(err, 0);
	assert_int_equal(n, sizeof(text) - 1 - 4);
	assert_int_equal(used, n);
	assert_int_equal(q.head.count, 2);
}

/* How many bytes of a bad start are read before it is refused. */
static size_t patience(struct pl_slice in, int *status)
{
	struct pl_http_parser p = {0};
	for (size_t n = 1, used; n <= in.len; n++)
		if (pl_http_parse_head(&p, &pl_http_default_limits, pl_slice(in.at, n), &used,
				       &q) != PL_EAGAIN) {
			*status = p.status;
			return n;
		}
	return 0;
}

static void garbage_is_refused_at_once(void **state)
{
	int status = 0;
	(void)state;
	assert_int_equal(patience(PL_S("\x16\x03\x01\x02\x00\x01"), &status),
			 1); /* TLS ClientHello */
	assert_int_equal(status, 400);
	assert_int_equal(patience(PL_S("\r\n\r\n"), &status), 3);
	assert_int_equal(status, 400);
	assert_int_equal(patience(PL_S("GET / HTTP/9.9\r\nHost"), &status), 16);
	assert_int_equal(status, 505);
	assert_int_equal(patience(PL_S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &status), 33);
	assert_int_equal(status, 501);
	assert_int_equal(patience(PL_S("GET / HTTP/1.1\r\nA: b\nC"), &status), 21);
	assert_int_equal(status, 400);
}

static size_t fill(char *at, const char *start, char with, size_t n, const char *end)
{
	size_t a = strlen(start), b = strlen(end);
	memcpy(at, start, a);
	memset(at + a, with, n);
	memcpy(at + a + n, end, b);
	return a + n + b;
}

static void limits_are_exact(void **state)
{
	static char text[40000];
	size_t used, n, frame = strlen("GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n");
	(void)state;
	n = fill(text, "GET / HTTP/1.1\r\nHost: h\r\nA: ", 'x', 16384 - frame, "\r\n\r\n");
	assert_int_equal(n, 16384);
	assert_int_equal(whole(pl_slice(text, n), &used), 0);
	assert_int_equal(in_bytes(pl_slice(text, n), &used), 0);
	n = fill(text, "GET / HTTP/1.1\r\nHost: h\r\nA: ", 'x', 16385 - frame, "\r\n\r\n");
	assert_int_equal(whole(pl_slice(text, n), &used), 431);
	assert_int_equal(in_bytes(pl_slice(text, n), &used), 431);
	n = fill(text, "GET / HTTP/1.1\r\nHost: h\r\nA: ", 'x', 30000, "");
	assert_int_equal(whole(pl_slice(text, n), &used), 431);

	n = fill(text, "GET /", 'x', 8191, " HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(whole(pl_slice(text, n), &used), 0);
	n = fill(text, "GET /", 'x', 8192, " HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(whole(pl_slice(text, n), &used), 414);
	n = fill(text, "GET /", 'x', 9000, "");
	assert_int_equal(whole(pl_slice(text, n), &used), 414);
	assert_int_equal(in_bytes(pl_slice(text, n), &used), 414);
	n = fill(text, "GET /", 'x', 30000, "");
	assert_int_equal(whole(pl_slice(text, n), &used), 414);
}

static size_t with_headers(char *at, size_t cap, unsigned headers)
{
	int n = snprintf(at, cap, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (unsigned i = 1; i < headers; i++)
		n += snprintf(at + n, cap - (size_t)n, "A%u: b\r\n", i);
	n += snprintf(at + n, cap - (size_t)n, "\r\n");
	return (size_t)n;
}

static void headers_are_counted(void **state)
{
	static char text[4096];
	size_t used, n = with_headers(text, sizeof(text), 64);
	struct pl_http_limits few = {.head_bytes = 100, .target_bytes = 10, .headers = 2};
	struct pl_http_parser p = {0};
	(void)state;
	assert_int_equal(whole(pl_slice(text, n), &used), 0);
	assert_int_equal(q.head.count, 64);
	n = with_headers(text, sizeof(text), 65);
	assert_int_equal(whole(pl_slice(text, n), &used), 431);
	assert_int_equal(in_bytes(pl_slice(text, n), &used), 431);
	n = with_headers(text, sizeof(text), 3);
	assert_int_equal(pl_http_parse_head(&p, &few, pl_slice(text, n), &used, &q), PL_EPROTO);
	assert_int_equal(p.status, 431);
	few.headers = 65;
	assert_int_equal(pl_http_parse_head(&p, &few, pl_slice(text, n), &used, &q), PL_EINVAL);
}

static int answer(struct pl_slice in, size_t step, size_t *used)
{
	struct pl_http_parser p = {0};
	int err = PL_EAGAIN;
	for (size_t n = 0; err == PL_EAGAIN && n < in.len;) {
		n = in.len - n < step ? in.len : n + step;
		err = pl_http_parse_response(&p, &pl_http_default_limits, pl_slice(in.at, n), used,
					     &r);
	}
	return err;
}

static void answers_are_read_by_the_client(void **state)
{
	static const struct pl_slice upgrade =
		PL_S("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Accept: x=\r\n\r\n\x81");
	(void)state;
	for (size_t step = 1; step <= upgrade.len; step += upgrade.len - 1) {
		size_t used = 0;
		assert_int_equal(answer(upgrade, step, &used), 0);
		assert_int_equal(used, upgrade.len - 1);
		assert_int_equal(r.status, 101);
		is(r.reason, "Switching Protocols");
		assert_true(r.head.has_upgrade);
		is(pl_http_header(&r.head, "sec-websocket-accept"), "x=");
	}
	size_t used;
	assert_int_equal(answer(PL_S("HTTP/1.0 200 \r\nContent-Length: 3\r\n\r\nabc"), 99, &used),
			 0);
	is(r.reason, "");
	assert_true(r.head.has_length && r.head.content_length == 3 && !r.head.keep_alive);
}

static void bad_answers_are_refused(void **state)
{
	static const struct pl_slice bad[] = {
		PL_S("HTTP/1.1 200\r\n\r\n"),
		PL_S("HTTP/1.1 20 OK\r\n\r\n"),
		PL_S("HTTP/1.1 2000 OK\r\n\r\n"),
		PL_S("HTTP/1.1 099 OK\r\n\r\n"),
		PL_S("HTTP/1.1 600 OK\r\n\r\n"),
		PL_S("HTTP/1.1 +20 OK\r\n\r\n"),
		PL_S("HTTP/1.1  200 OK\r\n\r\n"),
		PL_S("HTTP/2.0 200 OK\r\n\r\n"),
		PL_S("HTTP/1.1 200 O\x01K\r\n\r\n"),
		PL_S("HTTP/1.1 200 OK\n\n"),
		PL_S("http/1.1 200 OK\r\n\r\n"),
		PL_S("SSH-2.0-x\r\n"),
		PL_S("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"),
		PL_S("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
		PL_S("\r\nHTTP/1.1 200 OK\r\n\r\n"),
	};
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		for (size_t step = 1; step < 100; step += 98) {
			size_t used = 77;
			assert_int_equal(answer(bad[i], step, &used), PL_EPROTO);
			assert_int_equal(used, 77);
			assert_int_equal(r.head.count, 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_cut_into_its_parts),
		cmocka_unit_test(targets_have_three_forms),
		cmocka_unit_test(methods_are_known_by_name),
		cmocka_unit_test(what_is_ambiguous_is_refused),
		cmocka_unit_test(requests_may_follow_each_other),
		cmocka_unit_test(bytes_may_come_one_by_one),
		cmocka_unit_test(garbage_is_refused_at_once),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(headers_are_counted),
		cmocka_unit_test(answers_are_read_by_the_client),
		cmocka_unit_test(bad_answers_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
