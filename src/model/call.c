/* call.c - the ids of calls as text. */
#include "model/call.h"

#include <inttypes.h>
#include <stdio.h>

enum { HEX = 32, TIME_MAX = 20 };

struct pl_slice pl_call_format(const struct pl_uuid *id, uint64_t began_ms,
			       char room[PL_CALL_TEXT_MAX])
{
	int n = snprintf(room, PL_CALL_TEXT_MAX, "call-%" PRIu64 "-", began_ms);
	for (size_t i = 0; i < sizeof(id->b); i++) {
		room[n++] = "0123456789abcdef"[id->b[i] >> 4];
		room[n++] = "0123456789abcdef"[id->b[i] & 15];
	}
	return pl_slice(room, (size_t)n);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_hex(struct pl_slice s, struct pl_uuid *out)
{
	struct pl_uuid id;
	for (size_t i = 0; i < sizeof(id.b); i++) {
		int high = digit(s.at[2 * i]), low = digit(s.at[2 * i + 1]);
		if (high < 0 || low < 0)
			return PL_EINVAL;
		id.b[i] = (uint8_t)(high << 4 | low);
	}
	*out = id;
	return 0;
}

/* The time is for people: which call it is, is in the rest. */
int pl_call_parse(struct pl_slice s, struct pl_uuid *out)
{
	static const char prefix[] = "call-";
	size_t at = sizeof(prefix) - 1;
	if (s.len == PL_UUID_TEXT)
		return pl_uuid_parse(s, out);
	if (s.len < at + 2 + HEX || s.len > at + TIME_MAX + 1 + HEX || memcmp(s.at, prefix, at))
		return PL_EINVAL;
	for (; at < s.len - HEX - 1; at++)
		if (s.at[at] < '0' || s.at[at] > '9')
			return PL_EINVAL;
	if (s.at[at] != '-')
		return PL_EINVAL;
	return read_hex(pl_slice(s.at + at + 1, HEX), out);
}
