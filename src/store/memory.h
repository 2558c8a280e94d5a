/*
 * memory.h - what the memory store keeps: plain structs in one arena that lives as long as the
 * store. Nothing is ever removed. Everything happens under one lock.
 */
#ifndef PL_STORE_MEMORY_H
#define PL_STORE_MEMORY_H

#include "store/backend.h"
#include "store/rules.h"

#include "base/map.h"

#include <pthread.h>

struct pl_mem_message {
	struct pl_message m; /* without the sender; content: the sender's own copy */
	const struct pl_user *sender;
	struct pl_copy *copies; /* of the others */
	size_t ncopies;
	const struct pl_mem_message *reply_to;
};

struct pl_mem_member {
	struct pl_user *user;
	enum pl_role role;
	uint64_t joined_seq, last_read_seq, last_read_ms;
	uint64_t delivered_seq, waiting; /* as in sql/ */
};

struct pl_mem_room {
	struct pl_conversation c;
	struct pl_mem_member *members;
	size_t nmembers, cap_members;
	struct pl_mem_message **messages; /* [seq - 1] */
	size_t cap_messages;
	struct pl_mem_group *group;
};

struct pl_mem_group {
	struct pl_group g; /* role, rooms, members and latest_ms are the reader's */
	struct pl_mem_member *members;
	size_t nmembers, cap_members;
};

/* What is known of a user besides its names. */
struct pl_mem_standing {
	struct pl_user *user;
	struct pl_slice password; /* the account's; at == NULL: has none */
	char name[PL_ACCOUNT_NAME_MAX];
	size_t name_len;
	bool is_disabled;
	uint64_t tokens_from_s;
};

/* A connection that is there to hear. */
struct pl_mem_attendance {
	struct pl_uuid user;
	uint64_t socket; /* 0: free */
};

struct pl_mem_file {
	struct pl_file f; /* without owner, conversation and message */
	struct pl_user *owner;
	struct pl_mem_room *room;
	const struct pl_mem_message *message;
	struct pl_mem_file *next; /* begun before it */
};

struct pl_memory {
	pthread_mutex_t lock;
	struct pl_arena arena;
	EVP_MD *sha256;
	EVP_MD_CTX *hasher;
	struct pl_user **users; /* in order of arrival */
	struct pl_mem_room **rooms;
	struct pl_mem_group **groups;
	size_t nusers, nrooms, ngroups, cap_users, cap_rooms, cap_groups;
	struct pl_map user_ids, subjects, room_ids, aliases, message_ids, retries;
	struct pl_map accounts; /* by folded name */
	struct pl_mem_attendance *there;
	size_t nthere, cap_there;
	struct pl_map seen;      /* user id -> when it last went away, uint64_t */
	struct pl_map standings; /* by user id: who has an account, or was ever locked out */
	struct pl_map files;     /* by id */
	struct pl_mem_file *newest_file;
	uint64_t changes;
	uint8_t secret[PL_SECRET_BYTES];
	struct pl_uuid newest;  /* message */
	struct pl_map received; /* user id -> struct pl_uuid, see PL_OP_RECEIVED */
};

int pl_memory_register(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_account(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_set_password(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_disable(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_users(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_direct(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_leave(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_attend(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_chats(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_shares(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_file_start(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_file_resume(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_file_progress(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_file_abort(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_file_find(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_file_expire(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_file_known(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
/* The upload that a send carries, its conversation into the op; and with that message. */
int pl_mem_file_to_send(const struct pl_memory *, struct pl_op_send *,
			struct pl_mem_file **) PL_MUST_CHECK;
void pl_mem_file_sent(struct pl_mem_file *, const struct pl_op_send *,
		      const struct pl_mem_message *);
int pl_memory_missed(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_pending(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_received(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_sign_in(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_conversations(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_access(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_open_room(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_create(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_send(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_page(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_mark_read(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_create_group(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_join_group(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;
int pl_memory_groups(struct pl_memory *, struct pl_op *) PL_MUST_CHECK;

int pl_mem_copy_user(struct pl_arena *, const struct pl_user *, struct pl_user *out) PL_MUST_CHECK;
int pl_mem_add_user(struct pl_memory *, const struct pl_user *claims,
		    struct pl_user **out) PL_MUST_CHECK;
/* A user id, else a subject, else a username; NULL: nobody. */
struct pl_user *pl_mem_find_user(const struct pl_memory *, struct pl_slice name);
/* Whether a token of this age may speak for the user. */
bool pl_mem_may_enter(const struct pl_memory *, const struct pl_uuid *user, uint64_t issued_s);
/* Whose account has the name, in whatever case; NULL: nobody's. */
const struct pl_user *pl_mem_account(const struct pl_memory *, struct pl_slice name);
/* The direct conversation of two, as struct pl_op_direct says it. */
struct pl_mem_meeting {
	const struct pl_uuid *user;
	struct pl_slice to;
	bool to_anyone;
	const struct pl_slice *pair;
	bool create;

	struct pl_mem_room *room; /* NULL: there is none */
	bool existed;
	struct pl_user *me, *other;
};
int pl_mem_meet(struct pl_memory *, struct pl_mem_meeting *) PL_MUST_CHECK;
struct pl_mem_room *pl_mem_find_pair(const struct pl_memory *, struct pl_user *people[2]);
/* By username alone; NULL: nobody. */
struct pl_user *pl_mem_named(const struct pl_memory *, struct pl_slice name);
/* id and username, copied. */
int pl_mem_copy_name(struct pl_arena *, const struct pl_user *, struct pl_user *) PL_MUST_CHECK;
struct pl_mem_member *pl_mem_member(const struct pl_mem_room *, const struct pl_uuid *user);
/* The member, or in an open room *visitor made one: of the conversation of this id, or of the one
 * that is named (store.h: `room`), whose id *id becomes. PL_EDENIED. */
int pl_mem_seat(const struct pl_memory *, const struct pl_uuid *user, struct pl_slice room,
		struct pl_uuid *id, struct pl_mem_room **, struct pl_mem_member *visitor,
		struct pl_mem_member **me) PL_MUST_CHECK;
/* A room in which these users are; the first gets the first role, the others PL_MEMBER. */
int pl_mem_add_room(struct pl_memory *, const struct pl_conversation *, struct pl_user **users,
		    size_t n, enum pl_role first, struct pl_mem_room **out) PL_MUST_CHECK;
int pl_mem_add_member(struct pl_memory *, struct pl_mem_room *, struct pl_user *, enum pl_role,
		      uint64_t joined_seq) PL_MUST_CHECK;
/* What this reader sees of it; at == NULL: nothing. */
struct pl_slice pl_mem_content(const struct pl_mem_message *, const struct pl_uuid *reader);
/* A message of this room that this member may see. */
struct pl_mem_message *pl_mem_message(const struct pl_memory *, const struct pl_mem_room *,
				      const struct pl_mem_member *, const struct pl_uuid *id);
/* Copied for the answer. */
int pl_mem_copy_room(struct pl_arena *, const struct pl_mem_room *,
		     struct pl_conversation *) PL_MUST_CHECK;
int pl_mem_copy_message(struct pl_arena *, const struct pl_mem_message *,
			const struct pl_uuid *reader, struct pl_message *) PL_MUST_CHECK;

#endif
