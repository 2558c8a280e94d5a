/* Proves that frames go out as RFC 6455 section 5 draws them and RFC 7692 section 7 compresses
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "wire/ws.h"

static const uint8_t rfc_mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static void expect_header(struct pl_slice want, enum pl_ws_op op, size_t len, bool rsv1,
			  const uint8_t *mask)
{
	char out[PL_WS_HEADER_MAX];
	size_t n = pl_ws_header(out, op, len, rsv1, mask);
	assert_int_equal(n, want.len);
	assert_memory_equal(out, want.at, n);
}

static void headers_use_the_shortest_length(void **state)
{
	(void)state;
	expect_header(PL_S("\x81\x05"), PL_WS_TEXT, 5, false, NULL);
	expect_header(PL_S("\x81\x85\x37\xfa\x21\x3d"), PL_WS_TEXT, 5, false, rfc_mask);
	expect_header(PL_S("\xc1\x07"), PL_WS_TEXT, 7, true, NULL);
	expect_header(PL_S("\x89\x00"), PL_WS_PING, 0, false, NULL);
	expect_header(PL_S("\x82\x7d"), PL_WS_BINARY, 125, false, NULL);
	expect_header(PL_S("\x82\x7e\x00\x7e"), PL_WS_BINARY, 126, false, NULL);
	expect_header(PL_S("\x82\x7e\x01\x00"), PL_WS_BINARY, 256, false, NULL);
	expect_header(PL_S("\x82\x7e\xff\xff"), PL_WS_BINARY, 65535, false, NULL);
	expect_header(PL_S("\x82\x7f\0\0\0\0\0\x01\0\0"), PL_WS_BINARY, 65536, false, NULL);
	expect_header(PL_S("\x82\xff\0\0\0\x01\0\0\0\0\x37\xfa\x21\x3d"), PL_WS_BINARY,
		      UINT64_C(1) << 32, false, rfc_mask);
}

static void the_mask_is_a_repeated_xor(void **state)
{
	(void)state;
	uint8_t from[140], want[140];
	char to[144];
	for (size_t n = 0; n <= sizeof(from); n++) {
		for (size_t high = 0; high <= n; high++) {
			for (size_t i = 0; i < n; i++) {
				want[i] = (uint8_t)(i + 1 == high ? 0x80 : i * 7 % 128);
				from[i] = want[i] ^ rfc_mask[i % 4];
			}
			memset(to, '!', sizeof(to));
			bool beyond = pl_ws_mask(to + 1, (const char *)from, n, rfc_mask);
			assert_memory_equal(to + 1, want, n);
			assert_int_equal(beyond, high > 0);
			assert_true(to[0] == '!' && to[n + 1] == '!');
			memcpy(to, from, n);
			(void)pl_ws_mask(to, to, n, rfc_mask);
			assert_memory_equal(to, want, n);
		}
	}
	uint8_t turned[4] = {1, 2, 3, 4};
	pl_ws_mask_turn(turned, 7);
	assert_memory_equal(turned, "\x04\x01\x02\x03", 4);
}

static void frames_are_those_of_the_rfc(void **state)
{
	(void)state;
	struct pl_buf b;
	struct pl_frame *f = pl_ws_frame(PL_WS_TEXT, PL_S("Hello"));
	assert_true(pl_slice_eq(pl_frame_slice(f), PL_S("\x81\x05Hello")));
	pl_frame_release(f);
	f = pl_ws_frame(PL_WS_PING, (struct pl_slice){NULL, 0});
	assert_true(pl_slice_eq(pl_frame_slice(f), PL_S("\x89\x00")));
	pl_frame_release(f);
	assert_null(pl_ws_frame(PL_WS_TEXT, pl_slice("", SIZE_MAX)));
	pl_buf_init(&b, 30);
	pl_ws_put(&b, PL_WS_TEXT, PL_S("Hello"), rfc_mask);
	pl_ws_put(&b, PL_WS_PONG, PL_S("Hello"), NULL);
	pl_ws_put(&b, PL_WS_PING, (struct pl_slice){NULL, 0}, rfc_mask);
	assert_true(
		pl_slice_eq(pl_buf_slice(&b), PL_S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
						   "\x8a\x05Hello\x89\x80\x37\xfa\x21\x3d")));
	pl_ws_put(&b, PL_WS_TEXT, PL_S("Hello!"), NULL);
	assert_int_equal(b.err, PL_ETOOBIG);
	assert_int_equal(b.len, 24);
	pl_ws_put(&b, PL_WS_TEXT, pl_slice("", SIZE_MAX), NULL);
	assert_int_equal(b.err, PL_ETOOBIG);
	pl_buf_fini(&b);
}

static void only_what_shrinks_is_sent_compressed(void **state)
{
	(void)state;
	const struct pl_deflate_options o = {1, 12, 5, 0};
	struct pl_deflater *d;
	struct pl_inflater *inf;
	struct pl_slice back;
	struct pl_buf b;
	const struct pl_slice again =
		PL_S("again and again and again and again and again and again");
	assert_int_equal(pl_deflater_new(&o, &d), 0);
	assert_int_equal(pl_inflater_new(&inf), 0);
	struct pl_frame *f = pl_ws_frame_deflated(d, PL_WS_TEXT, again);
	assert_true(f->len < again.len);
	assert_int_equal((uint8_t)f->at[0], 0xc1);
	assert_int_equal((uint8_t)f->at[1], f->len - 2);
	assert_int_equal(pl_inflate(inf, pl_slice(f->at + 2, f->len - 2), 1000, &back), 0);
	assert_true(pl_slice_eq(back, again));
	pl_buf_init(&b, 1000);
	pl_ws_put_deflated(&b, d, PL_WS_TEXT, again, NULL);
	assert_true(pl_slice_eq(pl_buf_slice(&b), pl_frame_slice(f)));
	pl_frame_release(f);
	pl_buf_clear(&b);
	pl_ws_put_deflated(&b, d, PL_WS_TEXT, PL_S("Hello"), NULL);
	assert_true(pl_slice_eq(pl_buf_slice(&b), PL_S("\x81\x05Hello")));
	f = pl_ws_frame_deflated(d, PL_WS_TEXT, PL_S("Hello"));
	assert_true(pl_slice_eq(pl_frame_slice(f), PL_S("\x81\x05Hello")));
	pl_frame_release(f);
	pl_buf_fini(&b);
	pl_deflater_free(d);
	pl_inflater_free(inf);
}

static void no_memory_is_no_frame(void **state)
{
	(void)state;
	const struct pl_deflate_options o = {1, 12, 5, 0};
	const struct pl_slice again =
		PL_S("again and again and again and again and again and again");
	struct pl_deflater *d;
	struct pl_buf b;
	pl_buf_init(&b, 1000);
	pl_mem_fail_at(1, true);
	assert_null(pl_ws_frame(PL_WS_TEXT, PL_S("Hello")));
	pl_ws_put(&b, PL_WS_TEXT, PL_S("Hello"), NULL);
	assert_int_equal(b.err, PL_ENOMEM);
	for (unsigned long n = 1; n <= 2; n++) {
		pl_mem_fail_at(0, false);
		assert_int_equal(pl_deflater_new(&o, &d), 0);
		pl_mem_fail_at(n, false);
		assert_null(pl_ws_frame_deflated(d, PL_WS_TEXT, again));
		pl_deflater_free(d);
		pl_buf_fini(&b);
		pl_mem_fail_at(0, false);
		assert_int_equal(pl_deflater_new(&o, &d), 0);
		pl_mem_fail_at(n, false);
		pl_ws_put_deflated(&b, d, PL_WS_TEXT, again, NULL);
		assert_int_equal(b.err, PL_ENOMEM);
		pl_deflater_free(d);
	}
	pl_mem_fail_at(0, false);
	pl_buf_fini(&b);
}

static void a_close_payload_fits_and_is_text(void **state)
{
	(void)state;
	char out[PL_WS_CONTROL_MAX], reason[130];
	assert_int_equal(pl_ws_close_payload(out, 1000, PL_S("bye")), 5);
	assert_memory_equal(out,
			    "\x03\xe8"
			    "bye",
			    5);
	assert_int_equal(pl_ws_close_payload(out, 4999, (struct pl_slice){NULL, 0}), 2);
	assert_memory_equal(out, "\x13\x87", 2);
	assert_int_equal(pl_ws_close_payload(out, 1005, PL_S("x")), 0);
	assert_int_equal(pl_ws_close_payload(out, 1006, PL_S("x")), 0);
	assert_int_equal(pl_ws_close_payload(out, 1015, PL_S("x")), 0);
	assert_int_equal(pl_ws_close_payload(out, 0, PL_S("x")), 0);
	memset(reason, 'x', sizeof(reason));
	assert_int_equal(pl_ws_close_payload(out, 1000, pl_slice(reason, 123)), 125);
	assert_int_equal(pl_ws_close_payload(out, 1000, pl_slice(reason, 124)), 125);
	memcpy(reason + 121, "\xe2\x82\xac", 3);
	assert_int_equal(pl_ws_close_payload(out, 1000, pl_slice(reason, 124)), 123);
	memcpy(reason + 120, "\xe2\x82\xacx", 4);
	assert_int_equal(pl_ws_close_payload(out, 1000, pl_slice(reason, 130)), 125);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_use_the_shortest_length),
		cmocka_unit_test(the_mask_is_a_repeated_xor),
		cmocka_unit_test(frames_are_those_of_the_rfc),
		cmocka_unit_test(only_what_shrinks_is_sent_compressed),
		cmocka_unit_test(no_memory_is_no_frame),
		cmocka_unit_test(a_close_payload_fits_and_is_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
