/*
 * buf.h - a growing buffer with a limit from birth.
 *
 * The first failure sticks: appends after it do nothing, so that a writer can
 * append many pieces and look at ->err once at the end.
 */
#ifndef PL_BASE_BUF_H
#define PL_BASE_BUF_H

#include "base/err.h"
#include "base/slice.h"

struct pl_buf {
	char *at; /* NULL while empty */
	size_t len, cap, max;
	int err; /* 0, PL_ENOMEM or PL_ETOOBIG; sticky */
};

/* Owns no memory yet. Never holds more than max bytes. */
void pl_buf_init(struct pl_buf *, size_t max);
void pl_buf_fini(struct pl_buf *);
/* Empty again, error forgotten, memory kept. */
void pl_buf_clear(struct pl_buf *);
/* Drops the first n bytes (n <= len). */
void pl_buf_drop(struct pl_buf *, size_t n);

/*
 * Room for n more bytes at ->at + ->len; the caller fills it and adds to ->len.
 * Allocates at least that, at most max in all.
 */
int pl_buf_reserve(struct pl_buf *, size_t n);
void pl_buf_put(struct pl_buf *, const void *at, size_t n);
void pl_buf_puts(struct pl_buf *, struct pl_slice);
void pl_buf_putc(struct pl_buf *, char);
void pl_buf_put_u64(struct pl_buf *, uint64_t);
void pl_buf_put_i64(struct pl_buf *, int64_t);
void pl_buf_printf(struct pl_buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline struct pl_slice pl_buf_slice(const struct pl_buf *b)
{
	return pl_slice(b->at, b->len);
}

/* Appends a literal. */
#define PL_PUT(buf, literal) pl_buf_put((buf), "" literal, sizeof(literal) - 1)

#endif
