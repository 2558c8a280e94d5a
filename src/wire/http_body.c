/*
 * http_body.c - where a body ends: by its length or by its last chunk (RFC 9112, 7.1).
 *
 * Invariants:  total <= max, also counting what the current chunk announces;  what is not content
 * (sizes, extensions, trailers) has limits of its own;  after an error nothing is accepted any
 * more.
 */
#include "wire/http.h"

#include "wire/chars.h"

/* What the next byte is. The names of the states are the names in the grammar of chunked-body. */
enum state {
	DONE,      /* the body is complete */
	FAILED,    /* see status */
	LENGTH,    /* content of known length */
	SIZE,      /* chunk-size */
	EXT_SPACE, /* spaces before the ';' of an extension */
	EXT,       /* chunk-ext; dropped */
	SIZE_LF,
	DATA, /* chunk-data */
	DATA_CR,
	DATA_LF,
	TRAILER, /* a field name, or the CR of the end */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
};

enum { MOST_DIGITS = 16 };

static int fail(struct pl_http_body *b, uint16_t status)
{
	b->state = FAILED;
	b->status = status;
	return status == 413 ? PL_ETOOBIG : PL_EPROTO;
}

int pl_http_body_init(struct pl_http_body *b, const struct pl_http_head *h, uint64_t max)
{
	*b = (struct pl_http_body){.max = max < PL_HTTP_MAX_LENGTH ? max : PL_HTTP_MAX_LENGTH};
	if (h->is_chunked) {
		b->state = SIZE;
		return 0;
	}
	b->left = h->has_length ? h->content_length : 0;
	b->state = b->left ? LENGTH : DONE;
	return b->left > b->max ? fail(b, 413) : 0;
}

bool pl_http_body_is_done(const struct pl_http_body *b)
{
	return b->state == DONE;
}

static int go(struct pl_http_body *b, enum state next)
{
	b->state = (uint8_t)next;
	return 0;
}

/* Small chunks cost more than they carry (CVE-2023-39326): fine for a few, not for a whole body. */
static bool is_wasteful(const struct pl_http_body *b)
{
	return b->chunks > PL_HTTP_MANY_CHUNKS && b->total / PL_HTTP_FAIR_CHUNK < b->chunks;
}

/* The line of a chunk's size is complete. */
static int begin_chunk(struct pl_http_body *b)
{
	b->digits = 0;
	b->chunk_ext = 0;
	if (!b->left)
		return go(b, TRAILER);
	if (b->left > b->max - b->total)
		return fail(b, 413);
	b->chunks++;
	b->total += b->left;
	return is_wasteful(b) ? fail(b, 400) : go(b, DATA);
}

static int on_size(struct pl_http_body *b, char c)
{
	int digit = pl_hex_value(c);
	if (digit >= 0 && b->digits < MOST_DIGITS && b->left <= UINT64_MAX >> 4) {
		b->left = b->left << 4 | (unsigned)digit;
		b->digits++;
		return 0;
	}
	if (digit >= 0 || !b->digits)
		return fail(b, 400);
	if (c == '\r')
		return go(b, SIZE_LF);
	if (c == ';')
		return go(b, EXT);
	return c == ' ' || c == '\t' ? go(b, EXT_SPACE) : fail(b, 400);
}

/* Nobody needs extensions; whoever sends many of them makes us read for nothing. */
static int count_ext(struct pl_http_body *b)
{
	if (++b->chunk_ext > PL_HTTP_CHUNK_EXT || ++b->body_ext > PL_HTTP_BODY_EXT)
		return fail(b, 400);
	return 0;
}

static int on_ext_space(struct pl_http_body *b, char c)
{
	if (c == ';')
		return go(b, EXT);
	return c == ' ' || c == '\t' ? count_ext(b) : fail(b, 400);
}

static int on_ext(struct pl_http_body *b, char c)
{
	if (c == '\r')
		return go(b, SIZE_LF);
	return pl_char_is(c, PL_C_FIELD) ? count_ext(b) : fail(b, 400);
}

