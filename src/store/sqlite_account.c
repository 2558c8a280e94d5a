/* sqlite_account.c - accounts, and who is locked out. */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

enum { COLUMN_PASSWORD = 9, COLUMN_DISABLED };

static struct pl_slice fold(struct pl_slice name, char room[PL_ACCOUNT_NAME_MAX])
{
	return pl_slice(room, pl_account_fold(name, room));
}

/* ---- one account ---- */

struct found {
	int64_t key;
	struct pl_user user;
	struct pl_slice password;
	bool is_disabled;
};

static int find(struct pl_sqlite *c, struct pl_arena *a, struct pl_slice name, struct found *out)
{
	char room[PL_ACCOUNT_NAME_MAX];
	struct pl_slice folded = fold(name, room);
	if (!folded.len)
		return PL_ENOTFOUND;
	struct pl_query q = pl_query(c, PL_Q_ACCOUNT);
	pl_bind_text(&q, folded);
	bool is_there = pl_query_row(&q);
	int err = is_there ? 0 : PL_ENOTFOUND;
	if (is_there) {
		out->key = pl_column_int(&q, 0);
		out->is_disabled = pl_column_int(&q, COLUMN_DISABLED) != 0;
		err = pl_user_columns(&q, a, &out->user);
		if (!err)
			err = pl_column_copy(&q, COLUMN_PASSWORD, a, &out->password);
	}
	int ended = pl_query_end(&q);
	return ended ? ended : err;
}

int pl_sqlite_account(struct pl_sqlite *c, struct pl_op *op)
{
	struct found f = {0};
	int err = find(c, &op->arena, op->account.name, &f);
	if (err)
		return err;
	op->account.user = f.user;
	op->account.password = f.password;
	op->account.is_disabled = f.is_disabled;
	return 0;
}

/* ---- a new one ---- */

static int check_free(struct pl_sqlite *c, struct pl_slice folded)
{
	struct pl_query q = pl_query(c, PL_Q_NAME_TAKEN);
	pl_bind_text(&q, folded);
	bool is_taken = pl_query_row(&q) && pl_column_int(&q, 0);
	int err = pl_query_end(&q);
	return err ? err : is_taken ? PL_EEXISTS : 0;
}

static int add(struct pl_sqlite *c, int64_t user, struct pl_slice folded, struct pl_slice password,
	       uint64_t now)
{
	struct pl_query q = pl_query(c, PL_Q_ACCOUNT_ADD);
	pl_bind_int(&q, user);
	pl_bind_text(&q, folded);
	pl_bind_text(&q, password);
	pl_bind_int(&q, (int64_t)now);
	return pl_query_run(&q);
}

int pl_sqlite_register(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_register *in = &op->enlist;
	char room[PL_ACCOUNT_NAME_MAX];
	struct pl_slice folded = fold(in->username, room);
	uint64_t now = pl_wall_ms();
	struct pl_user u;
	int64_t key = 0;
	int err = pl_rule_register(op, now, &u);
	if (!err)
		err = check_free(c, folded);
	if (!err)
		err = pl_add_user(c, &u, now, &key);
	if (!err)
		err = add(c, key, folded, in->password, now);
	if (!err)
		in->user = u;
	return err;
}

/* ---- changes ---- */

static int change(struct pl_sqlite *c, int64_t key, struct pl_slice password, uint64_t now)
{
	struct pl_query q = pl_query(c, PL_Q_ACCOUNT_CHANGE);
	pl_bind_text(&q, password);
	pl_bind_int(&q, (int64_t)now);
	pl_bind_int(&q, key);
	return pl_query_run(&q);
}

static int end_tokens(struct pl_sqlite *c, int64_t key, uint64_t now)
{
	struct pl_query q = pl_query(c, PL_Q_USER_TOKENS);
	pl_bind_int(&q, (int64_t)(now / 1000));
	pl_bind_int(&q, key);
	return pl_query_run(&q);
}

int pl_sqlite_set_password(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_set_password *in = &op->set_password;
	struct found f = {0};
	uint64_t now = pl_wall_ms();
	int err = pl_rule_password(in->password);
	if (!err)
		err = find(c, &op->arena, in->name, &f);
	if (!err && in->instead_of.at && !pl_slice_eq(in->instead_of, f.password))
		return PL_ESTATE;
	if (!err)
		err = change(c, f.key, in->password, now);
	if (!err && !in->instead_of.at)
		err = end_tokens(c, f.key, now);
	if (!err)
		in->user = f.user;
	return err;
}

static int set_disabled(struct pl_sqlite *c, int64_t key, uint64_t when)
{
	struct pl_query q = pl_query(c, PL_Q_USER_DISABLE);
	pl_bind_optional(&q, (int64_t)when);
	pl_bind_int(&q, key);
	return pl_query_run(&q);
}

static int is_disabled(struct pl_sqlite *c, int64_t key, bool *out)
{
	struct pl_query q = pl_query(c, PL_Q_USER_STANDING);
	pl_bind_int(&q, key);
	*out = pl_query_row(&q) && pl_column_int(&q, 0);
	return pl_query_end(&q);
}

int pl_sqlite_disable(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_disable *in = &op->disable;
	struct found f = {0};
	bool was = false;
	int err = find(c, &op->arena, in->who, &f);
	if (err == PL_ENOTFOUND)
		err = pl_find_user(c, &op->arena, in->who, &f.key, &f.user);
	if (!err)
		err = is_disabled(c, f.key, &was);
	if (!err && was != in->on)
		err = set_disabled(c, f.key, in->on ? pl_wall_ms() : 0);
	if (err)
		return err;
	in->user = f.user;
	in->changed = was != in->on;
	return 0;
}

/* ---- all of them ---- */

static int row_columns(struct pl_query *q, struct pl_arena *a, struct pl_user_row *out)
{
	struct pl_user *u = &out->user;
	struct pl_slice *const fields[] = {&u->subject, &u->username, &u->display_name};
	u->id = pl_column_id(q, 0);
	out->is_disabled = pl_column_int(q, 4) != 0;
	out->has_account = pl_column_int(q, 5) != 0;
	for (int i = 0; i < 3; i++) {
		int err = pl_column_copy(q, 1 + i, a, fields[i]);
		if (err)
			return err;
	}
	return 0;
}

static int read_page(struct pl_sqlite *c, struct pl_op *op, int64_t after)
{
	struct pl_op_users *in = &op->users;
	struct pl_user_row *rows = pl_arena_array(&op->arena, in->limit, sizeof(*rows));
	struct pl_query q = pl_query(c, PL_Q_USER_ROWS);
	size_t n = 0;
	int err = rows ? 0 : PL_ENOMEM;
	pl_bind_int(&q, after);
	pl_bind_int(&q, (int64_t)in->limit + 1);
	bool is_there = !err && pl_query_row(&q);
	for (; is_there && !err && n < in->limit; is_there = !err && pl_query_row(&q))
		err = row_columns(&q, &op->arena, &rows[n++]);
	int ended = pl_query_end(&q);
	if (err || ended)
		return ended ? ended : err;
	in->rows = rows;
	in->nrows = n;
	in->has_more = is_there;
	return 0;
}

int pl_sqlite_users(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_users *in = &op->users;
	int64_t after = 0;
	int err = pl_rule_users(in);
	if (!err && !pl_uuid_is_nil(&in->after))
		err = pl_read_user_key(c, &in->after, &after);
	if (err)
		return err == PL_EDENIED ? PL_ENOTFOUND : err;
	return read_page(c, op, after);
}
