/*
 * sqlite.c - a connection as a backend: transactions, checkpoints, what an error means.
 *
 * The SQLite of many distributions damages a database when one connection restarts the write-ahead
 * log while another writes it. Therefore only the writer's connection writes, checkpoints and
 * closes with a checkpoint; every other is query_only and leaves the log alone.
 */
#include "store/sqlite.h"

#include "store/sqlite_file.h"
#include "store/sqlite_ops.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

/*
 * Pages in the log when it is copied into the database. Few keep each checkpoint short, which
 * nobody notices; many let pages that change often be copied once, which counts under load. A very
 * long log means that readers stood in the way of its restart, and then the writer waits for them.
 */
enum { CALM_PAGES = 1000, BUSY_PAGES = 4000, RESTART_PAGES = 65536, DAY_MS = 86400000 };

static int (*const operations[])(struct pl_sqlite *, struct pl_op *) = {
	[PL_OP_SIGN_IN] = pl_sqlite_sign_in,
	[PL_OP_CONVERSATIONS] = pl_sqlite_conversations,
	[PL_OP_ACCESS] = pl_sqlite_access,
	[PL_OP_OPEN_ROOM] = pl_sqlite_open_room,
	[PL_OP_CREATE] = pl_sqlite_create,
	[PL_OP_SEND] = pl_sqlite_send,
	[PL_OP_PAGE] = pl_sqlite_page,
	[PL_OP_MARK_READ] = pl_sqlite_mark_read,
	[PL_OP_CREATE_GROUP] = pl_sqlite_create_group,
	[PL_OP_JOIN_GROUP] = pl_sqlite_join_group,
	[PL_OP_GROUPS] = pl_sqlite_groups,
	[PL_OP_DIRECT] = pl_sqlite_direct,
	[PL_OP_LEAVE] = pl_sqlite_leave,
	[PL_OP_ATTEND] = pl_sqlite_attend,
	[PL_OP_CHATS] = pl_sqlite_chats,
	[PL_OP_SHARES] = pl_sqlite_shares,
	[PL_OP_FILE_START] = pl_sqlite_file_start,
	[PL_OP_FILE_RESUME] = pl_sqlite_file_resume,
	[PL_OP_FILE_PROGRESS] = pl_sqlite_file_progress,
	[PL_OP_FILE_ABORT] = pl_sqlite_file_abort,
	[PL_OP_FILE_FIND] = pl_sqlite_file_find,
	[PL_OP_FILE_EXPIRE] = pl_sqlite_file_expire,
	[PL_OP_FILE_KNOWN] = pl_sqlite_file_known,
	[PL_OP_MISSED] = pl_sqlite_missed,
	[PL_OP_PENDING] = pl_sqlite_pending,
	[PL_OP_RECEIVED] = pl_sqlite_received,
	[PL_OP_REGISTER] = pl_sqlite_register,
	[PL_OP_ACCOUNT] = pl_sqlite_account,
	[PL_OP_SET_PASSWORD] = pl_sqlite_set_password,
	[PL_OP_DISABLE] = pl_sqlite_disable,
	[PL_OP_USERS] = pl_sqlite_users,
};

enum pl_trouble pl_sqlite_trouble(int rc)
{
	switch (rc) {
	case SQLITE_OK: return PL_FINE;
	case SQLITE_IOERR_NOMEM: return PL_OP_TROUBLE;
	/* The log's index is rebuilt at each start: no room for it is no harm done. */
	case SQLITE_IOERR_SHMSIZE: return PL_FULL;
	default: break;
	}
	switch (rc & 0xff) {
	case SQLITE_FULL: return PL_FULL;
	case SQLITE_IOERR:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return PL_FATAL;
	default: return PL_OP_TROUBLE;
	}
}

static struct pl_sqlite *mine(struct pl_backend *b)
{
	return PL_CONTAINER(b, struct pl_sqlite, backend);
}

