/* chat_client.h - a person's side of a conversation, in lines of text. */
#ifndef PARLEY_CHAT_CLIENT_H
#define PARLEY_CHAT_CLIENT_H

#include "chat_link.h"

struct chat_options {
	const char *url; /* as given, for messages */
	struct link_target target;
	const char *token;
	const char *with;         /* a user: id, subject or username; or NULL */
	const char *conversation; /* an id, or NULL */
};

/* Talks until /quit, the end of standard input, or a final refusal. What to exit with. */
int chat_run(const struct chat_options *);

#endif
