/* Proves that permessage-deflate is negotiated as RFC 7692 section 7.1 says, that its examples
 * inflate, and that neither damaged nor swollen data get through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/id.h"
#include "base/mem.h"
#include "wire/deflate.h"

#include <zlib.h>

#define YES "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

static const struct {
	const char *value;
	int result;
	const char *answer;
} offers[] = {
	{NULL, 0, ""},
	{"", 0, ""},
	{"permessage-deflate", 1, YES},
	{"Permessage-Deflate", 1, YES},
	{"permessage-deflate; client_max_window_bits", 1, YES},
	{"permessage-deflate;client_max_window_bits=8", 1, YES},
	{"permessage-deflate ; client_max_window_bits = \"10\" ", 1, YES},
	{"permessage-deflate; client_no_context_takeover; server_no_context_takeover", 1, YES},
	{"permessage-deflate; server_max_window_bits=15", 1, YES "; server_max_window_bits=12"},
	{"permessage-deflate; server_max_window_bits=\"12\"", 1, YES "; server_max_window_bits=12"},
	{"permessage-deflate; server_max_window_bits=11", 0, ""},
	{"permessage-deflate; server_max_window_bits=8", 0, ""},
	{"permessage-deflate; server_max_window_bits=7", 0, ""},
	{"permessage-deflate; server_max_window_bits=16", 0, ""},
	{"permessage-deflate; server_max_window_bits=012", 0, ""},
	{"permessage-deflate; server_max_window_bits=+12", 0, ""},
	{"permessage-deflate; server_max_window_bits=99999999999999999999999", 0, ""},
	{"permessage-deflate; server_max_window_bits", 0, ""},
	{"permessage-deflate; client_max_window_bits=16", 0, ""},
	{"permessage-deflate; client_max_window_bits=0", 0, ""},
	{"permessage-deflate; server_no_context_takeover=1", 0, ""},
	{"permessage-deflate; client_no_context_takeover; client_no_context_takeover", 0, ""},
	{"permessage-deflate; client_max_window_bits; client_max_window_bits=10", 0, ""},
	{"permessage-deflate; unknown", 0, ""},
	{"permessage-deflate; unknown=1, permessage-deflate", 1, YES},
	{"permessage-deflate; server_max_window_bits=10, permessage-deflate", 1, YES},
	{"x-webkit-deflate-frame, permessage-deflate; client_max_window_bits", 1, YES},
	{"foo; bar=\"baz\"; quux, ,permessage-deflate,", 1, YES},
	{"permessage-deflatex", 0, ""},
	/* the ninth is not looked at, be it good or ill-formed */
	{"a,b,c,d,e,f,g,permessage-deflate", 1, YES},
	{"a,b,c,d,e,f,g,h,permessage-deflate", 0, ""},
	{"a,b,c,d,e,f,g,h,\"", 0, ""},
	/* not the grammar: the handshake fails */
	{"permessage-deflate permessage-deflate", PL_EINVAL, ""},
	{"permessage-deflate; ", PL_EINVAL, ""},
	{"permessage-deflate;;", PL_EINVAL, ""},
	{"permessage-deflate; a=", PL_EINVAL, ""},
	{"permessage-deflate; a=\"", PL_EINVAL, ""},
	{"permessage-deflate; a=\"\"", PL_EINVAL, ""},
	{"permessage-deflate; a=\"b", PL_EINVAL, ""},
	{"permessage-deflate; a=\"b c\"", PL_EINVAL, ""},
	{"permessage-deflate; =10", PL_EINVAL, ""},
	{"permessage-deflate, @", PL_EINVAL, ""},
	{"\xff\x80", PL_EINVAL, ""},
};

static void every_offer_gets_its_answer(void **state)
{
	(void)state;
	const struct pl_deflate_options ours = {.window_bits = 12};
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		struct pl_buf b;
		pl_buf_init(&b, 256);
		int got = pl_deflate_pick(pl_slice_str(offers[i].value), &ours, &b);
		if (got != offers[i].result || !pl_slice_is(pl_buf_slice(&b), offers[i].answer))
			fail_msg("%s: %d %.*s", offers[i].value, got, PL_FMT(pl_buf_slice(&b)));
		pl_buf_fini(&b);
	}
}

static void an_answer_needs_room(void **state)
{
	(void)state;
	const struct pl_deflate_options ours = pl_deflate_defaults();
	struct pl_buf b;
	pl_buf_init(&b, 20);
	assert_int_equal(pl_deflate_pick(PL_S("permessage-deflate"), &ours, &b), PL_ETOOBIG);
	pl_buf_fini(&b);
	pl_buf_init(&b, 256);
	pl_mem_fail_at(1, false);
	assert_int_equal(pl_deflate_pick(PL_S("permessage-deflate"), &ours, &b), PL_ENOMEM);
	pl_mem_fail_at(0, false);
	pl_buf_fini(&b);
}