static enum pl_trouble explain(struct pl_sqlite *c, int rc)
{
	if (rc)
		snprintf(c->why, sizeof(c->why), "%s (%s, %d)", sqlite3_errmsg(c->db),
			 sqlite3_errstr(rc), rc);
	enum pl_trouble t = pl_sqlite_trouble(rc);
	if (t == PL_FATAL) /* what is in the log stays there: nothing more touches the database */
		sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return t;
}

static enum pl_trouble simple(struct pl_sqlite *c, enum pl_query_id id)
{
	c->rc = 0;
	struct pl_query q = pl_query(c, id);
	return pl_query_run(&q) ? explain(c, c->rc) : PL_FINE;
}

static enum pl_trouble begin(struct pl_backend *b)
{
	struct pl_sqlite *c = mine(b);
	c->wrote = false;
	if (sqlite3_get_autocommit(c->db))
		return simple(c, c->is_reader ? PL_Q_BEGIN : PL_Q_BEGIN_WRITE);
	snprintf(c->why, sizeof(c->why), "a transaction could not be rolled back");
	return PL_FATAL;
}

/* Sends leave their sequence numbers in the cache; anything else wants to see them in the tables.
 */
static int prepare_for(struct pl_sqlite *c, enum pl_op_kind kind)
{
	int err = 0;
	if (kind != PL_OP_SEND || pl_cache_is_full(&c->cache))
		err = pl_sqlite_flush(c);
	if (!err && pl_cache_is_full(&c->cache))
		pl_cache_clear(&c->cache);
	return err;
}

/* An operation that fails after it changed something must not leave that in the transaction. */
static enum pl_trouble run(struct pl_backend *b, struct pl_op *op)
{
	struct pl_sqlite *c = mine(b);
	c->rc = 0;
	int err = c->is_reader ? 0 : prepare_for(c, op->kind);
	int64_t before = sqlite3_total_changes64(c->db);
	if (!err)
		err = operations[op->kind](c, op);
	op->err = err;
	if (c->rc) {
		op->err = (c->rc & 0xff) == SQLITE_NOMEM ? PL_ENOMEM : PL_ESTORE;
		return explain(c, c->rc);
	}
	if (!err || sqlite3_total_changes64(c->db) == before)
		return PL_FINE;
	snprintf(c->why, sizeof(c->why), "%s", pl_strerror(err));
	return PL_OP_TROUBLE;
}

static enum pl_trouble commit(struct pl_backend *b, bool *wrote)
{
	struct pl_sqlite *c = mine(b);
	c->rc = 0;
	if (!c->is_reader && (pl_sqlite_flush(c) || pl_retry_flush(c)))
		return explain(c, c->rc);
	enum pl_trouble t = simple(c, PL_Q_COMMIT);
	*wrote = c->wrote;
	if (!t && !c->is_reader)
		pl_retry_committed(c);
	return t;
}

static void rollback(struct pl_backend *b)
{
	struct pl_sqlite *c = mine(b);
	if (!sqlite3_get_autocommit(c->db)) {
		c->rc = 0;
		struct pl_query q = pl_query(c, PL_Q_ROLLBACK);
		if (pl_query_run(&q))
			pl_log(c->log, PL_ERROR, "store", "rollback: %s", sqlite3_errmsg(c->db));
	}
	if (c->is_reader)
		return;
	pl_cache_clear(&c->cache);
	pl_retry_rolled_back(c);
	c->aliases = -1;
}

static int on_journal(void *arg, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	struct pl_sqlite *c = arg;
	c->wrote = true;
	if (pages < c->journal_pages)
		c->checkpointed_at = 0; /* it was restarted */
	c->journal_pages = pages;
	return SQLITE_OK;
}

static enum pl_trouble checkpoint(struct pl_sqlite *c, int mode)
{
	int in_log = 0, copied = 0;
	int rc = sqlite3_wal_checkpoint_v2(c->db, "main", mode, &in_log, &copied);
	c->checkpointed_at = c->journal_pages;
	if (rc == SQLITE_OK && mode == SQLITE_CHECKPOINT_TRUNCATE)
		c->journal_pages = c->checkpointed_at = 0;
	if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return PL_FINE;
	enum pl_trouble t = explain(c, rc);
	pl_log(c->log, PL_ERROR, "store", "checkpoint: %s", c->why);
	return t;
}

