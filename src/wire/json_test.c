/*
 * json_test.c - proves that json.h accepts what RFC 8259 allows and nothing else, gives each value
 * with its source text, and stops at its limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/json.h"

#include <locale.h>
#include <stdlib.h>

enum { MAX_BYTES = 4 << 20 };

static struct pl_json_parser *parser;

static int setup(void **state)
{
	(void)state;
	return pl_json_parser_new(MAX_BYTES, &parser);
}

static int teardown(void **state)
{
	(void)state;
	pl_json_parser_free(parser);
	return 0;
}

/* From an exact heap copy, so that a read past the end is seen. */
static int parse_slice(struct pl_slice s, const struct pl_json **root)
{
	char *copy = malloc(s.len ? s.len : 1);
	assert_non_null(copy);
	memcpy(copy, s.at, s.len);
	int err = pl_json_parse(parser, pl_slice(copy, s.len), root);
	free(copy);
	return err;
}

static const struct pl_json *parse(const char *text)
{
	const struct pl_json *root = NULL;
	assert_int_equal(parse_slice(pl_slice_str(text), &root), 0);
	return root;
}

static void refuse(struct pl_slice text, int expected)
{
	const struct pl_json untouched, *root = &untouched;
	int err = parse_slice(text, &root);
	if (err != expected)
		fail_msg("%.*s: %d, not %d", PL_FMT(text), err, expected);
	assert_ptr_equal(root, &untouched);
}

static void assert_slice(struct pl_slice s, const char *expected)
{
	if (!pl_slice_is(s, expected))
		fail_msg("'%.*s' is not '%s'", PL_FMT(s), expected);
}

static void test_rfc_example(void **state)
{
	(void)state;
	/* RFC 8259, section 13 */
	const struct pl_json *root =
		parse("{\n  \"Image\": {\n    \"Width\":  800,\n    \"Height\": 600,\n"
		      "    \"Title\":  \"View from 15th Floor\",\n    \"Thumbnail\": {\n"
		      "      \"Url\":    \"http://www.example.com/image/481989943\",\n"
		      "      \"Height\": 125,\n      \"Width\":  100\n    },\n"
		      "    \"Animated\" : false,\n    \"IDs\": [116, 943, 234, 38793]\n  }\n}\n");
	assert_int_equal(root->type, PL_JSON_OBJECT);
	assert_int_equal(root->count, 1);
	const struct pl_json *image = pl_json_get(root, "Image");
	assert_slice(image->key, "Image");
	assert_int_equal(image->count, 6);
	assert_int_equal(pl_json_i64(pl_json_get(image, "Width"), 0), 800);
	assert_slice(pl_json_get_str(image, "Title"), "View from 15th Floor");
	assert_int_equal(pl_json_i64(pl_json_get(pl_json_get(image, "Thumbnail"), "Height"), 0),
			 125);
	assert_false(pl_json_bool(pl_json_get(image, "Animated"), true));
	const struct pl_json *ids = pl_json_get(image, "IDs");
	assert_slice(ids->raw, "[116, 943, 234, 38793]");
	const int64_t expected[] = {116, 943, 234, 38793};
	size_t n = 0;
	PL_JSON_EACH(id, ids)
	{
		assert_int_equal(id->integer, expected[n++]);
		assert_null(id->key.at);
	}
	assert_int_equal(n, 4);
	assert_null(ids->next);
}

static void test_source_text(void **state)
{
	(void)state;
	const char *text =
		" {\"a\" : [ 1 , \"x\\n\" ] , \"m\": { \"k\":null }\n, \"e\":{},\"f\":[]} ";
	const struct pl_json *root = parse(text);
	assert_int_equal(root->offset, 1);
	assert_int_equal(root->raw.len, strlen(text) - 2);
	assert_slice(pl_json_get(root, "a")->raw, "[ 1 , \"x\\n\" ]");
	assert_slice(pl_json_get(root, "a")->child->raw, "1");
	assert_slice(pl_json_get(root, "a")->child->next->raw, "\"x\\n\"");
	assert_slice(pl_json_get(root, "m")->raw, "{ \"k\":null }");
	assert_slice(pl_json_get(root, "e")->raw, "{}");
	assert_slice(pl_json_get(root, "f")->raw, "[]");
	PL_JSON_EACH(member, root)
	assert_memory_equal(text + member->offset, member->raw.at, member->raw.len);
	assert_int_equal(pl_json_line(pl_slice_str(text), pl_json_get(root, "m")->offset), 1);
	assert_int_equal(pl_json_line(pl_slice_str(text), pl_json_get(root, "e")->offset), 2);
}

