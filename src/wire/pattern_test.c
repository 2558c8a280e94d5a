/* pattern_test.c - proves which paths an Ant pattern takes, what its names stand for, what is no
 * pattern, and that no pattern takes long. */
#include "wire/pattern_testing.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void paths_fit_or_not(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *yes[6], *no[8];
	} cases[] = {
		{"/", {"/"}, {"", "//", "/a", "*"}},
		{"/ws/chat",
		 {"/ws/chat"},
		 {"/ws/chat/", "/ws/cha", "/ws/chats", "/ws/Chat", "/ws"}},
		{"/ws/", {"/ws/"}, {"/ws", "/ws//", "/ws/a"}},
		{"/ws/t?st", {"/ws/test", "/ws/t-st"}, {"/ws/tst", "/ws/t/st", "/ws/teest"}},
		{"/?", {"/a"}, {"/", "/ab", "//"}},
		{"/ws/*",
		 {"/ws/", "/ws/a", "/ws/a.b%20c"},
		 {"/ws", "/ws/a/", "/ws/a/b", "/wsa", "/w/s"}},
		{"/ws/*.js", {"/ws/.js", "/ws/a.js", "/ws/a.js.js"}, {"/ws/a.jsx", "/ws/a/b.js"}},
		{"/*a*b*", {"/ab", "/xaxbx", "/aab"}, {"/ba", "/a", "/a/b"}},
		{"/ws/**", {"/ws", "/ws/", "/ws/a", "/ws/a/b//c"}, {"/w", "/wsa", "/", "/a/ws"}},
		{"/**", {"/", "//", "/a/b"}, {"", "*", "a"}},
		{"/**/end",
		 {"/end", "/a/end", "/a/b/end", "/end/end"},
		 {"/end/", "/endx", "/a/send"}},
		{"/a/**/z",
		 {"/a/z", "/a/b/z", "/a/b/c/z", "/a/z/z"},
		 {"/a", "/z", "/az", "/a/z/b"}},
		{"/**/a/**/b/**",
		 {"/a/b", "/x/a/y/b/z", "/a/a/b/b", "/b/a/b"},
		 {"/b/a", "/a", "/b", "/x/a/y"}},
		{"/**/**", {"/", "/a", "/a/b"}, {""}},
		{"/user/{id}",
		 {"/user/7", "/user/{id}", "/user/a%2fb"},
		 {"/user/", "/user", "/user/7/8"}},
		{"/{a}/{b}", {"/x/y"}, {"/x", "/x/", "//y", "/x/y/z"}},
		{"/**/{id}/x", {"/7/x", "/a/b/7/x"}, {"/x", "//x", "/7/x/y"}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_null(pl_pattern_fault(cases[i].pattern));
		for (size_t j = 0; j < 6 && cases[i].yes[j]; j++)
			if (!pl_pattern_match(cases[i].pattern, pl_slice_str(cases[i].yes[j])))
				fail_msg("%s takes %s", cases[i].pattern, cases[i].yes[j]);
		for (size_t j = 0; j < 8 && cases[i].no[j]; j++)
			if (pl_pattern_match(cases[i].pattern, pl_slice_str(cases[i].no[j])))
				fail_msg("%s takes no %s", cases[i].pattern, cases[i].no[j]);
	}
}

static void names_stand_for_segments(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *path, *name, *value;
	} cases[] = {
		{"/user/{id}", "/user/7", "id", "7"},
		{"/user/{id}", "/user/a%20b", "id", "a%20b"},
		{"/user/{id}", "/user/7", "i", NULL},
		{"/user/{id}", "/user/7", "", NULL},
		{"/user/{id}", "/room/7", "id", NULL},
		{"/{a}/x/{b}", "/1/x/2", "a", "1"},
		{"/{a}/x/{b}", "/1/x/2", "b", "2"},
		{"/{a}/x/{b}", "/1/y/2", "a", NULL},
		/* What was tried before the match that succeeds leaves nothing behind. */
		{"/**/{a}/x/{b}/z", "/1/x/2/x/3/z", "a", "2"},
		{"/**/{a}/x/{b}/z", "/1/x/2/x/3/z", "b", "3"},
		{"/**/{a}/x/{b}/z", "/1/x/2/x/3/y", "a", NULL},
		{"/ws/*", "/ws/7", "*", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pl_slice got = pl_pattern_param(
			cases[i].pattern, pl_slice_str(cases[i].path), pl_slice_str(cases[i].name));
		if (!pl_slice_eq(got, pl_slice_str(cases[i].value)) || !got.at != !cases[i].value)
			fail_msg("%s of %s: %.*s", cases[i].name, cases[i].path, PL_FMT(got));
	}
}

