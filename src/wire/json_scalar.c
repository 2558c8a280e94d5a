/* json_scalar.c - strings with escapes and numbers, by the grammar of RFC 8259. */
#include "wire/json_scalar.h"

#include "wire/json_index.h"

#include <limits.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u; -1: not there. */
static int32_t code_unit(const char *at, const char *end)
{
	if (end - at < 4)
		return -1;
	int32_t unit = 0;
	for (int i = 0; i < 4; i++) {
		int v = hex_value(at[i]);
		if (v < 0)
			return -1;
		unit = unit << 4 | v;
	}
	return unit;
}

/* Reads behind \u, one unit or a pair; moves *at. -1: malformed. */
static int32_t code_point(const char **at, const char *end)
{
	int32_t unit = code_unit(*at, end);
	if (unit < 0)
		return -1;
	*at += 4;
	if (unit < 0xd800 || unit > 0xdfff)
		return unit;
	if (unit > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return -1;
	int32_t low = code_unit(*at + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*at += 6;
	return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

static char simple_escape(char c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/': return c;
	case 'b': return '\b';
	case 'f': return '\f';
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	default: return 0;
	}
}

int pl_json_unescape(struct pl_slice body, char *to, size_t *len)
{
	const char *at = body.at, *end = body.at + body.len;
	char *start = to;
	while (at < end) {
		const char *stop = memchr(at, '\\', (size_t)(end - at));
		size_t run = (size_t)((stop ? stop : end) - at);
		memcpy(to, at, run);
		to += run;
		at += run;
		if (!stop)
			break;
		if (end - at < 2)
			return PL_EINVAL;
		char c = at[1];
		at += 2;
		int32_t code = c == 'u' ? code_point(&at, end) : simple_escape(c);
		if (code < 0 || (c != 'u' && !code))
			return PL_EINVAL;
		to = put_utf8(to, (uint32_t)code);
	}
	*len = (size_t)(to - start);
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Steps over 1*DIGIT; false: none there. */
static bool digits(const char **at, const char *end)
{
	const char *start = *at;
	while (*at < end && is_digit(**at))
		(*at)++;
	return *at > start;
}

/* [ frac ] [ exp ] up to the end. */
static bool is_tail(const char *at, const char *end)
{
	if (at < end && *at == '.') {
		at++;
		if (!digits(&at, end))
			return false;
	}
	if (at < end && (*at | 0x20) == 'e') {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		if (!digits(&at, end))
			return false;
	}
	return at == end;
}

/* False: does not fit. */
static bool to_i64(const char *at, const char *end, bool negative, int64_t *out)
{
	uint64_t v = 0, max = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	for (; at < end; at++) {
		uint64_t digit = (uint64_t)(*at - '0');
		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (negative)
		*out = v ? -(int64_t)(v - 1) - 1 : 0;
	else
		*out = (int64_t)v;
	return true;
}

int pl_json_number(struct pl_slice text, struct pl_json *out)
{
	const char *end = text.at + text.len;
	bool negative = text.len && *text.at == '-';
	const char *whole = text.at + negative, *at = whole;
	if (!digits(&at, end) || (*whole == '0' && at - whole > 1) || !is_tail(at, end))
		return PL_EINVAL;
	if (text.len > PL_JSON_MAX_NUMBER)
		return PL_ETOOBIG;
	if (at == end && to_i64(whole, end, negative, &out->integer)) {
		out->type = PL_JSON_INT;
		return 0;
	}
	double number = 0;
	int err = pl_json_double(text.at, text.len, &number);
	if (err)
		return err;
	out->type = PL_JSON_NUMBER;
	out->number = number;
	return 0;
}
