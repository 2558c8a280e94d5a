/*
 * url_test.c - proves that URLs are cut as RFC 3986 says, that what is decoded is text that cannot
 * surprise (no NUL, no half escapes, no way out of a directory), and that parameters and cookies
 * are found by name.
 */
#include "wire/url.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define COUNT(a)           (sizeof(a) / sizeof(*(a)))
#define is(slice, text)    assert_true(pl_slice_is((slice), (text)))
#define decode(text, plus) pl_percent_decode(PL_S(text), (plus), &arena, &out)
#define path(text)         pl_path_decode(PL_S(text), &arena, &out)
#define query(text, name)  pl_query_get(PL_S(text), (name), &arena, &out)
#define cookie(text, name) pl_cookie_get(PL_S(text), (name), &out)

static struct pl_arena arena;
static struct pl_slice out;

static int fresh(void **state)
{
	(void)state;
	pl_arena_init(&arena, 4096);
	out = PL_S("untouched");
	return 0;
}

static int gone(void **state)
{
	(void)state;
	pl_arena_fini(&arena);
	return 0;
}

static void a_url_is_cut_into_its_parts(void **state)
{
	static const struct {
		const char *text, *host, *authority, *path, *query;
		uint16_t port;
		bool is_tls, is_ws, is_ipv6;
	} rows[] = {
		{"ws://localhost", "localhost", "localhost", "/", NULL, 80, false, true, false},
		{"wss://chat.example.org/ws?token=a", "chat.example.org", "chat.example.org", "/ws",
		 "token=a", 443, true, true, false},
		{"http://127.0.0.1:8080/a/b", "127.0.0.1", "127.0.0.1:8080", "/a/b", NULL, 8080,
		 false, false, false},
		{"HTTPS://h:/?", "h", "h:", "/", "", 443, true, false, false},
		{"ws://[::1]:65535?q=?/", "::1", "[::1]:65535", "/", "q=?/", 65535, false, true,
		 true},
		{"ws://[2001:db8::192.0.2.1]/", "2001:db8::192.0.2.1", "[2001:db8::192.0.2.1]", "/",
		 NULL, 80, false, true, true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pl_url u;
		assert_int_equal(pl_url_parse(pl_slice_str(rows[i].text), &u), 0);
		is(u.host, rows[i].host);
		is(u.authority, rows[i].authority);
		is(u.path, rows[i].path);
		is(u.query, rows[i].query);
		assert_int_equal(u.query.at != NULL, rows[i].query != NULL);
		assert_int_equal(u.port, rows[i].port);
		assert_true(u.is_tls == rows[i].is_tls && u.is_ws == rows[i].is_ws &&
			    u.is_ipv6 == rows[i].is_ipv6);
	}
}

static void other_urls_are_refused(void **state)
{
	static const struct pl_slice bad[] = {
		PL_S(""),
		PL_S("ws:"),
		PL_S("ws://"),
		PL_S("ws:///a"),
		PL_S("ws://?a"),
		PL_S("//h/"),
		PL_S("h:80"),
		PL_S("ftp://h/"),
		PL_S("wss//h"),
		PL_S(" ws://h"),
		PL_S("ws://h /"),
		PL_S("ws://h/#f"),
		PL_S("ws://u@h/"),
		PL_S("ws://u:p@h/"),
		PL_S("ws://h:0/"),
		PL_S("ws://h:65536/"),
		PL_S("ws://h:-1/"),
		PL_S("ws://h:+1/"),
		PL_S("ws://h:8 0/"),
		PL_S("ws://h:1:2/"),
		PL_S("ws://[::1/"),
		PL_S("ws://[]/"),
		PL_S("ws://[::1]x/"),
		PL_S("ws://[1.2.3.4]/"),
		PL_S("ws://[::1%25lo]"),
		PL_S("ws://::1/"),
		PL_S("ws://h%41/"),
		PL_S("ws://h\\a/"),
		PL_S("ws://h/\r\n"),
		PL_S("ws://h/\0"),
		PL_S("ws://h\0/"),
		PL_S("ws://\xc3\xa9/"),
		PL_S("ws://[::1\0]/"),
		PL_S("ws://a,b/"),
		PL_S("ws://[::1]]/"),
		PL_S("ws://h:99999999999999999999"),
	};
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct pl_url u = {.port = 7};
		if (pl_url_parse(bad[i], &u) != PL_EINVAL)
			fail_msg("accepted: %.*s", PL_FMT(bad[i]));
		assert_int_equal(u.port, 7);
	}
	static char text[PL_URL_MAX + 2];
	memset(text, 'a', sizeof(text));
	memcpy(text, "ws://h/", 7);
	struct pl_url u;
	assert_int_equal(pl_url_parse(pl_slice(text, PL_URL_MAX), &u), 0);
	assert_int_equal(pl_url_parse(pl_slice(text, PL_URL_MAX + 1), &u), PL_EINVAL);
	struct pl_authority a;
	assert_int_equal(pl_authority_parse(PL_S("[::1\0x]"), &a), PL_EINVAL);
	assert_int_equal(pl_authority_parse(pl_slice(text + 7, PL_HOST_MAX), &a), 0);
	assert_int_equal(pl_authority_parse(pl_slice(text + 7, PL_HOST_MAX + 1), &a), PL_EINVAL);
}

