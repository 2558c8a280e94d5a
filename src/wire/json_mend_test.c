/*
 * json_mend_test.c - proves that text with halves of surrogate pairs (JSON.stringify writes them as
 * \ud800 to \udfff) becomes text that the parser takes, with U+FFFD in their places, and that
 * nothing else is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "wire/json.h"
#include "wire/json_mend.h"

static void becomes(const char *text, const char *mended)
{
	struct pl_buf b;
	pl_buf_init(&b, 1024);
	assert_true(pl_json_mend(pl_slice_str(text), &b));
	assert_int_equal(b.err, 0);
	assert_int_equal(b.len, strlen(mended));
	assert_memory_equal(b.at, mended, b.len);
	pl_buf_fini(&b);
}

static void stays(struct pl_slice text)
{
	struct pl_buf b;
	pl_buf_init(&b, 1024);
	assert_false(pl_json_mend(text, &b));
	assert_int_equal(b.len, 0);
	pl_buf_fini(&b);
}

static void halves_are_replaced(void **state)
{
	(void)state;
	becomes("\"\\ud800\"", "\"\\ufffd\"");
	becomes("\"\\uDFFF\"", "\"\\ufffd\"");
	becomes("[\"a\\uDBFFb\",\"\\udc00\"]", "[\"a\\ufffdb\",\"\\ufffd\"]");
	/* Two first halves; the halves in the wrong order; a pair, then a half. */
	becomes("\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\"");
	becomes("\"\\ude00\\ud83d\"", "\"\\ufffd\\ufffd\"");
	becomes("\"\\ud83d\\ude00\\ude00\"", "\"\\ud83d\\ude00\\ufffd\"");
	/* An escaped backslash is none of an escape. */
	becomes("\"\\\\\\ud800\"", "\"\\\\\\ufffd\"");
	becomes("\"\\ud800\\n\"", "\"\\ufffd\\n\"");
	becomes("\"\\ud800\\\\udc00\"", "\"\\ufffd\\\\udc00\"");
}

static void the_rest_stays(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		"\"text\"",
		"\"\\ud83d\\ude00\"",
		"\"\\\\ud800\"",
		"\"\\ud7ff\\ue000\"",
		"\"\\ud80",
		"\"\\ud80g\"",
		"\\",
		"\\u",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		stays(pl_slice_str(texts[i]));
	/* Cut off anywhere, nothing behind it is read. */
	for (size_t n = 0; n < 7; n++)
		stays(pl_slice("\"\\ud800", n));
}

static void the_parser_takes_it(void **state)
{
	(void)state;
	struct pl_json_parser *parser;
	const struct pl_json *root;
	struct pl_buf b;
	struct pl_slice text = pl_slice_str("{\"k\\udc00\":\"a\\ud83d\"}");
	pl_buf_init(&b, 1024);
	assert_int_equal(pl_json_parser_new(1024, &parser), 0);
	assert_int_equal(pl_json_parse(parser, text, &root), PL_EINVAL);
	assert_true(pl_json_mend(text, &b));
	assert_int_equal(pl_json_parse(parser, pl_buf_slice(&b), &root), 0);
	assert_true(pl_slice_is(pl_json_get_str(root, "k\xef\xbf\xbd"), "a\xef\xbf\xbd"));
	pl_json_parser_free(parser);
	pl_buf_fini(&b);
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 1024);
	pl_mem_fail_at(1, false);
	assert_true(pl_json_mend(PL_S("\"\\ud800\""), &b));
	pl_mem_fail_at(0, false);
	assert_int_equal(b.err, PL_ENOMEM);
	pl_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves_are_replaced),
		cmocka_unit_test(the_rest_stays),
		cmocka_unit_test(the_parser_takes_it),
		cmocka_unit_test(without_memory_it_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
