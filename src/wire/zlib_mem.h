/* zlib_mem.h - zlib takes its memory where everybody does. For the files that use zlib. */
#ifndef PL_WIRE_ZLIB_MEM_H
#define PL_WIRE_ZLIB_MEM_H

#include "base/mem.h"

static inline void *pl_zlib_alloc(void *opaque, unsigned count, unsigned size)
{
	(void)opaque;
	return pl_zalloc(count, size);
}

static inline void pl_zlib_free(void *opaque, void *at)
{
	(void)opaque;
	pl_free(at);
}

#endif
