/*
 * args_test.c - proves that arguments become the JSON of a packet with their bytes beside it,
 * numbered as they stand; that what came in can be asked for and handed on; and that nobody's data
 * passes for somebody else's bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "handler/fields.h"
#include "socketio/args.h"

#define P(num) "{\"_placeholder\":true,\"num\":" #num "}"
/* a binary value of this text */
#define BIN(text) parley_abin(PARLEY_S(text))

static struct pl_json_parser *parser, *checker;
static struct pl_sio_attached attached;
static struct pl_buf out;

static int setup(void **state)
{
	(void)state;
	pl_buf_init(&out, 1 << 16);
	return pl_json_parser_new(1 << 20, &parser) || pl_json_parser_new(1 << 20, &checker);
}

static int teardown(void **state)
{
	(void)state;
	pl_buf_fini(&out);
	pl_json_parser_free(parser);
	pl_json_parser_free(checker);
	return 0;
}

static int put(const char *event, const struct parley_field *args)
{
	pl_buf_clear(&out);
	return pl_sio_args_put(&out, pl_slice_str(event), args, &attached);
}

/* Also: it is JSON, and each placeholder stands for one of the bytes. */
static void written(const char *event, const struct parley_field *args, const char *json,
		    uint32_t attachments)
{
	const struct pl_json *root;
	assert_int_equal(put(event, args), 0);
	if (!pl_slice_is(pl_buf_slice(&out), json))
		fail_msg("%.*s", PL_FMT(pl_buf_slice(&out)));
	assert_int_equal(attached.n, attachments);
	assert_int_equal(pl_json_parse(checker, pl_buf_slice(&out), &root), 0);
	assert_true(!attachments || pl_sio_placeholders_fit(root, attachments));
}

static void attached_is(uint32_t i, const char *text)
{
	assert_true(i < attached.n);
	assert_true(pl_slice_is(attached.at[i], text));
}

static void arguments(void **state)
{
	(void)state;
	written("v", PARLEY_NO_ARGS, "[\"v\"]", 0);
	written("", PARLEY_NO_ARGS, "[\"\"]", 0);
	written("message-back",
		PARLEY_ARGS(parley_aint(1), parley_astr(PARLEY_S("2")),
			    parley_aobj(PARLEY_OBJ(parley_kraw("3", PARLEY_S("[true]"))))),
		"[\"message-back\",1,\"2\",{\"3\":[true]}]", 0);
	written("all",
		PARLEY_ARGS(parley_anum(0.5), parley_abool(true), parley_araw(PARLEY_S("[]")),
			    parley_ajson(NULL), parley_abin(parley_slice(NULL, 0))),
		"[\"all\",0.5,true,[],null,null]", 0);
	written("a \"b\"\n\xff", PARLEY_NO_ARGS, "[\"a \\\"b\\\"\\n\xef\xbf\xbd\"]", 0);
	/* an answer has no name */
	written(NULL, PARLEY_NO_ARGS, "[]", 0);
	written(NULL, PARLEY_ARGS(parley_aint(1)), "[1]", 0);
	written(NULL, PARLEY_ARGS(parley_astr(PARLEY_S("x")), BIN("b")), "[\"x\"," P(0) "]", 1);
}

static void bytes_are_numbered_as_they_stand(void **state)
{
	struct parley_slice same = PARLEY_S("same");
	(void)state;
	written("b",
		PARLEY_ARGS(
			BIN("first"),
			parley_aobj(PARLEY_OBJ(parley_kbin("x", PARLEY_S("second")),
					       parley_kobj("y", PARLEY_OBJ(parley_kbin("z", same))),
					       parley_kbin("empty", parley_slice("", 0)))),
			parley_aint(1), parley_abin(same)),
		"[\"b\"," P(0) ",{\"x\":" P(1) ",\"y\":{\"z\":" P(2) "},\"empty\":" P(3) "},1," P(
			4) "]",
		5);
	attached_is(0, "first");
	attached_is(1, "second");
	attached_is(2, "same");
	attached_is(3, "");
	attached_is(4, "same");
}

