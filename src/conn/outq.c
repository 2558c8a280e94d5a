/* outq.c - the output queue of a connection. */
#include "conn/outq.h"

#include "base/mem.h"

void pl_slab_fini(struct pl_slab *s)
{
	pl_frame_release(s->frame);
	*s = (struct pl_slab){0};
}

/* n <= size bytes at the end of the slab; a new frame when they do not fit any more. NULL: no
 * memory. */
static char *slab_take(struct pl_slab *s, size_t n, size_t size)
{
	if (s->frame && atomic_load_explicit(&s->frame->refs, memory_order_acquire) == 1)
		s->used = 0;
	if (!s->frame || n > s->frame->len - s->used) {
		struct pl_frame *f = pl_frame_new(size);
		if (!f)
			return NULL;
		pl_frame_release(s->frame);
		s->frame = f;
		s->used = 0;
	}
	char *at = s->frame->at + s->used;
	s->used += (uint32_t)n;
	return at;
}

void pl_outq_init(struct pl_outq *q)
{
	*q = (struct pl_outq){.cap = sizeof(q->inline_spans) / sizeof(*q->inline_spans)};
	q->spans = q->inline_spans;
}

void pl_outq_fini(struct pl_outq *q)
{
	for (uint32_t i = 0; i < q->count; i++)
		pl_frame_release(q->spans[q->first + i].owner);
	if (q->spans != q->inline_spans)
		pl_free(q->spans);
	pl_slab_fini(&q->own);
	pl_outq_init(q);
}

static int grow(struct pl_outq *q)
{
	uint32_t cap = q->cap * 2;
	if (cap > PL_SPANS_MAX)
		return PL_ETOOBIG;
	struct pl_span *spans = pl_alloc(cap * sizeof(*spans));
	if (!spans)
		return PL_ENOMEM;
	memcpy(spans, q->spans + q->first, q->count * sizeof(*spans));
	if (q->spans != q->inline_spans)
		pl_free(q->spans);
	q->spans = spans;
	q->first = 0;
	q->cap = cap;
	return 0;
}

/* Makes room for a span before position `at` (counted from the first). */
static int insert(struct pl_outq *q, uint32_t at, struct pl_span span)
{
	if (q->first + q->count == q->cap && q->first) {
		memmove(q->spans, q->spans + q->first, q->count * sizeof(*q->spans));
		q->first = 0;
	}
	int err = q->first + q->count == q->cap ? grow(q) : 0;
	if (err)
		return err;
	struct pl_span *place = q->spans + q->first + at;
	memmove(place + 1, place, (q->count - at) * sizeof(*place));
	*place = span;
	q->count++;
	q->bytes += span.len;
	pl_frame_retain(span.owner);
	return 0;
}

enum kind { PLAIN, CIPHER };

/* What no slab should hold: a large one would stay as large when it is empty again. */
static int copy_alone(struct pl_outq *q, uint32_t at, struct pl_slice head, struct pl_slice rest)
{
	struct pl_frame *f = pl_frame_new(head.len + rest.len);
	if (!f)
		return PL_ENOMEM;
	if (head.len)
		memcpy(f->at, head.at, head.len);
	if (rest.len)
		memcpy(f->at + head.len, rest.at, rest.len);
	int err = insert(q, at, (struct pl_span){f->at, f->len, false, f});
	pl_frame_release(f);
	return err;
}

