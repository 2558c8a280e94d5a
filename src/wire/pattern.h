/*
 * pattern.h - Ant patterns of paths: `?` one character, `*` any characters inside a segment, `**`
 * any number of segments (also none), `{name}` one segment, not empty, with a name.
 *
 * Paths are matched as they were sent (percent-encoded), without the query. Matching takes at most
 * time proportional to pattern times path, whatever both are. Nothing allocates.
 */
#ifndef PL_WIRE_PATTERN_H
#define PL_WIRE_PATTERN_H

#include "base/err.h"
#include "base/slice.h"

enum { PL_PATTERN_MAX = 256, PL_PATTERN_PARAMS = 16 };

/* NULL: it is one; else what is wrong with it. */
const char *pl_pattern_fault(const char *pattern);
/* The pattern must be one. */
bool pl_pattern_match(const char *pattern, struct pl_slice path);
/* What stands for {name} in a path that matches; still encoded. at == NULL: there is none. */
struct pl_slice pl_pattern_param(const char *pattern, struct pl_slice path, struct pl_slice name);

#endif