static int on_size_lf(struct pl_http_body *b, char c)
{
	return c == '\n' ? begin_chunk(b) : fail(b, 400);
}

static int on_data_cr(struct pl_http_body *b, char c)
{
	return c == '\r' ? go(b, DATA_LF) : fail(b, 400);
}

static int on_data_lf(struct pl_http_body *b, char c)
{
	return c == '\n' ? go(b, SIZE) : fail(b, 400);
}

static int on_trailer(struct pl_http_body *b, char c)
{
	if (c == '\r')
		return go(b, END_LF);
	return pl_char_is(c, PL_C_TOKEN) ? go(b, TRAILER_NAME) : fail(b, 400);
}

static int on_trailer_name(struct pl_http_body *b, char c)
{
	if (c == ':')
		return go(b, TRAILER_VALUE);
	return pl_char_is(c, PL_C_TOKEN) ? 0 : fail(b, 400);
}

static int on_trailer_value(struct pl_http_body *b, char c)
{
	if (c == '\r')
		return go(b, TRAILER_LF);
	return pl_char_is(c, PL_C_FIELD) ? 0 : fail(b, 400);
}

static int on_trailer_lf(struct pl_http_body *b, char c)
{
	return c == '\n' ? go(b, TRAILER) : fail(b, 400);
}

static int on_end_lf(struct pl_http_body *b, char c)
{
	return c == '\n' ? go(b, DONE) : fail(b, 400);
}

/* A byte that is not content. */
static int on_byte(struct pl_http_body *b, char c)
{
	static int (*const on[])(struct pl_http_body *, char) = {
		[SIZE] = on_size,
		[EXT_SPACE] = on_ext_space,
		[EXT] = on_ext,
		[SIZE_LF] = on_size_lf,
		[DATA_CR] = on_data_cr,
		[DATA_LF] = on_data_lf,
		[TRAILER] = on_trailer,
		[TRAILER_NAME] = on_trailer_name,
		[TRAILER_VALUE] = on_trailer_value,
		[TRAILER_LF] = on_trailer_lf,
		[END_LF] = on_end_lf,
	};
	if (b->state >= TRAILER && ++b->trailers > PL_HTTP_TRAILERS)
		return fail(b, 400);
	return on[b->state](b, c);
}

static struct pl_slice take_content(struct pl_http_body *b, struct pl_slice in)
{
	struct pl_slice span = pl_slice(in.at, in.len < b->left ? in.len : (size_t)b->left);
	b->left -= span.len;
	if (b->state == LENGTH)
		b->total += span.len;
	if (!b->left)
		b->state = b->state == LENGTH ? DONE : DATA_CR;
	return span;
}

int pl_http_body_feed(struct pl_http_body *b, struct pl_slice in, size_t *used,
		      struct pl_slice *span)
{
	struct pl_slice found = {NULL, 0};
	size_t i = 0;
	if (b->state == FAILED)
		return fail(b, b->status);
	while (i < in.len && b->state != DONE && !found.len) {
		if (b->state == LENGTH || b->state == DATA) {
			found = take_content(b, pl_slice(in.at + i, in.len - i));
			i += found.len;
			continue;
		}
		int err = on_byte(b, in.at[i++]);
		if (err)
			return err;
	}
	*used = i;
	*span = found;
	return b->state == DONE ? 0 : PL_EAGAIN;
}

int pl_http_body_read(struct pl_http_body *b, struct pl_slice in, size_t *used, struct pl_buf *out)
{
	size_t done = 0;
	int err;
	do {
		size_t n;
		struct pl_slice span;
		err = pl_http_body_feed(b, pl_slice(in.at + done, in.len - done), &n, &span);
		if (err && err != PL_EAGAIN)
			return err;
		pl_buf_puts(out, span);
		if (out->err)
			return out->err;
		done += n;
	} while (err && done < in.len);
	*used = done;
	return err;
}
