/* sqlite_shares.c - whether two users share a conversation: then one may call the other. */
#include "store/sqlite_ops.h"

static int are_together(struct pl_sqlite *c, int64_t one, int64_t two)
{
	struct pl_query q = pl_query(c, PL_Q_SHARES);
	pl_bind_int(&q, one);
	pl_bind_int(&q, two);
	bool are = pl_query_row(&q) && pl_column_int(&q, 0);
	int err = pl_query_end(&q);
	return err || are ? err : PL_EDENIED;
}

int pl_sqlite_shares(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_shares *in = &op->shares;
	struct pl_user other;
	int64_t mine = 0, theirs = 0;
	int err = pl_read_user_key(c, &in->user, &mine);
	if (!err)
		err = pl_find_user(c, &op->arena, in->with, &theirs, &other);
	if (!err)
		err = mine == theirs ? PL_EINVAL : are_together(c, mine, theirs);
	if (err)
		return err;
	in->other = (struct pl_user){.id = other.id,
				     .subject = other.subject,
				     .username = other.username,
				     .display_name = other.display_name,
				     .avatar_url = other.avatar_url};
	return 0;
}
