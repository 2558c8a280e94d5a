/* disk.c - the directory, and the calls by which it is reached: by name, never by path. */
#include "files/internal.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sys_open(int dir, const char *name, int flags)
{
	struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
			       .mode = flags & O_CREAT ? 0600 : 0,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
					  RESOLVE_NO_MAGICLINKS};
	long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return (int)fd;
	/* A kernel or a filter that does not know it: our names have no '/' anyway. */
	return openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int sys_rename(int dir, const char *from, const char *to)
{
	return renameat(dir, from, dir, to);
}

static int sys_unlink(int dir, const char *name)
{
	return unlinkat(dir, name, 0);
}

static int sys_room(int dir, uint64_t *bytes)
{
	struct statvfs s;
	if (fstatvfs(dir, &s))
		return -1;
	*bytes = (uint64_t)s.f_bavail * s.f_frsize;
	return 0;
}

const struct pl_files_io pl_files_system = {
	.open = sys_open,
	.pwrite = pwrite,
	.pread = pread,
	.truncate = ftruncate,
	.sync = fsync,
	.rename = sys_rename,
	.unlink = sys_unlink,
	.room = sys_room,
};

int pl_file_error(int error)
{
	switch (error) {
	case ENOENT: return PL_ENOTFOUND;
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return PL_ESTORE;
	default: return PL_EIO;
	}
}

/* The name of a directory that was just made is on disk when its parent is synced. */
static int sync_parent(int fd)
{
	int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed = parent < 0 || fsync(parent);
	if (parent >= 0)
		close(parent);
	return failed ? -1 : 0;
}

static int make(const char *path, bool *is_new)
{
	*is_new = !mkdir(path, 0700);
	return *is_new || errno == EEXIST ? 0 : -1;
}

/* What a scratch directory lies in may not be there yet either. */
static void make_parent(const char *path)
{
	char *copy = pl_strdup(path);
	bool is_new;
	if (copy && make(dirname(copy), &is_new))
		errno = 0; /* that it is missing shows at once */
	pl_free(copy);
}

int pl_files_dir_init(struct pl_files_dir *d, const struct pl_files_options *o)
{
	*d = (struct pl_files_dir){.fd = -1,
				   .path = pl_strdup(o->path),
				   .is_scratch = o->is_scratch,
				   .io = o->io ? o->io : &pl_files_system,
				   .keep_free = o->keep_free,
				   .log = o->log};
	if (!d->path)
		return PL_ENOMEM;
	return o->is_scratch ? 0 : pl_files_dir_open(d);
}

int pl_files_dir_open(struct pl_files_dir *d)
{
	bool is_new = false;
	if (d->is_scratch)
		make_parent(d->path);
	int fd = make(d->path, &is_new) ? -1 : open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && is_new && sync_parent(fd)) {
		close(fd);
		fd = -1;
	}
	d->fd = fd;
	if (fd >= 0 && (!d->is_scratch || !pl_files_wipe(d)))
		return 0;
	pl_log(d->log, PL_ERROR, "files", "%s: %s", d->path, strerrordesc_np(errno));
	if (fd >= 0)
		close(fd);
	d->fd = -1;
	return PL_EIO;
}

void pl_files_dir_close(struct pl_files_dir *d)
{
	if (d->fd >= 0 && d->is_scratch && (pl_files_wipe(d) || rmdir(d->path)))
		pl_log(d->log, PL_WARN, "files", "%s could not be removed", d->path);
	if (d->fd >= 0)
		close(d->fd);
	pl_free(d->path);
}
