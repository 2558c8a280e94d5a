/*
 * log.h - one line per fact, written by a thread of its own so that a stalled reader of the
 * log never stalls a worker. JSON lines, or a readable form for a terminal.
 *
 * The ring is bounded: what does not fit is dropped and the number of dropped lines is logged.
 * Control bytes, U+2028/2029 and bidirectional controls are escaped: a line cannot forge another
 * or drive a terminal. Never pass a token or a password: there is no way to take it back.
 */
#ifndef PL_BASE_LOG_H
#define PL_BASE_LOG_H

#include "base/err.h"
#include "base/slice.h"

/* PL_ALWAYS: whatever the level is, for what programs wait for. */
enum pl_log_level { PL_DEBUG, PL_INFO, PL_WARN, PL_ERROR, PL_ALWAYS };

struct pl_log;

struct pl_log_options {
	int fd;                  /* where lines go; not closed */
	enum pl_log_level level; /* below it nothing is formatted */
	bool readable;           /* text for people instead of JSON */
	/*
	 * Instead of all that: called for each line, on the log's thread: "who: text", without
	 * time, level and newline. May log.
	 */
	void (*line)(void *ctx, enum pl_log_level, const char *text);
	void *ctx;
};

int pl_log_new(const struct pl_log_options *, struct pl_log **out) PL_MUST_CHECK;
/* Writes what is still queued (waits at most 1 s for the reader). NULL is fine. */
void pl_log_free(struct pl_log *);
void pl_log_set_level(struct pl_log *, enum pl_log_level);

/* `who` is the component ("conn", "store"). A NULL log drops the line. Any thread; never blocks. */
void pl_log(struct pl_log *, enum pl_log_level, const char *who, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
