/* sqlite_open_room.c - rooms by name: found, made, and remembered for who came in. */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

static int is_id_of_room(struct pl_sqlite *c, const struct pl_uuid *id, bool *yes)
{
	struct pl_query q = pl_query(c, PL_Q_ROOM_EXISTS);
	pl_bind_id(&q, id);
	*yes = pl_query_row(&q) && pl_column_int(&q, 0);
	return pl_query_end(&q);
}

static int find_alias(struct pl_sqlite *c, struct pl_slice alias, struct pl_uuid *id)
{
	struct pl_query q = pl_query(c, PL_Q_ROOM_ID_BY_ALIAS);
	pl_bind_text(&q, alias);
	bool found = pl_query_row(&q);
	if (found)
		*id = pl_column_id(&q, 0);
	int err = pl_query_end(&q);
	return err ? err : found ? 0 : PL_ENOTFOUND;
}

/* PL_ENOTFOUND: no conversation has this id or alias. */
static int find_room(struct pl_sqlite *c, struct pl_slice name, struct pl_uuid *out)
{
	struct pl_uuid id;
	bool is_id = false;
	int err = pl_uuid_parse(name, &id) ? 0 : is_id_of_room(c, &id, &is_id);
	if (!err && !is_id)
		err = find_alias(c, name, &id);
	if (!err)
		*out = id;
	return err;
}

int pl_name_room(struct pl_sqlite *c, struct pl_slice name, struct pl_uuid *conversation)
{
	int err = name.at ? find_room(c, name, conversation) : 0;
	return err == PL_ENOTFOUND ? PL_EDENIED : err;
}

static int count_aliases(struct pl_sqlite *c)
{
	if (c->aliases >= 0)
		return 0;
	struct pl_query q = pl_query(c, PL_Q_ROOMS_WITH_ALIAS);
	int64_t n = pl_query_row(&q) ? pl_column_int(&q, 0) : 0;
	int err = pl_query_end(&q);
	if (!err)
		c->aliases = n;
	return err;
}

static int make(struct pl_sqlite *c, struct pl_op_open_room *in, int64_t user, int64_t *room)
{
	int err = pl_rule_alias(in->name);
	if (!err)
		err = count_aliases(c);
	if (!err && in->rooms_max && c->aliases >= in->rooms_max)
		err = PL_ELIMIT;
	if (err)
		return err;
	in->found = pl_open_room_from_op(in, pl_wall_ms());
	if (!user)
		in->found.created_by = (struct pl_uuid){{0}};
	struct pl_query q = pl_query(c, PL_Q_OPEN_ROOM_ADD);
	pl_bind_id(&q, &in->found.id);
	pl_bind_int(&q, PL_ROOM);
	pl_bind_text(&q, in->name);
	pl_bind_optional(&q, user);
	pl_bind_int(&q, (int64_t)in->found.created_ms);
	pl_bind_text(&q, in->found.name);
	err = pl_query_run(&q);
	if (err)
		return err;
	*room = sqlite3_last_insert_rowid(c->db);
	c->aliases++;
	in->created = true;
	return 0;
}

static int is_member(struct pl_sqlite *c, int64_t room, int64_t user, bool *yes)
{
	struct pl_query q = pl_query(c, PL_Q_MEMBER);
	pl_bind_int(&q, room);
	pl_bind_int(&q, user);
	*yes = pl_query_row(&q);
	return pl_query_end(&q);
}

/* What was said before is theirs to read, but does not count as unread. */
static int remember(struct pl_sqlite *c, struct pl_op_open_room *in, int64_t room, int64_t user)
{
	struct pl_query q = pl_query(c, PL_Q_MEMBER_REMEMBER);
	pl_bind_int(&q, room);
	pl_bind_int(&q, user);
	pl_bind_int(&q, PL_MEMBER);
	pl_bind_int(&q, (int64_t)in->found.last_seq);
	pl_cache_forget_member(&c->cache, room, user);
	int err = pl_query_run(&q);
	if (!err)
		in->is_new_member = sqlite3_changes(c->db) > 0;
	return err;
}

static int enter(struct pl_sqlite *c, struct pl_op_open_room *in, int64_t room, int64_t user)
{
	bool is_open = pl_conversation_is_open(&in->found), is_in = false;
	int err = user ? is_member(c, room, user, &is_in) : 0;
	if (err || is_in)
		return err;
	if (!is_open)
		return PL_EDENIED;
	return in->remember && user ? remember(c, in, room, user) : 0;
}

static int read_found(struct pl_sqlite *c, struct pl_op *op, const struct pl_uuid *id,
		      int64_t *room)
{
	struct pl_query q = pl_query(c, PL_Q_ROOM_BY_ID);
	pl_bind_id(&q, id);
	return pl_read_room(&q, &op->arena, &op->open_room.found, room);
}

int pl_sqlite_open_room(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_open_room *in = &op->open_room;
	struct pl_uuid id;
	int64_t user = 0, room = 0;
	in->created = in->is_new_member = false;
	int err = pl_read_self(c, &op->arena, &in->user, &in->who, &user);
	if (err && err != PL_EDENIED)
		return err;
	err = find_room(c, in->name, &id);
	if (!err)
		err = read_found(c, op, &id, &room);
	else if (err == PL_ENOTFOUND && in->create)
		err = make(c, in, user, &room);
	return err ? err : enter(c, in, room, user);
}
