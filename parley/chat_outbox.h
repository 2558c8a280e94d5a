/*
 * chat_outbox.h - what the user said and the server has not yet acknowledged: in order, bounded,
 * each with the id under which it may be sent again without being stored twice. One at a time is
 * on its way, so a refusal or a lost connection never changes the order.
 */
#ifndef PARLEY_CHAT_OUTBOX_H
#define PARLEY_CHAT_OUTBOX_H

#include "base/err.h"
#include "base/id.h"
#include "base/list.h"

enum { OUTBOX_MAX = 100, OUTBOX_TRIES = 3, CHAT_ID_MAX = 64 };

struct outbox_message {
	struct pl_list node;
	char id[PL_UUID_TEXT];              /* clientMessageId and requestId */
	char conversation[CHAT_ID_MAX + 1]; /* "": the one that is joined next */
	bool is_sent;                       /* on this connection; an answer is due by due_ms */
	bool was_sent;                      /* on this or an earlier one: it may be stored */
	unsigned refusals;
	uint64_t due_ms;
	size_t len;
	char text[];
};

struct outbox {
	struct pl_list messages;
	size_t count;
	uint64_t hold_ms; /* nothing is sent before: the server asked for patience */
};

void outbox_init(struct outbox *);
void outbox_fini(struct outbox *);
static inline bool outbox_is_full(const struct outbox *o)
{
	return o->count >= OUTBOX_MAX;
}
/* A copy of the text. conversation may be "". PL_ELIMIT: full. PL_ENOMEM. */
int outbox_add(struct outbox *, const char *conversation, struct pl_slice text) PL_MUST_CHECK;
/* The oldest; NULL when empty. */
struct outbox_message *outbox_first(const struct outbox *);
/* The oldest, when it is on its way under this id; else NULL. */
struct outbox_message *outbox_on_its_way(const struct outbox *, struct pl_slice id);
void outbox_remove(struct outbox *, struct outbox_message *);
/* The connection is gone: what was on its way must be sent again. */
void outbox_rewind(struct outbox *);
/* Messages without a conversation go to this one. */
void outbox_address(struct outbox *, const char *conversation);

#endif
