/* base64url.c - four characters for three bytes. */
#include "wire/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void pl_base64url_encode(struct pl_buf *out, struct pl_slice bytes)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t w = (uint32_t)at[i] << 16;
		if (n > 1)
			w |= (uint32_t)at[i + 1] << 8;
		if (n > 2)
			w |= at[i + 2];
		char four[4] = {alphabet[w >> 18], alphabet[w >> 12 & 63], alphabet[w >> 6 & 63],
				alphabet[w & 63]};
		pl_buf_put(out, four, n + 1);
	}
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

int pl_base64url_decode(struct pl_slice text, void *out, size_t cap, size_t *len)
{
	if (text.len % 4 == 1)
		return PL_EINVAL;
	if (text.len / 4 * 3 + (text.len % 4 ? text.len % 4 - 1 : 0) > cap)
		return PL_ETOOBIG;
	uint8_t *to = out;
	uint32_t bits = 0;
	unsigned held = 0;
	for (size_t i = 0; i < text.len; i++) {
		int v = value_of(text.at[i]);
		if (v < 0)
			return PL_EINVAL;
		bits = bits << 6 | (uint32_t)v;
		held += 6;
		if (held >= 8) {
			held -= 8;
			*to++ = (uint8_t)(bits >> held);
			bits &= (1u << held) - 1;
		}
	}
	if (bits)
		return PL_EINVAL;
	*len = (size_t)(to - (uint8_t *)out);
	return 0;
}
