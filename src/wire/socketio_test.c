/*
 * socketio_test.c - proves that heads, payloads and placeholders are those of Socket.IO protocol 5,
 * and that nothing else passes for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "wire/socketio.h"

#include <stdlib.h>

#define COUNT(a)        (sizeof(a) / sizeof(*(a)))
#define is(slice, text) assert_true(pl_slice_is((slice), (text)))

static struct pl_json_parser *parser;

static int setup(void **state)
{
	(void)state;
	return pl_json_parser_new(1 << 20, &parser);
}

static int teardown(void **state)
{
	(void)state;
	pl_json_parser_free(parser);
	return 0;
}

/* From an exact heap copy, so that a read past the end is seen. The slices point into `text`. */
static int read_head(struct pl_slice text, uint32_t max, struct pl_sio_head *out)
{
	struct pl_sio_head copied, head = *out;
	char *copy = malloc(text.len ? text.len : 1);
	assert_non_null(copy);
	memcpy(copy, text.at, text.len);
	int in_copy = pl_sio_read_head(pl_slice(copy, text.len), max, &copied);
	free(copy);
	int err = pl_sio_read_head(text, max, &head);
	assert_int_equal(err, in_copy);
	*out = head;
	return err;
}

static void heads(void **state)
{
	static const struct {
		const char *text;
		enum pl_sio_type type;
		uint32_t attachments;
		const char *nsp;
		int64_t id; /* -1: none */
		const char *json;
	} rows[] = {
		/* the examples of the protocol's text */
		{"0", PL_SIO_CONNECT, 0, "/", -1, ""},
		{"0{\"sid\":\"oSO0OpakMV_3jnilAAAA\"}", PL_SIO_CONNECT, 0, "/", -1,
		 "{\"sid\":\"oSO0OpakMV_3jnilAAAA\"}"},
		{"4{\"message\":\"Not authorized\"}", PL_SIO_CONNECT_ERROR, 0, "/", -1,
		 "{\"message\":\"Not authorized\"}"},
		{"2[\"foo\"]", PL_SIO_EVENT, 0, "/", -1, "[\"foo\"]"},
		{"2/admin,[\"bar\"]", PL_SIO_EVENT, 0, "/admin", -1, "[\"bar\"]"},
		{"51-[\"baz\",{\"_placeholder\":true,\"num\":0}]", PL_SIO_BINARY_EVENT, 1, "/", -1,
		 "[\"baz\",{\"_placeholder\":true,\"num\":0}]"},
		{"52-/admin,[\"baz\"]", PL_SIO_BINARY_EVENT, 2, "/admin", -1, "[\"baz\"]"},
		{"212[\"foo\"]", PL_SIO_EVENT, 0, "/", 12, "[\"foo\"]"},
		{"3/admin,13[\"bar\"]", PL_SIO_ACK, 0, "/admin", 13, "[\"bar\"]"},
		{"61-/admin,15[\"b\"]", PL_SIO_BINARY_ACK, 1, "/admin", 15, "[\"b\"]"},
		{"61-15[\"b\"]", PL_SIO_BINARY_ACK, 1, "/", 15, "[\"b\"]"},
		{"1", PL_SIO_DISCONNECT, 0, "/", -1, ""},
		{"1/admin,", PL_SIO_DISCONNECT, 0, "/admin", -1, ""},
		/* the comma may be missing where nothing follows */
		{"0/random", PL_SIO_CONNECT, 0, "/random", -1, ""},
		{"0/,{}", PL_SIO_CONNECT, 0, "/", -1, "{}"},
		/* a query belongs to the name */
		{"0/x?a=1,{}", PL_SIO_CONNECT, 0, "/x?a=1", -1, "{}"},
		{"0/x{\"a\":1}", PL_SIO_CONNECT, 0, "/x{\"a\":1}", -1, ""},
		{"20", PL_SIO_EVENT, 0, "/", 0, ""},
		{"2456[1]", PL_SIO_EVENT, 0, "/", 456, "[1]"},
		{"3999999999999999[]", PL_SIO_ACK, 0, "/", 999999999999999, "[]"},
		{"3[]", PL_SIO_ACK, 0, "/", -1, "[]"},
		{"510-[\"x\"]", PL_SIO_BINARY_EVENT, 10, "/", -1, "[\"x\"]"},
		{"2abc[\"a\"]", PL_SIO_EVENT, 0, "/", -1, "abc[\"a\"]"},
		{"2[\"/a,1\"]", PL_SIO_EVENT, 0, "/", -1, "[\"/a,1\"]"},
		{"212/a,[1]", PL_SIO_EVENT, 0, "/", 12, "/a,[1]"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pl_sio_head h = {0};
		assert_int_equal(read_head(pl_slice_str(rows[i].text), 10, &h), 0);
		assert_int_equal(h.type, rows[i].type);
		assert_int_equal(h.attachments, rows[i].attachments);
		is(h.nsp, rows[i].nsp);
		assert_int_equal(h.has_id, rows[i].id >= 0);
		assert_true(!h.has_id || h.id == (uint64_t)rows[i].id);
		is(h.json, rows[i].json);
	}
}

static void what_is_no_head(void **state)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"", PL_EPROTO},
		{"7", PL_EPROTO},
		{"9[\"a\"]", PL_EPROTO},
		{"abc", PL_EPROTO},
		{"-1", PL_EPROTO},
		{"[\"a\"]", PL_EPROTO},
		/* attachments: at least one, a number, announced by types 5 and 6 only */
		{"5", PL_EPROTO},
		{"5-", PL_EPROTO},
		{"5-[\"a\"]", PL_EPROTO},
		{"50-[\"a\"]", PL_EPROTO},
		{"501-[\"a\"]", PL_EPROTO},
		{"5[\"a\"]", PL_EPROTO},
		{"51", PL_EPROTO},
		{"51[\"a\"]", PL_EPROTO},
		{"51.0-[\"a\"]", PL_EPROTO},
		{"51e0-[\"a\"]", PL_EPROTO},
		{"5 1-[\"a\"]", PL_EPROTO},
		{"5+1-[\"a\"]", PL_EPROTO},
		{"5--1-[\"a\"]", PL_EPROTO},
		{"5/a,1-[\"a\"]", PL_EPROTO},
		{"60-[]", PL_EPROTO},
		{"511-[\"a\"]", PL_ELIMIT},
		{"59999999-[", PL_ELIMIT},
		{"6100-[]", PL_ELIMIT},
		{"518446744073709551617-[\"a\"]", PL_ELIMIT},
		{"5340282366920938463463374607431768211457-[\"a\"]", PL_ELIMIT},
		{"21-[\"a\"]", PL_EPROTO},
		{"23-1[\"a\"]", PL_EPROTO},
		{"2-[\"a\"]", PL_EPROTO},
		{"31-0[]", PL_EPROTO},
		{"2/a,-1[]", PL_EPROTO},
		/* no id that JavaScript could not count */
		{"21000000000000000[\"a\"]", PL_EPROTO},
		{"218446744073709551616[\"a\"]", PL_EPROTO},
		{"3/a,9999999999999999999999999999999[]", PL_EPROTO},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pl_sio_head h = {.nsp = PL_S("untouched")};
		int err = read_head(pl_slice_str(rows[i].text), 10, &h);
		if (err != rows[i].err)
			fail_msg("'%s' is %d", rows[i].text, err);
		is(h.nsp, "untouched");
	}
	struct pl_sio_head h = {0};
	assert_int_equal(read_head(PL_S("51-[]"), 0, &h), PL_ELIMIT);
	assert_int_equal(read_head(PL_S("564-[]"), PL_SIO_ATTACHMENTS_MAX, &h), 0);
	assert_int_equal(read_head(PL_S("565-[]"), PL_SIO_ATTACHMENTS_MAX, &h), PL_ELIMIT);
	assert_int_equal(read_head(PL_S("54294967295-[]"), UINT32_MAX, &h), 0);
	assert_int_equal(h.attachments, UINT32_MAX);
	assert_int_equal(read_head(PL_S("54294967296-[]"), UINT32_MAX, &h), PL_ELIMIT);
}

