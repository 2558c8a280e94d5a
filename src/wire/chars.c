/* chars.c - the table of byte classes. */
#include "wire/chars.h"

enum {
	T = PL_C_TOKEN | PL_C_FIELD | PL_C_TARGET, /* tokens, but '#', may stand in a target */
	V = PL_C_FIELD,
	U = PL_C_FIELD | PL_C_TARGET,
	H = T | PL_C_HOST,
	X = H | PL_C_HEX,
};

const uint8_t pl_chars[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = T,
	['"'] = U,
	['#'] = PL_C_TOKEN | PL_C_FIELD,
	['$' ... '\''] = T,
	['(' ... ')'] = U,
	['*' ... '+'] = T,
	[','] = U,
	['-' ... '.'] = H,
	['/'] = U,
	['0' ... '9'] = X,
	[':' ... '@'] = U,
	['A' ... 'F'] = X,
	['G' ... 'Z'] = H,
	['[' ... ']'] = U,
	['^'] = T,
	['_'] = H,
	['`'] = T,
	['a' ... 'f'] = X,
	['g' ... 'z'] = H,
	['{'] = U,
	['|'] = T,
	['}'] = U,
	['~'] = H,
	[0x80 ... 0xff] = V,
};

size_t pl_chars_span(struct pl_slice s, enum pl_char_class class)
{
	size_t n = 0;
	while (n < s.len && pl_char_is(s.at[n], class))
		n++;
	return n;
}

bool pl_chars_all(struct pl_slice s, enum pl_char_class class)
{
	return s.len && pl_chars_span(s, class) == s.len;
}

int pl_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
