/* public.h - between the public header's words and ours: slices, and names of rooms. */
#ifndef PL_HANDLER_PUBLIC_H
#define PL_HANDLER_PUBLIC_H

#include "base/slice.h"

#include "parley/parley.h"

enum { ROOM_NAME_MAX = 255 };

static inline struct pl_slice pl_in(struct parley_slice s)
{
	return pl_slice(s.at, s.len);
}

static inline struct parley_slice pl_out(struct pl_slice s)
{
	return parley_slice(s.at, s.len);
}

static inline bool pl_is_room_name(struct parley_slice room)
{
	return room.at && room.len && room.len <= ROOM_NAME_MAX;
}

#endif
