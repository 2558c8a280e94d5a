/* sqlite_group.c - groups: a name, an invite code, members and rooms. */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

static int group_columns(struct pl_query *q, struct pl_arena *a, struct pl_group *out)
{
	struct pl_group g = {
		.id = pl_column_id(q, 1),
		.role = (enum pl_role)pl_column_int(q, 6),
		.rooms = (uint32_t)pl_column_int(q, 7),
		.members = (uint32_t)pl_column_int(q, 8),
		.created_ms = (uint64_t)pl_column_int(q, 9),
		.latest_ms = (uint64_t)pl_column_int(q, 10),
		.is_public = pl_column_int(q, 11) != 0,
	};
	struct pl_slice *const fields[] = {&g.name, &g.description, &g.avatar_url, &g.invite_code};
	for (int i = 0; i < 4; i++) {
		int err = pl_column_copy(q, 2 + i, a, fields[i]);
		if (err)
			return err;
	}
	*out = g;
	return 0;
}

static int read_group(struct pl_sqlite *c, struct pl_arena *a, int64_t user, int64_t key,
		      struct pl_group *out)
{
	struct pl_query q = pl_query(c, PL_Q_GROUP_ROW);
	pl_bind_int(&q, user);
	pl_bind_int(&q, key);
	bool found = pl_query_row(&q);
	int err = found ? group_columns(&q, a, out) : 0;
	int ended = pl_query_end(&q);
	return ended ? ended : found ? err : PL_ENOTFOUND;
}

static int add_group(struct pl_sqlite *c, const struct pl_op_create_group *in, int64_t creator,
		     uint64_t now, int64_t *key)
{
	struct pl_uuid id = pl_uuid_v7(now);
	char code[PL_INVITE_CODE];
	pl_invite_code_new(code);
	struct pl_query q = pl_query(c, PL_Q_GROUP_ADD);
	pl_bind_id(&q, &id);
	pl_bind_text(&q, in->name);
	pl_bind_text(&q, in->description);
	pl_bind_text(&q, pl_slice(code, sizeof(code)));
	pl_bind_int(&q, in->is_public);
	pl_bind_int(&q, creator);
	pl_bind_int(&q, (int64_t)now);
	int err = pl_query_run(&q);
	if (!err)
		*key = sqlite3_last_insert_rowid(c->db);
	return err;
}

static int add_group_member(struct pl_sqlite *c, int64_t group, int64_t user, enum pl_role role)
{
	struct pl_query q = pl_query(c, PL_Q_GROUP_MEMBER_ADD);
	pl_bind_int(&q, group);
	pl_bind_int(&q, user);
	pl_bind_int(&q, role);
	pl_bind_int(&q, (int64_t)pl_wall_ms());
	return pl_query_run(&q);
}

static int add_first_room(struct pl_sqlite *c, struct pl_op *op, int64_t group, int64_t creator,
			  uint64_t now)
{
	struct pl_op_create_group *in = &op->create_group;
	int64_t room = 0;
	in->room = (struct pl_conversation){.id = pl_uuid_v7(now),
					    .type = PL_ROOM,
					    .name = PL_S("general"),
					    .created_by = in->creator,
					    .group_id = in->group.id,
					    .created_ms = now,
					    .updated_ms = now};
	int err = pl_add_room(c, &in->room, group, creator, &room);
	return err ? err : pl_add_member(c, room, creator, PL_OWNER, 0);
}

int pl_sqlite_create_group(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_create_group *in = &op->create_group;
	uint64_t now = pl_wall_ms();
	int64_t creator = 0, group = 0;
	int err = pl_rule_create_group(in);
	if (!err)
		err = pl_read_user_key(c, &in->creator, &creator);
	if (!err)
		err = add_group(c, in, creator, now, &group);
	if (!err)
		err = add_group_member(c, group, creator, PL_OWNER);
	if (!err)
		err = read_group(c, &op->arena, creator, group, &in->group);
	if (!err)
		err = add_first_room(c, op, group, creator, now);
	if (!err)
		in->group.rooms = 1;
	return err;
}

