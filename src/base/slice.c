/* slice.c - comparing and cutting borrowed bytes. */
#include "base/slice.h"

#include "base/err.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool pl_slice_eq_nocase(struct pl_slice a, struct pl_slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct pl_slice pl_slice_trim(struct pl_slice s)
{
	while (s.len && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

int pl_slice_cmp(struct pl_slice a, struct pl_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.at, b.at, n) : 0;
	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

struct pl_slice pl_slice_cut(struct pl_slice s, char c, struct pl_slice *rest)
{
	const char *hit = s.len ? memchr(s.at, c, s.len) : NULL;
	if (!hit) {
		*rest = (struct pl_slice){NULL, 0};
		return s;
	}
	size_t head = (size_t)(hit - s.at);
	*rest = pl_slice(hit + 1, s.len - head - 1);
	return pl_slice(s.at, head);
}

int pl_slice_u64(struct pl_slice s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	if (!s.len)
		return PL_EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return PL_EINVAL;
		uint64_t digit = (uint64_t)(s.at[i] - '0');
		if (digit > max || value > (max - digit) / 10)
			return PL_EINVAL;
		value = value * 10 + digit;
	}
	*out = value;
	return 0;
}
