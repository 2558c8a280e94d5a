/* migrate.c - brings a database to the newest schema, one transaction per step. Never back. */
#include "store/sqlite.h"

#include <stdio.h>

static const struct {
	const char *name, *text;
} steps[] = {
#include "migrations.inc"
};

int64_t pl_sqlite_schema(void)
{
	return (int64_t)(sizeof(steps) / sizeof(*steps));
}

static int take_step(sqlite3 *db, int64_t number)
{
	char mark[64];
	snprintf(mark, sizeof(mark), "PRAGMA user_version = %lld", (long long)number);
	int rc = pl_sqlite_exec(db, "BEGIN IMMEDIATE");
	if (!rc)
		rc = pl_sqlite_exec(db, steps[number - 1].text);
	if (!rc)
		rc = pl_sqlite_exec(db, mark);
	if (!rc)
		rc = pl_sqlite_exec(db, "COMMIT");
	if (rc && !sqlite3_get_autocommit(db))
		pl_sqlite_exec(db, "ROLLBACK");
	return rc;
}

int pl_sqlite_migrate(sqlite3 *db, struct pl_log *log)
{
	int64_t version = 0, newest = pl_sqlite_schema();
	if (pl_sqlite_number(db, "PRAGMA user_version", &version) != SQLITE_ROW)
		return PL_ECORRUPT;
	if (version < 0)
		return PL_ECORRUPT;
	if (version > newest)
		return PL_ESTATE;
	for (int64_t n = version + 1; n <= newest; n++) {
		pl_log(log, PL_INFO, "store", "schema step %s", steps[n - 1].name);
		if (take_step(db, n)) {
			pl_log(log, PL_ERROR, "store", "schema step %s failed: %s",
			       steps[n - 1].name, sqlite3_errmsg(db));
			return PL_EIO;
		}
	}
	return 0;
}
