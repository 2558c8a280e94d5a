/*
 * chat_internal.h - one chat as its files see it.
 *
 *   chat_client.c  the loop: connection, keyboard, clock
 *   chat_ask.c     requests, and the way from signing in to being in a conversation
 *   chat_hear.c    what the server says
 *   chat_pages.c   pages of history
 *   chat_show.c    messages and people as lines
 *   chat_lines.c   what the user types
 */
#ifndef PARLEY_CHAT_INTERNAL_H
#define PARLEY_CHAT_INTERNAL_H

#include "chat_client.h"
#include "chat_outbox.h"
#include "chat_screen.h"
#include "wire/json.h"

enum chat_state {
	CHAT_OFFLINE,    /* no link; the next attempt is at retry_ms */
	CHAT_CONNECTING, /* a link that is not open yet, or the answer to auth is due */
	CHAT_FINDING,    /* looking for the conversation to be in */
	CHAT_NO_USER,    /* the other has never signed in; asks again at again_ms */
	CHAT_NO_TALK,    /* no conversation; waits for one to be announced */
	CHAT_JOINING,
	CHAT_LOADING,
	CHAT_READY, /* in `conversation`; messages are sent */
};

enum ask {
	ASK_AUTH,
	ASK_CREATE,
	ASK_FIND, /* the list, for the way into a conversation */
	ASK_LIST, /* the list, because the user wants to see it */
	ASK_JOIN,
	ASK_LOAD,    /* newest messages */
	ASK_GAP,     /* further back, until what was seen before */
	ASK_HISTORY, /* older ones, because the user wants to see them */
	ASK_GROUP,
	ASK_INVITE,
	ASK_QUIETLY, /* whatever the answer is */
};

enum {
	REQUESTS_MAX = 16,
	SEEN_MAX = 2048,
	PEOPLE_MAX = 64,
	LISTED_MAX = 100,
	CHAT_NAME_MAX = 128, /* bytes of a name as shown */
	GAP_PAGES = 10,
	PAGE_FIRST = 20,
	PAGE_GAP = 100,
	WITH_MAX = 256,
};

struct request {
	char id[PL_UUID_TEXT];
	enum ask ask;
	uint64_t due_ms; /* 0: this row is free */
};

struct person {
	char id[CHAT_ID_MAX + 1], name[CHAT_NAME_MAX + 1];
	bool is_online, is_known; /* known: presence was heard */
};

struct chat {
	const struct chat_options *options;
	struct screen screen;
	struct link *link;
	struct pl_json_parser *parser;
	struct pl_buf out;   /* the request being written */
	struct pl_buf typed; /* lines not yet taken */
	struct pl_buf held;  /* frames that came while the page was loading, NUL behind each */
	enum chat_state state;
	struct request requests[REQUESTS_MAX];
	struct outbox outbox;
	uint64_t now_ms, retry_ms, again_ms, read_ms, eof_ms; /* 0: not set */
	unsigned attempt;

	char me[CHAT_ID_MAX + 1];
	char with[WITH_MAX + 1];            /* the user to talk to, when `wanted` is not known */
	char wanted[CHAT_ID_MAX + 1];       /* being joined */
	char conversation[CHAT_ID_MAX + 1]; /* joined, or to be joined again */
	char title[CHAT_NAME_MAX + 1];
	bool is_direct, has_title;
	char oldest[CHAT_ID_MAX + 1], newest[CHAT_ID_MAX + 1]; /* messages shown of it */

	uint64_t seen[SEEN_MAX]; /* hashes of the ids of messages shown */
	size_t seen_count;
	struct person people[PEOPLE_MAX];
	size_t npeople;
	char listed[LISTED_MAX][CHAT_ID_MAX + 1]; /* by their number in /list */
	size_t nlisted;
	struct pl_buf pages[GAP_PAGES]; /* lines, newest page first */
	size_t npages;

	bool is_entering;     /* `conversation` is new to the user */
	bool is_waiting_told; /* "waiting for ..." was said */
	bool is_eof, was_ready;
	bool is_skipping; /* the rest of a line that is too long */
	bool has_failed;  /* something that was typed was not done */
	bool is_done;
	int code; /* when is_done */
};

/* A field of a request: a text, a list of one text, or a number. */
struct field {
	const char *name;
	struct pl_slice text;
	bool is_list;
	unsigned number;
};

/* Ends the chat; a reason goes to standard error. */
void chat_fail(struct chat *, const char *what, struct pl_slice detail);
/* The link is of no use: tries again later. */
void chat_lost(struct chat *, struct pl_slice why);
void chat_copy(char *to, size_t size, struct pl_slice);

/* chat_ask.c */
void chat_ask(struct chat *, enum ask, const char *type, const struct field *, size_t n);
void chat_sign_in(struct chat *);
/* The next step towards READY, from what is known. */
void chat_proceed(struct chat *);
void chat_load(struct chat *);
void chat_ready(struct chat *);
void chat_send_next(struct chat *);
void chat_mark_read(struct chat *);

/* chat_hear.c */
void chat_hear(struct chat *, struct pl_slice frame);

/* chat_pages.c */
void chat_take_page(struct chat *, enum ask, const struct pl_json *payload);
void chat_take_history(struct chat *, const struct pl_json *payload);

/* chat_show.c */
bool chat_was_seen(const struct chat *, struct pl_slice id);
/* Appends the line of a message that was not seen before; false: it was, or needs no line. */
bool chat_put_message(struct chat *, const struct pl_json *row, struct pl_buf *to);
void chat_show_message(struct chat *, const struct pl_json *row);
/* Shows lines that end with newlines. */
void chat_show_lines(struct chat *, struct pl_buf *);
struct person *chat_person(struct chat *, struct pl_slice id, struct pl_slice name);
void chat_show_presence(struct chat *, const struct pl_json *payload, bool is_online);
void chat_show_people(struct chat *);
void chat_show_list(struct chat *, const struct pl_json *rows);
struct pl_slice chat_row_id(const struct pl_json *conversation);
void chat_put_row_name(struct pl_buf *, const struct pl_json *conversation);

/* chat_lines.c */
void chat_take_lines(struct chat *);

#endif
