/* rules.h - what both stores decide alike: limits, defaults, what an operation must contain. */
#ifndef PL_STORE_RULES_H
#define PL_STORE_RULES_H

#include "store/store.h"

#include <openssl/evp.h>

enum {
	PL_NAME_MAX = 1024, /* bytes of a subject, a name, an address */
	PL_DESCRIPTION_MAX = 8192,
	PL_ALIAS_MAX = 128,
	PL_MEMBERS_MAX = 1000,    /* of a new conversation; copies of a message */
	PL_PAGE_MAX = 200,        /* messages of a page */
	PL_PAGE_BYTES = 8 << 20,  /* text of a page: it ends earlier rather than not fit */
	PL_REPLY_BYTES = 2 << 20, /* of which the messages replied to */
	PL_UNREAD_MAX = 10000,    /* counted no further */
	PL_CHATS_MAX = 10000,     /* rows of one user */
	PL_LATEST_SCAN = 10000,   /* messages looked at for one that the reader may see */
	PL_INVITE_CODE = 8,
	PL_RETRY_HASH = 16,
	PL_MISSED_MAX = 5000,    /* messages after a position */
	PL_USERS_MAX = 1000,     /* of a page of users */
	PL_PASSWORD_BYTES = 512, /* of a password's hash */
	PL_FILES_AT_ONCE = 1000, /* that are forgotten or looked for by one operation */
};
#define PL_RETRY_MS      86400000ULL
#define PL_SEQ_MAX       UINT32_MAX
#define PL_FILE_SIZE_MAX ((uint64_t)1 << 50)

/* "text", "image", "file", "system" are 1 to 4; 0: none of them. */
int pl_kind_number(struct pl_slice name);
struct pl_slice pl_kind_name(int64_t number);

/* PL_EINVAL: no subject, or something too long. */
int pl_rule_sign_in(const struct pl_op_sign_in *) PL_MUST_CHECK;
/* An alias has 1 to PL_ALIAS_MAX bytes and no control characters; its UTF-8 is the caller's word.
 */
int pl_rule_alias(struct pl_slice) PL_MUST_CHECK;
/* As in_group of store.h says, of somebody for whom the conversation was found with `err`. */
int pl_rule_in_group(int err, enum pl_conversation_type, bool is_member) PL_MUST_CHECK;
/* PL_EINVAL or PL_ELIMIT; does not know the members yet. */
int pl_rule_create(const struct pl_op_create *) PL_MUST_CHECK;
int pl_rule_create_group(const struct pl_op_create_group *) PL_MUST_CHECK;
/* PL_EINVAL, PL_ELIMIT, PL_ENOMEM (it sorts in the arena). */
int pl_rule_send(struct pl_op *) PL_MUST_CHECK;

/* PL_EINVAL: neither room nor `to`, no name or type, or too long. */
int pl_rule_file_start(const struct pl_op_file_start *) PL_MUST_CHECK;
/* What a new file costs the user, who has `used` and so many unfinished ones. PL_ETOOBIG,
 * PL_ELIMIT. */
int pl_rule_file_use(const struct pl_op_file_start *, uint64_t used,
		     uint64_t unfinished) PL_MUST_CHECK;
/* Where it is for, of a conversation that the user may write to. PL_EDENIED. */
int pl_rule_file_place(const struct pl_op_file_start *, enum pl_conversation_type,
		       bool is_member) PL_MUST_CHECK;
/* The row that it makes, without owner and conversation. Slices are those of the op. */
struct pl_file pl_file_from_op(const struct pl_op_file_start *, uint64_t now_ms);

/* PL_EINVAL: the name cannot be had, or no hash. The user it makes lies in the op's arena. */
int pl_rule_register(struct pl_op *, uint64_t now_ms, struct pl_user *) PL_MUST_CHECK;
int pl_rule_password(struct pl_slice hash) PL_MUST_CHECK;
int pl_rule_users(const struct pl_op_users *) PL_MUST_CHECK;

/*
 * A user made from claims: the id is theirs, else the subject where that is a UUID, else a new one;
 * the username is the claim, else the part of the address before '@', else the subject; the display
 * name is the claim, else the username. Slices are those of the claims.
 */
struct pl_user pl_user_from_claims(const struct pl_user *claims, uint64_t now_ms);
/*
 * An account's name is its owner's alone: a token that brings it for somebody else is let in, but
 * not under that name. new_name: the name that a sign-in would give, empty where it gives none (the
 * known user is in in->user). yield_name: it does not: who is known keeps the old one, who is new
 * goes by the subject or, when asked again, by the id. PL_ENOMEM.
 */
struct pl_slice pl_rule_new_name(const struct pl_op_sign_in *in, bool is_known);
int pl_rule_yield_name(struct pl_op *, bool is_known, uint64_t now_ms) PL_MUST_CHECK;
/* Takes over what the claims say; whether that changed anything. */
bool pl_user_update(struct pl_user *known, const struct pl_user *claims);
/* The sender's own copy, or the content; at == NULL: sent per recipient without one. */
struct pl_slice pl_own_content(const struct pl_op_send *);

/* Eight upper-case hex digits at random, and somebody's typing of them. */
void pl_invite_code_new(char out[PL_INVITE_CODE]);
/* PL_ENOTFOUND: cannot be a code. */
int pl_invite_code_read(struct pl_slice, char out[PL_INVITE_CODE]) PL_MUST_CHECK;

/* An open room of this alias, which is its name too, and its id where it has the form of one: so
 * that it is found by either. */
struct pl_conversation pl_open_room_from_op(const struct pl_op_open_room *, uint64_t now_ms);
/* The direct conversation that `creator` makes. */
struct pl_conversation pl_direct_conversation(const struct pl_uuid *creator, uint64_t now_ms);
/* A conversation as it is asked for, with an id of its own. Slices are those of the op. */
struct pl_conversation pl_conversation_from_op(const struct pl_op_create *, uint64_t now_ms);

/* What a page may have of text where so many bytes are asked for; 0: any number. */
static inline size_t pl_page_bytes(size_t asked)
{
	return asked && asked < PL_PAGE_BYTES ? asked : PL_PAGE_BYTES;
}

/* The newest first becomes the oldest first. */
void pl_messages_turn_round(struct pl_message *, size_t n);
/* A list of conversations in the order of store.h. */
void pl_rows_sort(struct pl_conversation_row *, size_t n);
/* Room for one more in a list in the arena; moves it when it doubles. NULL: no memory. */
void *pl_grow(struct pl_arena *, void *list, size_t len, size_t *cap, size_t size);

/* Which sends count as the same; PL_EINVAL: the op carries no id, PL_ENOMEM. */
int pl_retry_hash(EVP_MD_CTX *, const EVP_MD *sha256, const struct pl_op_send *,
		  uint8_t out[PL_RETRY_HASH]) PL_MUST_CHECK;

#endif