static enum pl_trouble keep_journal_short(struct pl_sqlite *c, enum pl_pace pace)
{
	if (pace == PL_IDLE && c->journal_pages)
		return checkpoint(c, SQLITE_CHECKPOINT_TRUNCATE);
	if (c->journal_pages - c->checkpointed_at < (pace == PL_BUSY ? BUSY_PAGES : CALM_PAGES))
		return PL_FINE;
	return checkpoint(c, c->journal_pages < RESTART_PAGES ? SQLITE_CHECKPOINT_PASSIVE
							      : SQLITE_CHECKPOINT_RESTART);
}

/* A few old request ids at a time, until none is left for today. */
static enum pl_trouble expire_retries(struct pl_sqlite *c)
{
	uint64_t now = pl_now_ms();
	int64_t today = (int64_t)(pl_wall_ms() / DAY_MS);
	if (c->expired_day == today || now < c->expire_at_ms)
		return PL_FINE;
	c->expire_at_ms = now + 500;
	c->rc = 0;
	struct pl_query q = pl_query(c, PL_Q_RETRY_EXPIRE);
	pl_bind_int(&q, today - 1);
	if (pl_query_run(&q))
		return explain(c, c->rc);
	if (!sqlite3_changes(c->db))
		c->expired_day = today;
	return PL_FINE;
}

static enum pl_trouble probe_disk(struct pl_sqlite *c)
{
	char sql[64];
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld", (long long)pl_sqlite_schema());
	return explain(c, pl_sqlite_exec(c->db, sql));
}

static enum pl_trouble rest(struct pl_backend *b, enum pl_pace pace, bool probe, bool *wrote)
{
	struct pl_sqlite *c = mine(b);
	c->wrote = false;
	enum pl_trouble t = keep_journal_short(c, pace);
	if (!t && probe)
		t = probe_disk(c);
	*wrote = c->wrote;
	return t ? t : expire_retries(c);
}

static const char *why(struct pl_backend *b)
{
	return mine(b)->why;
}

static const uint8_t *secret(struct pl_backend *b)
{
	return mine(b)->secret;
}

static void close_it(struct pl_backend *b)
{
	struct pl_sqlite *c = mine(b);
	for (int i = 0; i < PL_Q__COUNT; i++)
		sqlite3_finalize(c->queries[i]);
	if (c->db && sqlite3_close(c->db))
		pl_log(c->log, PL_ERROR, "store", "close: %s", sqlite3_errmsg(c->db));
	pl_cache_fini(&c->cache);
	pl_recent_fini(&c->recent);
	EVP_MD_CTX_free(c->hasher);
	EVP_MD_free(c->sha256);
	if (c->lock_fd >= 0)
		close(c->lock_fd); /* last: who waits for it finds the log folded in */
	pl_free(c->path);
	pl_free(c);
}

static int open_reader(struct pl_backend *, struct pl_backend **);

static const struct pl_backend_ops backend_ops = {
	.begin = begin,
	.run = run,
	.commit = commit,
	.rollback = rollback,
	.rest = rest,
	.why = why,
	.secret = secret,
	.open_reader = open_reader,
	.close = close_it,
};

static struct pl_sqlite *new_connection(const char *path, struct pl_log *log, bool is_reader)
{
	struct pl_sqlite *c = PL_NEW(struct pl_sqlite);
	if (!c)
		return NULL;
	c->backend.ops = &backend_ops;
	c->log = log;
	c->is_reader = is_reader;
	c->lock_fd = -1;
	pl_cache_init(&c->cache);
	pl_recent_init(&c->recent);
	c->retry_days.today = -1;
	c->aliases = -1;
	c->path = pl_strdup(path);
	if (c->path)
		return c;
	close_it(&c->backend);
	return NULL;
}