static void escapes_are_decoded_once(void **state)
{
	(void)state;
	assert_int_equal(decode("a%20b%2fC%2F%c3%A9+%2B", false), 0);
	is(out, "a b/C/\xc3\xa9++");
	assert_int_equal(decode("a+b%2B%2520", true), 0);
	is(out, "a b+%20");
	assert_int_equal(decode("", true), 0);
	is(out, "");
	size_t used = arena.used;
	assert_int_equal(decode("plain", true), 0); /* nothing to decode, nothing to copy */
	is(out, "plain");
	assert_int_equal(arena.used, used);
	static const struct pl_slice bad[] = {
		PL_S("%"),   PL_S("%4"),   PL_S("a%"),      PL_S("%zz"),    PL_S("%4g"),
		PL_S("%g4"), PL_S("%%41"), PL_S("%+1"),     PL_S("% 1"),    PL_S("%-1"),
		PL_S("%00"), PL_S("a\0b"), PL_S("ok%20%0"), PL_S("%u0041"),
	};
	out = PL_S("untouched");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(pl_percent_decode(bad[i], true, &arena, &out), PL_EINVAL);
	is(out, "untouched");
}

static void a_path_stays_where_it_is(void **state)
{
	(void)state;
	assert_int_equal(path("/a%20b/..c/d../.../e."), 0);
	is(out, "/a b/..c/d../.../e.");
	assert_int_equal(path("/a+b"), 0);
	is(out, "/a+b");
	assert_int_equal(path("/"), 0);
	static const struct pl_slice bad[] = {
		PL_S(""),         PL_S("a"),    PL_S("%2Fa"),      PL_S("/a%2fb"),
		PL_S("/a%2F"),    PL_S("/.."),  PL_S("/../a"),     PL_S("/a/.."),
		PL_S("/./a"),     PL_S("/a/."), PL_S("/%2e%2E/a"), PL_S("/.%2e"),
		PL_S("/a/%2e/b"), PL_S("/%00"), PL_S("/a%"),       PL_S("/a\0"),
	};
	out = PL_S("untouched");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(pl_path_decode(bad[i], &arena, &out), PL_EINVAL);
	is(out, "untouched");
}

static void parameters_are_found_by_name(void **state)
{
	(void)state;
	assert_int_equal(query("a=1&token=x%2By+z&token=2", "token"), 0);
	is(out, "x+y z");
	assert_int_equal(query("%74oken=x", "token"), 0);
	is(out, "x");
	assert_int_equal(query("a+b=x", "a b"), 0);
	assert_int_equal(query("&&a&b=", "a"), 0);
	is(out, "");
	assert_non_null(out.at);
	assert_int_equal(query("b==c=", "b"), 0);
	is(out, "=c=");
	assert_int_equal(query("tokens=1&toke=2&Token=3", "token"), PL_ENOTFOUND);
	assert_int_equal(query("", "a"), PL_ENOTFOUND);
	assert_int_equal(pl_query_get((struct pl_slice){NULL, 0}, "a", &arena, &out), PL_ENOTFOUND);
	is(out, "=c=");
	assert_int_equal(query("a=%", "a"), PL_EINVAL);
	assert_int_equal(query("a=%00", "a"), PL_EINVAL);
	assert_int_equal(query("%zz=1&a=2", "a"), PL_EINVAL);
	assert_int_equal(query("b=%zz&a=2", "a"), 0); /* somebody else's value */
	is(out, "2");
}

static void parameters_are_counted(void **state)
{
	char text[512];
	size_t n = 0;
	(void)state;
	for (int i = 0; i < PL_QUERY_MAX_FIELDS - 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "x=1&");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "a=2");
	assert_int_equal(pl_query_get(pl_slice(text, n), "a", &arena, &out), 0);
	text[n - 3] = '&';
	text[n - 2] = 'a';
	text[n - 1] = '=';
	assert_int_equal(pl_query_get(pl_slice(text, n), "a", &arena, &out), PL_ELIMIT);
}

static void cookies_are_found_by_name(void **state)
{
	char text[1024];
	size_t n = 0;
	(void)state;
	assert_int_equal(cookie("a=1; sb-access-token=ey.J=; b=2", "sb-access-token"), 0);
	is(out, "ey.J=");
	assert_int_equal(cookie("a=\"1 2\";b=", "a"), 0);
	is(out, "1 2");
	assert_int_equal(cookie("a=\"1 2\";b=", "b"), 0);
	is(out, "");
	assert_int_equal(cookie("a=1;a=2", "a"), 0);
	is(out, "1");
	assert_int_equal(cookie(" a = x ;", "a"), 0);
	is(out, "x");
	assert_int_equal(cookie("xa=1; A=2; a; ;;=3", "a"), PL_ENOTFOUND);
	assert_int_equal(cookie("", "a"), PL_ENOTFOUND);
	for (int i = 0; i < PL_COOKIE_MAX_PAIRS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "x=1;");
	assert_int_equal(pl_cookie_get(pl_slice(text, n - 1), "a", &out), PL_ENOTFOUND);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "a=1");
	assert_int_equal(pl_cookie_get(pl_slice(text, n), "a", &out), PL_ELIMIT);
}

static void no_memory_is_an_error(void **state)
{
	(void)state;
	pl_mem_fail_at(1, true);
	int a = decode("%41", false), c = path("/%41"), d = query("a=%41", "a");
	pl_mem_fail_at(0, false);
	assert_true(a == PL_ENOMEM && c == PL_ENOMEM && d == PL_ENOMEM);
	is(out, "untouched");
	struct pl_arena small;
	pl_arena_init(&small, 2);
	assert_int_equal(pl_percent_decode(PL_S("%41"), false, &small, &out), PL_ENOMEM);
	pl_arena_fini(&small);
}

#define row(f) cmocka_unit_test_setup_teardown(f, fresh, gone)
int main(void)
{
	const struct CMUnitTest tests[] = {
		row(a_url_is_cut_into_its_parts),  row(other_urls_are_refused),
		row(escapes_are_decoded_once),     row(a_path_stays_where_it_is),
		row(parameters_are_found_by_name), row(parameters_are_counted),
		row(cookies_are_found_by_name),    row(no_memory_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