static void test_strings(void **state)
{
	(void)state;
	assert_slice(parse("\"\"")->str, "");
	assert_non_null(parse("\"\"")->str.at);
	assert_slice(parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"")->str, "\"\\/\b\f\n\r\t");
	assert_slice(parse("\"\\u0041\\u00e9\\u20AC\"")->str, "A\xc3\xa9\xe2\x82\xac");
	/* RFC 8259, section 7: the G clef character U+1D11E */
	assert_slice(parse("\"\\uD834\\uDD1E\"")->str, "\xf0\x9d\x84\x9e");
	assert_slice(parse("\"\\udbff\\udfff\"")->str, "\xf4\x8f\xbf\xbf");
	assert_slice(parse("\"{[,:]}\\\"{\"")->str, "{[,:]}\"{");
	assert_slice(parse("\"ends with \\\\\"")->str, "ends with \\");
	assert_slice(parse("\"\x7f \xf0\x9f\x99\x82\"")->str, "\x7f \xf0\x9f\x99\x82");
	const struct pl_json *nul = parse("\"a\\u0000b\"");
	assert_int_equal(nul->str.len, 3);
	assert_memory_equal(nul->str.at, "a\0b", 3);
	/* Two strings with escapes do not share their memory. */
	const struct pl_json *both = parse("{\"\\u006b\":\"\\u0031\",\"l\":\"\\u0032\"}");
	assert_slice(pl_json_get_str(both, "k"), "1");
	assert_slice(pl_json_get_str(both, "l"), "2");
}

static void test_numbers(void **state)
{
	(void)state;
	const struct {
		const char *text;
		int64_t value;
	} whole[] = {{"0", 0},
		     {"-0", 0},
		     {"-1", -1},
		     {"1234567890123456789", 1234567890123456789},
		     {"9223372036854775807", INT64_MAX},
		     {"-9223372036854775808", INT64_MIN}};
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		const struct pl_json *v = parse(whole[i].text);
		assert_int_equal(v->type, PL_JSON_INT);
		assert_true(v->integer == whole[i].value);
	}
	const struct {
		const char *text;
		double value;
	} real[] = {{"9223372036854775808", 9223372036854775808.0},
		    {"-9223372036854775809", -9223372036854775808.0},
		    {"1e2", 100},
		    {"1E+2", 100},
		    {"0.1", 0.1},
		    {"-12.5e-1", -1.25},
		    {"0e0", 0},
		    {"1e-400", 0},
		    {"1.7976931348623157e308", 1.7976931348623157e308}};
	for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++) {
		const struct pl_json *v = parse(real[i].text);
		assert_int_equal(v->type, PL_JSON_NUMBER);
		assert_true(v->number == real[i].value);
	}
	refuse(PL_S("1e400"), PL_ETOOBIG);
	refuse(PL_S("-1e400"), PL_ETOOBIG);
}

static void test_locale_does_not_matter(void **state)
{
	(void)state;
	const char *names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
	for (size_t i = 0; i < 3 && !setlocale(LC_NUMERIC, names[i]); i++)
		;
	double v = parse("2.5")->number;
	setlocale(LC_NUMERIC, "C");
	assert_true(v == 2.5);
}

/* What the grammar of RFC 8259 does not derive. */
static const char *const malformed[] = {
	"",
	" ",
	"\n",
	"{",
	"}",
	"[",
	"]",
	"\"",
	"\\",
	",",
	":",
	"{]",
	"[}",
	"[1",
	"[1,",
	"[1,]",
	"[,1]",
	"[1 2]",
	"[1,,2]",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{,}",
	"{a:1}",
	"{'a':1}",
	"{\"a\" 1}",
	"{1:1}",
	"{\"a\":1 \"b\":2}",
	"{\"a\"::1}",
	"{\"a\":1:2}",
	"{null:1}",
	"nul",
	"nulll",
	"null null",
	"True",
	"tru",
	"truefalse",
	"NaN",
	"Infinity",
	"-Infinity",
	"-",
	"+1",
	"01",
	"-01",
	"1.",
	".5",
	"1.e2",
	"1e",
	"1e+",
	"1ee2",
	"0x1",
	"1_0",
	"1 2",
	"--1",
	"1-",
	"[1]x",
	"[1]]",
	"{}{}",
	"\"a\" \"b\"",
	"\"a\"b",
	"1\"a\"",
	"12\"a,b\"",
	"\"a",
	"\"a\\\"",
	"\"\\x\"",
	"\"\\u12\"",
	"\"\\u12g4\"",
	"\"\\u\"",
	"\"\\ud800\"",
	"\"\\udc00\"",
	"\"\\ud800\\ud800\"",
	"\"\\ud800x\"",
	"\"\\ud800\\n\"",
	"\"a\tb\"",
	"\"a\nb\"",
	"\"\x1f\"",
	"//c\n1",
	"/**/1",
	"1//",
	"\xef\xbb\xbf{}",
	"[1\f]",
	"[1\x1a"
	"2]",
	"\v1",
	"\xa0"
	"1",
	"[\"a\"\f]",
	"\"\\\0\"",
	"undefined",
	"'a'",
	"[1;2]",
	"\"\xff\"",
	"\"\xc0\xaf\"",
	"\"\xed\xa0\x80\"",
	"\"\xf4\x90\x80\x80\"",
	"\"\xe2\x82\"",
	"\"\x80\"",
	"\xc3\xa9",
	"[\"\xc3\",\"\xa9\"]",
};

