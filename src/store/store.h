/*
 * store.h - the port to durable things. Two stores fill it in: SQLite and memory (tests).
 *
 * A caller builds a struct pl_op, submits it and gets it back on its own loop when it is done:
 * for a write that means committed, on disk. One writer thread takes everything that waits, runs it
 * in one transaction in the order of submission, commits, then finishes the operations in that
 * order. Reader threads answer reads; a read submitted after a write came home sees the write.
 *
 * Access is checked in here, inside the transaction: whoever is not a member gets PL_EDENIED,
 * except in an open room (pl_conversation_is_open), which every known user may use and see all of.
 */
#ifndef PL_STORE_STORE_H
#define PL_STORE_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "loop/loop.h"
#include "model/account.h"
#include "model/file.h"

enum { PL_SECRET_BYTES = 32 };

/* name, W(rite) or R(ead), what it does */
#define PL_OP_MAP(X)                                                                               \
	X(SIGN_IN, W, "Find the token's user, or provision one; list its conversations")           \
	X(CONVERSATIONS, R, "A user's conversations with latest message and unread count")         \
	X(ACCESS, R, "A user's role in a conversation")                                            \
	X(OPEN_ROOM, W, "Find a room by name, or make an open one")                                \
	X(CREATE, W, "Create a conversation; an existing direct one of the same pair is returned") \
	X(SEND, W, "Append a message, or recognise a retry")                                       \
	X(PAGE, R, "A page of history, ascending")                                                 \
	X(MARK_READ, W, "Move a member's read position forward")                                   \
	X(CREATE_GROUP, W, "Create a group with its first room and an invite code")                \
	X(JOIN_GROUP, W, "Join a group and its rooms by invite code")                              \
	X(GROUPS, R, "A user's groups")                                                            \
	X(REGISTER, W, "Create a user with an account")                                            \
	X(ACCOUNT, R, "An account by name, with its password hash")                                \
	X(SET_PASSWORD, W, "Exchange an account's password hash")                                  \
	X(DISABLE, W, "Lock a user out, or let it in again")                                       \
	X(USERS, R, "A page of all users")                                                         \
	X(DIRECT, W, "Find the direct conversation with a username, or make it")                   \
	X(LEAVE, W, "End a membership")                                                            \
	X(ATTEND, W, "Note who is there to hear, and count what came for who is not")              \
	X(CHATS, R, "What a user is a member of, and how much came while it was away")             \
	X(SHARES, R, "Whether two users are members of one conversation")                          \
	X(FILE_START, W, "Begin an upload to a conversation")                                      \
	X(FILE_RESUME, R, "A user's upload, as far as it got")                                     \
	X(FILE_PROGRESS, W, "So much of an upload is on disk")                                     \
	X(FILE_ABORT, W, "Forget a user's unfinished upload")                                      \
	X(FILE_FIND, R, "A complete file, for who may see the message that carries it")            \
	X(FILE_EXPIRE, W, "Forget unfinished uploads that stand still")                            \
	X(FILE_KNOWN, R, "Which files there are no rows of")                                       \
	X(MISSED, R, "What was said after a position wherever a user is a member")                 \
	X(PENDING, R, "What was said to a user alone and is not known to have been received")      \
	X(RECEIVED, W, "Move forward to where a user has received what was said to it alone")

enum pl_op_kind {
#define X(name, way, doc) PL_OP_##name,
	PL_OP_MAP(X)
#undef X
		PL_OP__COUNT
};

/*
 * in: fields above the blank line, set by the caller, bytes in op->arena or longer-lived. out:
 * below.
 *
 * Where an op has a `room`, that may name the conversation instead of its id: a conversation's id
 * as text, else an alias. The id is filled in then; PL_EDENIED: there is none.
 */

struct pl_op_sign_in {
	struct pl_user claims; /* subject required; the rest where the token says so. id: what a new
				  user gets, nil: the subject where that is one, else any */
	bool provision;        /* create the user when unknown; else PL_ENOTFOUND */
	uint64_t issued_s;     /* of the token; 0: it does not say */

	/* err: PL_EDENIED: disabled, or the token is older than the password */
	struct pl_user user;
	struct pl_uuid *conversations; /* of which the user is a member */
	size_t nconversations;
};

