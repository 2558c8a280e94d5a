/* filename.c - names and types of files, made harmless. */
#include "wire/filename.h"

#include "wire/chars.h"
#include "wire/utf8.h"

static const char octets[] = "application/octet-stream";

/* ---- names ---- */

static struct pl_slice last_part(struct pl_slice name)
{
	size_t at = name.len;
	while (at && name.at[at - 1] != '/' && name.at[at - 1] != '\\')
		at--;
	return pl_slice(name.at + at, name.len - at);
}

static size_t length_of(char first)
{
	unsigned char c = (unsigned char)first;
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static uint32_t code_of(const char *at, size_t n)
{
	static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t code = (unsigned char)at[0] & mask[n];
	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)at[i] & 0x3f);
	return code;
}

static bool is_harmless(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return false;
	if (code < 0x80)
		return !strchr("\"\\/:*?<>|", (int)code);
	/* Lines and paragraphs, marks and overrides of direction, the mark of byte order, tags. */
	bool is_hidden = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
			 (code >= 0x2060 && code <= 0x206f) || code == 0x061c || code == 0xfeff ||
			 (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code < 0xe0080);
	return !is_hidden;
}

static bool is_only_dots(struct pl_slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] != '.' && name.at[i] != ' ')
			return false;
	return true;
}

int pl_filename_clean(struct pl_slice name, struct pl_buf *out)
{
	if (!pl_utf8_valid(name))
		return PL_EINVAL;
	name = last_part(name);
	if (name.len > PL_FILENAME_MAX)
		return PL_ETOOBIG;
	if (is_only_dots(name))
		name = PL_S("file");
	for (size_t i = 0, n; i < name.len; i += n) {
		n = length_of(name.at[i]);
		if (is_harmless(code_of(name.at + i, n)))
			pl_buf_put(out, name.at + i, n);
		else
			pl_buf_putc(out, '_');
	}
	return out->err;
}

/* ---- the header ---- */

/* For who does not know the second form: ASCII, without what a quoted string would escape. */
static void put_plain(struct pl_slice name, struct pl_buf *out)
{
	for (size_t i = 0, n; i < name.len; i += n) {
		n = length_of(name.at[i]);
		/* Some take %41 for an 'A' here too. */
		bool is_plain =
			n == 1 && is_harmless((unsigned char)name.at[i]) && name.at[i] != '%';
		pl_buf_putc(out, is_plain ? name.at[i] : '_');
	}
}

static bool is_attr_char(char c)
{
	bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return is_alnum || (c && strchr("!#$&+-.^_`|~", c));
}

static void put_extended(struct pl_slice name, struct pl_buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.at[i];
		if (is_attr_char(name.at[i])) {
			pl_buf_putc(out, name.at[i]);
			continue;
		}
		pl_buf_putc(out, '%');
		pl_buf_putc(out, digits[c >> 4]);
		pl_buf_putc(out, digits[c & 15]);
	}
}

void pl_filename_disposition(struct pl_slice name, struct pl_buf *out)
{
	PL_PUT(out, "attachment; filename=\"");
	put_plain(name, out);
	PL_PUT(out, "\"; filename*=UTF-8''");
	put_extended(name, out);
}

/* ---- types ---- */

void pl_media_type_clean(struct pl_slice type, char out[PL_MEDIA_TYPE_MAX + 1])
{
	struct pl_slice rest, sub;
	type = pl_slice_trim(pl_slice_cut(type, ';', &rest));
	struct pl_slice main = pl_slice_cut(type, '/', &sub);
	bool is_type = type.len <= PL_MEDIA_TYPE_MAX && pl_chars_all(main, PL_C_TOKEN) &&
		       pl_chars_all(sub, PL_C_TOKEN);
	if (!is_type)
		type = pl_slice(octets, sizeof(octets) - 1);
	for (size_t i = 0; i < type.len; i++) {
		char c = type.at[i];
		out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	out[type.len] = '\0';
}

bool pl_media_type_fits(struct pl_slice type, struct pl_slice pattern)
{
	if (pl_slice_is(pattern, "*/*"))
		return true;
	if (!pattern.len || pattern.at[pattern.len - 1] != '*')
		return pl_slice_eq_nocase(type, pattern);
	pattern.len--;
	return type.len >= pattern.len &&
	       pl_slice_eq_nocase(pl_slice(type.at, pattern.len), pattern);
}

struct pl_slice pl_media_type_safe(struct pl_slice type)
{
	/* Neither markup nor anything that a page's program may lie in. */
	static const char *const safe[] = {
		"application/gzip", "application/pdf", "application/zip", "audio/aac",
		"audio/flac",       "audio/mp4",       "audio/mpeg",      "audio/ogg",
		"audio/wav",        "audio/webm",      "image/avif",      "image/bmp",
		"image/gif",        "image/heic",      "image/jpeg",      "image/png",
		"image/webp",       "text/csv",        "text/plain",      "video/mp4",
		"video/ogg",        "video/quicktime", "video/webm",
	};
	for (size_t i = 0; i < sizeof(safe) / sizeof(*safe); i++)
		if (pl_slice_is(type, safe[i]))
			return type;
	return pl_slice(octets, sizeof(octets) - 1);
}
