/*
 * socketio_content_test.c - proves the two texts of the Socket.IO dialect that are read back: what
 * a client shows to be recovered, which nobody can make or change without the key; and content with
 * pieces, of which only what is there is believed.
 */
#include "dialect/socketio_internal.h"

#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define SID PL_S("abcdefghijklmnopqrst")

static void a_pid_is_read_by_whoever_wrote_it(void **state)
{
	(void)state;
	uint8_t key[PL_SECRET_BYTES] = {1}, other_key[PL_SECRET_BYTES] = {2};
	struct pl_uuid alice = {{1}}, bob = {{2}}, position = {{7, 8, 9}}, found = {{0}};
	char pid[PL_SOCKETIO_PID] = "";
	struct pl_slice sid, text = pl_slice(pid, sizeof(pid));
	assert_int_equal(pl_socketio_pid_write(key, SID, &alice, &position, pid), 0);
	assert_int_equal(pl_socketio_pid_read(key, text, &alice, &sid, &found), 0);
	assert_true(pl_slice_eq(sid, SID));
	assert_true(pl_uuid_eq(&found, &position));
	assert_int_equal(pl_socketio_pid_read(key, text, &bob, &sid, &found), PL_EINVAL);
	assert_int_equal(pl_socketio_pid_read(other_key, text, &alice, &sid, &found), PL_EINVAL);
	for (size_t i = 0; i < sizeof(pid); i++) {
		char was = pid[i];
		for (int c = 0; c < 128; c++) {
			pid[i] = (char)c;
			if (c != was)
				assert_int_equal(
					pl_socketio_pid_read(key, text, &alice, &sid, &found),
					PL_EINVAL);
		}
		pid[i] = was;
	}
	for (size_t n = 0; n < sizeof(pid); n++)
		assert_int_equal(pl_socketio_pid_read(key, pl_slice(pid, n), &alice, &sid, &found),
				 PL_EINVAL);
}

static void ids_are_read_with_and_without_hyphens(void **state)
{
	(void)state;
	struct pl_uuid id;
	struct pl_buf b;
	assert_int_equal(pl_socketio_read_id(PL_S("0123456789abcdef0123456789abcdef"), &id), 0);
	assert_int_equal(id.b[0], 0x01);
	assert_int_equal(id.b[15], 0xef);
	pl_buf_init(&b, 64);
	pl_socketio_put_id(&b, &id);
	assert_true(pl_slice_is(pl_buf_slice(&b), "\"0123456789abcdef0123456789abcdef\""));
	pl_buf_fini(&b);
	assert_int_equal(pl_socketio_read_id(PL_S("01234567-89ab-cdef-0123-456789abcdef"), &id), 0);
	const char *const bad[] = {"", "0123456789abcdef0123456789abcde",
				   "0123456789abcdef0123456789abcdeg",
				   "0123456789abcdef0123456789abcdef0"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pl_socketio_read_id(pl_slice_str(bad[i]), &id), PL_EINVAL);
}

static void expect(uint32_t format, const char *content, const char *metadata, const char *json,
		   uint32_t npieces)
{
	struct pl_message m = {.format = format,
			       .kind = PL_S("text"),
			       .content = pl_slice_str(content),
			       .metadata = pl_slice_str(metadata)};
	struct pl_socketio_pieces p;
	struct pl_slice at[PL_SOCKETIO_PIECES_MAX];
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	pl_socketio_pieces_init(&p);
	pl_socketio_put_content(&b, &m, m.content, &p);
	pl_socketio_pieces_slices(&p, at);
	if (!pl_slice_is(pl_buf_slice(&b), json))
		fail_msg("%.*s, not %s", PL_FMT(pl_buf_slice(&b)), json);
	assert_int_equal(p.n, npieces);
	pl_socketio_pieces_fini(&p);
	pl_buf_fini(&b);
}

#define U "data:application/octet-stream;base64,"
#define P "{\"_placeholder\":true,\"num\":"

