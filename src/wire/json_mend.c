/* json_mend.c - halves of surrogate pairs in JSON become U+FFFD. */
#include "wire/json_mend.h"

enum { ESCAPE = 6 }; /* characters of \uXXXX */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit that is written here; -1: none is. */
static int unit_at(struct pl_slice text, size_t at)
{
	int unit = 0;
	if (at > text.len || text.len - at < ESCAPE || text.at[at] != '\\' ||
	    text.at[at + 1] != 'u')
		return -1;
	for (size_t i = at + 2; i < at + ESCAPE; i++) {
		int d = digit(text.at[i]);
		if (d < 0)
			return -1;
		unit = unit << 4 | d;
	}
	return unit;
}

static bool is_high(int unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The next half from `at` on; text.len: there is none. */
static size_t find_half(struct pl_slice text, size_t at)
{
	while (at < text.len) {
		const char *found = memchr(text.at + at, '\\', text.len - at);
		if (!found)
			break;
		at = (size_t)(found - text.at);
		int unit = unit_at(text, at);
		if (is_low(unit))
			return at;
		if (is_high(unit) && !is_low(unit_at(text, at + ESCAPE)))
			return at;
		at += is_high(unit) ? 2 * ESCAPE : 2;
	}
	return text.len;
}

bool pl_json_mend(struct pl_slice text, struct pl_buf *out)
{
	size_t from = 0, half = find_half(text, 0);
	if (half == text.len)
		return false;
	for (; half < text.len; half = find_half(text, from)) {
		pl_buf_put(out, text.at + from, half - from);
		PL_PUT(out, "\\ufffd");
		from = half + ESCAPE;
	}
	pl_buf_put(out, text.at + from, text.len - from);
	return true;
}
