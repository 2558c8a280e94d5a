/* cache.c - three bounded maps over one arena. */
#include "store/cache.h"

enum { ENTRIES = 65536, BYTES = 32 * 1024 * 1024, ONE_OP = 1024 * 1024 };

void pl_cache_init(struct pl_cache *c)
{
	*c = (struct pl_cache){.dirty = NULL};
	pl_arena_init(&c->arena, BYTES);
	pl_map_init(&c->users, ENTRIES);
	pl_map_init(&c->rooms, ENTRIES);
	pl_map_init(&c->members, ENTRIES);
}

void pl_cache_fini(struct pl_cache *c)
{
	pl_map_fini(&c->users);
	pl_map_fini(&c->rooms);
	pl_map_fini(&c->members);
	pl_arena_fini(&c->arena);
}

void pl_cache_clear(struct pl_cache *c)
{
	pl_cache_fini(c);
	pl_cache_init(c);
}

/* An operation adds a handful of entries and at most ONE_OP bytes. */
bool pl_cache_is_full(const struct pl_cache *c)
{
	size_t most = c->users.len > c->rooms.len ? c->users.len : c->rooms.len;
	most = most > c->members.len ? most : c->members.len;
	return most + 8 >= ENTRIES || c->arena.used + ONE_OP >= BYTES;
}

struct pl_known_user *pl_cache_user(struct pl_cache *c, const struct pl_uuid *id)
{
	return pl_map_get(&c->users, pl_uuid_slice(id));
}

struct pl_known_room *pl_cache_room(struct pl_cache *c, const struct pl_uuid *id)
{
	return pl_map_get(&c->rooms, pl_uuid_slice(id));
}

struct pl_known_member *pl_cache_member(struct pl_cache *c, int64_t room, int64_t user)
{
	int64_t pair[2] = {room, user};
	return pl_map_get(&c->members, pl_slice(pair, sizeof(pair)));
}

struct pl_known_user *pl_cache_add_user(struct pl_cache *c, const struct pl_user *u, int64_t key)
{
	struct pl_known_user *k = pl_arena_alloc(&c->arena, sizeof(*k));
	if (!k)
		return NULL;
	k->id = u->id;
	k->key = key;
	k->subject_is_number = u->subject_is_number;
	if (pl_arena_copy(&c->arena, u->subject, &k->subject) ||
	    pl_arena_copy(&c->arena, u->username, &k->username) ||
	    pl_arena_copy(&c->arena, u->display_name, &k->display_name) ||
	    pl_arena_copy(&c->arena, u->avatar_url, &k->avatar_url))
		return NULL;
	return pl_map_put(&c->users, pl_uuid_slice(&k->id), k) ? NULL : k;
}

struct pl_known_room *pl_cache_add_room(struct pl_cache *c, const struct pl_known_room *r)
{
	struct pl_known_room *k = pl_arena_alloc(&c->arena, sizeof(*k));
	if (!k)
		return NULL;
	*k = *r;
	if (pl_arena_copy(&c->arena, r->alias, &k->alias))
		return NULL;
	return pl_map_put(&c->rooms, pl_uuid_slice(&k->id), k) ? NULL : k;
}

struct pl_known_member *pl_cache_add_member(struct pl_cache *c, int64_t room, int64_t user,
					    uint64_t joined_seq)
{
	struct pl_known_member *k = pl_arena_alloc(&c->arena, sizeof(*k));
	if (!k)
		return NULL;
	*k = (struct pl_known_member){.pair = {room, user}, .joined_seq = joined_seq};
	return pl_map_put(&c->members, pl_slice(k->pair, sizeof(k->pair)), k) ? NULL : k;
}

void pl_cache_forget_member(struct pl_cache *c, int64_t room, int64_t user)
{
	int64_t pair[2] = {room, user};
	pl_map_remove(&c->members, pl_slice(pair, sizeof(pair)));
}

void pl_cache_mark(struct pl_cache *c, struct pl_known_room *r)
{
	if (r->is_dirty)
		return;
	r->is_dirty = true;
	r->next_dirty = c->dirty;
	c->dirty = r;
}