struct pl_op_conversations {
	struct pl_uuid user;

	struct pl_conversation_row *rows; /* latest activity first */
	size_t nrows;
};

struct pl_op_access {
	struct pl_uuid user, conversation;
	struct pl_slice room;

	struct pl_conversation found; /* err: PL_EDENIED also when there is no such conversation */
	enum pl_role role;            /* PL_NOT_MEMBER: it is open */
};

struct pl_op_open_room {
	struct pl_uuid user;   /* unknown: sees open rooms only, and is not remembered */
	struct pl_slice name;  /* as `room` of the others */
	struct pl_slice title; /* of a room that is made; empty: its alias */
	bool create;           /* an open room of this alias, where there is none */
	uint32_t rooms_max;    /* that may have an alias when one is created; 0: any number */
	bool remember;         /* the user is a member of the open room for good */

	/* err: PL_ENOTFOUND, PL_EDENIED, PL_EINVAL (no alias: see rules.h), PL_ELIMIT */
	struct pl_conversation found;
	bool created;
	bool is_new_member;
	struct pl_user who; /* id and username; nil: unknown */
};

struct pl_op_create {
	struct pl_uuid creator;
	enum pl_conversation_type type;
	struct pl_slice name, description;
	struct pl_slice *members; /* each a user id, a subject or a username; the creator may be
				     among them */
	size_t nmembers;          /* an unknown one: PL_ENOTFOUND, nothing is created */

	struct pl_conversation made;
	bool existed;
	struct pl_uuid *participants; /* all members, creator first */
	struct pl_slice *usernames;   /* of these */
	size_t nparticipants;
};

/*
 * Where an op has a `to`: a username, which names the direct conversation of the user and who is
 * called so. The exact name counts before others that differ in case. PL_ENOTFOUND: nobody is;
 * PL_EINVAL: the user itself. `pair` (at == NULL: nothing): where both are usernames, they must be
 * these two people; else PL_ESTATE.
 */
struct pl_op_direct {
	struct pl_uuid user;
	struct pl_slice to;
	bool to_anyone; /* `to` may also be an id, or a subject, which count before usernames */
	struct pl_slice pair[2];
	bool create; /* where there is none; else found.id is nil */

	struct pl_conversation found;
	bool existed;
	struct pl_user me, other; /* id, username */
	uint64_t other_seen_ms;   /* when the other last went away; 0: not known */
};

struct pl_copy {
	struct pl_uuid user;
	struct pl_slice content;
};

/*
 * in_group: only where the user is a member, also of an open room, and not in a direct
 * conversation. PL_ENOTFOUND: no such group, as far as the user may know; PL_EDENIED: an open room
 * that the user has not joined.
 */
struct pl_op_send {
	struct pl_uuid user, conversation;
	struct pl_slice room;
	struct pl_slice to, pair[2]; /* instead: see pl_op_direct; it is made where there is none */
	bool to_anyone;
	bool in_group;
	bool not_to_origin;  /* for finish(): the peer that asked does not hear it */
	bool is_heard_first; /* for finish(): the answer comes after what others hear */
	struct pl_slice kind, content, metadata;
	uint32_t format;        /* see struct pl_message */
	struct pl_copy *copies; /* per recipient, instead of content; recipients must be members */
	size_t ncopies;
	struct pl_uuid reply_to;    /* nil: none. Not in this conversation: PL_ENOTFOUND */
	struct pl_slice client_id;  /* unique per user and conversation, for ever */
	struct pl_slice request_id; /* without client_id: a retry if conversation and content match,
				       within 24 h */
	/*
	 * Nil, or the user's upload that this message carries: it is complete with the same commit,
	 * and a retry if it was before. It names the conversation. PL_ENOTFOUND: there is none;
	 * PL_ESTATE: not all of it is stored.
	 */
	struct pl_uuid file;
	uint8_t file_sha256[PL_FILE_SHA256]; /* of its bytes */

	struct pl_message message; /* content: the sender's own copy when per recipient */
	struct pl_slice alias;     /* of the conversation, where it has one */
	bool duplicate;            /* the first message again; nothing was stored */
	struct pl_user other; /* id and username of who hears it in a direct conversation; nil */
	struct pl_conversation made; /* by `to`, just now; id nil: it was there */
};

