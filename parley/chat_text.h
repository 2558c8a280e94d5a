/*
 * chat_text.h - the pure parts of `parley chat`: what may reach a terminal, what a typed line
 * means, times, and how long to wait before connecting again. No state, no I/O.
 */
#ifndef PARLEY_CHAT_TEXT_H
#define PARLEY_CHAT_TEXT_H

#include "base/buf.h"

/*
 * Appends text from the network as one line that cannot drive a terminal: a newline becomes a
 * space; other control characters, line separators, bidirectional controls and bytes that are not
 * UTF-8 are spelled out (\x1b, \u202e).
 */
void chat_put_safe(struct pl_buf *, struct pl_slice);

enum chat_verb {
	CHAT_SAY,     /* argument: the text */
	CHAT_NOTHING, /* an empty line */
	CHAT_UNKNOWN, /* argument: the word */
	CHAT_NEEDS,   /* row: the command whose argument is missing */
	CHAT_QUIT,
	CHAT_HELP,
	CHAT_LIST,
	CHAT_JOIN,
	CHAT_WITH,
	CHAT_HISTORY,
	CHAT_WHO,
	CHAT_GROUP,
	CHAT_INVITE,
};

struct chat_command {
	const char *name;     /* "/join"; NULL ends the table */
	const char *argument; /* placeholder; NULL: takes none */
	enum chat_verb verb;
	const char *doc;
};
extern const struct chat_command chat_commands[];

struct chat_line {
	enum chat_verb verb;
	struct pl_slice argument;
	const struct chat_command *row; /* NULL for CHAT_SAY, CHAT_NOTHING, CHAT_UNKNOWN */
};
/* A line without its newline. "//text" says "/text". The argument points into the line. */
struct chat_line chat_parse_line(struct pl_slice);

/* "2025-08-24T07:16:08.123456+00:00", also with Z or without a zone (UTC). Unix time in seconds;
 * PL_EINVAL. */
int chat_parse_time(struct pl_slice, int64_t *out) PL_MUST_CHECK;
/* "07:16" in local time, with the date in front unless it is the day of now_s. */
void chat_put_time(struct pl_buf *, int64_t at_s, int64_t now_s);

enum { CHAT_RETRY_MIN_MS = 1000, CHAT_RETRY_MAX_MS = 15000 };
/* How long to wait after the attempt-th failure in a row (from 0): between 1 s and a limit that
 * doubles from 2 s to 15 s, by chance, so that clients of one server do not return together. */
uint64_t chat_retry_ms(unsigned attempt, uint32_t chance);

#endif
