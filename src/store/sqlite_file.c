/* sqlite_file.c - lock, look, create, publish. */
#include "store/sqlite_file.h"

#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int pl_file_name(const char *path, const char *suffix, char out[PL_PATH_MAX])
{
	if (!path || !*path)
		return PL_EINVAL;
	int n = snprintf(out, PL_PATH_MAX, "%s%s%s", *path == '/' ? "" : "./", path, suffix);
	return n < 0 || n >= PL_PATH_MAX ? PL_EINVAL : 0;
}

static void sign_lock(int fd)
{
	char pid[24];
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	/* For people to read; the lock does not depend on it. */
	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)n, 0) != n)
		errno = 0;
}

int pl_file_lock(const char *path, struct pl_log *log, int *out)
{
	char name[PL_PATH_MAX];
	int err = pl_file_name(path, ".lock", name);
	if (err)
		return err;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		pl_log(log, PL_ERROR, "store", "cannot open %s: %s", name, strerrordesc_np(errno));
		return PL_EIO;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		pl_log(log, PL_ERROR, "store", "%s is in use by another process", path);
		return PL_ELOCKED;
	}
	if (fchmod(fd, 0600)) {
		close(fd);
		return PL_EIO;
	}
	sign_lock(fd);
	*out = fd;
	return 0;
}

/* The header of an SQLite file: magic at 0, application id at 68, big-endian. */
int pl_file_check(const char *path)
{
	char name[PL_PATH_MAX];
	uint8_t head[100];
	int err = pl_file_name(path, "", name);
	if (err)
		return err;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? PL_ENOTFOUND : PL_EIO;
	ssize_t n = pread(fd, head, sizeof(head), 0);
	close(fd);
	if (n < 0)
		return PL_EIO;
	uint32_t id = (uint32_t)head[68] << 24 | (uint32_t)head[69] << 16 |
		      (uint32_t)head[70] << 8 | head[71];
	bool is_ours = n == (ssize_t)sizeof(head) && !memcmp(head, "SQLite format 3", 16) &&
		       id == PL_APPLICATION_ID;
	return is_ours ? 0 : PL_ECORRUPT;
}

int pl_file_sync_dir(const char *path)
{
	char name[PL_PATH_MAX];
	int err = pl_file_name(path, "", name);
	if (err)
		return err;
	int fd = open(dirname(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return PL_EIO;
	err = fsync(fd) ? PL_EIO : 0;
	close(fd);
	return err;
}

int pl_file_new(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? PL_EEXISTS : PL_EIO;
	int err = fchmod(fd, 0600) ? PL_EIO : 0;
	close(fd);
	return err;
}

static int sync_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return PL_EIO;
	int err = fsync(fd) ? PL_EIO : 0;
	close(fd);
	return err;
}

/* link, not rename: it never replaces what is there. */
int pl_file_publish(const char *from, const char *to)
{
	int err = sync_file(from);
	if (err)
		return err;
	if (link(from, to))
		return errno == EEXIST ? PL_EEXISTS : PL_EIO;
	unlink(from);
	return pl_file_sync_dir(to);
}

static int refuse_leftovers(const char *path)
{
	static const char *const suffixes[] = {"-wal", "-journal"};
	char name[PL_PATH_MAX];
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		struct stat st;
		int err = pl_file_name(path, suffixes[i], name);
		if (err)
			return err;
		if (!stat(name, &st) && st.st_size > 0)
			return PL_ECORRUPT;
	}
	return 0;
}

static int write_empty(const char *path)
{
	char sql[64];
	sqlite3 *db = NULL;
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", PL_APPLICATION_ID);
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (!rc)
		rc = pl_sqlite_exec(db, sql);
	if (!rc)
		rc = pl_sqlite_exec(db, "PRAGMA journal_mode = WAL");
	int closed = sqlite3_close(db);
	return rc || closed ? PL_EIO : 0;
}

void pl_file_sweep(const char *path)
{
	char fresh[PL_PATH_MAX];
	if (!pl_file_name(path, ".new", fresh))
		unlink(fresh);
}

int pl_file_create(const char *path)
{
	char name[PL_PATH_MAX], fresh[PL_PATH_MAX];
	int err = pl_file_name(path, "", name);
	if (!err)
		err = pl_file_name(path, ".new", fresh);
	if (!err)
		err = refuse_leftovers(path);
	if (err)
		return err;
	pl_file_sweep(path);
	err = pl_file_new(fresh);
	if (!err)
		err = write_empty(fresh);
	if (!err)
		err = pl_file_publish(fresh, name);
	if (err)
		unlink(fresh);
	return err;
}
