/* sqlite_open.c - settings of a connection, and the checks before the first one is used. */
#include "store/sqlite.h"

enum { BUSY_MS = 2000 };

static const char settings[] = "PRAGMA synchronous = FULL;"
			       "PRAGMA foreign_keys = ON;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA cell_size_check = ON;";

int pl_sqlite_exec(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int pl_sqlite_number(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
	if (rc)
		return rc;
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc;
}

int pl_sqlite_connect(const char *path, bool is_reader, sqlite3 **out)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
		    SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(path, out, flags, NULL);
	if (rc)
		return rc;
	sqlite3 *db = *out;
	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_wal_autocheckpoint(db, 0);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* The writer takes this back once it knows that the file is good. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	rc = pl_sqlite_exec(db, settings);
	if (rc)
		return rc;
	return pl_sqlite_exec(db, is_reader ? "PRAGMA query_only = ON; PRAGMA cache_size = -8192"
					    : "PRAGMA cache_size = -32768");
}

static int meaning(sqlite3 *db, struct pl_log *log, const char *what, int rc)
{
	pl_log(log, PL_ERROR, "store", "%s: %s (%d)", what, db ? sqlite3_errmsg(db) : "-", rc);
	switch (rc & 0xff) {
	case SQLITE_NOMEM: return PL_ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return PL_ECORRUPT;
	default: return PL_EIO;
	}
}

/* "ok", or the first thing that is wrong. */
static int quick_check(sqlite3 *db, struct pl_log *log)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL);
	if (!rc)
		rc = sqlite3_step(s);
	if (rc != SQLITE_ROW) {
		sqlite3_finalize(s);
		return meaning(db, log, "quick check", rc);
	}
	const char *said = (const char *)sqlite3_column_text(s, 0);
	bool is_ok = said && !strcmp(said, "ok");
	if (!is_ok)
		pl_log(log, PL_ERROR, "store", "the database is damaged: %s", said ? said : "-");
	sqlite3_finalize(s);
	return is_ok ? 0 : PL_ECORRUPT;
}

static int check_identity(sqlite3 *db, struct pl_log *log)
{
	int64_t id = 0, version = 0;
	int rc = pl_sqlite_number(db, "PRAGMA application_id", &id);
	if (rc == SQLITE_ROW)
		rc = pl_sqlite_number(db, "PRAGMA user_version", &version);
	if (rc != SQLITE_ROW)
		return meaning(db, log, "reading the header", rc);
	if (id != PL_APPLICATION_ID) {
		pl_log(log, PL_ERROR, "store", "not a database of ours: application id %lld",
		       (long long)id);
		return PL_ECORRUPT;
	}
	if (version <= pl_sqlite_schema())
		return 0;
	pl_log(log, PL_ERROR, "store", "made by a newer version: schema %lld", (long long)version);
	return PL_ESTATE;
}

int pl_sqlite_open_first(const char *path, struct pl_log *log, sqlite3 **out)
{
	int rc = pl_sqlite_connect(path, false, out);
	if (rc)
		return meaning(*out, log, "open", rc);
	int err = check_identity(*out, log);
	if (!err)
		err = quick_check(*out, log);
	if (!err && (rc = pl_sqlite_exec(*out, "PRAGMA journal_mode = WAL")))
		err = meaning(*out, log, "journal mode", rc);
	return err ? err : pl_sqlite_migrate(*out, log);
}
