/* clock.h - monotonic time for everything that waits, wall time only for what people read. Any
 * thread. */
#ifndef PL_BASE_CLOCK_H
#define PL_BASE_CLOCK_H

#include "base/slice.h"

uint64_t pl_now_ms(void);  /* CLOCK_MONOTONIC */
uint64_t pl_wall_ms(void); /* Unix time */

enum { PL_ISO_TEXT = 24 };
/* "2025-08-24T07:16:08.123Z": 24 characters, no NUL. Years 1970 to 9999. */
void pl_iso_format(uint64_t wall_ms, char out[PL_ISO_TEXT]);

#endif
