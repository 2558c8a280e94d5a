/* memory.c - the memory store as a backend, and its users. For tests: it forgets at close. */
#include "store/memory.h"

#include "base/clock.h"
#include "base/mem.h"

enum { ENTRIES = 1 << 24 };
#define MOST_BYTES ((size_t)4 << 30)

static int (*const operations[])(struct pl_memory *, struct pl_op *) = {
	[PL_OP_SIGN_IN] = pl_memory_sign_in,
	[PL_OP_CONVERSATIONS] = pl_memory_conversations,
	[PL_OP_ACCESS] = pl_memory_access,
	[PL_OP_OPEN_ROOM] = pl_memory_open_room,
	[PL_OP_CREATE] = pl_memory_create,
	[PL_OP_SEND] = pl_memory_send,
	[PL_OP_PAGE] = pl_memory_page,
	[PL_OP_MARK_READ] = pl_memory_mark_read,
	[PL_OP_CREATE_GROUP] = pl_memory_create_group,
	[PL_OP_JOIN_GROUP] = pl_memory_join_group,
	[PL_OP_GROUPS] = pl_memory_groups,
	[PL_OP_DIRECT] = pl_memory_direct,
	[PL_OP_LEAVE] = pl_memory_leave,
	[PL_OP_ATTEND] = pl_memory_attend,
	[PL_OP_CHATS] = pl_memory_chats,
	[PL_OP_SHARES] = pl_memory_shares,
	[PL_OP_FILE_START] = pl_memory_file_start,
	[PL_OP_FILE_RESUME] = pl_memory_file_resume,
	[PL_OP_FILE_PROGRESS] = pl_memory_file_progress,
	[PL_OP_FILE_ABORT] = pl_memory_file_abort,
	[PL_OP_FILE_FIND] = pl_memory_file_find,
	[PL_OP_FILE_EXPIRE] = pl_memory_file_expire,
	[PL_OP_FILE_KNOWN] = pl_memory_file_known,
	[PL_OP_MISSED] = pl_memory_missed,
	[PL_OP_PENDING] = pl_memory_pending,
	[PL_OP_RECEIVED] = pl_memory_received,
	[PL_OP_REGISTER] = pl_memory_register,
	[PL_OP_ACCOUNT] = pl_memory_account,
	[PL_OP_SET_PASSWORD] = pl_memory_set_password,
	[PL_OP_DISABLE] = pl_memory_disable,
	[PL_OP_USERS] = pl_memory_users,
};

/* The first connection owns what is kept; readers only point at it and are closed before. */
struct connection {
	struct pl_backend backend;
	struct pl_memory *kept;
	bool is_owner;
	uint64_t changes; /* when the transaction began */
};

static struct connection *mine(struct pl_backend *b)
{
	return PL_CONTAINER(b, struct connection, backend);
}

static enum pl_trouble begin(struct pl_backend *b)
{
	struct connection *c = mine(b);
	pthread_mutex_lock(&c->kept->lock);
	c->changes = c->kept->changes;
	pthread_mutex_unlock(&c->kept->lock);
	return PL_FINE;
}

static enum pl_trouble run(struct pl_backend *b, struct pl_op *op)
{
	struct pl_memory *m = mine(b)->kept;
	pthread_mutex_lock(&m->lock);
	op->err = operations[op->kind](m, op);
	pthread_mutex_unlock(&m->lock);
	return PL_FINE;
}

static enum pl_trouble commit(struct pl_backend *b, bool *wrote)
{
	struct connection *c = mine(b);
	pthread_mutex_lock(&c->kept->lock);
	*wrote = c->kept->changes != c->changes;
	pthread_mutex_unlock(&c->kept->lock);
	return PL_FINE;
}

/* Each operation checks and allocates before it changes anything: there is nothing to undo. */
static void rollback(struct pl_backend *b)
{
	(void)b;
}

static enum pl_trouble rest(struct pl_backend *b, enum pl_pace pace, bool probe, bool *wrote)
{
	(void)b;
	(void)pace;
	*wrote = probe;
	return PL_FINE;
}

static const char *why(struct pl_backend *b)
{
	(void)b;
	return "out of memory";
}

static const uint8_t *secret(struct pl_backend *b)
{
	return mine(b)->kept->secret;
}

static void free_kept(struct pl_memory *m)
{
	struct pl_map *const maps[] = {&m->user_ids,    &m->subjects, &m->room_ids, &m->aliases,
				       &m->message_ids, &m->retries,  &m->accounts, &m->seen,
				       &m->standings,   &m->files,    &m->received};
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		pl_map_fini(maps[i]);
	pl_arena_fini(&m->arena);
	EVP_MD_CTX_free(m->hasher);
	EVP_MD_free(m->sha256);
	pthread_mutex_destroy(&m->lock);
	pl_free(m);
}

static void close_it(struct pl_backend *b)
{
	struct connection *c = mine(b);
	if (c->is_owner)
		free_kept(c->kept);
	pl_free(c);
}

static int open_reader(struct pl_backend *, struct pl_backend **);

static const struct pl_backend_ops backend_ops = {
	.begin = begin,
	.run = run,
	.commit = commit,
	.rollback = rollback,
	.rest = rest,
	.why = why,
	.secret = secret,
	.open_reader = open_reader,
	.close = close_it,
};