static void the_client_accepts_only_what_it_offered(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		int result;
	} answers[] = {
		{NULL, 0},
		{YES, 1},
		{"permessage-deflate; server_no_context_takeover", 1},
		{"permessage-deflate; server_no_context_takeover; server_max_window_bits=10", 1},
		{"permessage-deflate", PL_EPROTO},
		{YES "; client_max_window_bits=10", PL_EPROTO},
		{YES "; unknown", PL_EPROTO},
		{YES ", permessage-deflate", PL_EPROTO},
		{"x-webkit-deflate-frame", PL_EPROTO},
		{"", PL_EPROTO},
		{YES ";", PL_EPROTO},
	};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(pl_deflate_answered(pl_slice_str(answers[i].value)),
				 answers[i].result);
	const struct pl_deflate_options ours = pl_deflate_defaults();
	struct pl_buf b;
	pl_buf_init(&b, 256);
	assert_int_equal(pl_deflate_pick(PL_DEFLATE_OFFER, &ours, &b), 1);
	assert_int_equal(pl_deflate_answered(pl_buf_slice(&b)), 1);
	pl_buf_fini(&b);
}

/* RFC 7692 section 7.2.3, and what must not pass. */
static const struct {
	const char *what;
	struct pl_slice payload;
	int err;
	struct pl_slice message;
} payloads[] = {
	{"7.2.3.1 one block", PL_S("\xf2\x48\xcd\xc9\xc9\x07\x00"), 0, PL_S("Hello")},
	{"7.2.3.2 sharing a window is not negotiated",
	 PL_S("\xf2\x00\x11\x00\x00"),
	 PL_EPROTO,
	 {0}},
	{"7.2.3.3 no compression", PL_S("\x00\x05\x00\xfa\xffHello\x00"), 0, PL_S("Hello")},
	{"7.2.3.4 BFINAL", PL_S("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 0, PL_S("Hello")},
	{"7.2.3.5 two blocks", PL_S("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), 0,
	 PL_S("Hello")},
	{"7.2.3.6 empty", PL_S("\x00"), 0, PL_S("")},
	{"nothing at all", PL_S(""), 0, PL_S("")},
	{"BFINAL without the byte after it", PL_S("\xf3\x48\xcd\xc9\xc9\x07\x00"), 0,
	 PL_S("Hello")},
	{"BFINAL twice", PL_S("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 0,
	 PL_S("HelloHello")},
	{"cut in a block", PL_S("\xf2\x48\xcd\xc9"), PL_EPROTO, {0}},
	{"cut in a stored block", PL_S("\x00\x05\x00\xfa\xffHel"), PL_EPROTO, {0}},
	{"reserved block type", PL_S("\x07"), PL_EPROTO, {0}},
	{"stored length and its complement differ",
	 PL_S("\x00\x05\x00\xfa\xfeHello\x00"),
	 PL_EPROTO,
	 {0}},
	{"rubbish after BFINAL", PL_S("\xf3\x48\xcd\xc9\xc9\x07\x00\xff\xff"), PL_EPROTO, {0}},
	{"with its tail left on, and more behind",
	 PL_S("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\x00"), 0, PL_S("Hello")},
};

static void the_examples_of_the_rfc_inflate(void **state)
{
	(void)state;
	struct pl_inflater *inf;
	assert_int_equal(pl_inflater_new(&inf), 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
			struct pl_slice out;
			int err = pl_inflate(inf, payloads[i].payload, 1000, &out);
			if (err != payloads[i].err ||
			    (!err && !pl_slice_eq(out, payloads[i].message)))
				fail_msg("%s: %d", payloads[i].what, err);
		}
	}
	pl_inflater_free(inf);
}

static struct pl_deflater *deflater(int bits, int level)
{
	const struct pl_deflate_options o = {level, bits, 5, 0};
	struct pl_deflater *d = NULL;
	assert_int_equal(pl_deflater_new(&o, &d), 0);
	return d;
}

/* Text-like, so that it compresses, but with no long repetition. */
static char *words(size_t n)
{
	char *text = pl_alloc(n + 1);
	assert_non_null(text);
	uint32_t x = 12345;
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		text[i] = "etaoinshrdlu ,.\n"[x >> 28];
	}
	return text;
}

static void what_is_compressed_comes_back(void **state)
{
	(void)state;
	static const size_t sizes[] = {200, 1000, 16383, 16384, 16385, 65536, 300000};
	struct pl_inflater *inf;
	assert_int_equal(pl_inflater_new(&inf), 0);
	for (int bits = 9; bits <= 15; bits += 3) {
		struct pl_deflater *d = deflater(bits, bits == 12 ? 9 : 1);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			char *text = words(sizes[i]);
			struct pl_slice packed, back;
			assert_int_equal(pl_deflate(d, pl_slice(text, sizes[i]), &packed), 1);
			assert_true(packed.len < sizes[i]);
			assert_int_equal(pl_inflate(inf, packed, sizes[i], &back), 0);
			assert_true(pl_slice_eq(back, pl_slice(text, sizes[i])));
			/* One byte less allowed is one byte too little. */
			assert_int_equal(pl_inflate(inf, packed, sizes[i] - 1, &back), PL_ETOOBIG);
			pl_free(text);
		}
		pl_deflater_free(d);
	}
	pl_inflater_free(inf);
}

static void no_message_leans_on_the_one_before(void **state)
{
	(void)state;
	struct pl_deflater *d = deflater(12, 6);
	struct pl_slice first, again;
	char *text = words(2000), kept[2000];
	assert_int_equal(pl_deflate(d, pl_slice(text, 2000), &first), 1);
	size_t len = first.len;
	memcpy(kept, first.at, len);
	assert_int_equal(pl_deflate(d, pl_slice(text, 2000), &again), 1);
	assert_true(pl_slice_eq(again, pl_slice(kept, len)));
	pl_free(text);
	pl_deflater_free(d);
}

static void what_would_not_shrink_is_left_alone(void **state)
{
	(void)state;
	struct pl_deflater *d = deflater(15, 9);
	struct pl_slice out;
	char noise[5000];
	pl_random_bytes(noise, sizeof(noise));
	assert_int_equal(pl_deflate(d, pl_slice(noise, sizeof(noise)), &out), 0);
	for (size_t n = 0; n < 5; n++)
		assert_int_equal(pl_deflate(d, pl_slice("abcde", n), &out), 0);
	/* "Hello" takes 7 bytes (RFC 7692 section 7.2.3.1). */
	assert_int_equal(pl_deflate(d, PL_S("Hello"), &out), 0);
	pl_deflater_free(d);
	const struct pl_deflate_options o = {1, 12, 5, 100};
	char zeros[100] = {0};
	assert_int_equal(pl_deflater_new(&o, &d), 0);
	assert_int_equal(pl_deflate(d, pl_slice(zeros, 99), &out), 0);
	assert_int_equal(pl_deflate(d, pl_slice(zeros, 100), &out), 1);
	pl_deflater_free(d);
}

/* A few kilobytes that stand for many megabytes stop at the limit. */
static void a_bomb_stops_at_the_limit(void **state)
{
	(void)state;
	enum { REAL = 64 << 20, MAX = 1 << 20 };
	char *zeros = pl_zalloc(1, REAL);
	struct pl_deflater *d = deflater(15, 9);
	struct pl_inflater *inf;
	struct pl_slice packed, out;
	assert_non_null(zeros);
	assert_int_equal(pl_inflater_new(&inf), 0);
	assert_int_equal(pl_deflate(d, pl_slice(zeros, REAL), &packed), 1);
	assert_true(packed.len < REAL / 900);
	assert_int_equal(pl_inflate(inf, packed, MAX, &out), PL_ETOOBIG);
	assert_int_equal(pl_inflate(inf, payloads[0].payload, 0, &out), PL_ETOOBIG);
	assert_int_equal(pl_inflate(inf, payloads[0].payload, 5, &out), 0);
	assert_true(pl_slice_is(out, "Hello"));
	pl_deflater_free(d);
	pl_inflater_free(inf);
	pl_free(zeros);
}

static void options_out_of_range_are_refused(void **state)
{
	(void)state;
	static const struct pl_deflate_options bad[] = {
		{0, 12, 5, 0}, {10, 12, 5, 0}, {1, 8, 5, 0},
		{1, 16, 5, 0}, {1, 12, 0, 0},  {1, 12, 10, 0},
	};
	struct pl_deflater *d;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pl_deflater_new(&bad[i], &d), PL_EINVAL);
}

