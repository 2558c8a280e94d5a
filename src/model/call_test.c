/* call_test.c - proves that the id of a call survives being written and read, that a bare UUID is
 * read too, and that nothing else is taken for one. */
#include "model/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static const struct pl_uuid sample = {{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
				       0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}};

static void an_id_is_read_as_it_was_written(void **state)
{
	static const uint64_t times[] = {0, 1, 1724483768123, UINT64_MAX};
	char room[PL_CALL_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		struct pl_uuid id = pl_uuid_v4(), back;
		assert_int_equal(pl_call_parse(pl_call_format(&id, times[i], room), &back), 0);
		assert_true(pl_uuid_eq(&id, &back));
	}
	struct pl_slice s = pl_call_format(&sample, 1724483768123, room);
	assert_true(pl_slice_is(s, "call-1724483768123-00112233445566778899aabbccddeeff"));
}

static void a_uuid_is_an_id(void **state)
{
	struct pl_uuid back;
	(void)state;
	assert_int_equal(pl_call_parse(PL_S("00112233-4455-6677-8899-aabbccddeeff"), &back), 0);
	assert_true(pl_uuid_eq(&back, &sample));
}

static void nothing_else_is_an_id(void **state)
{
	static const char *const bad[] = {
		"",
		"call-",
		"call--00112233445566778899aabbccddeeff",
		"call-1-00112233445566778899aabbccddeef",
		"call-1-00112233445566778899aabbccddeefff",
		"call-1-00112233445566778899AABBCCDDEEFF",
		"call-1-00112233445566778899aabbccddeefg",
		"call-x-00112233445566778899aabbccddeeff",
		"call-1x00112233445566778899aabbccddeeff",
		"Call-1-00112233445566778899aabbccddeeff",
		"call-111111111111111111111-00112233445566778899aabbccddeeff",
		"call-1724483768123-abcdefghijk",
		"call-00112233-4455-6677-8899-aabbccdd",
		"00112233-4455-6677-8899-aabbccddeefg",
		"00112233445566778899aabbccddeeff",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct pl_uuid id = sample;
		if (pl_call_parse(pl_slice_str(bad[i]), &id) != PL_EINVAL)
			fail_msg("\"%s\" was read", bad[i]);
		assert_true(pl_uuid_eq(&id, &sample));
	}
	/* Every beginning of a good one, each a block of its own for the sanitizers. */
	char room[PL_CALL_TEXT_MAX];
	struct pl_slice s = pl_call_format(&sample, 1724483768123, room);
	for (size_t n = 0; n < s.len; n++) {
		char *copy = test_malloc(n + 1);
		struct pl_uuid id;
		memcpy(copy, s.at, n);
		assert_int_equal(pl_call_parse(pl_slice(copy, n), &id), PL_EINVAL);
		test_free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_read_as_it_was_written),
		cmocka_unit_test(a_uuid_is_an_id),
		cmocka_unit_test(nothing_else_is_an_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
