/*
 * base64_test.c - proves that base64 is RFC 4648's, section 4, that each run of bytes has one text,
 * and that decoding in place, as long-polling does, gives the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "wire/base64.h"

#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void the_vectors_of_the_rfc(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xfb\xff\xbf", "+/+/"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[8];
		size_t n = 99;
		struct pl_buf b;
		pl_buf_init(&b, 64);
		pl_base64_encode(&b, pl_slice_str(rows[i].bytes));
		assert_int_equal(b.err, 0);
		assert_true(pl_slice_is(pl_buf_slice(&b), rows[i].text));
		assert_int_equal(b.len, pl_base64_size(strlen(rows[i].bytes)));
		assert_int_equal(pl_base64_decode(pl_slice_str(rows[i].text), out, 8, &n), 0);
		assert_true(pl_slice_is(pl_slice(out, n), rows[i].bytes));
		pl_buf_fini(&b);
	}
}

static void one_text_for_each_run_of_bytes(void **state)
{
	static const char *const bad[] = {
		"Z",        "Zg",       "Zg=",      "Zg===",    "=",     "==",       "===",
		"====",     "Z===",     "Zm9v=",    "Zm9v====", "Zh==",  "Zm9=",     "Zg==Zg==",
		"Zg=g",     "Z=g=",     "Zm-_",     "Zm9 ",     " Zm9v", "Zm9v\r\n", "Zm9v\n",
		"!!!!",     "Zm9\x80",  "\xffm9v",  "Zm9v,m9v", "Zm9v.", "Zm9`",     "@m9v",
		"Zm9vZm9:", "Zm9v[m9v", "Zm9v{m8=",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char out[64];
		size_t n = 99;
		if (pl_base64_decode(pl_slice_str(bad[i]), out, sizeof(out), &n) != PL_EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(n, 99);
	}
	size_t n = 99;
	assert_int_equal(pl_base64_decode(pl_slice("Zm9\0", 4), (char[4]){0}, 4, &n), PL_EINVAL);
}

static void no_more_than_fits(void **state)
{
	char out[4] = {'x', 'x', 'x', 'x'};
	size_t n = 99;
	(void)state;
	assert_int_equal(pl_base64_decode(PL_S("Zm9v"), out, 2, &n), PL_ETOOBIG);
	assert_int_equal(pl_base64_decode(PL_S("Zm8="), out, 1, &n), PL_ETOOBIG);
	assert_int_equal(pl_base64_decode(PL_S("Zm8="), out, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(out, "foxx", 4);
	assert_int_equal(pl_base64_decode(PL_S(""), NULL, 0, &n), 0);
	assert_int_equal(n, 0);
}

/* From an exact heap copy, so that a read or a write past the end is seen. */
static void in_place_any_length(void **state)
{
	uint8_t bytes[200];
	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct pl_buf b;
		size_t n = 0;
		pl_buf_init(&b, 512);
		pl_base64_encode(&b, pl_slice(bytes, len));
		char *text = malloc(b.len ? b.len : 1);
		assert_non_null(text);
		if (b.len)
			memcpy(text, b.at, b.len);
		assert_int_equal(pl_base64_decode(pl_slice(text, b.len), text, b.len, &n), 0);
		assert_int_equal(n, len);
		assert_memory_equal(text, bytes, len);
		free(text);
		pl_buf_fini(&b);
	}
}

static void each_character_has_its_value(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char text[4] = {(char)c, 'A', 'A', 'A'}, out[3];
		size_t n;
		int err = pl_base64_decode(pl_slice(text, 4), out, 3, &n);
		if (err)
			continue;
		struct pl_buf b;
		pl_buf_init(&b, 8);
		pl_base64_encode(&b, pl_slice(out, n));
		assert_memory_equal(b.at, text, 4);
		pl_buf_fini(&b);
	}
}

static void failures_stick(void **state)
{
	struct pl_buf b;
	(void)state;
	pl_buf_init(&b, 7);
	pl_base64_encode(&b, PL_S("foob"));
	assert_int_equal(b.err, PL_ETOOBIG);
	assert_int_equal(b.len, 0);
	pl_buf_fini(&b);
	pl_buf_init(&b, 64);
	pl_mem_fail_at(1, false);
	pl_base64_encode(&b, PL_S("foob"));
	pl_mem_fail_at(0, false);
	assert_int_equal(b.err, PL_ENOMEM);
	pl_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc),
		cmocka_unit_test(one_text_for_each_run_of_bytes),
		cmocka_unit_test(no_more_than_fits),
		cmocka_unit_test(in_place_any_length),
		cmocka_unit_test(each_character_has_its_value),
		cmocka_unit_test(failures_stick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