/* The formats of socketio_content.c: 1 JSON, 2 bytes, 5 JSON with pieces. */
static void content_is_given_back_as_its_format_says(void **state)
{
	(void)state;
	expect(0, "{\"a\":1}", NULL, "\"{\\\"a\\\":1}\"", 0);
	expect(1, "{\"a\":1}", NULL, "{\"a\":1}", 0);
	expect(2, U "YWJj", NULL, P "0}", 1);
	expect(2, U, NULL, P "0}", 1);
	expect(5, "[1,\"" U "YWJj\",\"" U "\"]", "{\"pieces\":[3,43,47,39]}", "[1," P "0}," P "1}]",
	       2);
	expect(13, "[\"" U "YWJj\"]", "{\"type\":\"\\\"pieces\\\":[\",\"pieces\":[1,43]}",
	       "[" P "0}]", 1);
}

/* Whatever is not as it should be leaves the JSON as it is. */
static void what_does_not_fit_is_not_believed(void **state)
{
	(void)state;
	const char *content = "[1,\"" U "YWJj\"]";
	static const char *const bad[] = {NULL,
					  "",
					  "{}",
					  "{\"pieces\":[]}",
					  "{\"pieces\":[3]}",
					  "{\"pieces\":[3,]}",
					  "{\"pieces\":[3,42]}",
					  "{\"pieces\":[3,44]}",
					  "{\"pieces\":[3,99]}",
					  "{\"pieces\":[2,43]}",
					  "{\"pieces\":[99,1]}",
					  "{\"pieces\":[3,0]}",
					  "{\"pieces\":[3,18446744073709551615]}",
					  "{\"pieces\":[18446744073709551615,2]}",
					  "{\"pieces\":[-3,43]}",
					  "{\"pieces\":[3,43,3,43]}",
					  "\"pieces\":[3,43"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect(5, content, bad[i], content, 0);
	expect(2, "no data", NULL, "\"no data\"", 0);
	expect(2, U "YWJ", NULL, "\"" U "YWJ\"", 0);
	expect(2, U "Y===", NULL, "\"" U "Y===\"", 0);
}

static void types_are_written_as_they_came(void **state)
{
	(void)state;
	const struct {
		uint32_t format;
		const char *metadata, *type;
	} rows[] = {{0, "{\"type\":\"x\"}", "\"image\""},
		    {8, "{\"type\":\"x\"}", "\"x\""},
		    {8, "{\"type\":\"a\\\"b\\\\\"}", "\"a\\\"b\\\\\""},
		    {8, "{\"type\":\"", "\"image\""},
		    {8, "{\"type\":\"x", "\"image\""},
		    {8, "{\"type\":\"x\\", "\"image\""},
		    {8, NULL, "\"image\""}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_message m = {.format = rows[i].format,
				       .kind = PL_S("image"),
				       .metadata = pl_slice_str(rows[i].metadata)};
		struct pl_buf b;
		pl_buf_init(&b, 256);
		pl_socketio_put_type(&b, &m);
		if (!pl_slice_is(pl_buf_slice(&b), rows[i].type))
			fail_msg("%.*s, not %s", PL_FMT(pl_buf_slice(&b)), rows[i].type);
		pl_buf_fini(&b);
	}
}

/* What is no number is not written as one, whatever is said of it. */
static void user_ids_are_valid_json(void **state)
{
	(void)state;
	const struct {
		const char *subject, *json;
	} rows[] = {{"7", "7"},         {"-7", "-7"},       {"0", "0"},
		    {"007", "\"007\""}, {"7x", "\"7x\""},   {"-", "\"-\""},
		    {"1.5", "\"1.5\""}, {"1e9", "\"1e9\""}, {"--1", "\"--1\""}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_user u = {.subject = pl_slice_str(rows[i].subject),
				    .subject_is_number = true};
		struct pl_buf b;
		pl_buf_init(&b, 256);
		pl_socketio_put_user_id(&b, &u);
		if (!pl_slice_is(pl_buf_slice(&b), rows[i].json))
			fail_msg("%.*s, not %s", PL_FMT(pl_buf_slice(&b)), rows[i].json);
		pl_buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pid_is_read_by_whoever_wrote_it),
		cmocka_unit_test(ids_are_read_with_and_without_hyphens),
		cmocka_unit_test(content_is_given_back_as_its_format_says),
		cmocka_unit_test(what_does_not_fit_is_not_believed),
		cmocka_unit_test(types_are_written_as_they_came),
		cmocka_unit_test(user_ids_are_valid_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
