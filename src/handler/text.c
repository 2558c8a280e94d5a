/* text.c - bytes that should be UTF-8, made so: each maximal run that is no character becomes one
 * U+FFFD (Unicode 15, section 3.9). */
#include "handler/internal.h"

#include "wire/json_write.h"

#define REPLACEMENT PL_S("\xef\xbf\xbd")

/* Takes the first character or run off; the result is what stands for it. */
static struct pl_slice next(struct pl_slice *rest)
{
	struct pl_utf8 u = {0};
	const char *at = rest->at;
	size_t n = 0;
	bool is_whole = false;
	while (n < rest->len && !is_whole && pl_utf8_check(&u, at + n, 1)) {
		n++;
		is_whole = pl_utf8_done(&u);
	}
	n = n ? n : 1;
	rest->at += n;
	rest->len -= n;
	return is_whole ? pl_slice(at, n) : REPLACEMENT;
}

void pl_text_put(struct pl_buf *b, struct pl_slice s)
{
	if (pl_utf8_valid(s)) {
		pl_json_put_escaped(b, s);
		return;
	}
	while (s.len)
		pl_json_put_escaped(b, next(&s));
}

struct pl_slice pl_text_cut(struct pl_slice s, char *out, size_t max)
{
	size_t len = 0;
	while (s.len) {
		struct pl_slice one = next(&s);
		if (one.len > max - len)
			break;
		memcpy(out + len, one.at, one.len);
		len += one.len;
	}
	return pl_slice(out, len);
}
