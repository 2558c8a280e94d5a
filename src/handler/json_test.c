/*
 * json_test.c - proves that an object of fields is JSON whatever is put into it, that too much is
 * refused, and that the accessors answer for values that are there, not there, or of another type.
 */
#include "handler/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct pl_json_parser *parser;

static const parley_json *parsed(const char *text)
{
	const struct pl_json *v = NULL;
	assert_int_equal(pl_json_parse(parser, pl_slice_str(text), &v), 0);
	return (const parley_json *)(const void *)v;
}

static void written(const struct parley_field *f, const char *want)
{
	struct pl_buf b;
	pl_buf_init(&b, 65536);
	assert_int_equal(pl_fields_write(&b, f), 0);
	pl_buf_putc(&b, '\0');
	assert_string_equal(b.at, want);
	const struct pl_json *v = NULL;
	assert_int_equal(pl_json_parse(parser, pl_slice(b.at, b.len - 1), &v), 0);
	pl_buf_fini(&b);
}

static void every_kind_of_field(void **state)
{
	(void)state;
	written(PARLEY_OBJ(parley_kstr("s", PARLEY_S("x")), parley_kint("i", INT64_MIN),
			   parley_knum("n", 0.5), parley_kbool("t", true), parley_kbool("f", false),
			   parley_kraw("r", PARLEY_S("[1,2]"))),
		"{\"s\":\"x\",\"i\":-9223372036854775808,\"n\":0.5,\"t\":true,\"f\":false,"
		"\"r\":[1,2]}");
	written((const struct parley_field[]){{.key = NULL}}, "{}");
	written(PARLEY_OBJ(parley_kstr("", parley_slice("", 0))), "{\"\":\"\"}");
	written(PARLEY_OBJ(parley_kstr("a", parley_cstr(NULL)), parley_kraw("b", parley_cstr(NULL)),
			   parley_kjson("c", NULL), parley_kraw("d", PARLEY_S(""))),
		"{\"a\":null,\"b\":null,\"c\":null,\"d\":null}");
	written(PARLEY_OBJ(parley_knum("a", (double)NAN), parley_knum("b", (double)INFINITY),
			   parley_knum("c", -(double)INFINITY), parley_knum("d", -1.25)),
		"{\"a\":null,\"b\":null,\"c\":null,\"d\":-1.25}");
}

static void texts_are_escaped_and_repaired(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *want;
	} rows[] = {
		{"a\"b\\c/\n\r\t\b\f\x01", 12, "a\\\"b\\\\c/\\n\\r\\t\\b\\f\\u0001"},
		{"\0x", 2, "\\u0000x"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\xff", 1, "\xef\xbf\xbd"},
		{"a\x80"
		 "b",
		 3,
		 "a\xef\xbf\xbd"
		 "b"},
		{"\xc3", 1, "\xef\xbf\xbd"},     /* cut off at the end */
		{"\xe2\x82", 2, "\xef\xbf\xbd"}, /* one run, one replacement */
		{"\xe2\x82z", 3, "\xef\xbf\xbdz"},
		{"\xe2\x82\xc3\xa9", 4, "\xef\xbf\xbd\xc3\xa9"},
		{"\xf0\x9f\x98", 3, "\xef\xbf\xbd"},
		/* Unicode 15, table 3-8: no part of what is ill-formed is swallowed */
		{"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x91\x92\x93\xff\x41", 6,
		 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		 "A"},
		{"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 9,
		 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		 "A"},
		{"\xff\"", 2, "\xef\xbf\xbd\\\""},
	};
	char want[200], key[16];
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(want, sizeof(want), "{\"k\":\"%s\"}", rows[i].want);
		written(PARLEY_OBJ(parley_kstr("k", parley_slice(rows[i].text, rows[i].len))),
			want);
	}
	snprintf(key, sizeof(key), "\"\xff\n");
	written(PARLEY_OBJ(parley_kbool(key, true)), "{\"\\\"\xef\xbf\xbd\\n\":true}");
}

