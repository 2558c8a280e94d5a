/* frame.c - refcounted immutable bytes. */
#include "base/frame.h"

#include "base/mem.h"

struct pl_frame *pl_frame_new(size_t len)
{
	if (len > INT32_MAX)
		return NULL;
	struct pl_frame *f = pl_alloc(sizeof(*f) + len);
	if (!f)
		return NULL;
	atomic_init(&f->refs, 1);
	f->len = (uint32_t)len;
	return f;
}

struct pl_frame *pl_frame_copy(struct pl_slice s)
{
	struct pl_frame *f = pl_frame_new(s.len);
	if (f && s.len)
		memcpy(f->at, s.at, s.len);
	return f;
}

struct pl_frame *pl_frame_retain(struct pl_frame *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

void pl_frame_release(struct pl_frame *f)
{
	if (f && atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1)
		pl_free(f);
}
