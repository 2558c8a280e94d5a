/*
 * utf8.c - the validator beside a plain decoder that computes each character and asks whether it is
 * a shortest form of a scalar value; whole and in pieces.
 */
#include "fuzz.h"

#include "wire/utf8.h"

/* Length of the character at `at`, or 0. */
static size_t decode(const uint8_t *at, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t a = at[0];
	size_t len = a < 0x80 ? 1 : a >> 5 == 6 ? 2 : a >> 4 == 14 ? 3 : a >> 3 == 30 ? 4 : 0;
	if (!len || len > n)
		return 0;
	uint32_t c = len == 1 ? a : a & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		c = c << 6 | (at[i] & 0x3f);
	}
	bool is_scalar = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
	return is_scalar && c >= least[len] ? len : 0;
}

/* Where the first character that is not whole and valid begins. */
static size_t valid_part(const uint8_t *at, size_t n)
{
	size_t i = 0, len;
	while (i < n && (len = decode(at + i, n - i)))
		i += len;
	return i;
}

/* Can these bytes begin a valid text? Tried with ways to finish the last character. */
static bool can_go_on(const uint8_t *at, size_t n)
{
	static const uint8_t second[] = {0x80, 0x90, 0xa0};
	size_t i = valid_part(at, n);
	if (n - i > 3)
		return false;
	for (size_t k = 0; k < sizeof(second); k++) {
		uint8_t text[4] = {0, second[k], 0x80, 0x80};
		if (n > i)
			memcpy(text, at + i, n - i);
		if (n == i || decode(text, sizeof(text)) > n - i)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_utf8 whole = {0}, bytes = {0};
	const char *text = (const char *)data;
	if (!size)
		return 0;
	size_t good = pl_utf8_check(&whole, text, size), i = 0;
	while (i < size && pl_utf8_check(&bytes, text + i, 1))
		i++;
	if (i != good || pl_utf8_done(&whole) != pl_utf8_done(&bytes))
		abort();
	if ((good == size && pl_utf8_done(&whole)) != (valid_part(data, size) == size))
		abort();
	if (!can_go_on(data, good) || (good < size && can_go_on(data, good + 1)))
		abort();
	return 0;
}
