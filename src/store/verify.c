/* verify.c - everything that must be true of a database, one query per sentence. */
#include "store/sqlite.h"
#include "store/sqlite_file.h"

/* Each row that comes back is a finding; %s is its first column. */
static const struct {
	const char *what, *sql;
} rules[] = {
	{"integrity", "SELECT * FROM pragma_integrity_check(100) WHERE integrity_check <> 'ok'"},
	{"a row refers to nothing, in table",
	 "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check"},
	{"sequence numbers are not 1 to last_seq in conversation",
	 "SELECT hex(c.id) FROM conversation c LEFT JOIN (SELECT at >> 32 AS key, count(*) AS n, "
	 "min(at & 4294967295) AS low, max(at & 4294967295) AS high FROM message GROUP BY 1) m "
	 "ON m.key = c.key WHERE coalesce(m.n, 0) <> c.last_seq OR coalesce(m.high, 0) <> "
	 "c.last_seq OR coalesce(m.low, 1) <> 1"},
	{"a message of no conversation",
	 "SELECT hex(id) FROM message WHERE at >> 32 NOT IN (SELECT key FROM conversation)"},
	{"a reply to nothing",
	 "SELECT hex(m.id) FROM message m WHERE m.reply_to IS NOT NULL AND NOT EXISTS (SELECT 1 "
	 "FROM message r WHERE r.at = (m.at >> 32 << 32 | m.reply_to))"},
	{"a message without content",
	 "SELECT hex(id) FROM message WHERE content IS NULL AND per_recipient = 0"},
	{"not two members in direct conversation",
	 "SELECT hex(c.id) FROM conversation c WHERE c.type = 1 AND (SELECT count(*) FROM member m "
	 "WHERE m.conversation = c.key) <> 2"},
	{"no pair, or not of its members, for direct conversation",
	 "SELECT hex(c.id) FROM conversation c LEFT JOIN direct_pair p ON p.conversation = c.key "
	 "WHERE c.type = 1 AND (SELECT count(*) FROM member m WHERE m.conversation = c.key AND "
	 "m.user IN (p.low, p.high)) <> 2"},
	{"a pair without a direct conversation",
	 "SELECT p.low FROM direct_pair p JOIN conversation c ON c.key = p.conversation "
	 "WHERE c.type <> 1"},
	{"a sender who never was a member of what is not open, in message",
	 "SELECT hex(m.id) FROM message m WHERE NOT EXISTS (SELECT 1 FROM member WHERE "
	 "conversation = m.at >> 32 AND user = m.sender) AND NOT EXISTS (SELECT 1 FROM "
	 "conversation c WHERE c.key = m.at >> 32 AND " PL_IS_OPEN ") LIMIT 100"},
	{"a member has read or heard further than was said, in conversation",
	 "SELECT hex(c.id) FROM member m JOIN conversation c ON c.key = m.conversation "
	 "WHERE m.last_read_seq > c.last_seq OR m.joined_seq > c.last_seq "
	 "OR m.delivered_seq > c.last_seq"},
	{"a file that another conversation's message carries, or another user's",
	 "SELECT hex(f.id) FROM file f JOIN message m ON m.at = f.message "
	 "WHERE m.at >> 32 <> f.conversation OR m.sender <> f.owner"},
	{"somebody has received further than was said",
	 "SELECT hex(id) FROM user WHERE received > (SELECT max(id) FROM message)"},
	{"a retry of no message",
	 "SELECT message FROM retry WHERE message NOT IN (SELECT at FROM message) LIMIT 100"},
};

static void report(struct pl_buf *findings, const char *what, sqlite3_stmt *s)
{
	const char *where = (const char *)sqlite3_column_text(s, 0);
	pl_buf_printf(findings, "%s: %s\n", what, where ? where : "-");
}

static int check_rule(sqlite3 *db, size_t i, struct pl_buf *findings, bool *found)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, rules[i].sql, -1, &s, NULL);
	while (!rc && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		report(findings, rules[i].what, s);
		*found = true;
		rc = SQLITE_OK;
	}
	if (rc != SQLITE_DONE)
		pl_buf_printf(findings, "%s: %s\n", rules[i].what, sqlite3_errmsg(db));
	sqlite3_finalize(s);
	return rc == SQLITE_DONE ? 0 : (rc & 0xff) == SQLITE_NOMEM ? PL_ENOMEM : PL_ECORRUPT;
}

static int check_schema(sqlite3 *db, struct pl_buf *findings)
{
	int64_t version = 0;
	if (pl_sqlite_number(db, "PRAGMA user_version", &version) != SQLITE_ROW) {
		pl_buf_printf(findings, "unreadable: %s\n", sqlite3_errmsg(db));
		return PL_ECORRUPT;
	}
	if (version == pl_sqlite_schema())
		return 0;
	pl_buf_printf(findings, "schema %lld, this program knows %lld\n", (long long)version,
		      (long long)pl_sqlite_schema());
	return PL_ESTATE;
}

/* All rules see one snapshot, also beside a running server. */
static int check_all(sqlite3 *db, struct pl_buf *findings)
{
	bool found = false;
	if (pl_sqlite_exec(db, "BEGIN"))
		return PL_EIO;
	int err = check_schema(db, findings);
	for (size_t i = 0; !err && i < sizeof(rules) / sizeof(*rules); i++)
		err = check_rule(db, i, findings, &found);
	pl_sqlite_exec(db, "ROLLBACK");
	return err ? err : found ? PL_ECORRUPT : 0;
}

int pl_store_verify(const char *path, struct pl_buf *findings)
{
	char name[PL_PATH_MAX];
	sqlite3 *db = NULL;
	int err = pl_file_name(path, "", name);
	if (!err)
		err = pl_file_check(path);
	if (err == PL_ECORRUPT)
		PL_PUT(findings, "not a database of ours, or its header is damaged\n");
	if (err)
		return err;
	int rc = pl_sqlite_connect(name, true, &db);
	if (rc)
		pl_buf_printf(findings, "cannot be opened: %s\n", sqlite3_errmsg(db));
	else
		err = check_all(db, findings);
	sqlite3_close(db);
	return rc ? (rc & 0xff) == SQLITE_IOERR ? PL_EIO : PL_ECORRUPT : err;
}