static void a_text_is_cut_between_characters(void **state)
{
	char out[8];
	(void)state;
	assert_true(pl_slice_is(pl_text_cut(PL_S("abc"), out, 8), "abc"));
	assert_true(pl_slice_is(pl_text_cut(PL_S("abcdefghij"), out, 8), "abcdefgh"));
	assert_true(pl_slice_is(pl_text_cut(PL_S("abcdefg\xc3\xa9"), out, 8), "abcdefg"));
	assert_true(pl_slice_is(pl_text_cut(PL_S("abcdef\xc3\xa9x"), out, 8), "abcdef\xc3\xa9"));
	assert_true(pl_slice_is(pl_text_cut(PL_S("abcdef\xff"), out, 8), "abcdef"));
	assert_true(
		pl_slice_is(pl_text_cut(PL_S("\xff\xff\xff"), out, 8), "\xef\xbf\xbd\xef\xbf\xbd"));
	assert_true(pl_slice_is(pl_text_cut((struct pl_slice){NULL, 0}, out, 8), ""));
}

static void too_much_is_refused(void **state)
{
	struct parley_field f[PARLEY_FIELDS_MAX + 2];
	struct pl_buf b;
	(void)state;
	for (size_t i = 0; i < PARLEY_FIELDS_MAX + 2; i++)
		f[i] = parley_kint("k", 1);
	pl_buf_init(&b, 1000);
	f[PARLEY_FIELDS_MAX].key = NULL;
	assert_int_equal(pl_fields_write(&b, f), 0);
	f[PARLEY_FIELDS_MAX].key = "one more";
	f[PARLEY_FIELDS_MAX + 1].key = NULL;
	pl_buf_clear(&b);
	assert_int_equal(pl_fields_write(&b, f), PL_ELIMIT);
	assert_int_equal(pl_fields_write(&b, NULL), PL_EINVAL);
	f[1].type = 0;
	assert_int_equal(pl_fields_write(&b, f), PL_EINVAL);
	f[1].type = 99;
	assert_int_equal(pl_fields_write(&b, f), PL_EINVAL);
	pl_buf_fini(&b);
	pl_buf_init(&b, 10);
	assert_int_equal(pl_fields_write(&b, PARLEY_OBJ(parley_kstr("k", PARLEY_S("too long")))),
			 PL_ETOOBIG);
	pl_buf_fini(&b);
	pl_buf_init(&b, 10000);
	pl_mem_fail_at(1, false);
	assert_int_equal(pl_fields_write(&b, PARLEY_OBJ(parley_kint("k", 1))), PL_ENOMEM);
	pl_mem_fail_at(0, false);
	pl_buf_fini(&b);
}

static bool is(struct parley_slice s, const char *text)
{
	return s.at && parley_slice_eq(s, parley_cstr(text));
}

