/*
 * work.c - what each job does, on a thread.
 *
 * Invariants:  f->offset grows only after a sync that succeeded;  once f->lost is set nothing is
 * written any more and every job on the upload fails with it, but its removal.
 */
#include "files/internal.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

void pl_file_job_drop(struct pl_file_job *j)
{
	EVP_MD_CTX_free(j->summer);
	j->summer = NULL;
	j->summed = 0;
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

/* Nobody hears of a piece as written that may not be on the disk. */
static void take_back(struct pl_file_job *j, int err)
{
	for (size_t i = 0; i < j->npieces; i++)
		if (!j->pieces[i].err)
			j->pieces[i].err = err;
}

void pl_file_job_fail(struct pl_file_job *j, int err)
{
	j->err = err;
	for (size_t i = 0; i < j->npieces; i++)
		j->pieces[i].err = err;
}

/* ---- the directory ---- */

static int open_name(const struct pl_files_dir *d, const struct pl_uuid *id, bool is_partial,
		     int flags)
{
	char name[PL_FILE_NAME];
	pl_file_name_of(id, is_partial, name);
	return d->io->open(d->fd, name, flags);
}

/* What was believed is not true any more: the next sync would say that all is well. */
static int lose(const struct pl_files_dir *d, struct pl_upload_file *f, const char *what)
{
	char name[PL_FILE_NAME];
	pl_file_name_of(&f->id, true, name);
	pl_log(d->log, PL_ERROR, "files", "%s: %s: %s; the upload is given up", name, what,
	       strerrordesc_np(errno));
	return f->lost = PL_EIO;
}

static int sync_dir(const struct pl_files_dir *d, struct pl_upload_file *f)
{
	return d->io->sync(d->fd) ? lose(d, f, "sync of the directory") : 0;
}

/* ---- open ---- */

static int make(const struct pl_files_dir *d, struct pl_upload_file *f)
{
	int fd = open_name(d, &f->id, true, O_WRONLY | O_CREAT);
	if (fd < 0)
		return pl_file_error(errno);
	int err = d->io->truncate(fd, 0) ? PL_EIO : 0;
	close(fd);
	return err ? err : sync_dir(d, f);
}

static int cut(const struct pl_files_dir *d, int fd, uint64_t offset)
{
	struct stat st;
	if (fstat(fd, &st))
		return PL_EIO;
	if ((uint64_t)st.st_size < offset)
		return PL_ECORRUPT;
	if ((uint64_t)st.st_size == offset)
		return 0;
	return d->io->truncate(fd, (off_t)offset) ? PL_EIO : 0;
}

/* It was complete, and nobody has been told so. */
static int find_complete(const struct pl_files_dir *d, struct pl_upload_file *f,
			 const struct pl_file_job *j)
{
	struct stat st;
	if (j->offset != j->size)
		return PL_ENOTFOUND;
	int fd = open_name(d, &f->id, false, O_RDONLY);
	if (fd < 0)
		return pl_file_error(errno);
	int err = fstat(fd, &st) ? PL_EIO : (uint64_t)st.st_size == j->size ? 0 : PL_ECORRUPT;
	close(fd);
	f->is_complete = !err;
	return err;
}

static int find(const struct pl_files_dir *d, struct pl_upload_file *f, const struct pl_file_job *j)
{
	int fd = open_name(d, &f->id, true, O_WRONLY);
	if (fd < 0)
		return errno == ENOENT ? find_complete(d, f, j) : pl_file_error(errno);
	int err = cut(d, fd, j->offset);
	close(fd);
	return err;
}

static int work_open(const struct pl_files_dir *d, struct pl_upload_file *f, struct pl_file_job *j)
{
	int err = 0;
	if (!f->is_open) {
		err = j->offset ? find(d, f, j) : make(d, f);
		f->is_open = !err;
		f->offset = err ? 0 : j->offset;
	}
	j->offset = f->offset;
	return err;
}

/* ---- append ---- */

static int write_all(const struct pl_files_dir *d, int fd, struct pl_slice data, uint64_t at)
{
	while (data.len) {
		ssize_t n = d->io->pwrite(fd, data.at, data.len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? pl_file_error(errno) : PL_ESTORE;
		data = pl_slice(data.at + n, data.len - (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

static int check_piece(const struct pl_file_piece *p, uint64_t at, uint64_t size)
{
	if (p->offset != at)
		return PL_ESTATE;
	if (at > size || p->data.len > size - at)
		return PL_ETOOBIG;
	return pl_file_check_sum(p);
}

static int check_room(const struct pl_files_dir *d, size_t len)
{
	uint64_t room = 0;
	if (!d->keep_free)
		return 0;
	if (d->io->room(d->fd, &room))
		return PL_ESTORE;
	return room < d->keep_free || room - d->keep_free < len ? PL_ESTORE : 0;
}

/* What was written of a piece that found no room is taken back, so that the room is free again. */
static int put_piece(const struct pl_files_dir *d, struct pl_upload_file *f, int fd,
		     const struct pl_file_piece *p)
{
	int err = check_room(d, p->data.len);
	if (!err)
		err = write_all(d, fd, p->data, p->offset);
	if (err == PL_ESTORE && d->io->truncate(fd, (off_t)p->offset))
		return lose(d, f, "truncate");
	return err == PL_EIO ? lose(d, f, "write") : err;
}

/* As far as it gets. Returns where the written part ends. */
static uint64_t put_pieces(const struct pl_files_dir *d, struct pl_upload_file *f, int fd,
			   struct pl_file_job *j)
{
	uint64_t at = f->offset;
	for (size_t i = 0; i < j->npieces; i++) {
		struct pl_file_piece *p = &j->pieces[i];
		p->err = f->lost ? f->lost : check_piece(p, at, j->size);
		if (!p->err)
			p->err = put_piece(d, f, fd, p);
		if (!p->err)
			at += p->data.len;
	}
	return at;
}

static int work_append(const struct pl_files_dir *d, struct pl_upload_file *f,
		       struct pl_file_job *j)
{
	int fd = f->is_open && !f->is_complete ? open_name(d, &f->id, true, O_WRONLY) : -1;
	if (fd < 0)
		return !f->is_open || f->is_complete ? PL_ESTATE : pl_file_error(errno);
	uint64_t end = put_pieces(d, f, fd, j);
	if (end > f->offset && !f->lost && d->io->sync(fd))
		lose(d, f, "sync");
	close(fd);
	if (f->lost)
		take_back(j, f->lost);
	else
		f->offset = end;
	j->offset = f->offset;
	return f->lost;
}

/* ---- finish ---- */

static int give_name(const struct pl_files_dir *d, struct pl_upload_file *f,
		     const struct pl_file_job *j)
{
	char from[PL_FILE_NAME], to[PL_FILE_NAME];
	if (f->is_complete)
		return sync_dir(d, f);
	pl_file_name_of(&f->id, true, from);
	pl_file_name_of(&f->id, false, to);
	if (d->io->sync(j->fd))
		return lose(d, f, "sync");
	if (d->io->rename(d->fd, from, to))
		return pl_file_error(errno);
	f->is_complete = true;
	return sync_dir(d, f);
}

static int begin_finish(const struct pl_files_dir *d, struct pl_upload_file *f,
			struct pl_file_job *j)
{
	if (!f->is_open || f->offset != j->size)
		return PL_ESTATE;
	/* For writing: only so it may be synced everywhere. */
	j->fd = open_name(d, &f->id, !f->is_complete, O_RDWR);
	return j->fd < 0 ? pl_file_error(errno) : 0;
}

static int work_finish(const struct pl_files_dir *d, struct pl_upload_file *f,
		       struct pl_file_job *j)
{
	int err = j->fd < 0 ? begin_finish(d, f, j) : 0;
	if (!err)
		err = pl_file_sum_on(d, j);
	if (err == PL_EIO)
		return lose(d, f, "read");
	return err ? err : give_name(d, f, j);
}

/* ---- delete, read ---- */

static int work_delete(const struct pl_files_dir *d, struct pl_upload_file *f,
		       const struct pl_file_job *j)
{
	int err = 0;
	f->lost = PL_ENOTFOUND;
	for (int i = j->only_part; i < 2; i++) {
		char name[PL_FILE_NAME];
		pl_file_name_of(&f->id, i, name);
		if (d->io->unlink(d->fd, name) && errno != ENOENT)
			err = PL_EIO;
	}
	return err || !d->io->sync(d->fd) ? err : PL_EIO;
}

static int read_all(const struct pl_files_dir *d, int fd, const struct pl_file_job *j)
{
	size_t got = 0;
	while (got < j->len) {
		ssize_t n = d->io->pread(fd, j->at + got, j->len - got, (off_t)(j->offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? PL_EIO : PL_ECORRUPT;
		got += (size_t)n;
	}
	return 0;
}

static int work_read(const struct pl_files_dir *d, const struct pl_file_job *j)
{
	int fd = open_name(d, &j->id, false, O_RDONLY);
	if (fd < 0)
		return pl_file_error(errno);
	int err = read_all(d, fd, j);
	/* Whoever reads on finds it in memory; who does not loses nothing. */
	(void)posix_fadvise(fd, (off_t)(j->offset + j->len), (off_t)j->len, POSIX_FADV_WILLNEED);
	close(fd);
	return err;
}

/* ---- all ---- */

static int work(const struct pl_files_dir *d, struct pl_upload_file *f, struct pl_file_job *j)
{
	if (f && f->lost && j->kind != PL_FILE_DELETE)
		return f->lost;
	switch (j->kind) {
	case PL_FILE_OPEN: return work_open(d, f, j);
	case PL_FILE_APPEND: return work_append(d, f, j);
	case PL_FILE_FINISH: return work_finish(d, f, j);
	case PL_FILE_DELETE: return work_delete(d, f, j);
	case PL_FILE_READ: return work_read(d, j);
	case PL_FILE_LIST: return pl_files_list(d, j);
	default: return PL_EINVAL;
	}
}

bool pl_file_work(const struct pl_files_dir *d, struct pl_upload_file *f, struct pl_file_job *j)
{
	j->err = work(d, f, j);
	if (j->err == PL_EAGAIN)
		return false;
	if (j->err && j->kind == PL_FILE_APPEND)
		take_back(j, j->err);
	pl_file_job_drop(j);
	return true;
}