static int find_group(struct pl_sqlite *c, struct pl_slice typed, int64_t *key)
{
	char code[PL_INVITE_CODE];
	int err = pl_invite_code_read(typed, code);
	if (err)
		return err;
	struct pl_query q = pl_query(c, PL_Q_GROUP_BY_CODE);
	pl_bind_text(&q, pl_slice(code, sizeof(code)));
	bool found = pl_query_row(&q);
	if (found)
		*key = pl_column_int(&q, 0);
	err = pl_query_end(&q);
	return err ? err : found ? 0 : PL_ENOTFOUND;
}

struct rooms {
	struct pl_uuid *ids;
	int64_t *keys;
	uint64_t *last_seqs;
	size_t n, caps[3];
};

static int add_one(struct rooms *r, struct pl_arena *a, struct pl_query *q)
{
	struct pl_uuid *ids = pl_grow(a, r->ids, r->n, &r->caps[0], sizeof(*ids));
	int64_t *keys = pl_grow(a, r->keys, r->n, &r->caps[1], sizeof(*keys));
	uint64_t *seqs = pl_grow(a, r->last_seqs, r->n, &r->caps[2], sizeof(*seqs));
	if (!ids || !keys || !seqs)
		return PL_ENOMEM;
	(r->keys = keys)[r->n] = pl_column_int(q, 0);
	(r->ids = ids)[r->n] = pl_column_id(q, 1);
	(r->last_seqs = seqs)[r->n++] = (uint64_t)pl_column_int(q, 2);
	return 0;
}

static int find_rooms(struct pl_sqlite *c, struct pl_arena *a, int64_t group, struct rooms *r)
{
	int err = 0;
	struct pl_query q = pl_query(c, PL_Q_GROUP_ROOMS);
	pl_bind_int(&q, group);
	while (!err && pl_query_row(&q))
		err = add_one(r, a, &q);
	int ended = pl_query_end(&q);
	return ended ? ended : err;
}

/* What was said before somebody came is not theirs to read. */
static int enter(struct pl_sqlite *c, struct pl_op *op, int64_t group, int64_t user)
{
	struct rooms r = {.n = 0};
	int err = find_rooms(c, &op->arena, group, &r);
	if (!err)
		err = add_group_member(c, group, user, PL_MEMBER);
	for (size_t i = 0; !err && i < r.n; i++)
		err = pl_add_member(c, r.keys[i], user, PL_MEMBER, r.last_seqs[i]);
	op->join_group.rooms = r.ids;
	op->join_group.nrooms = r.n;
	return err;
}

int pl_sqlite_join_group(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_join_group *in = &op->join_group;
	int64_t user = 0, group = 0;
	int err = pl_read_user_key(c, &in->user, &user);
	if (!err)
		err = find_group(c, in->invite_code, &group);
	if (err)
		return err;
	err = read_group(c, &op->arena, user, group, &in->group);
	if (!err)
		return PL_EEXISTS;
	if (err == PL_ENOTFOUND)
		err = enter(c, op, group, user);
	return err ? err : read_group(c, &op->arena, user, group, &in->group);
}

/* The code lets people in: members of the lowest rank do not get it handed out. */
static void hide_code(struct pl_group *g)
{
	if (g->role != PL_OWNER && g->role != PL_ADMIN)
		g->invite_code = (struct pl_slice){NULL, 0};
}

int pl_sqlite_groups(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_group *rows = NULL;
	size_t n = 0, cap = 0;
	int64_t user = 0;
	int err = pl_read_user_key(c, &op->groups.user, &user);
	if (err)
		return err;
	struct pl_query q = pl_query(c, PL_Q_GROUP_ROWS);
	pl_bind_int(&q, user);
	while (!err && pl_query_row(&q)) {
		struct pl_group *more = pl_grow(&op->arena, rows, n, &cap, sizeof(*rows));
		err = more ? group_columns(&q, &op->arena, &more[n]) : PL_ENOMEM;
		if (!err)
			hide_code(&(rows = more)[n++]);
	}
	int ended = pl_query_end(&q);
	if (ended || err)
		return ended ? ended : err;
	op->groups.rows = rows;
	op->groups.nrows = n;
	return 0;
}