static void test_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		refuse(pl_slice_str(malformed[i]), PL_EINVAL);
	refuse(pl_slice("1\0", 2), PL_EINVAL);
	refuse(pl_slice("\0", 1), PL_EINVAL);
	refuse(pl_slice("[1,\0 2]", 7), PL_EINVAL);
	refuse(pl_slice("\"a\0b\"", 5), PL_EINVAL);
}

static void repeat(struct pl_buf *b, const char *s, int n)
{
	while (n-- > 0)
		pl_buf_puts(b, pl_slice_str(s));
}

static int parse_buf(struct pl_buf *b)
{
	const struct pl_json *root = NULL;
	assert_int_equal(b->err, 0);
	int err = parse_slice(pl_buf_slice(b), &root);
	pl_buf_clear(b);
	return err;
}

static void test_depth(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	const char *opens[] = {"[", "{\"a\":"}, *closes[] = {"]", "}"};
	for (int kind = 0; kind < 2; kind++) {
		for (int depth = 64; depth <= 65; depth++) {
			repeat(&b, opens[kind], depth);
			repeat(&b, "1", 1);
			repeat(&b, closes[kind], depth);
			assert_int_equal(parse_buf(&b), depth == 64 ? 0 : PL_ETOOBIG);
		}
	}
	repeat(&b, "[", 100000);
	assert_int_equal(parse_buf(&b), PL_ETOOBIG);
	repeat(&b, "[", 64);
	assert_int_equal(parse_buf(&b), PL_EINVAL);
	pl_buf_fini(&b);
}

static void put_members(struct pl_buf *b, int n, const char *format_tail)
{
	pl_buf_putc(b, '{');
	for (int i = 0; i < n; i++)
		pl_buf_printf(b, "%s\"key%d\":%d", i ? "," : "", i, i);
	pl_buf_puts(b, pl_slice_str(format_tail));
	pl_buf_putc(b, '}');
}

static void test_keys(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	put_members(&b, 256, "");
	assert_int_equal(parse_buf(&b), 0);
	put_members(&b, 257, "");
	assert_int_equal(parse_buf(&b), PL_ETOOBIG);
	for (int n = 1; n < 256; n += n < 12 ? 1 : 61) {
		put_members(&b, n, ",\"key0\":1");
		assert_int_equal(parse_buf(&b), PL_EEXISTS);
	}
	pl_buf_fini(&b);
	/* The same key, however it is written; not the same in another object or case. */
	refuse(PL_S("{\"a\":1,\"\\u0061\":2}"), PL_EEXISTS);
	refuse(PL_S("[{\"x\":{\"a\":1,\"b\":2,\"a\":1}}]"), PL_EEXISTS);
	refuse(PL_S("{\"\":1,\"\":2}"), PL_EEXISTS);
	parse("{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]},\"A\":1}");
}

static void test_error_position(void **state)
{
	(void)state;
	const struct {
		const char *text;
		uint32_t at;
	} cases[] = {
		{"{\n \"a\": tru\n}", 8}, {"{\"a\":1,\n\"b\":2,\n\"a\":3}", 19},
		{"[1,\n2,\n,3]", 7},      {"[1,\n\"x\ny\"]", 6},
		{"[\"a\",\n\"b]", 6},     {"{\"a\":1} x", 8},
		{"{\"a\":\"\\q\"}", 5},   {"{\"a\" 1}", 5},
		{"{\"\\q\":1}", 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct pl_json *root;
		assert_int_not_equal(parse_slice(pl_slice_str(cases[i].text), &root), 0);
		assert_int_equal(pl_json_error_at(parser), cases[i].at);
	}
}

static void test_number_length(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	repeat(&b, "1", 64);
	assert_int_equal(parse_buf(&b), 0);
	repeat(&b, "1", 65);
	assert_int_equal(parse_buf(&b), PL_ETOOBIG);
	pl_buf_puts(&b, PL_S("0."));
	repeat(&b, "0", 300000);
	assert_int_equal(parse_buf(&b), PL_ETOOBIG);
	pl_buf_fini(&b);
}

static void test_size_limits(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 2 * MAX_BYTES);
	pl_buf_putc(&b, '"');
	repeat(&b, "x", MAX_BYTES - 2);
	pl_buf_putc(&b, '"');
	assert_int_equal(parse_buf(&b), 0);
	repeat(&b, " ", MAX_BYTES);
	pl_buf_putc(&b, '1');
	assert_int_equal(parse_buf(&b), PL_ETOOBIG);
	pl_buf_putc(&b, '[');
	repeat(&b, "1,", 2 * PL_JSON_MAX_VALUES);
	pl_buf_puts(&b, PL_S("1]"));
	assert_int_equal(parse_buf(&b), PL_ETOOBIG);
	pl_buf_putc(&b, '[');
	repeat(&b, "1,", PL_JSON_MAX_VALUES - 3);
	pl_buf_puts(&b, PL_S("1]"));
	assert_int_equal(parse_buf(&b), 0);
	pl_buf_fini(&b);
	assert_int_equal(pl_json_parser_new(((size_t)1 << 30) + 1, &parser), PL_EINVAL);
}