static void how_many(void **state)
{
	struct parley_field list[PARLEY_FIELDS_MAX + 2], inner[3][PARLEY_FIELDS_MAX + 1];
	(void)state;
	for (size_t i = 0; i <= PARLEY_FIELDS_MAX; i++)
		list[i] = BIN("x");
	list[PARLEY_FIELDS_MAX + 1] = (struct parley_field){.key = NULL};
	assert_int_equal(put("e", list), PL_ELIMIT);
	list[PARLEY_FIELDS_MAX] = (struct parley_field){.key = NULL};
	assert_int_equal(put("e", list), 0);
	assert_int_equal(attached.n, PARLEY_FIELDS_MAX);
	for (size_t i = 0; i < 3; i++)
		memcpy(inner[i], list, sizeof(inner[i]));
	/* 32 keys in one object may be the same in what is only written */
	const struct parley_field *two = PARLEY_ARGS(parley_aobj(inner[0]), parley_aobj(inner[1]));
	assert_int_equal(put("e", two), 0);
	assert_int_equal(attached.n, PL_SIO_ATTACHMENTS_MAX);
	inner[2][1].key = NULL;
	const struct parley_field *over =
		PARLEY_ARGS(parley_aobj(inner[0]), parley_aobj(inner[1]), parley_aobj(inner[2]));
	assert_int_equal(put("e", over), PL_ELIMIT);
}

static void what_is_refused(void **state)
{
	static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
					       "disconnecting", "newListener",   "removeListener"};
	struct parley_field nobodys[] = {{.key = ""}, {.key = NULL}};
	struct parley_field strange[] = {{.key = "", .type = 200}, {.key = NULL}};
	(void)state;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		assert_int_equal(put(reserved[i], PARLEY_NO_ARGS), PL_EINVAL);
	assert_int_equal(put("e", NULL), PL_EINVAL);
	assert_int_equal(put("e", nobodys), PL_EINVAL);
	assert_int_equal(put("e", strange), PL_EINVAL);
	assert_int_equal(put("e", PARLEY_ARGS(parley_aobj(NULL))), PL_EINVAL);
	assert_int_equal(put("e", PARLEY_ARGS(parley_aobj(nobodys))), PL_EINVAL);
	assert_int_equal(put("e", PARLEY_ARGS(parley_apacket(NULL, 0))), PL_EINVAL);
	assert_int_equal(attached.n, 0);
}

static void bytes_stand_in_events_only(void **state)
{
	(void)state;
	struct pl_sio_in in = {.json = NULL};
	struct parley_field packet = parley_apacket((const void *)&in, 0);
	pl_buf_clear(&out);
	assert_int_equal(pl_fields_write(&out, PARLEY_OBJ(parley_kbin("b", PARLEY_S("x")))),
			 PL_EINVAL);
	assert_int_equal(pl_fields_write(&out, PARLEY_OBJ(parley_kbin("b", parley_slice(NULL, 0)))),
			 PL_EINVAL);
	assert_int_equal(pl_fields_write(&out, PARLEY_OBJ(packet)), PL_EINVAL);
	assert_int_equal(put("e", PARLEY_ARGS(parley_aobj(PARLEY_OBJ(packet)))), PL_EINVAL);
}

/* ---- what came in ---- */

static const struct pl_slice three[] = {
	{"zero", 4},
	{"one", 3},
	{NULL, 0},
};

static const parley_packet *came(struct pl_sio_in *in, const char *json, uint32_t attachments)
{
	in->attachments = three;
	in->nattachments = attachments;
	assert_int_equal(pl_json_parse(parser, pl_slice_str(json), &in->json), 0);
	return (const void *)in;
}

static bool says(struct parley_slice s, const char *text)
{
	return parley_slice_eq(s, parley_cstr(text));
}

static void asking(void **state)
{
	struct pl_sio_in in = {.json = NULL};
	const parley_packet *p = (const void *)&in;
	(void)state;
	assert_int_equal(parley_packet_event(p).len, 0);
	assert_int_equal(parley_nargs(p), 0);
	assert_null(parley_arg(p, 0));
	assert_null(parley_arg_str(p, 0).at);

	p = came(&in, "[\"say\",\"a\\u0062\",{\"k\":1}]", 0);
	assert_true(says(parley_packet_event(p), "say"));
	assert_int_equal(parley_nargs(p), 2);
	assert_true(says(parley_arg_str(p, 0), "ab"));
	assert_null(parley_arg_str(p, 1).at);
	int64_t k;
	assert_true(parley_i64(parley_arg(p, 1), "k", &k));
	assert_null(parley_arg(p, 2));
	assert_null(parley_arg(p, SIZE_MAX));
	assert_null(parley_arg_str(p, 2).at);

	p = came(&in, "[12.50]", 0);
	assert_true(says(parley_packet_event(p), "12.50"));
	assert_int_equal(parley_nargs(p), 0);

	in.is_answer = true;
	p = came(&in, "[\"yes\",2]", 0);
	assert_int_equal(parley_packet_event(p).len, 0);
	assert_int_equal(parley_nargs(p), 2);
	assert_true(says(parley_arg_str(p, 0), "yes"));
	p = came(&in, "[]", 0);
	assert_int_equal(parley_nargs(p), 0);
	assert_null(parley_arg(p, 0));
}

