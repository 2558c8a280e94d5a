/*
 * given.h - a struct that a program gives and we keep: read whatever version it was compiled with,
 * completed, its texts copied behind it into one block. For everybody who registers something.
 */
#ifndef PL_HANDLER_GIVEN_H
#define PL_HANDLER_GIVEN_H

#include <stdbool.h>
#include <stddef.h>

/* The most that may be said. */
enum {
	PL_GIVEN_BYTES_MAX = 1 << 30, /* of messages, backlogs, thresholds */
	PL_GIVEN_MS_MAX = 604800000,  /* a week */
	PL_GIVEN_ROOMS_MAX = 1 << 26,
};

/*
 * Copies `size` bytes of the caller's struct to `out`, of `ours` bytes. The caller's may be an
 * older one, which is shorter, or a newer one that says nothing new; false: it says something new.
 */
bool pl_given_take(const void *given, size_t size, void *out, size_t ours);

/* Zero says: the default. */
static inline size_t pl_given_or(size_t given, size_t otherwise)
{
	return given ? given : otherwise;
}

/* With its NUL; 0 for NULL. */
size_t pl_given_text_size(const char *);
/* Copies as much to *at, moves it on; the copy, or NULL for NULL. */
const char *pl_given_text_put(char **at, const char *);

#endif