static void values_that_are_there(void **state)
{
	const parley_json *v = parsed("{\"s\":\"a\\u00e9\",\"i\":-7,\"n\":2.50,\"e\":1e2,"
				      "\"t\":true,\"f\":false,\"z\":null,\"a\":[1,\"x\",{}],"
				      "\"o\":{\"in\":1}}");
	int64_t i = 0;
	double d = 0;
	(void)state;
	assert_int_equal(parley_json_type(v), PARLEY_JSON_OBJECT);
	assert_true(is(parley_str(v, "s"), "a\xc3\xa9"));
	assert_true(is(parley_raw(parley_get(v, "s")), "\"a\\u00e9\""));
	assert_true(is(parley_key(parley_get(v, "s")), "s"));
	assert_true(is(parley_text(parley_get(v, "s")), "a\xc3\xa9"));
	assert_true(parley_is(v, "s", "a\xc3\xa9"));
	assert_false(parley_is(v, "s", "a"));
	assert_true(parley_i64(v, "i", &i) && i == -7);
	assert_true(parley_f64(v, "i", &d) && d == -7);
	assert_true(parley_f64(v, "n", &d) && d == 2.5);
	assert_false(parley_i64(v, "n", &i) || i != -7);
	assert_false(parley_i64(v, "e", &i));
	assert_true(parley_f64(v, "e", &d) && d == 100);
	assert_true(parley_bool(v, "t", false));
	assert_false(parley_bool(v, "f", true));
	assert_int_equal(parley_json_type(parley_get(v, "z")), PARLEY_JSON_NULL);
	assert_non_null(parley_get(v, "z"));
	assert_int_equal(parley_json_type(parley_get(v, "t")), PARLEY_JSON_BOOL);
	assert_int_equal(parley_json_type(parley_get(v, "i")), PARLEY_JSON_INT);
	assert_int_equal(parley_json_type(parley_get(v, "n")), PARLEY_JSON_NUMBER);
	assert_int_equal(parley_json_type(parley_get(v, "s")), PARLEY_JSON_STRING);
	const parley_json *a = parley_get(v, "a"), *one = parley_first(a);
	assert_int_equal(parley_json_type(a), PARLEY_JSON_ARRAY);
	assert_true(is(parley_raw(one), "1"));
	assert_null(parley_key(one).at);
	assert_true(is(parley_text(parley_next(one)), "x"));
	assert_int_equal(parley_json_type(parley_next(parley_next(one))), PARLEY_JSON_OBJECT);
	assert_null(parley_first(parley_next(parley_next(one))));
	assert_null(parley_next(parley_next(parley_next(one))));
	assert_true(is(parley_key(parley_first(v)), "s"));
	assert_true(is(parley_raw(parley_get(parley_get(v, "o"), "in")), "1"));
	struct pl_buf b;
	pl_buf_init(&b, 1000);
	assert_int_equal(pl_fields_write(&b, PARLEY_OBJ(parley_kjson("a", a),
							parley_kjson("s", parley_get(v, "s")))),
			 0);
	assert_true(pl_slice_is(pl_buf_slice(&b), "{\"a\":[1,\"x\",{}],\"s\":\"a\\u00e9\"}"));
	pl_buf_fini(&b);
}

static void not_there_or_something_else(const parley_json *v)
{
	int64_t i = 3;
	double d = 3;
	assert_null(parley_get(v, "nothing"));
	assert_null(parley_get(v, NULL));
	assert_null(parley_str(v, "nothing").at);
	assert_false(parley_i64(v, "nothing", &i) || i != 3);
	assert_false(parley_f64(v, "nothing", &d) || d != 3);
	assert_true(parley_bool(v, "nothing", true));
	assert_false(parley_bool(v, "nothing", false));
	assert_false(parley_is(v, "nothing", ""));
	assert_false(parley_is(v, "nothing", NULL));
}

static void values_that_are_not_there(void **state)
{
	static const char *const texts[] = {"{\"s\":1}", "[\"nothing\"]", "\"nothing\"", "1",
					    "1.5",       "true",          "null",        "{}"};
	int64_t i = 3;
	double d = 3;
	(void)state;
	not_there_or_something_else(NULL);
	assert_int_equal(parley_json_type(NULL), PARLEY_JSON_NULL);
	assert_null(parley_first(NULL));
	assert_null(parley_next(NULL));
	assert_null(parley_key(NULL).at);
	assert_null(parley_text(NULL).at);
	assert_null(parley_raw(NULL).at);
	for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++) {
		const parley_json *v = parsed(texts[k]);
		not_there_or_something_else(v);
		assert_null(parley_next(v));
		assert_true(is(parley_raw(v), texts[k]));
	}
	const parley_json *v = parsed("{\"s\":\"1\",\"i\":1}");
	assert_null(parley_str(v, "i").at);
	assert_null(parley_text(v).at);
	assert_false(parley_i64(v, "s", &i) || parley_f64(v, "s", &d));
	assert_true(parley_bool(v, "s", true));
	assert_false(parley_is(v, "i", "1"));
	assert_null(parley_first(parley_get(v, "s")));
}

static int open_parser(void **state)
{
	(void)state;
	return pl_json_parser_new(65536, &parser);
}

static int close_parser(void **state)
{
	(void)state;
	pl_json_parser_free(parser);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_field),
		cmocka_unit_test(texts_are_escaped_and_repaired),
		cmocka_unit_test(a_text_is_cut_between_characters),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(values_that_are_there),
		cmocka_unit_test(values_that_are_not_there),
	};
	return cmocka_run_group_tests(tests, open_parser, close_parser);
}