/* Behind what there is of this kind. */
static int copy_in(struct pl_outq *q, struct pl_slab *slab, enum kind kind, struct pl_slice head,
		   struct pl_slice rest)
{
	uint32_t at = kind == PLAIN ? q->count : q->ncipher;
	bool shared = slab != NULL;
	slab = shared ? slab : &q->own;
	if (rest.len > INT32_MAX - head.len)
		return PL_ETOOBIG;
	size_t n = head.len + rest.len, size = shared ? PL_SLAB_BYTES : PL_SMALL_BYTES;
	if (n > size)
		return copy_alone(q, at, head, rest);
	char *to = slab_take(slab, n, size);
	if (!to)
		return PL_ENOMEM;
	if (head.len)
		memcpy(to, head.at, head.len);
	if (rest.len)
		memcpy(to + head.len, rest.at, rest.len);
	struct pl_span *before = at ? &q->spans[q->first + at - 1] : NULL;
	/*
	 * Never extend ciphertext with plaintext, for they may lie side by side, nor a span that
	 * has begun to leave, for it is kept as a whole when the rest is cut.
	 */
	bool may_extend = before && !before->has_begun && (kind == CIPHER || at > q->ncipher);
	if (may_extend && before->owner == slab->frame && before->at + before->len == to) {
		before->len += (uint32_t)n;
		q->bytes += n;
		return 0;
	}
	return insert(q, at, (struct pl_span){to, (uint32_t)n, false, slab->frame});
}

static int put_frame(struct pl_outq *q, struct pl_frame *f)
{
	return insert(q, q->count, (struct pl_span){f->at, f->len, false, f});
}

int pl_outq_put2(struct pl_outq *q, struct pl_slab *slab, struct pl_slice head,
		 struct pl_slice rest)
{
	return head.len || rest.len ? copy_in(q, slab, PLAIN, head, rest) : 0;
}

int pl_outq_put(struct pl_outq *q, struct pl_slab *slab, const void *at, size_t n)
{
	return pl_outq_put2(q, slab, (struct pl_slice){NULL, 0}, pl_slice(at, n));
}

int pl_outq_add(struct pl_outq *q, struct pl_slab *slab, struct pl_frame *f)
{
	if (!f->len)
		return 0;
	if (q->count && f->len <= PL_SMALL_BYTES)
		return pl_outq_put(q, slab, f->at, f->len);
	return put_frame(q, f);
}

int pl_outq_put_cipher(struct pl_outq *q, struct pl_slab *slab, const void *at, size_t n)
{
	uint32_t before = q->count;
	int err = n ? copy_in(q, slab, CIPHER, (struct pl_slice){NULL, 0}, pl_slice(at, n)) : 0;
	q->ncipher += q->count - before;
	return err;
}

int pl_outq_iov(const struct pl_outq *q, bool cipher, struct iovec *iov, int max)
{
	uint32_t count = cipher ? q->ncipher : q->count;
	int n = 0;
	for (; n < max && (uint32_t)n < count; n++) {
		const struct pl_span *s = &q->spans[q->first + (uint32_t)n];
		/* The kernel only reads what it sends. */
		iov[n] = (struct iovec){(void *)(uintptr_t)s->at, s->len};
	}
	return n;
}

void pl_outq_consume(struct pl_outq *q, size_t n)
{
	q->bytes -= n;
	while (n) {
		struct pl_span *s = &q->spans[q->first];
		if (n < s->len) {
			s->at += n;
			s->len -= (uint32_t)n;
			s->has_begun = true;
			return;
		}
		n -= s->len;
		pl_frame_release(s->owner);
		q->first++;
		q->count--;
		q->ncipher -= q->ncipher > 0;
	}
	if (!q->count)
		q->first = 0;
}

int pl_outq_detach(struct pl_outq *q, const struct pl_slab *slab)
{
	for (uint32_t i = 0; i < q->count; i++) {
		struct pl_span *s = &q->spans[q->first + i];
		if (s->owner != slab->frame)
			continue;
		struct pl_frame *f = pl_frame_copy(pl_slice(s->at, s->len));
		if (!f)
			return PL_ENOMEM;
		pl_frame_release(s->owner);
		*s = (struct pl_span){f->at, f->len, s->has_begun, f};
	}
	return 0;
}

void pl_outq_cut(struct pl_outq *q)
{
	uint32_t keep = q->ncipher;
	keep += keep < q->count && q->spans[q->first + keep].has_begun;
	while (q->count > keep) {
		struct pl_span *s = &q->spans[q->first + --q->count];
		q->bytes -= s->len;
		pl_frame_release(s->owner);
	}
}
