/* sqlite_user.c - from a verified token to a user. */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

static int find(struct pl_sqlite *c, struct pl_op *op, int64_t *key)
{
	struct pl_query q = pl_query(c, PL_Q_USER_BY_SUBJECT);
	pl_bind_text(&q, op->sign_in.claims.subject);
	return pl_read_user(&q, &op->arena, &op->sign_in.user, key);
}

static int id_is_taken(struct pl_sqlite *c, const struct pl_uuid *id, bool *taken)
{
	struct pl_query q = pl_query(c, PL_Q_USER_KEY);
	pl_bind_id(&q, id);
	*taken = pl_query_row(&q);
	return pl_query_end(&q);
}

int pl_add_user(struct pl_sqlite *c, const struct pl_user *u, uint64_t now, int64_t *key)
{
	struct pl_query q = pl_query(c, PL_Q_USER_ADD);
	pl_bind_id(&q, &u->id);
	pl_bind_text(&q, u->subject);
	pl_bind_text(&q, u->username);
	pl_bind_text(&q, u->display_name);
	pl_bind_text(&q, u->email);
	pl_bind_text(&q, u->phone);
	pl_bind_text(&q, u->avatar_url);
	pl_bind_int(&q, u->subject_is_number);
	pl_bind_int(&q, (int64_t)now);
	int err = pl_query_run(&q);
	if (!err)
		*key = sqlite3_last_insert_rowid(c->db);
	return err;
}

static int account_of(struct pl_sqlite *c, struct pl_slice name, int64_t *user)
{
	char room[PL_ACCOUNT_NAME_MAX];
	struct pl_slice folded = pl_slice(room, pl_account_fold(name, room));
	*user = 0;
	if (!folded.len)
		return 0;
	struct pl_query q = pl_query(c, PL_Q_ACCOUNT);
	pl_bind_text(&q, folded);
	if (pl_query_row(&q))
		*user = pl_column_int(&q, 0);
	return pl_query_end(&q);
}

/* key: of whom the claims are, 0: a new user. */
static int yield_name(struct pl_sqlite *c, struct pl_op *op, int64_t key)
{
	struct pl_slice name;
	int64_t owner = -1;
	int err = 0;
	while (!err && owner && owner != key) {
		name = pl_rule_new_name(&op->sign_in, key != 0);
		err = account_of(c, name, &owner);
		if (!err && owner && owner != key)
			err = pl_rule_yield_name(op, key != 0, pl_wall_ms());
	}
	return err;
}

static int provision(struct pl_sqlite *c, struct pl_op *op, int64_t *key)
{
	uint64_t now = pl_wall_ms();
	struct pl_user u = pl_user_from_claims(&op->sign_in.claims, now);
	bool taken = false;
	int err = id_is_taken(c, &u.id, &taken);
	if (taken)
		u.id = pl_uuid_v7(now);
	if (!err)
		err = pl_add_user(c, &u, now, key);
	if (!err)
		op->sign_in.user = u;
	return err;
}

static int change(struct pl_sqlite *c, const struct pl_user *u, int64_t key)
{
	struct pl_query q = pl_query(c, PL_Q_USER_CHANGE);
	pl_bind_text(&q, u->username);
	pl_bind_text(&q, u->display_name);
	pl_bind_text(&q, u->email);
	pl_bind_text(&q, u->phone);
	pl_bind_text(&q, u->avatar_url);
	pl_bind_int(&q, u->subject_is_number);
	pl_bind_int(&q, (int64_t)pl_wall_ms());
	pl_bind_int(&q, key);
	pl_cache_clear(&c->cache); /* rooms know the names of their members; all is written */
	return pl_query_run(&q);
}

/* Whoever was locked out stays out, and who changed the password means the old tokens too. */
int pl_check_standing(struct pl_sqlite *c, int64_t key, uint64_t issued_s)
{
	struct pl_query q = pl_query(c, PL_Q_USER_STANDING);
	pl_bind_int(&q, key);
	bool found = pl_query_row(&q), is_disabled = found && pl_column_int(&q, 0);
	bool is_old = found && (int64_t)issued_s < pl_column_int(&q, 1);
	int err = pl_query_end(&q);
	return err ? err : is_disabled || is_old ? PL_EDENIED : 0;
}

int pl_sqlite_sign_in(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_sign_in *in = &op->sign_in;
	int64_t key = 0;
	int err = pl_rule_sign_in(in);
	if (err)
		return err;
	err = find(c, op, &key);
	if (!err)
		err = pl_check_standing(c, key, in->issued_s);
	bool is_new = err == PL_ENOTFOUND && in->provision;
	if (!err || is_new)
		err = yield_name(c, op, key);
	if (!err && is_new)
		err = provision(c, op, &key);
	else if (!err && pl_user_update(&in->user, &in->claims))
		err = change(c, &in->user, key);
	if (err)
		return err;
	struct pl_query q = pl_query(c, PL_Q_ROOMS_OF_USER);
	pl_bind_int(&q, key);
	return pl_read_ids(&q, &op->arena, &in->conversations, &in->nconversations);
}
