/* list.c - what lies in the directory, so many names at a time. */
#include "files/internal.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static DIR *open_list(const struct pl_files_dir *d)
{
	/* An open of its own: the place in a list belongs to it. */
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	if (fd >= 0 && !list)
		close(fd);
	return list;
}

int pl_files_list(const struct pl_files_dir *d, struct pl_file_job *j)
{
	if (!j->found)
		j->found = pl_zalloc(PL_FILES_LIST, sizeof(*j->found));
	if (!j->found)
		return PL_ENOMEM;
	if (!j->dir)
		j->dir = open_list(d);
	if (!j->dir)
		return PL_EIO;
	const struct dirent *e;
	j->nfound = 0;
	errno = 0;
	while (j->nfound < PL_FILES_LIST && (e = readdir(j->dir)))
		j->nfound += pl_file_name_read(e->d_name, &j->found[j->nfound]);
	return errno ? PL_EIO : 0;
}

void pl_file_job_free(struct pl_file_job *j)
{
	if (!j)
		return;
	pl_file_job_drop(j);
	if (j->dir)
		closedir(j->dir);
	pl_free(j->found);
	pl_free(j);
}

int pl_files_wipe(const struct pl_files_dir *d)
{
	struct pl_file_job j = {.kind = PL_FILE_LIST, .fd = -1};
	int err;
	do {
		err = pl_files_list(d, &j);
		for (size_t i = 0; !err && i < j.nfound; i++) {
			char name[PL_FILE_NAME];
			pl_file_name_of(&j.found[i].id, j.found[i].is_partial, name);
			if (d->io->unlink(d->fd, name))
				err = PL_EIO;
		}
	} while (!err && j.nfound);
	if (j.dir)
		closedir(j.dir);
	pl_free(j.found);
	return err;
}
