/*
 * sqlite.h - one connection to the database and what its operations share.
 *
 * Thread      A connection belongs to the thread that uses it.
 * Failure     The first SQLite error of an operation stays in ->rc; functions then return PL_ESTORE
 *             or PL_ENOMEM and do nothing more. Answers such as PL_EDENIED leave ->rc alone.
 */
#ifndef PL_STORE_SQLITE_H
#define PL_STORE_SQLITE_H

#include "store/backend.h"
#include "store/cache.h"
#include "store/recent.h"
#include "store/sqlite_queries.h"

#include <openssl/evp.h>
#include <sqlite3.h>

struct pl_sqlite {
	struct pl_backend backend;
	sqlite3 *db;
	sqlite3_stmt *queries[PL_Q__COUNT];
	struct pl_log *log;
	int rc;
	char why[256];
	/* the writer's only */
	char *path;
	int lock_fd; /* -1: none */
	bool is_reader;
	bool wrote;          /* since begin: something reached the journal */
	int journal_pages;   /* in the write-ahead log after the last commit */
	int checkpointed_at; /* journal_pages at the last checkpoint */
	int64_t expired_day; /* no older retry rows than this day wants */
	uint64_t expire_at_ms;
	struct pl_cache cache;
	struct pl_recent recent;
	int64_t aliases;       /* conversations that have one; -1: not counted yet */
	struct pl_uuid newest; /* of all messages, and of those that a rollback took back */
	uint8_t secret[PL_SECRET_BYTES];
	int64_t last_log; /* the newest row of retry_log */
	struct {
		int64_t today; /* the day this is about; else: not known */
		bool has[3];   /* table retry has rows of day 0, yesterday, today */
	} retry_days;
	EVP_MD *sha256;
	EVP_MD_CTX *hasher;
};

/* A statement under way: bind in order of the parameters, step, read columns, end. */
struct pl_query {
	struct pl_sqlite *c;
	sqlite3_stmt *s;
	int bound;
};

struct pl_query pl_query(struct pl_sqlite *, enum pl_query_id);
void pl_bind_int(struct pl_query *, int64_t);
/* 0 is NULL. */
void pl_bind_optional(struct pl_query *, int64_t);
/* Bytes are borrowed until pl_query_end. A nil id is NULL, as is a slice that is not there. */
void pl_bind_id(struct pl_query *, const struct pl_uuid *);
void pl_bind_text(struct pl_query *, struct pl_slice);
void pl_bind_blob(struct pl_query *, const void *, size_t n);
/* Whether there is a row. False at the end and on error: look at the result of pl_query_end. */
bool pl_query_row(struct pl_query *);
/* 0, PL_ESTORE or PL_ENOMEM. */
int pl_query_end(struct pl_query *) PL_MUST_CHECK;
/* A statement without rows: step and end. */
int pl_query_run(struct pl_query *) PL_MUST_CHECK;

int64_t pl_column_int(struct pl_query *, int column);
struct pl_uuid pl_column_id(struct pl_query *, int column);
/* Valid until the next step. NULL: a slice that is not there. */
struct pl_slice pl_column_text(struct pl_query *, int column);
/* False: not so many bytes. */
bool pl_column_bytes(struct pl_query *, int column, void *to, size_t n);
/* Copied into the arena. */
int pl_column_copy(struct pl_query *, int column, struct pl_arena *,
		   struct pl_slice *out) PL_MUST_CHECK;

/* Runs SQL that returns nothing. An SQLite code. */
int pl_sqlite_exec(sqlite3 *, const char *sql);
/* The first column of the first row. An SQLite code; SQLITE_DONE: no row. */
int pl_sqlite_number(sqlite3 *, const char *sql, int64_t *out);
/* Opens an existing file with the settings that every connection of ours has. An SQLite code; *out
 * is to be closed in any case. */
int pl_sqlite_connect(const char *path, bool is_reader, sqlite3 **out);
/*
 * The writer's: identity, version and quick check, then migrations. PL_ECORRUPT, PL_ESTATE, PL_EIO,
 * PL_ENOMEM; the reason is logged; *out is to be closed in any case.
 */
int pl_sqlite_open_first(const char *path, struct pl_log *, sqlite3 **out) PL_MUST_CHECK;
/* Brings an open database to the newest schema. PL_ESTATE: it is newer than this program. */
int pl_sqlite_migrate(sqlite3 *, struct pl_log *) PL_MUST_CHECK;
/* The newest schema this program knows. */
int64_t pl_sqlite_schema(void);

/* What an unexpected SQLite code means for the store. */
enum pl_trouble pl_sqlite_trouble(int rc);

enum { PL_APPLICATION_ID = 0x50726c79 }; /* "Prly" */

#endif
