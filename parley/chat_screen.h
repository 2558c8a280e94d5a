/*
 * chat_screen.h - where the chat's lines go. Messages go to standard output; what the program has
 * to say goes there too when it is a terminal, else to standard error, so that a script reads
 * nothing but messages.
 *
 * Everything that came from the network must have gone through chat_put_safe.
 */
#ifndef PARLEY_CHAT_SCREEN_H
#define PARLEY_CHAT_SCREEN_H

#include "base/buf.h"

struct screen {
	bool is_terminal; /* standard output */
	bool is_typed;    /* standard input is a terminal: own lines are visible already */
	bool is_broken;   /* standard output cannot be written any more */
};

void screen_init(struct screen *);
/* One line, with its newline added. */
void screen_message(struct screen *, struct pl_slice line);
/* "* ..." */
void screen_notice(struct screen *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
