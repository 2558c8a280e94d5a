/* buf.c - bounded growing buffer. */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void pl_buf_init(struct pl_buf *b, size_t max)
{
	*b = (struct pl_buf){.max = max};
}

void pl_buf_fini(struct pl_buf *b)
{
	pl_free(b->at);
	*b = (struct pl_buf){.max = b->max};
}

void pl_buf_clear(struct pl_buf *b)
{
	b->len = 0;
	b->err = 0;
}

void pl_buf_drop(struct pl_buf *b, size_t n)
{
	if (n && n < b->len)
		memmove(b->at, b->at + n, b->len - n);
	b->len -= n;
}

static int grow(struct pl_buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 128;
	while (cap < need)
		cap = cap <= b->max / 2 ? cap * 2 : b->max;
	if (cap > b->max)
		cap = b->max;
	char *at = pl_realloc(b->at, cap);
	if (!at)
		return b->err = PL_ENOMEM;
	b->at = at;
	b->cap = cap;
	return 0;
}

int pl_buf_reserve(struct pl_buf *b, size_t n)
{
	if (b->err)
		return b->err;
	if (n > b->max - b->len)
		return b->err = PL_ETOOBIG;
	return b->len + n > b->cap ? grow(b, b->len + n) : 0;
}

void pl_buf_put(struct pl_buf *b, const void *at, size_t n)
{
	if (!n || pl_buf_reserve(b, n))
		return;
	memcpy(b->at + b->len, at, n);
	b->len += n;
}

void pl_buf_puts(struct pl_buf *b, struct pl_slice s)
{
	pl_buf_put(b, s.at, s.len);
}

void pl_buf_putc(struct pl_buf *b, char c)
{
	pl_buf_put(b, &c, 1);
}

void pl_buf_put_u64(struct pl_buf *b, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);
	do
		digits[--n] = (char)('0' + v % 10);
	while (v /= 10);
	pl_buf_put(b, digits + n, sizeof(digits) - n);
}

void pl_buf_put_i64(struct pl_buf *b, int64_t v)
{
	if (v < 0)
		pl_buf_putc(b, '-');
	pl_buf_put_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void pl_buf_printf(struct pl_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	/* One byte more: vsnprintf ends what it writes with a NUL that we do not count. */
	if (n > 0 && !pl_buf_reserve(b, (size_t)n + 1)) {
		(void)vsnprintf(b->at + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}
