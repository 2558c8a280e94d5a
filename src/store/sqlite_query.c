/* sqlite_query.c - bind, step, read: thin covers that keep the first error. */
#include "store/sqlite.h"

struct pl_query pl_query(struct pl_sqlite *c, enum pl_query_id id)
{
	return (struct pl_query){.c = c, .s = c->queries[id]};
}

static void note(struct pl_query *q, int rc)
{
	if (rc != SQLITE_OK && q->c->rc == SQLITE_OK)
		q->c->rc = rc;
}

void pl_bind_int(struct pl_query *q, int64_t v)
{
	note(q, sqlite3_bind_int64(q->s, ++q->bound, v));
}

void pl_bind_optional(struct pl_query *q, int64_t v)
{
	if (v)
		pl_bind_int(q, v);
	else
		note(q, sqlite3_bind_null(q->s, ++q->bound));
}

void pl_bind_blob(struct pl_query *q, const void *at, size_t n)
{
	note(q, sqlite3_bind_blob64(q->s, ++q->bound, at, n, SQLITE_STATIC));
}

void pl_bind_id(struct pl_query *q, const struct pl_uuid *id)
{
	if (pl_uuid_is_nil(id))
		note(q, sqlite3_bind_null(q->s, ++q->bound));
	else
		pl_bind_blob(q, id->b, sizeof(id->b));
}

void pl_bind_text(struct pl_query *q, struct pl_slice s)
{
	if (!s.at)
		note(q, sqlite3_bind_null(q->s, ++q->bound));
	else
		note(q, sqlite3_bind_text64(q->s, ++q->bound, s.at, s.len, SQLITE_STATIC,
					    SQLITE_UTF8));
}

bool pl_query_row(struct pl_query *q)
{
	if (q->c->rc)
		return false;
	int rc = sqlite3_step(q->s);
	if (rc == SQLITE_ROW)
		return true;
	note(q, rc == SQLITE_DONE ? SQLITE_OK : rc);
	return false;
}

int pl_query_end(struct pl_query *q)
{
	sqlite3_reset(q->s); /* repeats the error of the last step, which is in rc */
	if (!q->c->rc)
		return 0;
	return (q->c->rc & 0xff) == SQLITE_NOMEM ? PL_ENOMEM : PL_ESTORE;
}

int pl_query_run(struct pl_query *q)
{
	pl_query_row(q);
	return pl_query_end(q);
}

int64_t pl_column_int(struct pl_query *q, int column)
{
	return sqlite3_column_int64(q->s, column);
}

bool pl_column_bytes(struct pl_query *q, int column, void *to, size_t n)
{
	const void *at = sqlite3_column_blob(q->s, column);
	bool fits = at && (size_t)sqlite3_column_bytes(q->s, column) == n;
	if (fits)
		memcpy(to, at, n);
	return fits;
}

struct pl_uuid pl_column_id(struct pl_query *q, int column)
{
	struct pl_uuid id = {0};
	pl_column_bytes(q, column, id.b, sizeof(id.b));
	return id;
}

struct pl_slice pl_column_text(struct pl_query *q, int column)
{
	if (sqlite3_column_type(q->s, column) == SQLITE_NULL)
		return (struct pl_slice){NULL, 0};
	const void *at = sqlite3_column_blob(q->s, column);
	int n = sqlite3_column_bytes(q->s, column);
	if (!at && n)
		note(q, SQLITE_NOMEM);
	return at ? pl_slice(at, (size_t)n) : PL_S("");
}

int pl_column_copy(struct pl_query *q, int column, struct pl_arena *a, struct pl_slice *out)
{
	return pl_arena_copy(a, pl_column_text(q, column), out);
}
