/* file.c - a whole small file. Never waits on a pipe or a device. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int err_of(int number)
{
	if (number == ENOENT || number == ENOTDIR)
		return PL_ENOTFOUND;
	return number == EACCES || number == EPERM ? PL_EDENIED : PL_EIO;
}

static int read_all(int fd, struct pl_buf *b)
{
	for (;;) {
		/* One byte more than is known, so that the end is seen without growing. */
		int err = pl_buf_reserve(b, 1);
		if (err)
			return err;
		ssize_t n = read(fd, b->at + b->len, b->cap - b->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_of(errno);
		if (!n)
			return 0;
		b->len += (size_t)n;
	}
}

int pl_file_read(const char *path, struct pl_buf *b, uint32_t *mode)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_of(errno);
	int err = fstat(fd, &st) ? err_of(errno) : 0;
	if (!err && !S_ISREG(st.st_mode))
		err = PL_EIO;
	if (!err && (uint64_t)st.st_size >= b->max)
		err = PL_ETOOBIG;
	if (!err)
		err = pl_buf_reserve(b, (size_t)st.st_size + 1);
	if (!err)
		err = read_all(fd, b);
	(void)close(fd);
	if (!err && mode)
		*mode = (uint32_t)st.st_mode;
	return err;
}