static int round_trip(struct pl_slice text)
{
	const struct pl_deflate_options o = {1, 12, 5, 0};
	struct pl_deflater *d = NULL;
	struct pl_inflater *inf = NULL;
	struct pl_slice packed, back;
	int err = pl_deflater_new(&o, &d);
	if (!err)
		err = pl_inflater_new(&inf);
	if (!err)
		err = pl_deflate(d, text, &packed);
	if (err == 1)
		err = pl_inflate(inf, packed, text.len, &back);
	if (!err)
		assert_true(pl_slice_eq(text, back));
	pl_deflater_free(d);
	pl_inflater_free(inf);
	return err;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	char *text = words(100000);
	pl_mem_fail_at(0, false);
	assert_int_equal(round_trip(pl_slice(text, 100000)), 0);
	unsigned long all = pl_mem_count();
	assert_true(all > 5 && all < 100);
	for (unsigned long n = 1; n <= all; n++) {
		pl_mem_fail_at(n, false);
		assert_int_equal(round_trip(pl_slice(text, 100000)), PL_ENOMEM);
	}
	pl_mem_fail_at(0, false);
	pl_free(text);
}

/* The library must be one without CVE-2022-37434. */
static void zlib_is_recent(void **state)
{
	(void)state;
	assert_true(ZLIB_VERNUM >= 0x12d0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_offer_gets_its_answer),
		cmocka_unit_test(an_answer_needs_room),
		cmocka_unit_test(the_client_accepts_only_what_it_offered),
		cmocka_unit_test(the_examples_of_the_rfc_inflate),
		cmocka_unit_test(what_is_compressed_comes_back),
		cmocka_unit_test(no_message_leans_on_the_one_before),
		cmocka_unit_test(what_would_not_shrink_is_left_alone),
		cmocka_unit_test(a_bomb_stops_at_the_limit),
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(zlib_is_recent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
