/* sqlite_ops.h - one function per operation, and the rows that several of them read. */
#ifndef PL_STORE_SQLITE_OPS_H
#define PL_STORE_SQLITE_OPS_H

#include "store/sqlite.h"

/* 0 or the operation's error; called inside a transaction. */
int pl_sqlite_sign_in(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_conversations(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_access(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_open_room(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_create(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_send(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_page(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_mark_read(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_create_group(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_join_group(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_groups(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_register(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_account(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_set_password(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_disable(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_users(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;

int pl_sqlite_direct(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_leave(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_attend(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_chats(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_shares(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;

int pl_sqlite_file_start(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_file_resume(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_file_progress(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_file_abort(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_file_find(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_file_expire(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_file_known(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
/*
 * Before a send that carries a file: its conversation into the op; *key of its row, *message where
 * it is carried already, else 0. Then, with that message: it is complete.
 */
int pl_file_to_send(struct pl_sqlite *, struct pl_op *, int64_t *key,
		    int64_t *message) PL_MUST_CHECK;
int pl_file_sent(struct pl_sqlite *, const struct pl_op_send *, int64_t key,
		 int64_t message) PL_MUST_CHECK;
int pl_sqlite_missed(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_pending(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;
int pl_sqlite_received(struct pl_sqlite *, struct pl_op *) PL_MUST_CHECK;

/* Where a send with this hash lies; 0: it is new. r->day 0 or today. */
int pl_retry_find(struct pl_sqlite *, const struct pl_retry *r, int64_t today,
		  int64_t *at) PL_MUST_CHECK;
/* Before the commit: what the transaction remembered goes to disk with it. */
int pl_retry_flush(struct pl_sqlite *) PL_MUST_CHECK;
void pl_retry_committed(struct pl_sqlite *);
void pl_retry_rolled_back(struct pl_sqlite *);
/* At start: what is in the log and not yet in the table. */
int pl_retry_load(struct pl_sqlite *) PL_MUST_CHECK;

/* Writes the sequence numbers that so far only the cache knows. */
int pl_sqlite_flush(struct pl_sqlite *) PL_MUST_CHECK;

/* Where a message lies; seq PL_SEQ_MAX + 1 is the end of the room. */
static inline int64_t pl_message_at(int64_t room, uint64_t seq)
{
	return (room << 32) + (int64_t)seq;
}

static inline uint64_t pl_message_seq(int64_t at)
{
	return (uint64_t)at & UINT32_MAX;
}

/* One row of the query (then it is ended). PL_ENOTFOUND: none. */
/* The columns PL_USER_COLUMNS of the row that the query stands on. */
int pl_user_columns(struct pl_query *, struct pl_arena *, struct pl_user *) PL_MUST_CHECK;
int pl_read_user(struct pl_query *, struct pl_arena *, struct pl_user *,
		 int64_t *key) PL_MUST_CHECK;
int pl_read_room(struct pl_query *, struct pl_arena *, struct pl_conversation *,
		 int64_t *key) PL_MUST_CHECK;
/* The columns of the row that the query stands on. */
int pl_room_columns(struct pl_query *, struct pl_arena *, struct pl_conversation *) PL_MUST_CHECK;
/* The ids in column 0 of all rows, then ends the query. */
int pl_read_ids(struct pl_query *, struct pl_arena *, struct pl_uuid **, size_t *n) PL_MUST_CHECK;
/* Without the sender, the conversation and what it replies to. */
int pl_message_columns(struct pl_query *, struct pl_arena *, struct pl_message *) PL_MUST_CHECK;
enum {
	PL_COLUMN_SENDER = 2,
	PL_COLUMN_REPLY_SEQ = 5,
	PL_COLUMN_METADATA = 7,
	PL_COLUMN_CONTENT,
	PL_COLUMN_FORMAT
};
/* id, subject, username, display_name, avatar_url: what others may know. */
int pl_read_sender(struct pl_sqlite *, struct pl_arena *, int64_t key,
		   struct pl_user *) PL_MUST_CHECK;

/* A user id, else a subject, else a username. PL_ENOTFOUND. */
int pl_find_user(struct pl_sqlite *, struct pl_arena *, struct pl_slice name, int64_t *key,
		 struct pl_user *) PL_MUST_CHECK;
int pl_add_user(struct pl_sqlite *, const struct pl_user *, uint64_t now_ms,
		int64_t *key) PL_MUST_CHECK;
/* PL_EDENIED: disabled, or the token is older than the password. */
int pl_check_standing(struct pl_sqlite *, int64_t key, uint64_t issued_s) PL_MUST_CHECK;
/* A user's key; PL_EDENIED: there is no such user. */
int pl_read_user_key(struct pl_sqlite *, const struct pl_uuid *, int64_t *key) PL_MUST_CHECK;

int pl_add_room(struct pl_sqlite *, const struct pl_conversation *, int64_t group, int64_t creator,
		int64_t *key) PL_MUST_CHECK;
int pl_add_member(struct pl_sqlite *, int64_t room, int64_t user, enum pl_role,
		  uint64_t joined_seq) PL_MUST_CHECK;

/* A member's place in a conversation. */
struct pl_seat {
	int64_t user, room;
	enum pl_role role;
	uint64_t joined_seq, last_read_seq, last_read_ms, last_seq;
	enum pl_conversation_type type;
};
/* The direct conversation of two, as struct pl_op_direct says it. */
struct pl_meeting {
	const struct pl_uuid *user;
	struct pl_slice to;
	bool to_anyone;
	const struct pl_slice *pair;
	bool create;

	struct pl_conversation found; /* id nil: there is none */
	bool existed;
	int64_t my_key, other_key;
	struct pl_user me, other;
};
int pl_meet(struct pl_sqlite *, struct pl_arena *, struct pl_meeting *) PL_MUST_CHECK;
/* PL_ENOTFOUND: these two have none. */
int pl_find_pair(struct pl_sqlite *, struct pl_arena *, int64_t one, int64_t two,
		 struct pl_conversation *) PL_MUST_CHECK;
int pl_add_pair(struct pl_sqlite *, int64_t one, int64_t two, int64_t room) PL_MUST_CHECK;
/* Who asks. PL_EDENIED: there is no such user. */
int pl_read_self(struct pl_sqlite *, struct pl_arena *, const struct pl_uuid *, struct pl_user *,
		 int64_t *key) PL_MUST_CHECK;
/* Before anything is prepared: the table of those who are there. */
int pl_attendance_open(struct pl_sqlite *) PL_MUST_CHECK;
/* The id of the conversation that is named, if it is (store.h: `room`). */
int pl_name_room(struct pl_sqlite *, struct pl_slice name,
		 struct pl_uuid *conversation) PL_MUST_CHECK;
/* PL_EDENIED: not a member and the room is not open, or no such conversation or user. */
int pl_read_seat(struct pl_sqlite *, const struct pl_uuid *user, const struct pl_uuid *room,
		 struct pl_seat *) PL_MUST_CHECK;
/* The seq of a message that lies in the room behind joined_seq. PL_ENOTFOUND. */
int pl_read_place(struct pl_sqlite *, int64_t room, uint64_t joined_seq,
		  const struct pl_uuid *message, uint64_t *seq) PL_MUST_CHECK;
/* nil: none was ever kept */
int pl_newest_message(struct pl_sqlite *, struct pl_uuid *) PL_MUST_CHECK;
int pl_read_message_id(struct pl_sqlite *, int64_t at, struct pl_uuid *) PL_MUST_CHECK;

#endif
