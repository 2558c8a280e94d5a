/*
 * sqlite_attend.c - who is there to hear, and how much came for those who are not.
 *
 * Who is there is true for this process only: a temporary table of the writer's connection, which
 * takes part in its transactions and ends with it. What a killed process knew is forgotten, and
 * then messages that were heard count as waiting: too many rather than too few.
 */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

int pl_attendance_open(struct pl_sqlite *c)
{
	int rc = pl_sqlite_exec(c->db, "CREATE TEMP TABLE attendance (user INTEGER NOT NULL, "
				       "socket INTEGER NOT NULL, PRIMARY KEY (user, socket)) "
				       "STRICT, WITHOUT ROWID");
	return rc ? (rc & 0xff) == SQLITE_NOMEM ? PL_ENOMEM : PL_EIO : 0;
}

static int run_for(struct pl_sqlite *c, enum pl_query_id id, int64_t user, int64_t second)
{
	struct pl_query q = pl_query(c, id);
	pl_bind_int(&q, user);
	if (second)
		pl_bind_int(&q, second);
	return pl_query_run(&q);
}

static int count(struct pl_sqlite *c, int64_t user, int64_t *n)
{
	struct pl_query q = pl_query(c, PL_Q_ATTENDANCE);
	pl_bind_int(&q, user);
	*n = pl_query_row(&q) ? pl_column_int(&q, 0) : 0;
	return pl_query_end(&q);
}

static int come(struct pl_sqlite *c, int64_t user, int64_t socket)
{
	int64_t n = 0;
	int err = run_for(c, PL_Q_ATTENDANCE_ADD, user, socket);
	if (!err)
		err = count(c, user, &n);
	return err || n != 1 ? err : run_for(c, PL_Q_WAITING_COUNT, user, PL_UNREAD_MAX);
}

static int note_seen(struct pl_sqlite *c, int64_t user)
{
	struct pl_query q = pl_query(c, PL_Q_USER_SEEN);
	pl_bind_int(&q, (int64_t)pl_wall_ms());
	pl_bind_int(&q, user);
	return pl_query_run(&q);
}

/* Who was not there has heard nothing. */
static int go(struct pl_sqlite *c, int64_t user, int64_t socket)
{
	int64_t before = 0, n = 0;
	int err = count(c, user, &before);
	if (!err)
		err = run_for(c, PL_Q_ATTENDANCE_END, user, socket);
	if (!err)
		err = count(c, user, &n);
	if (err || n || !before)
		return err;
	err = run_for(c, PL_Q_WAITING_HEARD, user, 0);
	return err ? err : note_seen(c, user);
}

int pl_sqlite_attend(struct pl_sqlite *c, struct pl_op *op)
{
	const struct pl_op_attend *in = &op->attend;
	int64_t user = 0;
	int err = pl_read_user_key(c, &in->user, &user);
	if (err)
		return err;
	switch (in->what) {
	case PL_CAME: return come(c, user, (int64_t)in->socket);
	case PL_WENT: return go(c, user, (int64_t)in->socket);
	case PL_SAW: return run_for(c, PL_Q_WAITING_SEEN, user, 0);
	}
	return PL_EINVAL;
}

static int add_row(struct pl_query *q, struct pl_arena *a, struct pl_chat_row *r)
{
	r->conversation.id = pl_column_id(q, 0);
	r->conversation.type = (enum pl_conversation_type)pl_column_int(q, 1);
	r->waiting = (uint64_t)pl_column_int(q, 4);
	int err = pl_column_copy(q, 2, a, &r->conversation.alias);
	if (!err)
		err = pl_column_copy(q, 3, a, &r->conversation.name);
	if (err || r->conversation.type != PL_DIRECT)
		return err;
	r->other.id = pl_column_id(q, 5);
	return pl_column_copy(q, 6, a, &r->other.username);
}

static int read_rows(struct pl_sqlite *c, struct pl_op *op, int64_t user)
{
	struct pl_op_chats *out = &op->chats;
	size_t cap = 0;
	int err = 0;
	out->rows = NULL;
	out->nrows = 0;
	struct pl_query q = pl_query(c, PL_Q_CHATS);
	pl_bind_int(&q, user);
	pl_bind_int(&q, PL_CHATS_MAX);
	while (!err && pl_query_row(&q)) {
		struct pl_chat_row *more =
			pl_grow(&op->arena, out->rows, out->nrows, &cap, sizeof(*more));
		if (!more) {
			err = PL_ENOMEM;
			break;
		}
		out->rows = more;
		err = add_row(&q, &op->arena, &more[out->nrows++]);
	}
	int ended = pl_query_end(&q);
	return ended ? ended : err;
}

/* Two issuers may have given the same name: it is the older user's. */
static int check_name(struct pl_sqlite *c, struct pl_op *op, int64_t key, struct pl_slice name)
{
	struct pl_user named;
	int64_t its = 0;
	struct pl_query q = pl_query(c, PL_Q_USER_BY_NAME);
	pl_bind_text(&q, name);
	int err = pl_read_user(&q, &op->arena, &named, &its);
	if (!err)
		op->chats.is_named = its == key;
	return err == PL_ENOTFOUND ? 0 : err;
}

int pl_sqlite_chats(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_user me;
	int64_t key = 0;
	op->chats.is_named = false;
	struct pl_query q = pl_query(c, PL_Q_USER_BY_ID);
	pl_bind_id(&q, &op->chats.user);
	int err = pl_read_user(&q, &op->arena, &me, &key);
	if (err)
		return err == PL_ENOTFOUND ? PL_EDENIED : err;
	err = check_name(c, op, key, me.username);
	return err ? err : read_rows(c, op, key);
}
