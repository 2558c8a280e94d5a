/*
 * http_fields_test.c - proves that lengths are digits and agree, that the connection stays or
 * changes as both sides said, and that fields and the items of their lists are found, once and
 * within bounds.
 */
#include "wire/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define COUNT(a)        (sizeof(a) / sizeof(*(a)))
#define is(slice, text) assert_true(pl_slice_is((slice), (text)))

static struct pl_http_request q;

/* 0, or the status to answer. */
static int parse(const char *text)
{
	struct pl_http_parser p = {0};
	size_t used;
	int err = pl_http_parse_head(&p, &pl_http_default_limits, pl_slice_str(text), &used, &q);
	assert_int_equal(err, p.status ? PL_EPROTO : 0);
	return p.status;
}

static void content_length_is_digits(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
		uint64_t value;
	} rows[] = {
		{"0", true, 0},
		{"5", true, 5},
		{"007", true, 7},
		{"4294967296", true, 4294967296},
		{"9007199254740992", true, 9007199254740992},
		{"5\r\nContent-Length: 5", true, 5},
		{"5\r\ncontent-length: 05", true, 5},
		{"9007199254740993", false, 0},
		{"9223372036854775808", false, 0},
		{"18446744073709551615", false, 0},
		{"18446744073709551616", false, 0},
		{"18446744073709551621", false, 0},
		{"99999999999999999999999999999999", false, 0},
		{"", false, 0},
		{"+5", false, 0},
		{"-1", false, 0},
		{"-0", false, 0},
		{"0x5", false, 0},
		{"5 5", false, 0},
		{"5,5", false, 0},
		{"5, 5", false, 0},
		{"5;", false, 0},
		{"5.0", false, 0},
		{"1e3", false, 0},
		{"\"5\"", false, 0},
		{"\xd9\xa5", false, 0},
		{"5\r\nContent-Length: 6", false, 0},
		{"5\r\nContent-Length:", false, 0},
		{"\r\nContent-Length: 5", false, 0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[256];
		(void)snprintf(text, sizeof(text),
			       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %s\r\n\r\n",
			       rows[i].text);
		assert_int_equal(parse(text), rows[i].is_good ? 0 : 400);
		assert_int_equal(q.head.has_length, rows[i].is_good);
		assert_true(q.head.content_length == rows[i].value);
	}
}

static void the_connection_stays_as_both_wish(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive, wants_upgrade;
	} rows[] = {
		{"1.1\r\n", true, false},
		{"1.0\r\n", false, false},
		{"1.0\r\nConnection: keep-alive\r\n", true, false},
		{"1.0\r\nConnection: Keep-Alive, close\r\n", false, false},
		{"1.1\r\nConnection: CLOSE\r\n", false, false},
		{"1.1\r\nConnection: a,, close ,b\r\n", false, false},
		{"1.1\r\nConnection: closed\r\n", true, false},
		{"1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", true, true},
		{"1.1\r\nConnection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n", true, true},
		{"1.1\r\nConnection: x\r\nConnection: upgrade\r\nUpgrade: h2c, websocket\r\n", true,
		 true},
		{"1.1\r\nUpgrade: websocket\r\n", true, false},
		{"1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n", true, false},
		{"1.1\r\nConnection: upgrade\r\nUpgrade: websocket2\r\n", true, false},
		{"1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", false, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[256];
		(void)snprintf(text, sizeof(text),
			       "GET / HTTP/%s"
			       "Host: h\r\n\r\n",
			       rows[i].text);
		assert_int_equal(parse(text), 0);
		assert_int_equal(q.head.keep_alive, rows[i].keep_alive);
		assert_int_equal(q.wants_upgrade, rows[i].wants_upgrade);
	}
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
	assert_null(q.host.at);
	assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n"), 0);
	assert_true(q.expects_continue);
	assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"),
			 0);
	assert_true(q.head.is_chunked);
}

static void lists_are_cut_once(void **state)
{
	struct pl_http_list l;
	struct pl_slice item;
	(void)state;
	pl_http_list_init(&l, PL_S(" a , ,b;c=\"1,\\\",2\" ,, d\t"), ',', 8);
	assert_true(pl_http_list_next(&l, &item));
	is(item, "a");
	assert_true(pl_http_list_next(&l, &item));
	is(item, "b;c=\"1,\\\",2\"");
	assert_true(pl_http_list_next(&l, &item));
	is(item, "d");
	assert_false(pl_http_list_next(&l, &item));
	assert_false(l.is_bad);
	pl_http_list_init(&l, PL_S("x; y=\"a;b\"; z"), ';', 3);
	for (int i = 0; i < 3; i++)
		assert_true(pl_http_list_next(&l, &item));
	is(item, "z");
	assert_false(pl_http_list_next(&l, &item) || l.is_bad);
	pl_http_list_init(&l, PL_S("a,b,c"), ',', 2);
	assert_true(pl_http_list_next(&l, &item) && pl_http_list_next(&l, &item));
	assert_false(pl_http_list_next(&l, &item));
	assert_true(l.is_bad);
	pl_http_list_init(&l, PL_S("a,,,,,,,,b"), ',', 4); /* empty items are work too */
	assert_true(pl_http_list_next(&l, &item));
	assert_false(pl_http_list_next(&l, &item));
	assert_true(l.is_bad);
	const char *open[] = {"\"", "a=\"b", "a=\"b\\\"", "\"\\"};
	for (size_t i = 0; i < COUNT(open); i++) {
		pl_http_list_init(&l, pl_slice_str(open[i]), ',', 4);
		assert_false(pl_http_list_next(&l, &item));
		assert_true(l.is_bad);
	}
}

static void repeated_headers_are_seen(void **state)
{
	struct pl_slice value = {NULL, 0};
	size_t cursor = 0;
	(void)state;
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n"), 0);
	assert_int_equal(pl_http_header_one(&q.head, "a", &value), PL_EINVAL);
	assert_int_equal(pl_http_header_one(&q.head, "c", &value), PL_ENOTFOUND);
	assert_null(value.at);
	assert_int_equal(pl_http_header_one(&q.head, "b", &value), 0);
	is(value, "2");
	assert_true(pl_http_header_next(&q.head, "A", &cursor, &value));
	is(value, "1");
	assert_true(pl_http_header_next(&q.head, "A", &cursor, &value));
	is(value, "3");
	assert_false(pl_http_header_next(&q.head, "A", &cursor, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_length_is_digits),
		cmocka_unit_test(the_connection_stays_as_both_wish),
		cmocka_unit_test(lists_are_cut_once),
		cmocka_unit_test(repeated_headers_are_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