struct pl_op_page {
	struct pl_uuid user, conversation;
	struct pl_slice room;
	struct pl_uuid before; /* nil: the newest page. Not in this conversation: PL_ENOTFOUND */
	uint64_t after_seq;    /* with `forward`: messages with a greater seq, oldest first */
	bool forward;
	bool in_group; /* see pl_op_send */
	uint32_t limit;

	struct pl_message *messages; /* ascending by seq */
	size_t nmessages;
	bool has_more; /* older ones exist (forward: newer ones) */
};

struct pl_op_mark_read {
	struct pl_uuid user, conversation; /* of somebody who is no member nothing is kept */
	struct pl_slice room;
	bool is_silent;         /* for finish(): nobody is told */
	struct pl_uuid message; /* nil: everything. Not in this conversation: PL_ENOTFOUND */

	uint64_t seq;              /* the read position now */
	struct pl_uuid at_message; /* the message at seq; nil when nothing was ever said */
	bool moved;
	uint64_t read_ms;
};

struct pl_op_create_group {
	struct pl_uuid creator;
	struct pl_slice name, description;
	bool is_public;

	struct pl_group group;
	struct pl_conversation room;
};

struct pl_op_join_group {
	struct pl_uuid user;
	struct pl_slice invite_code; /* unknown: PL_ENOTFOUND; already in: PL_EEXISTS, with group
					filled in */

	struct pl_group group;
	struct pl_uuid *rooms;
	size_t nrooms;
};

struct pl_op_groups {
	struct pl_uuid user;

	struct pl_group *rows;
	size_t nrows;
};

struct pl_op_register {
	struct pl_slice username; /* as pl_account_name_fault allows, else PL_EINVAL */
	struct pl_slice password; /* its hash */

	/* err: PL_EEXISTS: an account has this name, or another user goes by it */
	struct pl_user user; /* subject: the id as text */
};

struct pl_op_account {
	struct pl_slice name; /* of the account, in any case; none of these: PL_ENOTFOUND */

	struct pl_user user;
	struct pl_slice password; /* its hash */
	bool is_disabled;
};

struct pl_op_set_password {
	struct pl_slice name;       /* as above */
	struct pl_slice password;   /* its hash */
	struct pl_slice instead_of; /* at != NULL: only while this is the hash, else PL_ESTATE; the
				       password is the same, and tokens stay good */

	struct pl_user user;
};

struct pl_op_disable {
	struct pl_slice who; /* an account's name, else a user id, a subject or a username */
	bool on;             /* else the user may sign in again */

	struct pl_user user;
	bool changed;
};

struct pl_op_users {
	struct pl_uuid after; /* nil: from the oldest. Unknown: PL_ENOTFOUND */
	uint32_t limit;

	struct pl_user_row *rows; /* oldest first */
	size_t nrows;
	bool has_more;
};

struct pl_op_leave {
	struct pl_uuid user;
	struct pl_slice room;

	/* err: PL_ENOTFOUND and PL_EDENIED as for in_group; PL_EINVAL: it is a group's room, which
	 * goes with the group */
	struct pl_conversation left;
	struct pl_user who; /* id, username */
};

enum pl_attendance {
	PL_CAME, /* a connection is there to hear; the first one: what came meanwhile is counted */
	PL_WENT, /* it is not any more */
	PL_SAW,  /* nothing is waiting any more */
};

struct pl_op_attend {
	struct pl_uuid user;
	uint64_t socket; /* unique in the process */
	enum pl_attendance what;
};

struct pl_chat_row {
	struct pl_conversation conversation; /* id, type, name, alias */
	struct pl_user other;                /* direct: id and username */
	uint64_t waiting;                    /* messages that came while the user was away */
};

struct pl_op_chats {
	struct pl_uuid user;

	struct pl_chat_row *rows; /* latest activity first */
	size_t nrows;
	bool is_named; /* whoever looks for the user's name finds this user */
};

struct pl_op_shares {
	struct pl_uuid user;
	struct pl_slice with; /* a user id, a subject or a username */

	/* err: PL_ENOTFOUND: nobody is; PL_EINVAL: the user itself; PL_EDENIED: they share nothing
	 */
	struct pl_user other; /* id, subject, username, display_name, avatar_url */
};