static int connect_to(struct pl_memory *m, bool is_owner, struct pl_backend **out)
{
	struct connection *c = PL_NEW(struct connection);
	if (!c)
		return PL_ENOMEM;
	c->backend.ops = &backend_ops;
	c->kept = m;
	c->is_owner = is_owner;
	*out = &c->backend;
	return 0;
}

static int open_reader(struct pl_backend *first, struct pl_backend **out)
{
	return connect_to(mine(first)->kept, false, out);
}

int pl_memory_open(const struct pl_store_options *o, struct pl_backend **out)
{
	struct pl_memory *m = PL_NEW(struct pl_memory);
	if (!m)
		return PL_ENOMEM;
	pl_log(o->log, PL_INFO, "store", "in memory: nothing outlives this process");
	pthread_mutex_init(&m->lock, NULL);
	pl_arena_init(&m->arena, MOST_BYTES);
	struct pl_map *const maps[] = {&m->user_ids,    &m->subjects, &m->room_ids, &m->aliases,
				       &m->message_ids, &m->retries,  &m->accounts, &m->seen,
				       &m->standings,   &m->files,    &m->received};
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		pl_map_init(maps[i], ENTRIES);
	pl_random_bytes(m->secret, sizeof(m->secret));
	m->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	m->hasher = EVP_MD_CTX_new();
	int err = m->sha256 && m->hasher ? connect_to(m, true, out) : PL_ENOMEM;
	if (err)
		free_kept(m);
	return err;
}

int pl_mem_copy_user(struct pl_arena *a, const struct pl_user *from, struct pl_user *out)
{
	struct pl_user u = {.id = from->id, .subject_is_number = from->subject_is_number};
	int err = pl_arena_copy(a, from->subject, &u.subject);
	if (!err)
		err = pl_arena_copy(a, from->username, &u.username);
	if (!err)
		err = pl_arena_copy(a, from->display_name, &u.display_name);
	if (!err)
		err = pl_arena_copy(a, from->email, &u.email);
	if (!err)
		err = pl_arena_copy(a, from->phone, &u.phone);
	if (!err)
		err = pl_arena_copy(a, from->avatar_url, &u.avatar_url);
	if (!err)
		*out = u;
	return err;
}

int pl_mem_add_user(struct pl_memory *m, const struct pl_user *claims, struct pl_user **out)
{
	struct pl_user made = pl_user_from_claims(claims, pl_wall_ms());
	if (pl_map_get(&m->user_ids, pl_uuid_slice(&made.id)))
		made.id = pl_uuid_v7(pl_wall_ms());
	struct pl_user *u = pl_arena_alloc(&m->arena, sizeof(*u));
	struct pl_user **all =
		pl_grow(&m->arena, m->users, m->nusers, &m->cap_users, sizeof(*m->users));
	if (!u || !all || pl_mem_copy_user(&m->arena, &made, u))
		return PL_ENOMEM;
	m->users = all;
	int err = pl_map_put(&m->user_ids, pl_uuid_slice(&u->id), u);
	if (err)
		return err;
	err = pl_map_put(&m->subjects, u->subject, u);
	if (err) {
		pl_map_remove(&m->user_ids, pl_uuid_slice(&u->id));
		return err;
	}
	m->users[m->nusers++] = u;
	m->changes++;
	*out = u;
	return 0;
}

/* The subject stays where the map of subjects points to. */
static int update_user(struct pl_memory *m, struct pl_user *u, const struct pl_user *claims)
{
	struct pl_user changed = *u, copy;
	if (!pl_user_update(&changed, claims))
		return 0;
	int err = pl_mem_copy_user(&m->arena, &changed, &copy);
	if (err)
		return err;
	copy.subject = u->subject;
	*u = copy;
	m->changes++;
	return 0;
}

static int list_rooms(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_sign_in *in = &op->sign_in;
	size_t cap = 0;
	in->conversations = NULL;
	in->nconversations = 0;
	for (size_t i = 0; i < m->nrooms; i++) {
		if (!pl_mem_member(m->rooms[i], &in->user.id))
			continue;
		struct pl_uuid *list = pl_grow(&op->arena, in->conversations, in->nconversations,
					       &cap, sizeof(*list));
		if (!list)
			return PL_ENOMEM;
		in->conversations = list;
		list[in->nconversations++] = m->rooms[i]->c.id;
	}
	return 0;
}

static int yield_name(const struct pl_memory *m, struct pl_op *op, const struct pl_user *u)
{
	for (;;) {
		struct pl_slice name = pl_rule_new_name(&op->sign_in, u != NULL);
		const struct pl_user *owner = pl_mem_account(m, name);
		if (!owner || owner == u)
			return 0;
		int err = pl_rule_yield_name(op, u != NULL, pl_wall_ms());
		if (err)
			return err;
	}
}

int pl_memory_sign_in(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_sign_in *in = &op->sign_in;
	int err = pl_rule_sign_in(in);
	if (err)
		return err;
	struct pl_user *u = pl_map_get(&m->subjects, in->claims.subject);
	if (!u && !in->provision)
		return PL_ENOTFOUND;
	if (u && !pl_mem_may_enter(m, &u->id, in->issued_s))
		return PL_EDENIED;
	if (u)
		in->user = *u;
	err = yield_name(m, op, u);
	if (err)
		return err;
	err = u ? update_user(m, u, &in->claims) : pl_mem_add_user(m, &in->claims, &u);
	if (!err)
		err = pl_mem_copy_user(&op->arena, u, &in->user);
	return err ? err : list_rooms(m, op);
}
