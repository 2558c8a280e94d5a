/* json_write_test.c - proves that what json_write.h appends is JSON that reads back as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "wire/json.h"
#include "wire/json_write.h"

#include <math.h>

static void assert_text(struct pl_buf *b, const char *expected)
{
	assert_int_equal(b->err, 0);
	if (!pl_slice_is(pl_buf_slice(b), expected))
		fail_msg("'%.*s' is not '%s'", PL_FMT(pl_buf_slice(b)), expected);
	pl_buf_clear(b);
}

static void test_strings(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	pl_json_put_str(&b, PL_S("plain"));
	assert_text(&b, "\"plain\"");
	pl_json_put_str(&b, PL_S(""));
	assert_text(&b, "\"\"");
	pl_json_put_str(&b, pl_slice(NULL, 0));
	assert_text(&b, "null");
	/* RFC 8259, section 7 */
	pl_json_put_str(&b, PL_S("\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9"));
	assert_text(&b, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\"");
	pl_json_put_str(&b, pl_slice("a\0b", 3));
	assert_text(&b, "\"a\\u0000b\"");
	pl_json_put_key(&b, PL_S("a\"b"));
	assert_text(&b, "\"a\\\"b\":");
	pl_buf_fini(&b);
}

/* Each byte below 0x80 at each place of a word reads back as itself. */
static void test_every_byte_at_every_place(void **state)
{
	(void)state;
	struct pl_json_parser *parser;
	assert_int_equal(pl_json_parser_new(4096, &parser), 0);
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	for (int c = 0; c < 0x80; c++) {
		for (size_t place = 0; place < 20; place++) {
			char text[20] = "abcdefgh\xc3\xa9jkl\xf0\x9f\x99\x82qr";
			text[place] = (char)c;
			if ((place >= 8 && place <= 9) || (place >= 13 && place <= 16))
				continue; /* inside a character of several bytes */
			const struct pl_json *root = NULL;
			pl_json_put_str(&b, pl_slice(text, 19));
			assert_int_equal(pl_json_parse(parser, pl_buf_slice(&b), &root), 0);
			assert_true(pl_slice_eq(root->str, pl_slice(text, 19)));
			pl_buf_clear(&b);
		}
	}
	pl_buf_fini(&b);
	pl_json_parser_free(parser);
}

static void test_values(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	struct pl_uuid id, nil = {{0}};
	assert_int_equal(pl_uuid_parse(PL_S("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), &id), 0);
	pl_json_put_uuid(&b, &id);
	assert_text(&b, "\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"");
	pl_json_put_uuid(&b, &nil);
	assert_text(&b, "null");
	pl_json_put_iso(&b, 1756019768123);
	assert_text(&b, "\"2025-08-24T07:16:08.123Z\"");
	pl_json_put_iso(&b, 0);
	assert_text(&b, "null");
	pl_json_put_raw(&b, PL_S("{\"a\":1}"));
	assert_text(&b, "{\"a\":1}");
	pl_json_put_raw(&b, pl_slice(NULL, 0));
	assert_text(&b, "null");
	pl_json_put_raw(&b, PL_S(""));
	assert_text(&b, "null");
	pl_json_put_bool(&b, true);
	pl_json_put_bool(&b, false);
	assert_text(&b, "truefalse");
	pl_json_put_f64(&b, 0.1);
	assert_text(&b, "0.1");
	pl_json_put_f64(&b, -2.5);
	assert_text(&b, "-2.5");
	pl_json_put_f64(&b, (double)NAN);
	assert_text(&b, "null");
	pl_json_put_f64(&b, -(double)INFINITY);
	assert_text(&b, "null");
	pl_buf_fini(&b);
}

static void test_doubles_read_back(void **state)
{
	(void)state;
	const double values[] = {
		0, -0.0, 1.0 / 3, 1e22, 5e-324, 1.7976931348623157e308, 123456789012345680.0};
	struct pl_json_parser *parser;
	assert_int_equal(pl_json_parser_new(4096, &parser), 0);
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		const struct pl_json *root = NULL;
		pl_json_put_f64(&b, values[i]);
		assert_int_equal(pl_json_parse(parser, pl_buf_slice(&b), &root), 0);
		assert_true(pl_json_f64(root, NAN) == values[i]);
		pl_buf_clear(&b);
	}
	pl_buf_fini(&b);
	pl_json_parser_free(parser);
}

static void test_failures_stick(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 8);
	pl_json_put_str(&b, PL_S("0123456789"));
	assert_int_equal(b.err, PL_ETOOBIG);
	pl_json_put_bool(&b, true);
	assert_int_equal(b.err, PL_ETOOBIG);
	pl_buf_fini(&b);
	pl_buf_init(&b, 4096);
	pl_mem_fail_at(1, false);
	pl_json_put_str(&b, PL_S("x"));
	pl_mem_fail_at(0, false);
	assert_int_equal(b.err, PL_ENOMEM);
	pl_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_every_byte_at_every_place),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_doubles_read_back),
		cmocka_unit_test(test_failures_stick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