static void what_is_no_pattern_is_told(void **state)
{
	(void)state;
	static const char *const bad[] = {
		NULL,
		"",
		"ws",
		"*",
		"**",
		"/a**",
		"/**a",
		"/a/***",
		"/{}",
		"/a{b}",
		"/{a}b",
		"/a?{",
		"/{a",
		"/a}",
		"/{a}/{a}",
		"/{{a}}",
		"/{a*}",
		"/{a?}",
		"/a b",
		"/\xc3\xa9",
		"/a\n",
		"/{a{b}",
		"/{0}/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}/{a}/{b}/{c}/{d}/{e}/{f}/{g}",
	};
	static const char *const good[] = {
		"/",
		"//",
		"/a",
		"/*",
		"/a*b*",
		"/{a}/b/{c}",
		"/**/a/**",
		"/%20",
		"/{0}/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}/{a}/{b}/{c}/{d}/{e}/{f}",
	};
	char longest[PL_PATTERN_MAX + 2];
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!pl_pattern_fault(bad[i]))
			fail_msg("%s is no pattern", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (pl_pattern_fault(good[i]))
			fail_msg("%s: %s", good[i], pl_pattern_fault(good[i]));
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[PL_PATTERN_MAX + 1] = '\0';
	assert_non_null(pl_pattern_fault(longest));
	longest[PL_PATTERN_MAX] = '\0';
	assert_null(pl_pattern_fault(longest));
}

/* The n-th text over these pieces, so that all the small ones are tried. */
static void spell(char *out, const char *const *pieces, size_t count, size_t n)
{
	*out = '\0';
	for (; n; n = (n - 1) / count) {
		size_t len = strlen(pieces[(n - 1) % count]);
		memcpy(out, pieces[(n - 1) % count], len + 1);
		out += len;
	}
}

static void all_small_ones_are_as_the_slow_way_says(void **state)
{
	(void)state;
	static const char *const words[] = {"/", "a", "b", "*", "?", "{x}", "**"};
	static const char *const letters[] = {"/", "a", "b"};
	size_t fits = 0, tried = 0;
	for (size_t i = 0; i < 20000; i++) {
		char pattern[32];
		spell(pattern, words, 7, i);
		if (pl_pattern_fault(pattern))
			continue;
		for (size_t j = 0; j < 364; j++) {
			char path[16];
			spell(path, letters, 3, j);
			bool want = path[0] == '/' && naive_match(pattern, path);
			if (pl_pattern_match(pattern, pl_slice_str(path)) != want)
				fail_msg("%s, %s", pattern, path);
			fits += want;
			tried++;
		}
	}
	assert_in_range(tried, 100000, 10000000);
	assert_in_range(fits, 1000, tried / 2);
}

/* Stars that all could take everything, and a last character that never comes: whoever tries all
 * ways needs longer than there is time. */
static void no_pattern_takes_long(void **state)
{
	(void)state;
	static const char *const starts[] = {"/", "/**/"};
	static const char *const units[] = {"*a", "*a/**/", "a/**/", "**/", "?/**/a/", "*aa/**/a/"};
	enum { PATH = 8192 };
	char *path = malloc(PATH), pattern[PL_PATTERN_MAX + 1];
	uint64_t begin = pl_now_ms();
	for (size_t i = 0; i < 12; i++)
		for (int slashes = 0; slashes < 2; slashes++) {
			size_t at = strlen(starts[i / 6]), step = strlen(units[i % 6]);
			memcpy(pattern, starts[i / 6], at);
			for (; at + step < PL_PATTERN_MAX; at += step)
				memcpy(pattern + at, units[i % 6], step);
			memcpy(pattern + at, "b", 2);
			for (size_t j = 0; j < PATH; j++)
				path[j] = slashes && j % 2 == 0 ? '/' : 'a';
			path[0] = '/';
			if (!pl_pattern_fault(pattern))
				assert_false(pl_pattern_match(pattern, pl_slice(path, PATH)));
		}
	assert_in_range(pl_now_ms() - begin, 0, 10000);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_fit_or_not),
		cmocka_unit_test(names_stand_for_segments),
		cmocka_unit_test(what_is_no_pattern_is_told),
		cmocka_unit_test(all_small_ones_are_as_the_slow_way_says),
		cmocka_unit_test(no_pattern_takes_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
