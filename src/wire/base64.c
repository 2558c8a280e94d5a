/* base64.c - four characters for three bytes, filled up with '='. */
#include "wire/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_three(const uint8_t *at, char *to)
{
	uint32_t w = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
	to[0] = alphabet[w >> 18];
	to[1] = alphabet[w >> 12 & 63];
	to[2] = alphabet[w >> 6 & 63];
	to[3] = alphabet[w & 63];
}

void pl_base64_encode(struct pl_buf *out, struct pl_slice bytes)
{
	size_t whole = bytes.len / 3 * 3, left = bytes.len - whole;
	if (!bytes.len || pl_buf_reserve(out, pl_base64_size(bytes.len)))
		return;
	const uint8_t *at = (const uint8_t *)bytes.at;
	char *to = out->at + out->len;
	for (size_t i = 0; i < whole; i += 3, to += 4)
		encode_three(at + i, to);
	if (left) {
		uint8_t last[3] = {at[whole], left > 1 ? at[whole + 1] : 0, 0};
		encode_three(last, to);
		to[3] = '=';
		if (left == 1)
			to[2] = '=';
	}
	out->len += pl_base64_size(bytes.len);
}

enum { BAD = 64 }; /* what a character that is none is worth: a bit that no value has */

static uint32_t value_of(char c)
{
	static const uint8_t values[256] = {
		['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
		['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
		['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
		['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
		['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
		['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
		['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
		['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
		['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
		['/'] = 64};
	uint8_t v = values[(unsigned char)c];
	return v ? v - 1u : BAD;
}

/* The last four characters, of which `pads` are '='. */
static int decode_last(const char *at, size_t pads, uint8_t *to)
{
	uint32_t a = value_of(at[0]), b = value_of(at[1]), c = pads > 1 ? 0 : value_of(at[2]);
	uint32_t loose = pads > 1 ? b & 15 : c & 3;
	if ((a | b | c) & BAD || loose)
		return PL_EINVAL;
	to[0] = (uint8_t)(a << 2 | b >> 4);
	if (pads == 1)
		to[1] = (uint8_t)(b << 4 | c >> 2);
	return 0;
}

static size_t count_pads(struct pl_slice text)
{
	if (!text.len || text.at[text.len - 1] != '=')
		return 0;
	return text.at[text.len - 2] == '=' ? 2 : 1;
}

int pl_base64_decode(struct pl_slice text, void *out, size_t cap, size_t *len)
{
	if (text.len % 4)
		return PL_EINVAL;
	size_t pads = count_pads(text), n = text.len / 4 * 3 - pads;
	size_t whole = text.len - (pads ? 4 : 0);
	if (n > cap)
		return PL_ETOOBIG;
	uint8_t *to = out;
	uint32_t seen = 0;
	for (size_t i = 0; i < whole; i += 4, to += 3) {
		const char *at = text.at + i;
		uint32_t a = value_of(at[0]), b = value_of(at[1]);
		uint32_t c = value_of(at[2]), d = value_of(at[3]);
		seen |= a | b | c | d;
		to[0] = (uint8_t)(a << 2 | b >> 4);
		to[1] = (uint8_t)(b << 4 | c >> 2);
		to[2] = (uint8_t)(c << 6 | d);
	}
	if (seen & BAD || (pads && decode_last(text.at + whole, pads, to)))
		return PL_EINVAL;
	*len = n;
	return 0;
}
