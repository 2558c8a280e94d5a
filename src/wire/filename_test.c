/* filename_test.c - proves: no name that a client makes up reaches a path, a header or an eye as
 * anything but a name, and no type as something that runs; and a range is what RFC 9110 says it
 * is, whatever its numbers. */
#include "wire/filename.h"
#include "wire/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void expect_clean(const char *name, const char *want)
{
	struct pl_buf b;
	pl_buf_init(&b, PL_FILENAME_MAX);
	assert_int_equal(pl_filename_clean(pl_slice_str(name), &b), 0);
	pl_buf_putc(&b, '\0');
	assert_string_equal(b.at, want);
	pl_buf_fini(&b);
}

static int clean_error(struct pl_slice name)
{
	struct pl_buf b;
	pl_buf_init(&b, PL_FILENAME_MAX);
	int err = pl_filename_clean(name, &b);
	pl_buf_fini(&b);
	return err;
}

static void names_are_names(void **state)
{
	(void)state;
	expect_clean("report.pdf", "report.pdf");
	expect_clean("Übersicht 2026.pdf", "Übersicht 2026.pdf");
	expect_clean("写真.png", "写真.png");
	expect_clean("😀.gif", "😀.gif");
	expect_clean("../../etc/passwd", "passwd");
	expect_clean("/etc/passwd", "passwd");
	expect_clean("C:\\Windows\\system.ini", "system.ini");
	expect_clean("C:secret", "C_secret");
	expect_clean("..", "file");
	expect_clean(".", "file");
	expect_clean("a/..", "file");
	expect_clean("...", "file");
	expect_clean(". .", "file");
	expect_clean("", "file");
	expect_clean("dir/", "file");
	expect_clean("  ", "file");
	expect_clean(".htaccess", ".htaccess");
	expect_clean("a\"b;c\r\nX-Evil: 1", "a_b;c__X-Evil_ 1");
	expect_clean("a\x7f\x1b[31m", "a__[31m");
	expect_clean("\xc2\x85\xc2\x9f!", "__!");
	expect_clean("photo\xe2\x80\xaegpj.exe", "photo_gpj.exe"); /* U+202E turns it round */
	expect_clean("a\xe2\x80\xa8"
		     "b\xe2\x81\xa6"
		     "c\xef\xbb\xbf"
		     "d",
		     "a_b_c_d");
	expect_clean("a\xd8\x9c"
		     "b\xf3\xa0\x81\x81"
		     "c",
		     "a_b_c");
}

static void what_is_no_text_or_too_long_is_refused(void **state)
{
	char longest[300];
	(void)state;
	assert_int_equal(clean_error(PL_S("a\xff")), PL_EINVAL);
	assert_int_equal(clean_error(PL_S("a\xc3")), PL_EINVAL);
	assert_int_equal(clean_error(PL_S("\xed\xa0\x80")), PL_EINVAL);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(clean_error(pl_slice(longest, 255)), 0);
	assert_int_equal(clean_error(pl_slice(longest, 256)), PL_ETOOBIG);
	longest[40] = '/';
	assert_int_equal(clean_error(pl_slice(longest, 256)), 0);
}

static void expect_header(const char *name, const char *want)
{
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	pl_filename_disposition(pl_slice_str(name), &b);
	pl_buf_putc(&b, '\0');
	assert_int_equal(b.err, 0);
	assert_string_equal(b.at, want);
	pl_buf_fini(&b);
}

/* RFC 6266, section 5, has the euro sign: %e2%82%ac. */
static void the_header_says_attachment(void **state)
{
	(void)state;
	expect_header("report.pdf", "attachment; filename=\"report.pdf\"; "
				    "filename*=UTF-8''report.pdf");
	expect_header("€ rates.txt", "attachment; filename=\"_ rates.txt\"; "
				     "filename*=UTF-8''%E2%82%AC%20rates.txt");
	expect_header("50%41.txt", "attachment; filename=\"50_41.txt\"; "
				   "filename*=UTF-8''50%2541.txt");
	expect_header("a'b(c)*", "attachment; filename=\"a'b(c)_\"; "
				 "filename*=UTF-8''a%27b%28c%29%2A");
	/* A name that was never cleaned does not leave its quotes either. */
	expect_header("a\"\r\n\\", "attachment; filename=\"a____\"; "
				   "filename*=UTF-8''a%22%0D%0A%5C");
}

static void expect_type(const char *said, const char *want, const char *told)
{
	char type[PL_MEDIA_TYPE_MAX + 1];
	pl_media_type_clean(pl_slice_str(said), type);
	assert_string_equal(type, want);
	assert_true(pl_slice_is(pl_media_type_safe(pl_slice_str(type)), told));
}

