/* testing.h - for the tests of this layer: a scratch directory, jobs run one after the other, and
 * calls of the system that are written down and fail when they are told to. */
#ifndef PL_FILES_TESTING_H
#define PL_FILES_TESTING_H

#include "files/files.h"

#include "base/mem.h"
#include "base/scratch_test.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct rig {
	struct pl_loop *loop;
	struct pl_files *files;
	char dir[SCRATCH_PATH];
	int pending;
};

/* What the threads called, a letter each: o(pen) w(rite) r(ead) t(runcate) s(ync) m(ove) u(nlink),
 * S(ync of the directory); * a job came home. */
static struct {
	char calls[4096];
	atomic_size_t n;
	atomic_int fail_in; /* counts the calls of fail_what down; at 0 that one fails */
	char fail_what;
	int fail_with;
	bool is_half; /* of a write that is to find no room, half was taken */
	atomic_ullong room;
	int dir; /* the pool's descriptor of it, once it was seen */
} disk;

static inline void note(char what)
{
	size_t i = atomic_fetch_add(&disk.n, 1);
	if (i < sizeof(disk.calls) - 1)
		disk.calls[i] = what;
}

static inline bool must_fail(char what)
{
	note(what);
	if (what != disk.fail_what || atomic_fetch_sub(&disk.fail_in, 1) != 1)
		return false;
	errno = disk.fail_with;
	return true;
}

static inline int on_open(int dir, const char *name, int flags)
{
	disk.dir = dir;
	return must_fail('o') ? -1 : pl_files_system.open(dir, name, flags);
}

/* A full disk takes the first half. */
static inline ssize_t on_pwrite(int fd, const void *at, size_t n, off_t to)
{
	if (!must_fail('w'))
		return pl_files_system.pwrite(fd, at, n, to);
	if (disk.fail_with == ENOSPC && !disk.is_half) {
		disk.is_half = true;
		disk.fail_in = 1;
		return pl_files_system.pwrite(fd, at, n / 2, to);
	}
	return -1;
}

static inline ssize_t on_pread(int fd, void *at, size_t n, off_t from)
{
	return must_fail('r') ? -1 : pl_files_system.pread(fd, at, n, from);
}

static inline int on_truncate(int fd, off_t n)
{
	return must_fail('t') ? -1 : pl_files_system.truncate(fd, n);
}

static inline int on_sync(int fd)
{
	return must_fail(fd == disk.dir ? 'S' : 's') ? -1 : pl_files_system.sync(fd);
}

static inline int on_rename(int dir, const char *from, const char *to)
{
	return must_fail('m') ? -1 : pl_files_system.rename(dir, from, to);
}

static inline int on_unlink(int dir, const char *name)
{
	return must_fail('u') ? -1 : pl_files_system.unlink(dir, name);
}

static inline int on_room(int dir, uint64_t *bytes)
{
	(void)dir;
	*bytes = disk.room;
	return 0;
}

static const struct pl_files_io watched = {
	.open = on_open,
	.pwrite = on_pwrite,
	.pread = on_pread,
	.truncate = on_truncate,
	.sync = on_sync,
	.rename = on_rename,
	.unlink = on_unlink,
	.room = on_room,
};

static inline void watch(char what, int in, int with)
{
	memset(disk.calls, 0, sizeof(disk.calls));
	disk.n = 0;
	disk.fail_what = what;
	disk.fail_in = in;
	disk.fail_with = with;
	disk.is_half = false;
}

/* ---- the pool ---- */

static inline void rig_start(struct rig *r, const struct pl_files_options *more)
{
	struct pl_files_options o = more ? *more : (struct pl_files_options){.threads = 2};
	o.path = r->dir;
	o.io = &watched;
	watch('-', 0, 0);
	assert_int_equal(pl_files_new(&o, &r->files), 0);
}

static inline struct rig *rig_new(void)
{
	struct rig *r = PL_NEW(struct rig);
	assert_non_null(r);
	assert_int_equal(
		pl_loop_new(&(struct pl_loop_options){.engine = PL_ENGINE_EPOLL}, &r->loop), 0);
	scratch_make(r->dir, "files");
	return r;
}

static inline void rig_wait(struct rig *r)
{
	for (int i = 0; i < 3000 && r->pending; i++)
		pl_loop_turn(r->loop, 10);
	assert_int_equal(r->pending, 0);
}

static inline void rig_free(struct rig *r)
{
	pl_files_free(r->files);
	rig_wait(r);
	pl_loop_free(r->loop);
	scratch_remove(r->dir);
	pl_free(r);
}

/* ---- jobs ---- */

static inline void came(struct pl_file_job *j)
{
	struct rig *r = j->owner;
	note('*');
	r->pending--;
}

static inline struct pl_file_job *job(struct rig *r, enum pl_file_job_kind kind, struct pl_uuid id)
{
	struct pl_file_job *j = pl_file_job_new(kind, r->loop, came, r);
	assert_non_null(j);
	j->id = id;
	return j;
}

static inline void submit(struct rig *r, struct pl_file_job *j)
{
	assert_int_equal(pl_files_submit(r->files, j), 0);
	r->pending++;
}

/* Submits and waits. */
static inline int run(struct rig *r, struct pl_file_job *j)
{
	j->err = 12345;
	submit(r, j);
	rig_wait(r);
	return j->err;
}

static inline int run_and_free(struct rig *r, struct pl_file_job *j)
{
	int err = run(r, j);
	pl_file_job_free(j);
	return err;
}

static inline struct pl_file_job *opening(struct rig *r, struct pl_uuid id, uint64_t size,
					  uint64_t offset)
{
	struct pl_file_job *j = job(r, PL_FILE_OPEN, id);
	j->size = size;
	j->offset = offset;
	return j;
}

static inline struct pl_file_job *appending(struct rig *r, struct pl_uuid id, uint64_t size,
					    struct pl_file_piece *pieces, size_t n)
{
	struct pl_file_job *j = job(r, PL_FILE_APPEND, id);
	j->size = size;
	j->pieces = pieces;
	j->npieces = n;
	return j;
}

/* One piece; its error. */
static inline int append(struct rig *r, struct pl_uuid id, uint64_t size, uint64_t offset,
			 struct pl_slice data)
{
	struct pl_file_piece p = {.offset = offset, .data = data};
	int err = run_and_free(r, appending(r, id, size, &p, 1));
	return err ? err : p.err;
}

static inline struct pl_file_job *finishing(struct rig *r, struct pl_uuid id, uint64_t size)
{
	struct pl_file_job *j = job(r, PL_FILE_FINISH, id);
	j->size = size;
	return j;
}

static inline int64_t size_of(const struct rig *r, struct pl_uuid id, bool is_partial)
{
	char name[128];
	struct stat st;
	int n = snprintf(name, sizeof(name), "%s/", r->dir);
	for (size_t i = 0; i < sizeof(id.b); i++)
		n += snprintf(name + n, sizeof(name) - (size_t)n, "%02x", id.b[i]);
	snprintf(name + n, sizeof(name) - (size_t)n, "%s", is_partial ? ".part" : "");
	return stat(name, &st) ? -1 : st.st_size;
}

#endif