struct pl_op_file_start {
	struct pl_uuid user;
	struct pl_slice room; /* as `room` of the others; at == NULL: */
	struct pl_slice to;   /* a user id, a subject or a username: their direct conversation,
				 which is made where there is none */
	bool in_group;        /* of `room`: as of pl_op_send, but PL_EDENIED in any case */
	struct pl_slice name, type;
	uint64_t size;
	bool has_sha256;
	uint8_t sha256[PL_FILE_SHA256];
	uint64_t quota;          /* of the user: bytes of all files, unfinished ones in full, and
				    PL_FILE_OVERHEAD for each; 0: any number */
	uint32_t unfinished_max; /* of the user; 0: any number */

	/* err: PL_EDENIED; PL_ENOTFOUND, PL_EINVAL: `to`, as for DIRECT; PL_EINVAL: name, type;
	 * PL_ETOOBIG: the quota; PL_ELIMIT: unfinished_max */
	struct pl_file file;
	struct pl_conversation made; /* for `to`, just now; id nil: it was there */
	struct pl_user me, other;    /* of `made`: id and username */
};

struct pl_op_file_resume {
	struct pl_uuid user, id; /* PL_ENOTFOUND: the user has no such upload */

	struct pl_file file;
};

struct pl_op_file_progress {
	struct pl_uuid id;
	uint64_t stored; /* synced; less than was said before changes nothing */

	/* err: PL_ENOTFOUND: there is no such upload; PL_ESTATE: it is complete */
};

struct pl_op_file_abort {
	struct pl_uuid user, id;

	/* err: PL_ENOTFOUND; PL_ESTATE: it is complete. Its bytes are nobody's after this. */
};

struct pl_op_file_find {
	struct pl_uuid id;
	struct pl_slice subject; /* of a verified token, */
	uint64_t issued_s;       /* and its age, as for SIGN_IN: PL_EDENIED */

	/* err: PL_ENOTFOUND: no complete file, or none that this user may see */
	struct pl_file file;
};

struct pl_op_file_expire {
	uint64_t before_ms; /* without progress since then */
	uint32_t limit;

	struct pl_uuid *ids; /* forgotten: their bytes are nobody's */
	size_t nids;
};

struct pl_op_file_known {
	struct pl_uuid *ids; /* those that are known are made nil */
	size_t nids;
};

/*
 * Message ids are positions: each is greater, as bytes compare, than those of all messages that
 * were kept before it, in whatever conversation, also over a restart and where the clock was set
 * back.
 */
struct pl_said {
	struct pl_message message;
	enum pl_conversation_type type;
	struct pl_slice alias; /* of the conversation */
	struct pl_user other;  /* direct: for whom it was; as `other` of pl_op_send */
};

struct pl_op_missed {
	struct pl_uuid user;
	struct pl_uuid after; /* nil: from the beginning */
	uint32_t limit;
	size_t bytes; /* of text, but for the first; 0, or too many: those of a page */

	struct pl_said *rows; /* the oldest of them, ascending */
	size_t nrows;
	bool has_more;
	struct pl_uuid newest; /* of all messages there are: what comes later is greater */
};

/* In direct conversations, of the other one. */
struct pl_op_pending {
	struct pl_uuid user;
	struct pl_uuid until; /* not behind this one; nil: all */
	uint32_t limit;
	size_t bytes; /* as of pl_op_missed */

	struct pl_said *rows; /* as of pl_op_missed */
	size_t nrows;
	bool has_more;
	struct pl_uuid newest;
};

struct pl_op_received {
	struct pl_uuid user;
	struct pl_uuid until; /* received up to this message; further back than it is: no change */
};

