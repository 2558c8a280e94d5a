/* sqlite_direct.c - the one direct conversation of two people, found by their names; and leaving
 * another one. */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

static int by_name(struct pl_sqlite *c, struct pl_arena *a, struct pl_slice name, int64_t *key,
		   struct pl_user *out)
{
	struct pl_query q = pl_query(c, PL_Q_USER_BY_NAME);
	pl_bind_text(&q, name);
	return pl_read_user(&q, a, out, key);
}

int pl_read_self(struct pl_sqlite *c, struct pl_arena *a, const struct pl_uuid *id,
		 struct pl_user *out, int64_t *key)
{
	struct pl_query q = pl_query(c, PL_Q_USER_BY_ID);
	pl_bind_id(&q, id);
	int err = pl_read_user(&q, a, out, key);
	return err == PL_ENOTFOUND ? PL_EDENIED : err;
}

/* PL_ESTATE: both names are taken, and not by these two. */
static int check_pair(struct pl_sqlite *c, struct pl_arena *a, const struct pl_meeting *m)
{
	int64_t key[2] = {0, 0};
	for (size_t i = 0; i < 2 && m->pair && m->pair[0].at; i++) {
		struct pl_user u;
		int err = by_name(c, a, m->pair[i], &key[i], &u);
		if (err)
			return err == PL_ENOTFOUND ? 0 : err;
	}
	bool is_theirs = !m->pair || !m->pair[0].at ||
			 (key[0] == m->my_key && key[1] == m->other_key) ||
			 (key[0] == m->other_key && key[1] == m->my_key);
	return is_theirs ? 0 : PL_ESTATE;
}

static void bind_pair(struct pl_query *q, int64_t a, int64_t b)
{
	pl_bind_int(q, a < b ? a : b);
	pl_bind_int(q, a < b ? b : a);
}

int pl_find_pair(struct pl_sqlite *c, struct pl_arena *a, int64_t one, int64_t two,
		 struct pl_conversation *out)
{
	int64_t room = 0, key;
	struct pl_query q = pl_query(c, PL_Q_ROOM_OF_PAIR);
	bind_pair(&q, one, two);
	bool found = pl_query_row(&q);
	if (found)
		room = pl_column_int(&q, 0);
	int err = pl_query_end(&q);
	if (err || !found)
		return err ? err : PL_ENOTFOUND;
	struct pl_query r = pl_query(c, PL_Q_ROOM_BY_KEY);
	pl_bind_int(&r, room);
	return pl_read_room(&r, a, out, &key);
}

int pl_add_pair(struct pl_sqlite *c, int64_t one, int64_t two, int64_t room)
{
	struct pl_query q = pl_query(c, PL_Q_PAIR_ADD);
	bind_pair(&q, one, two);
	pl_bind_int(&q, room);
	return pl_query_run(&q);
}

static int make(struct pl_sqlite *c, struct pl_meeting *m)
{
	int64_t room = 0;
	m->found = pl_direct_conversation(&m->me.id, pl_wall_ms());
	int err = pl_add_room(c, &m->found, 0, m->my_key, &room);
	if (!err)
		err = pl_add_pair(c, m->my_key, m->other_key, room);
	if (!err)
		err = pl_add_member(c, room, m->my_key, PL_ADMIN, 0);
	return err ? err : pl_add_member(c, room, m->other_key, PL_MEMBER, 0);
}

int pl_meet(struct pl_sqlite *c, struct pl_arena *a, struct pl_meeting *m)
{
	int err = pl_read_self(c, a, m->user, &m->me, &m->my_key);
	if (!err)
		err = m->to_anyone ? pl_find_user(c, a, m->to, &m->other_key, &m->other)
				   : by_name(c, a, m->to, &m->other_key, &m->other);
	if (!err && m->other_key == m->my_key)
		err = PL_EINVAL;
	if (!err)
		err = check_pair(c, a, m);
	if (err)
		return err;
	err = pl_find_pair(c, a, m->my_key, m->other_key, &m->found);
	m->existed = !err;
	if (err != PL_ENOTFOUND)
		return err;
	return m->create ? make(c, m) : 0;
}

static struct pl_user named(const struct pl_user *u)
{
	return (struct pl_user){.id = u->id,
				.subject = u->subject,
				.subject_is_number = u->subject_is_number,
				.username = u->username};
}

static int read_seen(struct pl_sqlite *c, int64_t user, uint64_t *seen_ms)
{
	struct pl_query q = pl_query(c, PL_Q_USER_SEEN_AT);
	pl_bind_int(&q, user);
	*seen_ms = pl_query_row(&q) ? (uint64_t)pl_column_int(&q, 0) : 0;
	return pl_query_end(&q);
}

int pl_sqlite_direct(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_direct *in = &op->direct;
	struct pl_meeting m = {.user = &in->user,
			       .to = in->to,
			       .to_anyone = in->to_anyone,
			       .pair = in->pair,
			       .create = in->create};
	int err = pl_meet(c, &op->arena, &m);
	if (!err)
		err = read_seen(c, m.other_key, &in->other_seen_ms);
	if (err)
		return err;
	in->found = m.found;
	in->existed = m.existed;
	in->me = named(&m.me);
	in->other = named(&m.other);
	return 0;
}

/* ---- leaving ---- */

static int end_membership(struct pl_sqlite *c, const struct pl_seat *s)
{
	struct pl_query q = pl_query(c, PL_Q_MEMBER_LEAVE);
	pl_bind_int(&q, (int64_t)s->last_seq);
	pl_bind_int(&q, s->room);
	pl_bind_int(&q, s->user);
	pl_cache_forget_member(&c->cache, s->room, s->user);
	return pl_query_run(&q);
}

int pl_sqlite_leave(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_leave *in = &op->leave;
	struct pl_uuid id = {{0}};
	struct pl_seat s = {.user = 0};
	struct pl_user me;
	int64_t key;
	int err = pl_name_room(c, in->room, &id);
	if (!err)
		err = pl_read_seat(c, &in->user, &id, &s);
	err = pl_rule_in_group(err, s.type, s.role != PL_NOT_MEMBER);
	if (!err)
		err = pl_read_self(c, &op->arena, &in->user, &me, &key);
	if (err)
		return err;
	struct pl_query q = pl_query(c, PL_Q_ROOM_BY_KEY);
	pl_bind_int(&q, s.room);
	err = pl_read_room(&q, &op->arena, &in->left, &key);
	if (!err && !pl_uuid_is_nil(&in->left.group_id))
		err = PL_EINVAL;
	in->who = err ? (struct pl_user){.id = {{0}}} : named(&me);
	return err ? err : end_membership(c, &s);
}
