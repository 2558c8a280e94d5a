/* Proves that no text from the network reaches a terminal as a control, and what typed lines mean.
 */
#include "chat_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void safe_is(struct pl_slice in, const char *expected)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 16);
	chat_put_safe(&b, in);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.len, strlen(expected));
	if (b.len)
		assert_memory_equal(b.at, expected, b.len);
	pl_buf_fini(&b);
}

static void plain_text_stays(void **state)
{
	(void)state;
	safe_is(PL_S(""), "");
	safe_is(PL_S("hello \\ world"), "hello \\ world");
	safe_is(PL_S("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
		"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
	safe_is(PL_S("\xc2\xa0"), "\xc2\xa0"); /* U+00A0: the first behind the C1 controls */
}

static void controls_are_spelled_out(void **state)
{
	(void)state;
	safe_is(PL_S("a\nb"), "a b");
	safe_is(PL_S("\033[31m\007\r\t\177"), "\\x1b[31m\\x07\\x0d\\x09\\x7f");
	safe_is(PL_S("\0"), "\\x00");
	safe_is(PL_S("\xc2\x80\xc2\x9b\xc2\x9f"), "\\x80\\x9b\\x9f"); /* C1: 0x9b is CSI */
	safe_is(PL_S("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
}

static void bidirectional_controls_are_spelled_out(void **state)
{
	(void)state;
	safe_is(PL_S("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f"), "\\u061c\\u200e\\u200f");
	safe_is(PL_S("\xe2\x80\xaa\xe2\x80\xae"), "\\u202a\\u202e");
	safe_is(PL_S("\xe2\x81\xa6\xe2\x81\xa9"), "\\u2066\\u2069");
	safe_is(PL_S("\xe2\x80\x8d"), "\xe2\x80\x8d"); /* U+200D joins emoji: harmless */
}

static void what_is_not_utf8_is_spelled_out(void **state)
{
	(void)state;
	safe_is(PL_S("\x9b"), "\\x9b"); /* a bare CSI of eight bits */
	safe_is(PL_S("\xc0\x9b"), "\\xc0\\x9b");
	safe_is(PL_S("a\xe2\x82"), "a\\xe2\\x82");
	safe_is(PL_S("\xe2\x1b["), "\\xe2\\x1b[");
	safe_is(PL_S("\xff"), "\\xff");
}

/* Whatever two bytes follow each other, nothing below 0x20, no 0x7f and no C1 comes out. */
static void no_pair_of_bytes_gets_through(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 0x10000; i++) {
		char in[2] = {(char)(i >> 8), (char)(i & 0xff)};
		struct pl_buf b;
		pl_buf_init(&b, 64);
		chat_put_safe(&b, pl_slice(in, 2));
		for (size_t k = 0; k < b.len; k++) {
			uint8_t c = (uint8_t)b.at[k];
			assert_true(c >= 0x20 && c != 0x7f);
			if (c == 0xc2)
				assert_true((uint8_t)b.at[k + 1] >= 0xa0);
		}
		pl_buf_fini(&b);
	}
}

static void line_is(const char *text, enum chat_verb verb, const char *argument)
{
	struct chat_line line = chat_parse_line(pl_slice_str(text));
	assert_int_equal(line.verb, verb);
	assert_true(pl_slice_is(line.argument, argument));
}

static void lines_are_messages_or_commands(void **state)
{
	(void)state;
	line_is("hello there", CHAT_SAY, "hello there");
	line_is("  hello\r", CHAT_SAY, "hello");
	line_is("//etc/passwd", CHAT_SAY, "/etc/passwd");
	line_is("", CHAT_NOTHING, "");
	line_is(" \t \r", CHAT_NOTHING, "");
	line_is("/quit", CHAT_QUIT, "");
	line_is("/join abc-def ", CHAT_JOIN, "abc-def");
	line_is("/with  bob", CHAT_WITH, "bob");
	line_is("/group a b c", CHAT_GROUP, "a b c");
	line_is("/invite AB12", CHAT_INVITE, "AB12");
	line_is("/history", CHAT_HISTORY, "");
	line_is("/list", CHAT_LIST, "");
	line_is("/who", CHAT_WHO, "");
	line_is("/help", CHAT_HELP, "");
	line_is("/", CHAT_UNKNOWN, "/");
	line_is("/quitt", CHAT_UNKNOWN, "/quitt");
	line_is("/QUIT", CHAT_UNKNOWN, "/QUIT");
}

static void a_missing_argument_names_its_command(void **state)
{
	(void)state;
	struct chat_line line = chat_parse_line(PL_S("/join  "));
	assert_int_equal(line.verb, CHAT_NEEDS);
	assert_string_equal(line.row->name, "/join");
}

/* 2025-08-24 is day 20324 of the epoch. */
static void times_are_read_as_both_servers_write_them(void **state)
{
	static const int64_t at = 20324LL * 86400 + 7 * 3600 + 16 * 60 + 8;
	int64_t got = 0;
	(void)state;
	assert_int_equal(chat_parse_time(PL_S("2025-08-24T07:16:08.123Z"), &got), 0);
	assert_int_equal(got, at);
	assert_int_equal(chat_parse_time(PL_S("2025-08-24T07:16:08.123456+00:00"), &got), 0);
	assert_int_equal(got, at);
	assert_int_equal(chat_parse_time(PL_S("2025-08-24 09:16:08+02"), &got), 0);
	assert_int_equal(got, at);
	assert_int_equal(chat_parse_time(PL_S("2025-08-24T01:46:08-05:30"), &got), 0);
	assert_int_equal(got, at);
}

static void broken_times_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"2025",
		"2025-08-24",
		"2025-13-24T07:16:08Z",
		"2025-08-32T07:16:08Z",
		"2025-08-24T24:16:08Z",
		"2025-08-24T07:16",
		"2025-08-24T07:16:08Q",
		"2025-08-24T07:16:08+1",
		"2025-08-24T07:16:08+01:0",
		"-025-08-24T07:16:08Z",
		"2025-08-24T07:16:08Z\033",
	};
	int64_t got = 42;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(chat_parse_time(pl_slice_str(bad[i]), &got), PL_EINVAL);
	assert_int_equal(got, 42);
}

static void time_is(int64_t at, int64_t now, const char *expected)
{
	struct pl_buf b;
	pl_buf_init(&b, 64);
	chat_put_time(&b, at, now);
	assert_true(pl_slice_is(pl_buf_slice(&b), expected));
	pl_buf_fini(&b);
}

static void another_day_is_named(void **state)
{
	static const int64_t at = 20324LL * 86400 + 7 * 3600 + 16 * 60;
	(void)state;
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	tzset();
	time_is(at, at + 3600, "07:16");
	time_is(at, at + 86400, "2025-08-24 07:16");
	time_is(at, at + 365LL * 86400, "2025-08-24 07:16");
}

static void waits_grow_and_stay_in_bounds(void **state)
{
	static const uint64_t most[] = {2000, 4000, 8000, 15000, 15000, 15000};
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		uint64_t span = most[i] - CHAT_RETRY_MIN_MS;
		assert_int_equal(chat_retry_ms(i, 0), CHAT_RETRY_MIN_MS);
		assert_int_equal(chat_retry_ms(i, (uint32_t)span), most[i]);
		assert_int_equal(chat_retry_ms(i, (uint32_t)span + 1), CHAT_RETRY_MIN_MS);
	}
	assert_true(chat_retry_ms(UINT32_MAX, UINT32_MAX) <= CHAT_RETRY_MAX_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_stays),
		cmocka_unit_test(controls_are_spelled_out),
		cmocka_unit_test(bidirectional_controls_are_spelled_out),
		cmocka_unit_test(what_is_not_utf8_is_spelled_out),
		cmocka_unit_test(no_pair_of_bytes_gets_through),
		cmocka_unit_test(lines_are_messages_or_commands),
		cmocka_unit_test(a_missing_argument_names_its_command),
		cmocka_unit_test(times_are_read_as_both_servers_write_them),
		cmocka_unit_test(broken_times_are_refused),
		cmocka_unit_test(another_day_is_named),
		cmocka_unit_test(waits_grow_and_stay_in_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