struct pl_op {
	struct pl_task task;  /* first: how it travels; the store uses it while it has the op */
	struct pl_loop *home; /* where on_done runs */
	void (*on_done)(struct pl_op *); /* owns the op again; frees it with pl_op_free */
	void *owner;                     /* the caller's */
	uint64_t origin; /* the peer that asked: what finish() publishes is not told to it again */
	enum pl_op_kind kind;
	int err; /* 0, or why it failed; out fields are then unset unless said otherwise */
	struct pl_arena arena; /* holds what in and out point to */
	union {
		struct pl_op_sign_in sign_in;
		struct pl_op_conversations conversations;
		struct pl_op_access access;
		struct pl_op_open_room open_room;
		struct pl_op_create create;
		struct pl_op_send send;
		struct pl_op_page page;
		struct pl_op_mark_read mark_read;
		struct pl_op_create_group create_group;
		struct pl_op_join_group join_group;
		struct pl_op_groups groups;
		struct pl_op_register enlist; /* `register` is a word of C */
		struct pl_op_account account;
		struct pl_op_set_password set_password;
		struct pl_op_disable disable;
		struct pl_op_users users;
		struct pl_op_direct direct;
		struct pl_op_leave leave;
		struct pl_op_attend attend;
		struct pl_op_chats chats;
		struct pl_op_shares shares;
		struct pl_op_file_start file_start;
		struct pl_op_file_resume file_resume;
		struct pl_op_file_progress file_progress;
		struct pl_op_file_abort file_abort;
		struct pl_op_file_find file_find;
		struct pl_op_file_expire file_expire;
		struct pl_op_file_known file_known;
		struct pl_op_missed missed;
		struct pl_op_pending pending;
		struct pl_op_received received;
	};
};

/* Zeroed, with an arena of at most 16 MiB. NULL: no memory. */
struct pl_op *pl_op_new(enum pl_op_kind, struct pl_loop *home, void (*on_done)(struct pl_op *),
			void *owner);
void pl_op_free(struct pl_op *);
bool pl_op_is_write(enum pl_op_kind);
const char *pl_op_name(enum pl_op_kind);

struct pl_store_options {
	const char *path;   /* SQLite: the database file. NULL: the memory store */
	uint32_t readers;   /* reader threads; 0: 2 */
	uint32_t queue_max; /* operations that may wait; 0: 65,536 */
	struct pl_log *log;
	struct pl_metrics *metrics; /* the writer's own set */

	/*
	 * Called on a store thread when an operation is done (a write: after the commit, in commit
	 * order). It must send the op home with pl_op_go_home and may publish what happened. NULL:
	 * only goes home.
	 */
	void (*finish)(void *ctx, struct pl_op *);
	/*
	 * The disk can no longer be trusted (a write or sync error): nothing more will be
	 * acknowledged, every operation under way is dropped without an answer. The process must
	 * stop. Once, on a store thread.
	 */
	void (*fatal)(void *ctx, const char *why);
	void *ctx;
};

struct pl_store;

/*
 * Locks, checks, migrates and starts the threads. PL_ELOCKED: another process has it;
 * PL_ECORRUPT: quick check failed or not a database of ours; PL_ESTATE: made by a newer version;
 * PL_EIO. The reason is logged.
 */
int pl_store_open(const struct pl_store_options *, struct pl_store **out) PL_MUST_CHECK;
/* Finishes what was submitted, then stops. Ops still come home: their loops must outlive this. NULL
 * is fine. */
void pl_store_close(struct pl_store *);
/* [any thread] Takes the op. PL_EBUSY: the queue is full, the op stays the caller's. */
int pl_store_submit(struct pl_store *, struct pl_op *) PL_MUST_CHECK;
/* [any thread] Whether writes are expected to succeed now (false: disk full, or stopped). */
bool pl_store_ready(const struct pl_store *);
/* [any thread] PL_SECRET_BYTES random ones that this database was given when it was made; of the
 * memory store: at its opening. */
const uint8_t *pl_store_secret(const struct pl_store *);
/* Posts op->task to its home. The last thing finish() does with the op. */
void pl_op_go_home(struct pl_op *);

/* Without a running server: a consistent copy into a new file (PL_EEXISTS if it is there). Works
 * beside a running one too. */
int pl_store_backup(const char *path, const char *to, struct pl_log *) PL_MUST_CHECK;
/*
 * integrity_check, foreign keys, gap-free sequences, one direct conversation per pair. Appends
 * findings, a line each. 0: sound. PL_ECORRUPT: there are findings, or it cannot be read.
 * PL_ENOTFOUND, PL_ESTATE (another schema), PL_EIO. Works beside a running server.
 */
int pl_store_verify(const char *path, struct pl_buf *findings) PL_MUST_CHECK;

#endif
