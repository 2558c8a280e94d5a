/* Proves that UTF-8 is recognised as the Unicode Standard's table 3-7 says, that the first bad byte
 * is named, and that how the text arrives changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/utf8.h"

/* The bit layout of RFC 3629 section 3, straight from its table. */
static size_t encode(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(first[n] | c);
	return n;
}

static void every_character_is_valid_and_its_pieces_are_not(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char text[4];
		size_t n = encode(c, text);
		bool surrogate = c >= 0xd800 && c <= 0xdfff;
		if (pl_utf8_valid(pl_slice(text, n)) == surrogate)
			fail_msg("U+%04X", c);
		for (size_t cut = 1; cut < n; cut++)
			assert_false(pl_utf8_valid(pl_slice(text, cut)));
	}
}

static const struct {
	struct pl_slice text;
	size_t bad; /* index of the first byte that cannot be right */
} broken[] = {
	{PL_S("\x80"), 0},
	{PL_S("\xbf"), 0},
	{PL_S("a\xc0\x80"), 1},
	{PL_S("\xc1\xbf"), 0},
	{PL_S("\xc2\x7f"), 1},
	{PL_S("\xc2\xc0"), 1},
	{PL_S("\xdf\x20"), 1},
	{PL_S("\xe0\x9f\xbf"), 1},
	{PL_S("\xe0\xa0\x7f"), 2},
	{PL_S("\xe1\x7f"), 1},
	{PL_S("\xe1\x80\xc0"), 2},
	{PL_S("\xed\xa0\x80"), 1},
	{PL_S("\xed\x9f\x2f"), 2},
	{PL_S("\xef\xbf\xff"), 2},
	{PL_S("\xf0\x8f\xbf\xbf"), 1},
	{PL_S("\xf0\x90\x80\x00"), 3},
	{PL_S("\xf1\x80\x7f\x80"), 2},
	{PL_S("\xf4\x90\x80\x80"), 1},
	{PL_S("\xf4\x8f\xbf\xc0"), 3},
	{PL_S("\xf5\x80\x80\x80"), 0},
	{PL_S("\xff"), 0},
	{PL_S("\xfe"), 0},
	/* Autobahn 6.3.1 and 6.4.1: the surrogate and the too large value inside words */
	{PL_S("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
	      "edited"),
	 12},
	{PL_S("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80"
	      "edited"),
	 12},
};

/* Feeds text in chunks of `step`; returns the index of the first bad byte, or the length. */
static size_t feed(struct pl_slice text, size_t step, struct pl_utf8 *u)
{
	*u = (struct pl_utf8){0};
	for (size_t i = 0; i < text.len; i += step) {
		size_t n = text.len - i < step ? text.len - i : step;
		size_t good = pl_utf8_check(u, text.at + i, n);
		if (good < n)
			return i + good;
	}
	return text.len;
}

static void the_first_bad_byte_is_named_however_it_arrives(void **state)
{
	(void)state;
	char text[160];
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		for (size_t pad = 0; pad < 40; pad++) {
			size_t n = pad + broken[i].text.len;
			memset(text, 'x', sizeof(text));
			memcpy(text + pad, broken[i].text.at, broken[i].text.len);
			for (size_t after = 0; after < 20; after += 19)
				for (size_t step = 1; step <= n + after; step++) {
					struct pl_utf8 u;
					struct pl_slice whole = pl_slice(text, n + after);
					assert_int_equal(feed(whole, step, &u),
							 pad + broken[i].bad);
					assert_false(pl_utf8_done(&u));
				}
		}
	}
}

static void bad_stays_bad(void **state)
{
	(void)state;
	struct pl_utf8 u = {0};
	assert_int_equal(pl_utf8_check(&u, "\xff", 1), 0);
	assert_int_equal(pl_utf8_check(&u, "abcdefghijklmnopqrstuvwxyz", 26), 0);
	assert_false(pl_utf8_done(&u));
}

static void valid_text_in_chunks_of_every_size(void **state)
{
	(void)state;
	const struct pl_slice text =
		PL_S("plain ascii that is longer than sixteen bytes, "
		     "Gr\xc3\xbc\xc3\x9f"
		     "e \xe2\x82\xac \xed\x9f\xbf\xee\x80\x80 \xf0\x90\x80\x80\xf4\x8f\xbf\xbf "
		     "\xef\xbf\xbf 0123456789abcdef0123456789abcdef\x7f\xc2\x80\xdf\xbf");
	for (size_t step = 1; step <= text.len; step++) {
		struct pl_utf8 u;
		assert_int_equal(feed(text, step, &u), text.len);
		assert_true(pl_utf8_done(&u));
	}
	assert_true(pl_utf8_valid((struct pl_slice){NULL, 0}));
	assert_true(pl_utf8_valid(PL_S("\0zero is a character")));
}

static void a_cut_keeps_characters_whole(void **state)
{
	(void)state;
	const struct pl_slice text = PL_S("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
	static const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
	for (size_t max = 0; max < sizeof(kept) / sizeof(kept[0]); max++)
		assert_int_equal(pl_utf8_cut(text, max).len, kept[max]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_is_valid_and_its_pieces_are_not),
		cmocka_unit_test(the_first_bad_byte_is_named_however_it_arrives),
		cmocka_unit_test(bad_stays_bad),
		cmocka_unit_test(valid_text_in_chunks_of_every_size),
		cmocka_unit_test(a_cut_keeps_characters_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
