/* sqlite_file.h - the database as a file: whose it is, who has it, how it comes to be. */
#ifndef PL_STORE_SQLITE_FILE_H
#define PL_STORE_SQLITE_FILE_H

#include "base/err.h"
#include "base/log.h"

enum { PL_PATH_MAX = 4096 };

/* path + suffix into out, made relative to "." so that no name has a special meaning to SQLite. */
int pl_file_name(const char *path, const char *suffix, char out[PL_PATH_MAX]) PL_MUST_CHECK;
/*
 * Takes <path>.lock for as long as *fd is open, and writes our process id into it. PL_ELOCKED:
 * another process, or another store of this one, has it.
 */
int pl_file_lock(const char *path, struct pl_log *, int *fd) PL_MUST_CHECK;
/* Whether the bytes at path say that it is a database of ours. PL_ENOTFOUND, PL_ECORRUPT, PL_EIO.
 */
int pl_file_check(const char *path) PL_MUST_CHECK;
/*
 * Makes an empty database of ours at path, readable by its owner only. It appears there complete
 * or not at all. PL_ECORRUPT: a journal without its database is lying there.
 */
int pl_file_create(const char *path) PL_MUST_CHECK;
/* Removes what a start that was cut short left behind. We hold the lock. */
void pl_file_sweep(const char *path);
/* Syncs the directory that the file is in. */
int pl_file_sync_dir(const char *path) PL_MUST_CHECK;
/* Creates a file that was not there, mode 0600 whatever the umask. PL_EEXISTS, PL_EIO. */
int pl_file_new(const char *path) PL_MUST_CHECK;
/* Syncs from and moves it to `to`, which must not exist (PL_EEXISTS). */
int pl_file_publish(const char *from, const char *to) PL_MUST_CHECK;

#endif
