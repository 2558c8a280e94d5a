/*
 * cache.h - what the writer remembers between operations, so that a send costs two inserts.
 *
 * Only what is there is remembered, never an absence. Nothing but the writer changes the database,
 * so entries stay true until the writer changes what they say, or rolls back: then everything is
 * forgotten. A room's last_seq runs ahead of the database inside a transaction (`dirty`).
 */
#ifndef PL_STORE_CACHE_H
#define PL_STORE_CACHE_H

#include "base/arena.h"
#include "base/map.h"
#include "model/model.h"

struct pl_known_user {
	struct pl_uuid id;
	int64_t key;
	struct pl_slice subject, username, display_name, avatar_url;
	bool subject_is_number;
};

struct pl_known_room {
	struct pl_uuid id;
	int64_t key;
	uint64_t last_seq, updated_ms;
	struct pl_slice alias;
	bool is_open;
	enum pl_conversation_type type;
	int64_t pair[2];                    /* direct: the keys of the two */
	const struct pl_known_user *two[2]; /* as far as they were needed */
	struct pl_known_room *next_dirty;
	bool is_dirty;
};

struct pl_known_member {
	int64_t pair[2]; /* room, user */
	uint64_t joined_seq;
	bool is_visitor; /* no member: the room is open */
};

struct pl_cache {
	struct pl_arena arena;
	struct pl_map users, rooms, members;
	struct pl_known_room *dirty;
};

void pl_cache_init(struct pl_cache *);
void pl_cache_fini(struct pl_cache *);
/* Forgets everything, also what was dirty. */
void pl_cache_clear(struct pl_cache *);
/* So full that the next operation might not find room: time to clear it. */
bool pl_cache_is_full(const struct pl_cache *);

struct pl_known_user *pl_cache_user(struct pl_cache *, const struct pl_uuid *);
struct pl_known_room *pl_cache_room(struct pl_cache *, const struct pl_uuid *);
struct pl_known_member *pl_cache_member(struct pl_cache *, int64_t room, int64_t user);
/* A copy is kept; NULL: no memory. */
struct pl_known_user *pl_cache_add_user(struct pl_cache *, const struct pl_user *, int64_t key);
struct pl_known_room *pl_cache_add_room(struct pl_cache *, const struct pl_known_room *);
struct pl_known_member *pl_cache_add_member(struct pl_cache *, int64_t room, int64_t user,
					    uint64_t joined_seq);
/* Who was no member is one now, or the other way round. */
void pl_cache_forget_member(struct pl_cache *, int64_t room, int64_t user);
void pl_cache_mark(struct pl_cache *, struct pl_known_room *);

#endif