static void names_have_an_end(void **state)
{
	char text[1024];
	struct pl_sio_head h = {0};
	(void)state;
	memset(text, 'n', sizeof(text));
	text[0] = '2';
	text[1] = '/';
	text[1 + PL_SIO_NAMESPACE_MAX] = ',';
	assert_int_equal(read_head(pl_slice(text, sizeof(text)), 0, &h), 0);
	assert_int_equal(h.nsp.len, PL_SIO_NAMESPACE_MAX);
	assert_int_equal(read_head(pl_slice(text, 1 + PL_SIO_NAMESPACE_MAX), 0, &h), 0);
	assert_int_equal(h.nsp.len, PL_SIO_NAMESPACE_MAX);
	text[1 + PL_SIO_NAMESPACE_MAX] = 'n';
	text[2 + PL_SIO_NAMESPACE_MAX] = ',';
	assert_int_equal(read_head(pl_slice(text, sizeof(text)), 0, &h), PL_EPROTO);
	assert_int_equal(read_head(pl_slice(text, 2 + PL_SIO_NAMESPACE_MAX), 0, &h), PL_EPROTO);
}

/* A message comes whole or not at all: each start of one is judged as what it is. */
static void cut_anywhere(void **state)
{
	static const char whole[] = "512-/ab,34[\"a\"]";
	(void)state;
	for (size_t n = 0; n < sizeof(whole); n++) {
		struct pl_sio_head h = {0};
		int err = read_head(pl_slice(whole, n), 12, &h);
		assert_int_equal(err, n < 4 ? PL_EPROTO : 0);
		if (n < 5)
			continue;
		assert_int_equal(h.attachments, 12);
		assert_int_equal(h.nsp.len, n < 7 ? n - 4 : 3);
		assert_true(h.id == (n < 9 ? 0 : n < 10 ? 3 : 34));
		assert_int_equal(h.json.len, n < 10 ? 0 : n - 10);
	}
}

