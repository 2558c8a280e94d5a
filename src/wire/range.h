/* range.h - which part of a file is asked for (RFC 9110, section 14), one range at most. Pure. */
#ifndef PL_WIRE_RANGE_H
#define PL_WIRE_RANGE_H

#include "base/slice.h"

enum pl_range_is {
	PL_RANGE_NONE,   /* all: no range, several, or not one that we know */
	PL_RANGE_PART,   /* 206 */
	PL_RANGE_BEYOND, /* 416 */
};

struct pl_range {
	uint64_t first, length;
};

/* The value of a Range header for `size` bytes. *out is set for PL_RANGE_PART only. */
enum pl_range_is pl_range_read(struct pl_slice value, uint64_t size, struct pl_range *out);

#endif
