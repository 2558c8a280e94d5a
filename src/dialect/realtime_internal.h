/* realtime_internal.h - what the files of the chat+presence dialect share. */
#ifndef PL_DIALECT_REALTIME_INTERNAL_H
#define PL_DIALECT_REALTIME_INTERNAL_H

#include "dialect/dispatch.h"
#include "dialect/realtime.h"

/* What a client may say, by noun: each table ends with {0} and stands in the file of its name. */
extern const struct pl_message_row pl_realtime_auth[], pl_realtime_direct[], pl_realtime_groups[],
	pl_realtime_history[], pl_realtime_offline[];

enum {
	PL_REALTIME_NAME_MAX = 1024, /* bytes of a username */
	PL_REALTIME_ID_MAX = 2304,   /* of a chatId: two names, and what a client makes of them */
	PL_REALTIME_GROUP_MAX = 128,
	PL_REALTIME_REF_MAX = 128,
	PL_REALTIME_TEXT_MAX = 64 << 20,
};

/* A session of one of the four kinds: two families, on two sockets. */
struct realtime {
	struct pl_session session; /* first */
	struct pl_uuid attending;  /* who counts as there because of this connection; or nil */
	uint64_t since_ms;         /* when it was ready, for TAKEOVER; 0: not yet */
	uint64_t others_since_ms;  /* the latest that was ready before; this one is later */
	struct pl_list asking;     /* struct history, see realtime_history.c */
	struct pl_list inviting;   /* struct invitation, see realtime_direct.c */
	uint64_t asked;            /* questions for somebody's presence so far */
	uint32_t creating;         /* JOIN_GROUPs under way that may make the group */
};

static inline struct realtime *pl_realtime_of(struct pl_session *s)
{
	return PL_CONTAINER(s, struct realtime, session);
}

/* realtime.c */
bool pl_realtime_knows(struct pl_slice type);
/* For chat: of the family that this handshake shows. */
const struct pl_dialect *pl_realtime_dialect(const struct pl_request *);
/* Whether it is of the older family: the token came with the handshake. */
bool pl_realtime_is_older(const struct pl_session *);
bool pl_realtime_is_presence(const struct pl_session *);
/* {"type":type,"msg":before + name + after,"requestId":ref}; the reply buffer, to be ended with
 * PL_PUT(b, "}") and sent. */
struct pl_buf *pl_realtime_begin(struct pl_session *, const char *type, struct pl_slice ref,
				 const char *before, struct pl_slice name, const char *after);
/* Any other answer: ends it with ,"requestId":ref} and sends it. */
void pl_realtime_end(struct pl_session *, struct pl_slice ref, struct pl_buf *);
void pl_realtime_say(struct pl_session *, const char *type, struct pl_slice ref, const char *before,
		     struct pl_slice name, const char *after);
void pl_realtime_fail(struct pl_session *, struct pl_slice ref, const char *text);
/* Who comes with a name must be who is signed in; else it is told so and this is false. */
bool pl_realtime_is_me(struct pl_session *, struct pl_slice ref, struct pl_slice name);
/* The session that an operation is to be answered on; NULL: nobody waits for it. */
struct pl_session *pl_realtime_answering(const struct pl_op *);
/* No username has them. */
bool pl_realtime_is_name(struct pl_slice);

/* realtime_auth.c */
struct pl_slice pl_realtime_find_token(const struct pl_request *, struct pl_arena *);
struct pl_slice pl_realtime_no_token(const struct pl_request *, struct pl_arena *);
void pl_realtime_on_signed_in(struct pl_session *, struct pl_slice ref, bool was_asked, int err);
void pl_realtime_on_expiry(struct pl_session *, uint64_t expires_s, bool is_over);
void pl_realtime_on_deadline(struct pl_session *);
/* Sits down in the user's conversations, and is there from then on. */
void pl_realtime_prepare(struct pl_session *);
void pl_realtime_on_end(struct pl_session *);
/* Another one of this user came: the older one goes. */
void pl_realtime_on_takeover(struct pl_session *, const struct pl_event *);

/* realtime_direct.c */
/* The two names in the order of their UTF-16 code units, with a '-' in between. */
void pl_realtime_put_chat_id(struct pl_buf *, struct pl_slice a, struct pl_slice b);
/* pair: the two names that a chatId consists of, if it is another than that of these two. */
void pl_realtime_read_chat_id(struct pl_slice id, struct pl_slice from, struct pl_slice to,
			      struct pl_slice pair[2]);
/* Tells in the words of the table why somebody could not be reached. */
void pl_realtime_fail_meeting(struct pl_session *, struct pl_slice ref, int err, struct pl_slice to,
			      const char *otherwise);
/* After a message was kept: only who gave a requestId hears of it. */
void pl_realtime_sent(struct pl_session *, const struct pl_op *);
void pl_realtime_told_presence(struct pl_session *, const struct pl_event *);
void pl_realtime_forget_invitations(struct pl_session *);

/* realtime_groups.c */
/* Hears what is said there. In an open room the others there are told of it, once. */
int pl_realtime_sit(struct pl_session *, const struct pl_conversation *) PL_MUST_CHECK;
void pl_realtime_put_group_id(struct pl_buf *, struct pl_slice alias, const struct pl_uuid *);
void pl_realtime_fail_group(struct pl_session *, struct pl_slice ref, int err,
			    struct pl_slice group, const char *otherwise);

/* realtime_history.c */
void pl_realtime_forget_histories(struct pl_session *);
/* Whether the answer was for one of these. */
bool pl_realtime_history_told(struct pl_session *, const struct pl_event *);

/* realtime_offline.c */
int pl_realtime_send_init(struct pl_session *, struct pl_slice ref);

/* realtime_out.c */
extern const struct pl_peer_ops pl_realtime_chat_ops, pl_realtime_older_chat_ops,
	pl_realtime_presence_ops, pl_realtime_older_presence_ops;

#define PL_REALTIME_FROM(struct_type)                                                  \
	PL_FIELD(struct_type, from, "from", PL_STR, PL_REQUIRED, PL_REALTIME_NAME_MAX, \
		 "the username that is signed in")

#endif
