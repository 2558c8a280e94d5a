/* http_accept_test.c - proves when an answer may be compressed, by the words of RFC 9110, 12.5.3
 * and 12.4.2, and which types are. */
#include "wire/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static bool takes(const char *lines)
{
	char text[8192];
	struct pl_http_parser p = {0};
	struct pl_http_request q;
	size_t used;
	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", lines);
	assert_int_equal(
		pl_http_parse_head(&p, &pl_http_default_limits, pl_slice_str(text), &used, &q), 0);
	return pl_http_takes_gzip(&q.head);
}

#define ACCEPT(value) "Accept-Encoding: " value "\r\n"

static void who_names_gzip_takes_it(void **state)
{
	static const char *const yes[] = {
		ACCEPT("gzip"),
		ACCEPT("GZip"),
		ACCEPT("x-gzip"), /* RFC 9110, 8.4.1.3 */
		ACCEPT("gzip, deflate, br"),
		ACCEPT("deflate;q=1, gzip;q=0.001"),
		ACCEPT("br;q=1.0, gzip;q=0.8, *;q=0.1"),
		ACCEPT("compress, gzip ; q=0.5"),
		ACCEPT("gzip;q=1.000"),
		ACCEPT("gzip;q=1."), /* "1" [ "." 0*3("0") ] */
		ACCEPT("gzip;Q=0.5"),
		ACCEPT("*"),
		ACCEPT("*;q=0.5, br"),
		ACCEPT("*;q=0, gzip"), /* what is named goes before */
		ACCEPT("gzip, *;q=0"),
		ACCEPT("br") "accept-encoding: gzip\r\n",
	};
	static const char *const no[] = {
		"",
		ACCEPT(""),
		ACCEPT("identity"),
		ACCEPT("br, deflate"),
		ACCEPT("gzip;q=0"),
		ACCEPT("gzip;q=0.0"),
		ACCEPT("gzip;q=0.000"),
		ACCEPT("*, gzip;q=0"),
		ACCEPT("gzip;q=0, *"),
		ACCEPT("*;q=0"),
		ACCEPT("gzipped"),
		ACCEPT("\"gzip\""),
		/* Not a weight. */
		ACCEPT("gzip;q=2"),
		ACCEPT("gzip;q=-1"),
		ACCEPT("gzip;q="),
		ACCEPT("gzip;q=1.001"),
		ACCEPT("gzip;q=0.0001"),
		ACCEPT("gzip;q=.5"),
		ACCEPT("gzip;x=1"),
		ACCEPT("gzip;q=1;q=0"),
		ACCEPT("gzip;q=1;x"),
		ACCEPT("gzip, \"open"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (!takes(yes[i]))
			fail_msg("not taken: %s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		if (takes(no[i]))
			fail_msg("taken: %s", no[i]);
}

static void too_many_wishes_are_none(void **state)
{
	char text[4096] = "Accept-Encoding: gzip";
	size_t n = strlen(text);
	(void)state;
	for (int i = 0; i < PL_HTTP_MAX_ITEMS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",x%d", i);
	snprintf(text + n, sizeof(text) - n, "\r\n");
	assert_false(takes(text));
}

static void text_is_worth_it(void **state)
{
	static const char *const yes[] = {
		"text/plain",
		"text/plain; charset=UTF-8",
		"TEXT/HTML;charset=utf-8",
		"application/json",
		"application/json ; charset=utf-8",
		"Application/JavaScript",
		"application/xml",
		"image/svg+xml",
		"application/problem+json",
	};
	static const char *const no[] = {
		"",           "text/",           "text",        "image/png",
		"image/jpeg", "video/mp4",       "json",        "application/octet-stream",
		"+jso",       "application/zip", ";text/plain", "application/jsonx",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (!pl_http_type_packs(pl_slice_str(yes[i])))
			fail_msg("does not pack: %s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		if (pl_http_type_packs(pl_slice_str(no[i])))
			fail_msg("packs: %s", no[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_names_gzip_takes_it),
		cmocka_unit_test(too_many_wishes_are_none),
		cmocka_unit_test(text_is_worth_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