/* Objects full of long keys that only differ at their end cost no more than their length. */
static void test_many_keys_are_not_quadratic(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, MAX_BYTES);
	char prefix[2001];
	memset(prefix, 'k', 2000);
	prefix[2000] = '\0';
	pl_buf_putc(&b, '[');
	for (int object = 0; object < 7; object++) {
		pl_buf_puts(&b, object ? PL_S(",{") : PL_S("{"));
		for (int i = 0; i < 256; i++)
			pl_buf_printf(&b, "%s\"%s%03d\":0", i ? "," : "", prefix, i);
		pl_buf_putc(&b, '}');
	}
	pl_buf_putc(&b, ']');
	uint64_t start = pl_now_ms();
	assert_int_equal(parse_buf(&b), 0);
	assert_true(pl_now_ms() - start < 1000);
	pl_buf_fini(&b);
}

/* Every prefix of a text is refused but for those that are a text. */
static void test_prefixes(void **state)
{
	(void)state;
	const char *text =
		"{\"type\":\"send_message\",\"payload\":{\"c\":[1,2.5e3,true,null,\"\\u00e9\"],"
		"\"text\":\"h\xc3\xa9llo \\\"you\\\"\"}}";
	for (size_t n = 0; n < strlen(text); n++)
		refuse(pl_slice(text, n), PL_EINVAL);
	parse(text);
}

static void test_accessors_of_nothing(void **state)
{
	(void)state;
	const struct pl_json *root = parse("{\"s\":\"x\",\"i\":5,\"n\":1.5,\"z\":null,\"t\":true}");
	assert_null(pl_json_get(NULL, "a"));
	assert_null(pl_json_get(root, "absent"));
	assert_null(pl_json_get(pl_json_get(root, "s"), "a"));
	assert_null(pl_json_str(NULL).at);
	assert_null(pl_json_get_str(root, "i").at);
	assert_int_equal(pl_json_i64(pl_json_get(root, "s"), -7), -7);
	assert_int_equal(pl_json_i64(pl_json_get(root, "n"), -7), -7);
	assert_true(pl_json_f64(pl_json_get(root, "i"), 0) == 5);
	assert_true(pl_json_f64(pl_json_get(root, "n"), 0) == 1.5);
	assert_true(pl_json_f64(NULL, 3) == 3);
	assert_true(pl_json_bool(pl_json_get(root, "t"), false));
	assert_true(pl_json_bool(pl_json_get(root, "i"), true));
	assert_true(pl_json_is_absent(NULL) && pl_json_is_absent(pl_json_get(root, "z")));
	assert_false(pl_json_is_absent(pl_json_get(root, "t")));
	PL_JSON_EACH(none, (const struct pl_json *)NULL)
	fail();
}

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned long n = 1;; n++) {
		struct pl_json_parser *p = NULL;
		const struct pl_json *root = NULL;
		pl_mem_fail_at(n, false);
		int err = pl_json_parser_new(4096, &p);
		if (!err)
			err = pl_json_parse(p, PL_S("{\"a\":\"\\n\",\"b\":[1,2]}"), &root);
		bool failed = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		assert_int_equal(err, failed ? PL_ENOMEM : 0);
		if (p && err) /* and it works again afterwards */
			assert_int_equal(pl_json_parse(p, PL_S("[\"\\t\"]"), &root), 0);
		pl_json_parser_free(p);
		if (!failed)
			break;
		assert_true(n < 20);
	}
	pl_json_parser_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rfc_example, setup, teardown),
		cmocka_unit_test_setup_teardown(test_source_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locale_does_not_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_position, setup, teardown),
		cmocka_unit_test_setup_teardown(test_number_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_size_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_keys_are_not_quadratic, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prefixes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_accessors_of_nothing, setup, teardown),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