static void types_that_run_are_told_as_bytes(void **state)
{
	static const char octets[] = "application/octet-stream";
	char longest[300] = "text/";
	(void)state;
	expect_type("image/png", "image/png", "image/png");
	expect_type("IMAGE/JPEG", "image/jpeg", "image/jpeg");
	expect_type(" text/plain ; charset=utf-7", "text/plain", "text/plain");
	expect_type("text/html", "text/html", octets);
	expect_type("image/svg+xml", "image/svg+xml", octets);
	expect_type("application/xhtml+xml", "application/xhtml+xml", octets);
	expect_type("text/javascript", "text/javascript", octets);
	expect_type("multipart/mixed", "multipart/mixed", octets);
	expect_type("text/xml", "text/xml", octets);
	expect_type("", octets, octets);
	expect_type(NULL, octets, octets);
	expect_type("text", octets, octets);
	expect_type("text/", octets, octets);
	expect_type("/plain", octets, octets);
	expect_type("text/plain/x", octets, octets);
	expect_type("text/plain\r\nX: y", octets, octets);
	expect_type("text/pl\xc3\xa4in", octets, octets);
	memset(longest + 5, 'x', 200);
	expect_type(longest, octets, octets);
}

static void lists_of_types_have_stars(void **state)
{
	static const struct {
		const char *type, *pattern;
		bool fits;
	} rows[] = {
		{"image/png", "image/png", true},   {"image/png", "IMAGE/PNG", true},
		{"image/png", "image/*", true},     {"image/png", "*", true},
		{"image/png", "*/*", true},         {"image/png", "image/p", false},
		{"image/png", "image/png2", false}, {"image/png", "video/*", false},
		{"a/b", "a/bcdef*", false},         {"a/b", "", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(pl_media_type_fits(pl_slice_str(rows[i].type),
						    pl_slice_str(rows[i].pattern)),
				 rows[i].fits);
}

/* RFC 9110, section 14.1.2, with 10,000 bytes; then what is malformed, which is as if it were not
 * there; then numbers at the edge. */
static void ranges(void **state)
{
	static const struct {
		const char *value;
		uint64_t size;
		enum pl_range_is is;
		uint64_t first, length;
	} rows[] = {
		{"bytes=0-499", 10000, PL_RANGE_PART, 0, 500},
		{"bytes=500-999", 10000, PL_RANGE_PART, 500, 500},
		{"bytes=-500", 10000, PL_RANGE_PART, 9500, 500},
		{"bytes=9500-", 10000, PL_RANGE_PART, 9500, 500},
		{"bytes=0-0", 10000, PL_RANGE_PART, 0, 1},
		{"bytes=-1", 10000, PL_RANGE_PART, 9999, 1},
		{"bytes=0-", 10000, PL_RANGE_PART, 0, 10000},
		{"bytes=9999-20000", 10000, PL_RANGE_PART, 9999, 1},
		{"bytes=-20000", 10000, PL_RANGE_PART, 0, 10000},
		{"Bytes=1-2", 10000, PL_RANGE_PART, 1, 2},
		{"bytes= 1-2 ", 10000, PL_RANGE_PART, 1, 2},
		{"bytes=10000-", 10000, PL_RANGE_BEYOND, 0, 0},
		{"bytes=10000-10001", 10000, PL_RANGE_BEYOND, 0, 0},
		{"bytes=-0", 10000, PL_RANGE_BEYOND, 0, 0},
		{"bytes=0-", 0, PL_RANGE_BEYOND, 0, 0},
		{"bytes=-1", 0, PL_RANGE_BEYOND, 0, 0},
		{"bytes=0-1,3-4", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes=5-4", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes=-", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes=", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes", 10000, PL_RANGE_NONE, 0, 0},
		{"", 10000, PL_RANGE_NONE, 0, 0},
		{"items=0-1", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes=1 - 2", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes=+1-2", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes=1--2", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes=a-b", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes=0-18446744073709551615", 10000, PL_RANGE_PART, 0, 10000},
		{"bytes=0-18446744073709551616", 10000, PL_RANGE_NONE, 0, 0},
		{"bytes=18446744073709551615-", 10000, PL_RANGE_BEYOND, 0, 0},
		{"bytes=-18446744073709551615", 10000, PL_RANGE_PART, 0, 10000},
		{"bytes=0-18446744073709551615", UINT64_MAX, PL_RANGE_PART, 0, UINT64_MAX},
		{"bytes=-99999999999999999999", 10000, PL_RANGE_NONE, 0, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_range r = {0, 0};
		assert_int_equal(pl_range_read(pl_slice_str(rows[i].value), rows[i].size, &r),
				 rows[i].is);
		assert_int_equal(r.first, rows[i].first);
		assert_int_equal(r.length, rows[i].length);
	}
	struct pl_range r;
	assert_int_equal(pl_range_read((struct pl_slice){NULL, 0}, 10, &r), PL_RANGE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_names),
		cmocka_unit_test(what_is_no_text_or_too_long_is_refused),
		cmocka_unit_test(the_header_says_attachment),
		cmocka_unit_test(types_that_run_are_told_as_bytes),
		cmocka_unit_test(lists_of_types_have_stars),
		cmocka_unit_test(ranges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
