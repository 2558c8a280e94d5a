/*
 * frame.h - immutable bytes shared by many readers: encode once, send to a
 * whole room, also across threads. The last release frees it.
 */
#ifndef PL_BASE_FRAME_H
#define PL_BASE_FRAME_H

#include "base/slice.h"

#include <stdatomic.h>

struct pl_frame {
	_Atomic uint32_t refs;
	uint32_t len; /* bytes at ->at */
	char at[];
};

/* One reference, len bytes to be filled before it is shared. NULL: no memory, or len over 2^31. */
struct pl_frame *pl_frame_new(size_t len);
/* A copy of the bytes. */
struct pl_frame *pl_frame_copy(struct pl_slice);
/* Takes one more reference. Any thread. */
struct pl_frame *pl_frame_retain(struct pl_frame *);
/* Gives one back; NULL is fine. Any thread. */
void pl_frame_release(struct pl_frame *);

static inline struct pl_slice pl_frame_slice(const struct pl_frame *f)
{
	return pl_slice(f->at, f->len);
}

#endif