static void bytes_that_came(void **state)
{
	struct pl_sio_in in = {.json = NULL};
	const char *json = "[\"b\"," P(1) ",{\"deep\":[" P(0) "," P(2) "]},\"no\",{\"num\":0}]";
	const parley_packet *p = came(&in, json, 3);
	(void)state;
	assert_true(says(parley_binary(p, parley_arg(p, 0)), "one"));
	const parley_json *deep = parley_first(parley_get(parley_arg(p, 1), "deep"));
	assert_true(says(parley_binary(p, deep), "zero"));
	struct parley_slice empty = parley_binary(p, parley_next(deep));
	assert_non_null(empty.at);
	assert_int_equal(empty.len, 0);
	assert_null(parley_binary(p, parley_arg(p, 1)).at);
	assert_null(parley_binary(p, parley_arg(p, 2)).at);
	assert_null(parley_binary(p, parley_arg(p, 3)).at);
	assert_null(parley_binary(p, NULL).at);
	/* in a packet without bytes it is an object like another */
	p = came(&in, json, 0);
	assert_null(parley_binary(p, parley_arg(p, 0)).at);
}

/* ---- handed on ---- */

static void as_it_was_written(void **state)
{
	struct pl_sio_in in = {.json = NULL};
	const parley_packet *p = came(&in, "[\"m\", 1.50 ,\"\\u0041\",{\"a\" : []}]", 0);
	(void)state;
	written("back", PARLEY_ARGS(parley_apacket(p, 0)),
		"[\"back\",1.50 ,\"\\u0041\",{\"a\" : []}]", 0);
	written("back", PARLEY_ARGS(parley_apacket(p, 2), parley_aint(9)),
		"[\"back\",{\"a\" : []},9]", 0);
	written("back", PARLEY_ARGS(parley_apacket(p, 3), parley_aint(9)), "[\"back\",9]", 0);
	written("back", PARLEY_ARGS(parley_apacket(p, SIZE_MAX)), "[\"back\"]", 0);
	written(NULL, PARLEY_ARGS(parley_apacket(p, 3), parley_apacket(p, 1)),
		"[\"\\u0041\",{\"a\" : []}]", 0);
	in.is_answer = true;
	written(NULL, PARLEY_ARGS(parley_apacket(p, 0)), "[\"m\", 1.50 ,\"\\u0041\",{\"a\" : []}]",
		0);
}

static void with_its_bytes(void **state)
{
	struct pl_sio_in in = {.json = NULL};
	const parley_packet *p = came(&in, "[\"m\"," P(2) ",{\"a\":[ " P(0) " ]},7," P(0) "]", 3);
	(void)state;
	written("back", PARLEY_ARGS(parley_apacket(p, 0)),
		"[\"back\"," P(0) ",{\"a\":[ " P(1) " ]},7," P(1) "]", 2);
	attached_is(0, "");
	attached_is(1, "zero");
	/* only what is still spoken of, and behind what stands before */
	written("back",
		PARLEY_ARGS(BIN("mine"), parley_apacket(p, 1), parley_apacket(p, 3), BIN("last")),
		"[\"back\"," P(0) ",{\"a\":[ " P(1) " ]},7," P(1) "," P(2) "," P(3) "]", 4);
	attached_is(0, "mine");
	attached_is(1, "zero");
	attached_is(2, "zero");
	attached_is(3, "last");
	written(NULL, PARLEY_ARGS(parley_apacket(p, 2)), "[7," P(0) "]", 1);
	attached_is(0, "zero");
	written(NULL, PARLEY_ARGS(parley_apacket(p, 4)), "[]", 0);
}