static const struct pl_json *parse(const char *text)
{
	const struct pl_json *root = NULL;
	assert_int_equal(pl_json_parse(parser, pl_slice_str(text), &root), 0);
	return root;
}

static void what_each_type_asks_for(void **state)
{
	enum { C = 1, D = 2, E = 4, A = 8 };
	static const struct {
		const char *json; /* NULL: none */
		unsigned fits;
	} rows[] = {
		{NULL, C | D},
		{"{}", C},
		{"{\"token\":\"x\"}", C},
		{"[]", A},
		{"[\"message\"]", E | A},
		{"[\"message\",1,\"2\",{\"3\":[true]}]", E | A},
		{"[1]", E | A},
		{"[1.5,2]", E | A},
		{"[\"\"]", E | A},
		{"[null]", A},
		{"[true]", A},
		{"[[\"message\"]]", A},
		{"[{}]", A},
		{"[\"connect\"]", A},
		{"[\"connect_error\",1]", A},
		{"[\"disconnect\"]", A},
		{"[\"disconnecting\"]", A},
		{"[\"newListener\"]", A},
		{"[\"removeListener\"]", A},
		{"[\"\\u0063onnect\"]", A},
		{"[\"connected\"]", E | A},
		{"[\"error\"]", E | A},
		{"\"s\"", 0},
		{"1", 0},
		{"null", 0},
		{"true", 0},
	};
	static const unsigned asked[] = {C, D, E, A, 0, E, A};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct pl_json *json = rows[i].json ? parse(rows[i].json) : NULL;
		for (unsigned type = 0; type < COUNT(asked); type++) {
			struct pl_sio_head h = {.type = (enum pl_sio_type)type};
			if (pl_sio_payload_fits(&h, json) != !!(rows[i].fits & asked[type]))
				fail_msg("%u %s", type, rows[i].json ? rows[i].json : "nothing");
		}
	}
}

