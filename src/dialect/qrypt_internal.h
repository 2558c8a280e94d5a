/* qrypt_internal.h - what the files of the QryptChat dialect share. */
#ifndef PL_DIALECT_QRYPT_INTERNAL_H
#define PL_DIALECT_QRYPT_INTERNAL_H

#include "dialect/dispatch.h"
#include "dialect/qrypt.h"

/* What a client may say, by noun: each table ends with {0} and stands in the file of its name. */
extern const struct pl_message_row pl_qrypt_auth[], pl_qrypt_conversations[], pl_qrypt_messages[],
	pl_qrypt_history[], pl_qrypt_typing[], pl_qrypt_groups[], pl_qrypt_call_rows[],
	pl_qrypt_keyed_call_rows[];
const struct pl_message_row *pl_qrypt_find(struct pl_slice name);

#define AUTH_REQUIRED                                      \
	{                                                  \
		"AUTH_REQUIRED", "Authentication required" \
	}
#define UNAUTHORIZED                                      \
	{                                                 \
		"UNAUTHORIZED", "Authentication required" \
	}
#define LIMITED(name) .has_limit = true, .limit = PL_LIMIT_##name

enum {
	PL_QRYPT_ID_MAX = 64,
	PL_QRYPT_ROOM_MAX = 128, /* an id, or the name of an open room */
	PL_QRYPT_NAME_MAX = 256,
	PL_QRYPT_TEXT_MAX = 4 << 20, /* the connection's message limit is what counts */
};

/* {conversationId}: of several messages. */
struct in_conversation {
	struct pl_slice conversation;
};
extern const struct pl_field pl_qrypt_conversation_fields[];

/* qrypt_answer.c */
extern const struct pl_words pl_qrypt_access_denied;
/* The row of a message that is in a table. */
const struct pl_message_row *pl_qrypt_row(const char *name);
/* The answer to a failed operation, in the words of its row. */
void pl_qrypt_fail_op(struct pl_session *, const struct pl_op *, const struct pl_message_row *);
/* The session to answer, and its user is the one who asked. NULL: it is gone, or was just told that
 * the operation failed or that somebody else is signed in now. */
struct pl_session *pl_qrypt_answering(const struct pl_op *, const char *row);
/* Ends the frame and sends it. */
void pl_qrypt_reply(struct pl_session *, struct pl_buf *, struct pl_slice ref);
/* {conversationId ...more}: the short answers. */
void pl_qrypt_reply_conversation(struct pl_session *, const char *type, struct pl_slice ref,
				 const struct pl_uuid *id, const char *more);
/* A conversation by its id or, an open room, by its name. */
struct pl_qrypt_place {
	struct pl_uuid id;    /* nil: not known here */
	struct pl_slice room; /* at != NULL: then the store is to be asked for this name */
};
struct pl_qrypt_place pl_qrypt_read_place(const struct pl_session *, struct pl_slice text);
/* qrypt_conversations.c: asks the store whether the session's user may come in there. */
int pl_qrypt_ask_access(struct pl_session *, struct pl_slice ref, const struct pl_qrypt_place *,
			void (*on_done)(struct pl_op *));

/* qrypt_auth.c */
void pl_qrypt_on_signed_in(struct pl_session *, struct pl_slice ref, bool was_asked, int err);
void pl_qrypt_on_expiry(struct pl_session *, uint64_t expires_s, bool is_over);

/* qrypt.c: the envelope. The payload is written between the two. */
void pl_qrypt_begin(struct pl_buf *, const char *type);
/* With the id of the request; a fresh one where it had none. */
void pl_qrypt_end(struct pl_buf *, struct pl_slice ref);
/*
 * For frames that answer nothing. Always with an id of its own: the oldest clients drop frames that
 * have none.
 */
void pl_qrypt_end_fresh(struct pl_buf *);
void pl_qrypt_fail(struct pl_session *, struct pl_slice ref, const struct pl_words *,
		   uint64_t retry_ms);

/* qrypt_rows.c: nouns as this dialect writes them. */
void pl_qrypt_put_user(struct pl_buf *, const struct pl_user *);
/* content.at == NULL: null. */
void pl_qrypt_put_message(struct pl_buf *, const struct pl_message *, struct pl_slice content);
void pl_qrypt_put_listed(struct pl_buf *, const struct pl_conversation_row *);
/* {conversation: row, and the row's fields again beside it}: where the different clients look. */
void pl_qrypt_put_created(struct pl_buf *, const struct pl_conversation *,
			  const struct pl_uuid *participants, size_t n);
void pl_qrypt_put_group(struct pl_buf *, const struct pl_group *);
void pl_qrypt_put_read(struct pl_buf *, const struct pl_uuid *conversation,
		       const struct pl_uuid *message, const struct pl_uuid *user, uint64_t read_ms);

/* qrypt_call_out.c: of a call, what the other said; to who said something, what became of it. */
void pl_qrypt_put_call(const struct pl_event *, struct pl_buf *);
void pl_qrypt_on_call_reply(struct pl_session *, const struct pl_call_news *);

/* qrypt_out.c */
extern const struct pl_peer_ops pl_qrypt_peer_ops;

#endif