/* What a client made to look like a placeholder must not become one in somebody's packet. */
static void no_bytes_by_pretence(void **state)
{
	struct pl_sio_in in = {.json = NULL};
	const parley_packet *p = came(&in, "[\"m\",{\"a\":[" P(0) "]},2]", 0);
	const parley_json *liar = parley_arg(p, 0);
	(void)state;
	/* in a packet without bytes nobody takes it for one */
	written("e", PARLEY_ARGS(parley_apacket(p, 0)), "[\"e\",{\"a\":[" P(0) "]},2]", 0);
	assert_int_equal(put("e", PARLEY_ARGS(parley_ajson(liar))), 0);
	assert_int_equal(put("e", PARLEY_ARGS(parley_apacket(p, 0), BIN("x"))), PL_EINVAL);
	assert_int_equal(put("e", PARLEY_ARGS(BIN("x"), parley_ajson(liar))), PL_EINVAL);
	assert_int_equal(
		put("e", PARLEY_ARGS(parley_aobj(PARLEY_OBJ(parley_kjson("j", liar))), BIN("x"))),
		PL_EINVAL);
	/* what is not handed on does no harm */
	assert_int_equal(put("e", PARLEY_ARGS(parley_apacket(p, 1), BIN("x"))), 0);
	assert_int_equal(put("e", PARLEY_ARGS(parley_ajson(parley_arg(p, 1)), BIN("x"))), 0);
}

static void too_many_handed_on(void **state)
{
	struct pl_sio_in in = {.json = NULL};
	struct pl_slice many[PL_SIO_ATTACHMENTS_MAX];
	struct pl_buf b;
	(void)state;
	pl_buf_init(&b, 1 << 16);
	PL_PUT(&b, "[\"m\"");
	for (uint32_t i = 0; i < PL_SIO_ATTACHMENTS_MAX; i++) {
		many[i] = PL_S("x");
		pl_buf_putc(&b, ',');
		pl_sio_put_placeholder(&b, i);
	}
	pl_buf_put(&b, "]", 2);
	const parley_packet *p = came(&in, b.at, PL_SIO_ATTACHMENTS_MAX);
	in.attachments = many;
	assert_int_equal(put("e", PARLEY_ARGS(parley_apacket(p, 0))), 0);
	assert_int_equal(attached.n, PL_SIO_ATTACHMENTS_MAX);
	assert_true(pl_slice_is(pl_slice(out.at + 4, out.len - 4), b.at + 4));
	assert_int_equal(put("e", PARLEY_ARGS(BIN("y"), parley_apacket(p, 0))), PL_ELIMIT);
	pl_buf_fini(&b);
}

static void without_memory(void **state)
{
	struct pl_sio_in in = {.json = NULL};
	const parley_packet *p = came(&in, "[\"m\"," P(0) ",{\"a\":[" P(1) "]}]", 2);
	char text[400] = {0};
	(void)state;
	for (unsigned long n = 1;; n++) {
		struct pl_buf b;
		pl_buf_init(&b, 1 << 16);
		pl_mem_fail_at(n, false);
		int err = pl_sio_args_put(&b, PL_S("event"),
					  PARLEY_ARGS(parley_astr(parley_slice(text, sizeof(text))),
						      parley_apacket(p, 0), BIN("x")),
					  &attached);
		bool failed = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		assert_int_equal(err, failed ? PL_ENOMEM : 0);
		pl_buf_fini(&b);
		if (!failed)
			break;
		assert_true(n < 100);
	}
	for (size_t max = 0; max < 60; max++) {
		struct pl_buf b;
		pl_buf_init(&b, max);
		int err = pl_sio_args_put(&b, PL_S("event"), PARLEY_ARGS(parley_apacket(p, 0)),
					  &attached);
		assert_int_equal(err, PL_ETOOBIG);
		pl_buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(bytes_are_numbered_as_they_stand),
		cmocka_unit_test(how_many),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(bytes_stand_in_events_only),
		cmocka_unit_test(asking),
		cmocka_unit_test(bytes_that_came),
		cmocka_unit_test(as_it_was_written),
		cmocka_unit_test(with_its_bytes),
		cmocka_unit_test(no_bytes_by_pretence),
		cmocka_unit_test(too_many_handed_on),
		cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
