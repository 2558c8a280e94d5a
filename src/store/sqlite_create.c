/* sqlite_create.c - a new conversation, or the one that these two already have. */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

struct people {
	int64_t *keys; /* distinct, the creator first */
	struct pl_uuid *ids;
	size_t n;
};

int pl_find_user(struct pl_sqlite *c, struct pl_arena *a, struct pl_slice name, int64_t *key,
		 struct pl_user *out)
{
	static const enum pl_query_id ways[] = {PL_Q_USER_BY_SUBJECT, PL_Q_USER_BY_NAME};
	struct pl_uuid parsed;
	int err = PL_ENOTFOUND;
	if (!pl_uuid_parse(name, &parsed)) {
		struct pl_query q = pl_query(c, PL_Q_USER_BY_ID);
		pl_bind_id(&q, &parsed);
		err = pl_read_user(&q, a, out, key);
	}
	for (int i = 0; i < 2 && err == PL_ENOTFOUND; i++) {
		struct pl_query q = pl_query(c, ways[i]);
		pl_bind_text(&q, name);
		err = pl_read_user(&q, a, out, key);
	}
	return err;
}

static void add_once(struct people *p, int64_t key, const struct pl_uuid *id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->keys[i] == key)
			return;
	p->keys[p->n] = key;
	p->ids[p->n++] = *id;
}

static int find_people(struct pl_sqlite *c, struct pl_op *op, struct people *p)
{
	struct pl_op_create *in = &op->create;
	p->keys = pl_arena_array(&op->arena, in->nmembers + 1, sizeof(*p->keys));
	p->ids = pl_arena_array(&op->arena, in->nmembers + 1, sizeof(*p->ids));
	if (!p->keys || !p->ids)
		return PL_ENOMEM;
	int64_t creator = 0;
	int err = pl_read_user_key(c, &in->creator, &creator);
	if (!err)
		add_once(p, creator, &in->creator);
	for (size_t i = 0; !err && i < in->nmembers; i++) {
		int64_t key;
		struct pl_user u;
		err = pl_find_user(c, &op->arena, in->members[i], &key, &u);
		if (!err)
			add_once(p, key, &u.id);
	}
	return err;
}

static int find_pair(struct pl_sqlite *c, struct pl_op *op, const struct people *p)
{
	int64_t a = p->keys[0], b = p->keys[1], room = 0, key;
	struct pl_query q = pl_query(c, PL_Q_ROOM_OF_PAIR);
	pl_bind_int(&q, a < b ? a : b);
	pl_bind_int(&q, a < b ? b : a);
	if (pl_query_row(&q))
		room = pl_column_int(&q, 0);
	int err = pl_query_end(&q);
	if (err || !room)
		return err;
	op->create.existed = true;
	struct pl_query r = pl_query(c, PL_Q_ROOM_BY_KEY);
	pl_bind_int(&r, room);
	return pl_read_room(&r, &op->arena, &op->create.made, &key);
}

static int add_pair(struct pl_sqlite *c, const struct people *p, int64_t room)
{
	int64_t a = p->keys[0], b = p->keys[1];
	struct pl_query q = pl_query(c, PL_Q_PAIR_ADD);
	pl_bind_int(&q, a < b ? a : b);
	pl_bind_int(&q, a < b ? b : a);
	pl_bind_int(&q, room);
	return pl_query_run(&q);
}

int pl_add_room(struct pl_sqlite *c, const struct pl_conversation *r, int64_t group,
		int64_t creator, int64_t *key)
{
	struct pl_query q = pl_query(c, PL_Q_ROOM_ADD);
	pl_bind_id(&q, &r->id);
	pl_bind_int(&q, r->type);
	pl_bind_text(&q, r->name);
	pl_bind_text(&q, r->description);
	pl_bind_optional(&q, group);
	pl_bind_int(&q, creator);
	pl_bind_int(&q, (int64_t)r->created_ms);
	int err = pl_query_run(&q);
	if (!err)
		*key = sqlite3_last_insert_rowid(c->db);
	return err;
}

int pl_add_member(struct pl_sqlite *c, int64_t room, int64_t user, enum pl_role role,
		  uint64_t joined_seq)
{
	struct pl_query q = pl_query(c, PL_Q_MEMBER_ADD);
	pl_bind_int(&q, room);
	pl_bind_int(&q, user);
	pl_bind_int(&q, role);
	pl_bind_int(&q, (int64_t)joined_seq);
	return pl_query_run(&q);
}

static int make(struct pl_sqlite *c, struct pl_op *op, const struct people *p)
{
	struct pl_op_create *in = &op->create;
	int64_t room = 0;
	in->made = pl_conversation_from_op(in, pl_wall_ms());
	int err = pl_add_room(c, &in->made, 0, p->keys[0], &room);
	if (!err && in->type == PL_DIRECT)
		err = add_pair(c, p, room);
	for (size_t i = 0; !err && i < p->n; i++)
		err = pl_add_member(c, room, p->keys[i], i ? PL_MEMBER : PL_ADMIN, 0);
	return err;
}

int pl_sqlite_create(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_create *in = &op->create;
	struct people p = {.n = 0};
	in->existed = false;
	int err = pl_rule_create(in);
	if (!err)
		err = find_people(c, op, &p);
	if (!err && in->type == PL_DIRECT)
		err = p.n == 2 ? find_pair(c, op, &p) : PL_EINVAL;
	if (!err && !in->existed)
		err = make(c, op, &p);
	if (err)
		return err;
	in->participants = p.ids;
	in->nparticipants = p.n;
	return 0;
}
