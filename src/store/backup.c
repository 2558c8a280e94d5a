/*
 * backup.c - a consistent copy into a new file, beside a running server or without one.
 *
 * Reads as any reader does: it takes no lock of ours, writes nothing to the database and leaves the
 * write-ahead log alone. The copy appears under its name when it is complete, checked and on disk.
 */
#include "store/sqlite.h"
#include "store/sqlite_file.h"

#include <stdio.h>
#include <unistd.h>

static int refuse(struct pl_log *log, const char *what, sqlite3 *db, int rc)
{
	pl_log(log, PL_ERROR, "store", "backup, %s: %s (%d)", what, sqlite3_errmsg(db), rc);
	switch (rc & 0xff) {
	case SQLITE_NOMEM: return PL_ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return PL_ECORRUPT;
	default: return PL_EIO;
	}
}

/* In one step: one snapshot, whatever is committed meanwhile. */
static int copy(sqlite3 *from, sqlite3 *to, struct pl_log *log)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int rc = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(to);
	int finished = b ? sqlite3_backup_finish(b) : SQLITE_OK;
	if (rc == SQLITE_DONE && finished == SQLITE_OK)
		return 0;
	return refuse(log, "copying", to, rc == SQLITE_DONE ? finished : rc);
}

static int check_copy(sqlite3 *db, struct pl_log *log)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL);
	if (!rc)
		rc = sqlite3_step(s);
	const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
	bool is_ok = said && !strcmp(said, "ok");
	if (!is_ok)
		pl_log(log, PL_ERROR, "store", "backup: the copy is damaged: %s",
		       said ? said : "-");
	sqlite3_finalize(s);
	return is_ok ? 0 : PL_ECORRUPT;
}

/* No journal: the file is worthless until it is complete. We sync it ourselves. */
static int fill(sqlite3 *from, const char *part, struct pl_log *log)
{
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(part, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (!rc)
		rc = pl_sqlite_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
	int err = rc ? refuse(log, "opening the copy", to, rc) : copy(from, to, log);
	if (!err)
		err = check_copy(to, log);
	rc = sqlite3_close(to);
	return err ? err : rc ? PL_EIO : 0;
}

/* What checking it in journal mode may have left beside the copy. */
static void sweep(const char *part)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char name[PL_PATH_MAX];
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
		if (!pl_file_name(part, suffixes[i], name))
			unlink(name);
}

static int copy_to(sqlite3 *from, const char *to, struct pl_log *log)
{
	char part[PL_PATH_MAX], name[PL_PATH_MAX];
	int err = pl_file_name(to, "", name);
	if (!err)
		err = pl_file_name(to, ".part", part);
	if (err)
		return err;
	if (!access(name, F_OK))
		return PL_EEXISTS;
	err = pl_file_new(part);
	if (err)
		return err; /* also when another backup is under way there */
	err = fill(from, part, log);
	if (!err)
		err = pl_file_publish(part, name);
	sweep(part);
	return err;
}

int pl_store_backup(const char *path, const char *to, struct pl_log *log)
{
	char name[PL_PATH_MAX];
	sqlite3 *db = NULL;
	int err = pl_file_name(path, "", name);
	if (!err)
		err = pl_file_check(path);
	if (err)
		return err;
	int rc = pl_sqlite_connect(name, true, &db);
	err = rc ? refuse(log, "opening", db, rc) : copy_to(db, to, log);
	sqlite3_close(db);
	return err;
}