static void placeholders(void **state)
{
	static const struct {
		const char *json;
		int err;
		uint32_t num;
	} rows[] = {
		{"{\"_placeholder\":true,\"num\":0}", 0, 0},
		{"{\"_placeholder\":true,\"num\":2}", 0, 2},
		{"{\"num\":1,\"_placeholder\":true,\"more\":[]}", 0, 1},
		{"{\"_placeholder\":true,\"num\":3}", PL_EPROTO, 0},
		{"{\"_placeholder\":true,\"num\":4294967296}", PL_EPROTO, 0},
		{"{\"_placeholder\":true,\"num\":-1}", PL_EPROTO, 0},
		{"{\"_placeholder\":true,\"num\":0.5}", PL_EPROTO, 0},
		{"{\"_placeholder\":true,\"num\":\"0\"}", PL_EPROTO, 0},
		{"{\"_placeholder\":true,\"num\":\"splice\"}", PL_EPROTO, 0},
		{"{\"_placeholder\":true,\"num\":null}", PL_EPROTO, 0},
		{"{\"_placeholder\":true}", PL_EPROTO, 0},
		{"{\"_placeholder\":false,\"num\":9}", PL_ENOTFOUND, 0},
		{"{\"_placeholder\":1,\"num\":9}", PL_ENOTFOUND, 0},
		{"{\"_placeholder\":\"true\",\"num\":9}", PL_ENOTFOUND, 0},
		{"{\"num\":0}", PL_ENOTFOUND, 0},
		{"{}", PL_ENOTFOUND, 0},
		{"[true,0]", PL_ENOTFOUND, 0},
		{"\"_placeholder\"", PL_ENOTFOUND, 0},
		{"0", PL_ENOTFOUND, 0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t num = 77;
		assert_int_equal(pl_sio_placeholder(parse(rows[i].json), 3, &num), rows[i].err);
		assert_int_equal(num, rows[i].err ? 77 : rows[i].num);
	}
	uint32_t num;
	assert_int_equal(pl_sio_placeholder(NULL, 3, &num), PL_ENOTFOUND);
}

#define P(num) "{\"_placeholder\":true,\"num\":" num "}"

static void placeholders_anywhere(void **state)
{
	static const struct {
		const char *json;
		bool fits;
	} rows[] = {
		{"[\"e\"," P("0") "," P("1") "]", true},
		{"[\"e\",{\"a\":[1,[" P("1") "],2]}," P("0") ",[]]", true},
		{"[\"e\"," P("0") "," P("0") "]", true},
		{"[\"e\"]", true},
		{"[[],{},[[]],\"x\",{\"a\":{}}]", true},
		{"[\"e\"," P("2") "]", false},
		{"[\"e\",[[[{\"a\":{\"b\":" P("2") "}}]]]]", false},
		{"[\"e\",{\"a\":1,\"b\":[]},{\"c\":" P("\"0\"") "},1]", false},
		{"[\"e\",{\"a\":" P("0") ",\"b\":{\"_placeholder\":true}}]", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (pl_sio_placeholders_fit(parse(rows[i].json), 2) != rows[i].fits)
			fail_msg("%s", rows[i].json);
	assert_true(pl_sio_placeholders_fit(NULL, 0));
	/* one argument alone: what stands beside it is not asked about */
	const struct pl_json *two = parse("[" P("0") "," P("9") "]");
	assert_true(pl_sio_placeholders_fit(two->child, 1));
	assert_false(pl_sio_placeholders_fit(two->child->next, 1));
}

/* As deep as JSON may be, with a bad placeholder at the very bottom, and behind it. */
static void placeholders_at_the_bottom(void **state)
{
	struct pl_buf b;
	(void)state;
	pl_buf_init(&b, 4096);
	for (int bad = 0; bad < 3; bad++) {
		pl_buf_clear(&b);
		for (int i = 0; i < PL_JSON_MAX_DEPTH - 1; i++)
			pl_buf_putc(&b, '[');
		pl_sio_put_placeholder(&b, bad == 1);
		for (int i = 0; i < PL_JSON_MAX_DEPTH - 2; i++)
			pl_buf_putc(&b, ']');
		pl_buf_putc(&b, ',');
		pl_sio_put_placeholder(&b, bad == 2);
		pl_buf_put(&b, "]", 2); /* with its NUL */
		assert_int_equal(pl_sio_placeholders_fit(parse(b.at), 1), !bad);
	}
	pl_buf_fini(&b);
}

static void writing(void **state)
{
	static const char *const texts[] = {
		"0{\"sid\":\"x\"}",
		"1",
		"1/admin,",
		"2[\"foo\"]",
		"2/admin,[\"bar\"]",
		"212[\"foo\"]",
		"3/admin,0[]",
		"51-[\"b\"]",
		"510-/admin,[\"b\"]",
		"62-/a,999999999999999[1]",
		"4/random,{\"message\":\"Invalid namespace\"}",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct pl_sio_head h;
		struct pl_buf b;
		pl_buf_init(&b, 256);
		assert_int_equal(pl_sio_read_head(pl_slice_str(texts[i]), 10, &h), 0);
		pl_sio_put_head(&b, &h);
		pl_buf_puts(&b, h.json);
		is(pl_buf_slice(&b), texts[i]);
		pl_buf_clear(&b);
		pl_sio_put_placeholder(&b, 12);
		is(pl_buf_slice(&b), "{\"_placeholder\":true,\"num\":12}");
		pl_buf_fini(&b);
	}
}

static void without_memory(void **state)
{
	char name[200];
	struct pl_sio_head h = {.type = PL_SIO_EVENT, .nsp = {name, sizeof(name)}};
	(void)state;
	memset(name, 'n', sizeof(name));
	for (unsigned long n = 1; n <= 2; n++) {
		struct pl_buf b;
		pl_buf_init(&b, 4096);
		pl_mem_fail_at(n, false);
		pl_sio_put_head(&b, &h);
		pl_sio_put_placeholder(&b, 1);
		pl_mem_fail_at(0, false);
		assert_int_equal(b.err, PL_ENOMEM);
		pl_buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads),
		cmocka_unit_test(what_is_no_head),
		cmocka_unit_test(names_have_an_end),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(what_each_type_asks_for),
		cmocka_unit_test(placeholders),
		cmocka_unit_test(placeholders_anywhere),
		cmocka_unit_test(placeholders_at_the_bottom),
		cmocka_unit_test(writing),
		cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
