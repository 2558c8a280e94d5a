/* sqlite_create.c - a new conversation, or the one that these two already have. */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

struct people {
	int64_t *keys; /* distinct, the creator first */
	struct pl_uuid *ids;
	struct pl_slice *names;
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

static void add_once(struct people *p, int64_t key, const struct pl_user *u)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->keys[i] == key)
			return;
	p->keys[p->n] = key;
	p->names[p->n] = u->username;
	p->ids[p->n++] = u->id;
}

static int find_people(struct pl_sqlite *c, struct pl_op *op, struct people *p)
{
	struct pl_op_create *in = &op->create;
	p->keys = pl_arena_array(&op->arena, in->nmembers + 1, sizeof(*p->keys));
	p->ids = pl_arena_array(&op->arena, in->nmembers + 1, sizeof(*p->ids));
	p->names = pl_arena_array(&op->arena, in->nmembers + 1, sizeof(*p->names));
	if (!p->keys || !p->ids || !p->names)
		return PL_ENOMEM;
	int64_t key = 0;
	struct pl_user u;
	int err = pl_read_self(c, &op->arena, &in->creator, &u, &key);
	if (!err)
		add_once(p, key, &u);
	for (size_t i = 0; !err && i < in->nmembers; i++) {
		err = pl_find_user(c, &op->arena, in->members[i], &key, &u);
		if (!err)
			add_once(p, key, &u);
	}
	return err;
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
		err = pl_add_pair(c, p->keys[0], p->keys[1], room);
	for (size_t i = 0; !err && i < p->n; i++)
		err = pl_add_member(c, room, p->keys[i], i ? PL_MEMBER : PL_ADMIN, 0);
	return err;
}

static int find_existing(struct pl_sqlite *c, struct pl_op *op, const struct people *p)
{
	if (p->n != 2)
		return PL_EINVAL;
	int err = pl_find_pair(c, &op->arena, p->keys[0], p->keys[1], &op->create.made);
	op->create.existed = !err;
	return err == PL_ENOTFOUND ? 0 : err;
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
		err = find_existing(c, op, &p);
	if (!err && !in->existed)
		err = make(c, op, &p);
	if (err)
		return err;
	in->participants = p.ids;
	in->usernames = p.names;
	in->nparticipants = p.n;
	return 0;
}
