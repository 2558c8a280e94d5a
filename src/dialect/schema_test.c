/*
 * schema_test.c - proves how a message's fields are read: what is absent, null, of another type,
 * too long, too large, or there by another name.
 */
#include "dialect/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct in {
	struct pl_slice name, note;
	int64_t count;
	bool on;
	const struct pl_json *any;
};

static const struct pl_field fields[] = {
	PL_FIELD(struct in, name, "name", PL_STR, PL_REQUIRED, 8, ""),
	PL_FIELD(struct in, name, "title", PL_STR, PL_REQUIRED, 8, ""),
	PL_FIELD(struct in, note, "note", PL_STR, 0, 8, ""),
	PL_FIELD(struct in, count, "count", PL_INT, 0, 100, ""),
	PL_FIELD(struct in, on, "on", PL_BOOL, 0, 0, ""),
	PL_FIELD(struct in, any, "any", PL_NODE, 0, 0, ""),
	{0},
};

static int read(struct pl_json_parser *p, const char *text, struct in *in, const char **bad)
{
	const struct pl_json *root = NULL;
	assert_int_equal(pl_json_parse(p, pl_slice_str(text), &root), 0);
	*in = (struct in){.count = 0};
	*bad = NULL;
	return pl_schema_read(fields, root, in, bad);
}

static void what_is_there_is_read(void **state)
{
	struct pl_json_parser *p = *state;
	struct in in;
	const char *bad;
	assert_int_equal(read(p,
			      "{\"name\":\"a\\u0000b\",\"note\":\"\",\"count\":7,\"on\":true,"
			      "\"any\":[1],\"more\":{}}",
			      &in, &bad),
			 0);
	assert_int_equal(in.name.len, 3);
	assert_memory_equal(in.name.at, "a\0b", 3);
	assert_non_null(in.note.at);
	assert_int_equal(in.note.len, 0);
	assert_int_equal(in.count, 7);
	assert_true(in.on);
	assert_int_equal(in.any->count, 1);
}

static void what_is_not_there_stays_nothing(void **state)
{
	struct in in;
	const char *bad;
	assert_int_equal(read(*state,
			      "{\"name\":\"a\",\"note\":null,\"count\":null,\"on\":null,\"any\":"
			      "null}",
			      &in, &bad),
			 0);
	assert_null(in.note.at);
	assert_int_equal(in.count, 0);
	assert_false(in.on);
	assert_null(in.any);
}

static void either_name_will_do(void **state)
{
	struct in in;
	const char *bad;
	assert_int_equal(read(*state, "{\"title\":\"t\"}", &in, &bad), 0);
	assert_true(pl_slice_is(in.name, "t"));
	assert_int_equal(read(*state, "{\"name\":null,\"title\":\"t\"}", &in, &bad), 0);
	assert_true(pl_slice_is(in.name, "t"));
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *bad;
	} cases[] = {
		{"{}", PL_ENOTFOUND, "name"},
		{"[]", PL_ENOTFOUND, "name"},
		{"\"name\"", PL_ENOTFOUND, "name"},
		{"{\"name\":\"\"}", PL_ENOTFOUND, "name"},
		{"{\"name\":null}", PL_ENOTFOUND, "name"},
		{"{\"name\":1}", PL_ENOTFOUND, "name"},
		{"{\"name\":[\"a\"]}", PL_ENOTFOUND, "name"},
		{"{\"title\":{}}", PL_ENOTFOUND, "title"},
		{"{\"name\":\"12345678\"}", 0, NULL},
		{"{\"name\":\"123456789\"}", PL_EINVAL, "name"}, /* there, but too long */
		{"{\"name\":\"a\",\"note\":1}", PL_EINVAL, "note"},
		{"{\"name\":\"a\",\"note\":\"123456789\"}", PL_EINVAL, "note"},
		{"{\"name\":\"a\",\"count\":\"7\"}", PL_EINVAL, "count"},
		{"{\"name\":\"a\",\"count\":-1}", PL_EINVAL, "count"},
		{"{\"name\":\"a\",\"count\":1.5}", PL_EINVAL, "count"},
		{"{\"name\":\"a\",\"count\":1e2}", PL_EINVAL, "count"},
		{"{\"name\":\"a\",\"count\":18446744073709551616}", PL_EINVAL, "count"},
		{"{\"name\":\"a\",\"on\":1}", PL_EINVAL, "on"},
		{"{\"name\":\"a\",\"on\":\"true\"}", PL_EINVAL, "on"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct in in;
		const char *bad;
		int err = read(*state, cases[i].text, &in, &bad);
		if (err != cases[i].err)
			fail_msg("%s: %d, not %d", cases[i].text, err, cases[i].err);
		if (err)
			assert_string_equal(bad, cases[i].bad);
	}
}

static void a_larger_number_counts_as_the_largest(void **state)
{
	struct in in;
	const char *bad;
	assert_int_equal(read(*state, "{\"name\":\"a\",\"count\":9223372036854775807}", &in, &bad),
			 0);
	assert_int_equal(in.count, 100);
}

static void no_table_is_no_field(void **state)
{
	const struct pl_json *root = NULL;
	const char *bad = NULL;
	assert_int_equal(pl_json_parse(*state, PL_S("{\"a\":1}"), &root), 0);
	assert_int_equal(pl_schema_read(NULL, root, NULL, &bad), 0);
}

static int make_parser(void **state)
{
	struct pl_json_parser *p = NULL;
	int err = pl_json_parser_new(4096, &p);
	*state = p;
	return err;
}

static int free_parser(void **state)
{
	pl_json_parser_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_is_read),
		cmocka_unit_test(what_is_not_there_stays_nothing),
		cmocka_unit_test(either_name_will_do),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_larger_number_counts_as_the_largest),
		cmocka_unit_test(no_table_is_no_field),
	};
	return cmocka_run_group_tests(tests, make_parser, free_parser);
}