static int prepare_all(struct pl_sqlite *c)
{
#define R true
#define W false
	static const struct {
		bool for_readers;
		const char *sql;
	} rows[] = {
#define X(id, way, text) [PL_Q_##id] = {way, text},
		PL_QUERY_MAP(X)
#undef X
	};
#undef R
#undef W
	for (int i = 0; i < PL_Q__COUNT; i++) {
		if (c->is_reader && !rows[i].for_readers)
			continue;
		int rc = sqlite3_prepare_v3(c->db, rows[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
					    &c->queries[i], NULL);
		if (rc) {
			explain(c, rc);
			pl_log(c->log, PL_ERROR, "store", "prepare: %s", c->why);
			return rc == SQLITE_NOMEM ? PL_ENOMEM : PL_ECORRUPT;
		}
	}
	return 0;
}

static int open_reader(struct pl_backend *first, struct pl_backend **out)
{
	struct pl_sqlite *w = mine(first), *c = new_connection(w->path, w->log, true);
	if (!c)
		return PL_ENOMEM;
	int rc = pl_sqlite_connect(c->path, true, &c->db);
	int err = rc ? PL_EIO : prepare_all(c);
	if (err) {
		close_it(&c->backend);
		return err;
	}
	*out = &c->backend;
	return 0;
}

static int open_checked(struct pl_sqlite *c)
{
	pl_file_sweep(c->path);
	int err = pl_file_check(c->path);
	if (err == PL_ENOTFOUND) {
		err = pl_file_create(c->path);
		if (err)
			pl_log(c->log, PL_ERROR, "store", "cannot create %s: %s", c->path,
			       pl_strerror(err));
	} else if (err) {
		pl_log(c->log, PL_ERROR, "store", "%s is not a database of ours, or is damaged",
		       c->path);
	}
	return err ? err : pl_sqlite_open_first(c->path, c->log, &c->db);
}

static bool read_secret(struct pl_sqlite *c)
{
	struct pl_query q = pl_query(c, PL_Q_SECRET);
	bool found = pl_query_row(&q) && pl_column_bytes(&q, 0, c->secret, sizeof(c->secret));
	return !pl_query_end(&q) && found;
}

/* Where there is no room on the disk for a new one, it holds until the next start. */
static int load_secret(struct pl_sqlite *c)
{
	c->rc = 0;
	if (read_secret(c))
		return 0;
	if (c->rc)
		return (c->rc & 0xff) == SQLITE_NOMEM ? PL_ENOMEM : PL_EIO;
	pl_random_bytes(c->secret, sizeof(c->secret));
	struct pl_query q = pl_query(c, PL_Q_SECRET_ADD);
	pl_bind_blob(&q, c->secret, sizeof(c->secret));
	if (pl_query_run(&q) && explain(c, c->rc) == PL_FATAL)
		return PL_EIO;
	return 0;
}

static int open_writer(struct pl_sqlite *c)
{
	int err = pl_file_lock(c->path, c->log, &c->lock_fd);
	if (!err)
		err = open_checked(c);
	if (err)
		return err;
	sqlite3_wal_hook(c->db, on_journal, c);
	c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	c->hasher = EVP_MD_CTX_new();
	if (!c->sha256 || !c->hasher)
		return PL_ENOMEM;
	err = pl_attendance_open(c);
	if (!err)
		err = prepare_all(c);
	if (!err)
		err = pl_retry_load(c);
	if (!err)
		err = pl_newest_message(c, &c->newest);
	if (!err)
		err = load_secret(c);
	if (!err)
		sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return err;
}

int pl_sqlite_open(const struct pl_store_options *o, struct pl_backend **out)
{
	char path[PL_PATH_MAX];
	int err = pl_file_name(o->path, "", path);
	if (err)
		return err;
	struct pl_sqlite *c = new_connection(path, o->log, false);
	if (!c)
		return PL_ENOMEM;
	pl_log(o->log, PL_INFO, "store", "SQLite %s, %s", sqlite3_libversion(), path);
	err = open_writer(c);
	if (err) {
		close_it(&c->backend);
		return err;
	}
	*out = &c->backend;
	return 0;
}
