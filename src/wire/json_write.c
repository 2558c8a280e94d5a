/* json_write.c - values to JSON text. */
#include "wire/json_write.h"

#include "base/clock.h"
#include "wire/json_index.h"

#include <math.h>

static bool must_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* True: one of the eight bytes may have to be escaped. Exact but for bytes behind one that has. */
static bool any_of_eight(const char *at)
{
	const uint64_t ones = UINT64_MAX / 255, tops = ones << 7;
	uint64_t w;
	memcpy(&w, at, sizeof(w));
	uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
	uint64_t control = (w - ones * 0x20) & ~w;
	return ((control | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & tops) != 0;
}

/* The index of the first byte from i on that must be escaped, or s.len. */
static size_t plain_run(struct pl_slice s, size_t i)
{
	while (s.len - i >= 8 && !any_of_eight(s.at + i))
		i += 8;
	while (i < s.len && !must_escape((unsigned char)s.at[i]))
		i++;
	return i;
}

static void put_escape(struct pl_buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[0x20] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
	char letter = c < 0x20 ? letters[c] : (char)c;
	if (letter) {
		char two[2] = {'\\', letter};
		pl_buf_put(b, two, sizeof(two));
		return;
	}
	char six[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	pl_buf_put(b, six, sizeof(six));
}

void pl_json_put_escaped(struct pl_buf *b, struct pl_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		size_t stop = plain_run(s, i);
		pl_buf_put(b, s.at + i, stop - i);
		if (stop < s.len)
			put_escape(b, (unsigned char)s.at[stop]);
		i = stop;
	}
}

void pl_json_put_str(struct pl_buf *b, struct pl_slice s)
{
	if (!s.at) {
		PL_PUT(b, "null");
		return;
	}
	pl_buf_putc(b, '"');
	pl_json_put_escaped(b, s);
	pl_buf_putc(b, '"');
}

void pl_json_put_key(struct pl_buf *b, struct pl_slice key)
{
	pl_buf_putc(b, '"');
	pl_json_put_escaped(b, key);
	PL_PUT(b, "\":");
}

void pl_json_put_bool(struct pl_buf *b, bool v)
{
	if (v)
		PL_PUT(b, "true");
	else
		PL_PUT(b, "false");
}

void pl_json_put_raw(struct pl_buf *b, struct pl_slice s)
{
	if (s.at && s.len)
		pl_buf_puts(b, s);
	else
		PL_PUT(b, "null");
}

void pl_json_put_uuid(struct pl_buf *b, const struct pl_uuid *id)
{
	if (pl_uuid_is_nil(id)) {
		PL_PUT(b, "null");
		return;
	}
	char text[PL_UUID_TEXT + 2];
	text[0] = text[PL_UUID_TEXT + 1] = '"';
	pl_uuid_format(id, text + 1);
	pl_buf_put(b, text, sizeof(text));
}

void pl_json_put_iso(struct pl_buf *b, uint64_t wall_ms)
{
	if (!wall_ms) {
		PL_PUT(b, "null");
		return;
	}
	char text[PL_ISO_TEXT + 2];
	text[0] = text[PL_ISO_TEXT + 1] = '"';
	pl_iso_format(wall_ms, text + 1);
	pl_buf_put(b, text, sizeof(text));
}

void pl_json_put_f64(struct pl_buf *b, double v)
{
	char text[PL_JSON_DOUBLE_TEXT];
	size_t n = isfinite(v) ? pl_json_double_text(v, text) : 0;
	pl_json_put_raw(b, pl_slice(text, n));
}
