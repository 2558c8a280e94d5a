/*
 * sqlite_retry.c - which send was seen before: in memory while it is young (recent.h), in the table
 * retry later, and in retry_log in between, for the next start.
 */
#include "store/sqlite_ops.h"

enum { MOVE_LEAST = 64 };

static int has_day(struct pl_sqlite *c, int64_t day, bool *has)
{
	struct pl_query q = pl_query(c, PL_Q_RETRY_DAY);
	pl_bind_int(&q, day);
	*has = pl_query_row(&q) && pl_column_int(&q, 0);
	return pl_query_end(&q);
}

/* Which of the days that matter the table knows: most look-ups end here. */
static int know_days(struct pl_sqlite *c, int64_t day)
{
	if (c->retry_days.today == day)
		return 0;
	bool has[3];
	int err = has_day(c, 0, &has[0]);
	if (!err)
		err = has_day(c, day - 1, &has[1]);
	if (!err)
		err = has_day(c, day, &has[2]);
	if (err)
		return err;
	c->retry_days.today = day;
	memcpy(c->retry_days.has, has, sizeof(has));
	return 0;
}

static int find_in_table(struct pl_sqlite *c, const uint8_t hash[16], int64_t day, int64_t *at)
{
	struct pl_query q = pl_query(c, PL_Q_RETRY);
	pl_bind_int(&q, day);
	pl_bind_blob(&q, hash, 16);
	*at = pl_query_row(&q) ? pl_column_int(&q, 0) : 0;
	return pl_query_end(&q);
}

int pl_retry_find(struct pl_sqlite *c, const struct pl_retry *r, int64_t today, int64_t *at)
{
	*at = pl_recent_find(&c->recent, r->hash);
	if (*at)
		return 0;
	int err = know_days(c, today);
	const bool *has = c->retry_days.has;
	if (!r->day)
		return err || !has[0] ? err : find_in_table(c, r->hash, 0, at);
	if (!err && has[2])
		err = find_in_table(c, r->hash, today, at);
	if (!err && !*at && has[1])
		err = find_in_table(c, r->hash, today - 1, at);
	return err;
}

static int move_one(struct pl_sqlite *c, const struct pl_retry *e)
{
	struct pl_query q = pl_query(c, PL_Q_RETRY_ADD);
	pl_bind_int(&q, e->day);
	pl_bind_blob(&q, e->hash, sizeof(e->hash));
	pl_bind_int(&q, e->message);
	return pl_query_run(&q);
}

static int cut_log(struct pl_sqlite *c)
{
	struct pl_query q = pl_query(c, PL_Q_RETRY_LOG_CUT);
	pl_bind_int(&q, c->recent.old_log);
	return pl_query_run(&q);
}

static int move_some(struct pl_sqlite *c, size_t n)
{
	struct pl_recent *r = &c->recent;
	int err = 0;
	if (r->moved == r->old.len)
		return 0;
	c->retry_days.today = -1; /* look again */
	while (!err && n-- && r->moved < r->old.len)
		err = move_one(c, &r->old.entries[r->moved++]);
	return err || r->moved < r->old.len ? err : cut_log(c);
}

/* Moves twice as many as came: the old generation is gone long before the young one is full. */
int pl_retry_flush(struct pl_sqlite *c)
{
	const struct pl_retry *first;
	size_t n = pl_recent_added(&c->recent, &first);
	if (!n)
		return 0;
	struct pl_query q = pl_query(c, PL_Q_RETRY_LOG_ADD);
	pl_bind_blob(&q, first, n * sizeof(*first));
	int err = pl_query_run(&q);
	if (err)
		return err;
	c->last_log = sqlite3_last_insert_rowid(c->db);
	return move_some(c, 2 * n + MOVE_LEAST);
}

void pl_retry_committed(struct pl_sqlite *c)
{
	struct pl_recent *r = &c->recent;
	pl_recent_commit(r);
	if (r->young.len > PL_RECENT_MAX / 2 && r->moved == r->old.len)
		pl_recent_turn(r, c->last_log);
}

void pl_retry_rolled_back(struct pl_sqlite *c)
{
	pl_recent_rollback(&c->recent);
	c->retry_days.today = -1;
}

static int load_row(struct pl_sqlite *c, struct pl_query *q)
{
	struct pl_slice blob = pl_column_text(q, 1);
	struct pl_retry e;
	c->last_log = pl_column_int(q, 0);
	for (size_t i = 0; i + sizeof(e) <= blob.len; i += sizeof(e)) {
		memcpy(&e, blob.at + i, sizeof(e));
		int err = pl_recent_add(&c->recent, &e);
		if (err)
			return err;
	}
	return 0;
}

int pl_retry_load(struct pl_sqlite *c)
{
	int err = 0;
	struct pl_query q = pl_query(c, PL_Q_RETRY_LOG);
	while (!err && pl_query_row(&q)) {
		err = load_row(c, &q);
		if (!err)
			pl_retry_committed(c);
	}
	int ended = pl_query_end(&q);
	return ended ? ended : err;
}
