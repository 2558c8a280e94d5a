/*
 * model.h - the nouns. Plain data; slices point into memory of whoever made the struct (an
 * operation's arena, an event). A slice with at == NULL is "not there" (null on the wire).
 */
#ifndef PL_MODEL_MODEL_H
#define PL_MODEL_MODEL_H

#include "base/err.h"
#include "base/id.h"
#include "base/slice.h"

/* A person. `subject` is the name the token issuer uses (claim `sub`); `id` is ours. */
struct pl_user {
	struct pl_uuid id;
	struct pl_slice subject, username, display_name, email, phone, avatar_url;
	bool subject_is_number; /* the claim was one */
};

/* How somebody is, as it says itself. Whoever is invisible looks offline to others. */
enum pl_status { PL_IS_OFFLINE, PL_IS_ONLINE, PL_IS_AWAY, PL_IS_BUSY, PL_IS_INVISIBLE };

enum pl_conversation_type { PL_DIRECT = 1, PL_GROUP, PL_ROOM };
enum pl_role { PL_NOT_MEMBER, PL_MEMBER, PL_ADMIN, PL_OWNER };

struct pl_conversation {
	struct pl_uuid id;
	enum pl_conversation_type type;
	struct pl_slice name, description, avatar_url, alias;
	struct pl_uuid created_by, group_id; /* group_id nil: belongs to no group */
	uint64_t created_ms, updated_ms;     /* Unix time */
	uint64_t last_seq;                   /* 0: no message yet */
	bool is_private;
};

/* Everybody who is signed in may read, write and come in: a named room that is not private. */
static inline bool pl_conversation_is_open(const struct pl_conversation *c)
{
	return c->type == PL_ROOM && c->alias.len && !c->is_private;
}

struct pl_message {
	struct pl_uuid id, conversation;
	uint64_t seq; /* 1, 2, 3 ... in its conversation, without gaps */
	struct pl_user sender;
	struct pl_slice kind;     /* "text", "image", "file", "system" */
	struct pl_slice content;  /* or the reader's own copy, when it was sent per recipient */
	struct pl_slice metadata; /* a JSON object; empty: {} */
	uint32_t format; /* how whoever sent it wants content and metadata to be read; 0: as text */
	bool per_recipient;      /* every reader has a content of its own */
	struct pl_uuid reply_to; /* nil: no reply */
	/* The message replied to; filled in history pages only, `reply_found` says so. */
	bool reply_found;
	struct pl_slice reply_content;
	struct pl_uuid reply_sender;
	uint64_t created_ms;
};

/* A line of a user's list of conversations. */
struct pl_conversation_row {
	struct pl_conversation conversation;
	struct pl_slice title;            /* direct: the other's display name or username */
	struct pl_slice title_avatar_url; /* direct: the other's */
	struct pl_slice group_name;
	uint32_t participants;
	uint64_t unread; /* counted up to 10,000 */
	bool has_latest;
	struct pl_message latest; /* id, content, sender, created_ms */
};

struct pl_group {
	struct pl_uuid id;
	struct pl_slice name, description, avatar_url, invite_code;
	enum pl_role role; /* the reader's */
	uint32_t rooms, members;
	uint64_t created_ms, latest_ms; /* latest_ms 0: nothing was ever said */
	bool is_public;
};

/* "direct", "group", "room" */
struct pl_slice pl_conversation_type_name(enum pl_conversation_type);
/* "owner", "admin", "member", "" */
struct pl_slice pl_role_name(enum pl_role);

#endif
