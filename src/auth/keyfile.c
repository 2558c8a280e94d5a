/*
 * keyfile.c - the data directory's own secret, made once.
 *
 * It is written under another name and linked into place, so that a crash leaves either no key
 * or a whole one, and of two processes that start at once both get the same.
 */
#include "auth/auth.h"

#include "base/id.h"
#include "wire/base64url.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char key_name[] = "jwt.key";

enum { RAW = 32 };

static int tell(struct pl_buf *why, const char *dir, const char *what, int err)
{
	pl_buf_printf(why, "%s/%s %s", dir, key_name, what);
	return err;
}

/* As many bytes as there are, at most n. -1: errno. */
static ssize_t read_some(int fd, char *to, size_t n)
{
	size_t len = 0;
	while (len < n) {
		ssize_t got = read(fd, to + len, n - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

static bool write_all(int fd, const char *at, size_t n)
{
	while (n) {
		ssize_t put = write(fd, at, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		at += put;
		n -= (size_t)put;
	}
	return true;
}

/* 43 characters of base64url for 32 bytes, and at most a line's end. */
static bool is_whole(const char *text, size_t len)
{
	uint8_t raw[RAW];
	size_t n = 0;
	if (len == PL_KEYFILE_SECRET + 1 && text[PL_KEYFILE_SECRET] == '\n')
		len--;
	bool whole = len == PL_KEYFILE_SECRET &&
		     !pl_base64url_decode(pl_slice(text, len), raw, sizeof(raw), &n) && n == RAW;
	OPENSSL_cleanse(raw, sizeof(raw));
	return whole;
}

static int read_key(int fd, const char *dir, struct pl_buf *why, char secret[PL_KEYFILE_SECRET + 1])
{
	struct stat st;
	if (fstat(fd, &st))
		return tell(why, dir, "cannot be read", PL_EIO);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return tell(why, dir, "is not a file of this user", PL_EDENIED);
	if (st.st_mode & 077)
		return tell(why, dir, "can be read by others: its mode must be 0600", PL_EDENIED);
	char text[PL_KEYFILE_SECRET + 2];
	ssize_t n = read_some(fd, text, sizeof(text));
	int err = 0;
	if (n < 0)
		err = tell(why, dir, "cannot be read", PL_EIO);
	else if (!is_whole(text, (size_t)n))
		err = tell(why, dir, "is damaged", PL_ECORRUPT);
	else
		memcpy(secret, text, PL_KEYFILE_SECRET);
	if (!err)
		secret[PL_KEYFILE_SECRET] = '\0';
	OPENSSL_cleanse(text, sizeof(text));
	return err;
}

/* A line with a new secret under the name `temporary`, on the disk. */
static bool write_key(int dir_fd, const char *temporary)
{
	uint8_t raw[RAW];
	char room[64];
	struct pl_buf text = {
		.at = room, .cap = sizeof(room), .max = sizeof(room)}; /* never grows */
	int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			0600);
	if (fd < 0)
		return false;
	pl_random_bytes(raw, sizeof(raw));
	pl_base64url_encode(&text, pl_slice(raw, sizeof(raw)));
	pl_buf_putc(&text, '\n');
	bool good = !text.err && write_all(fd, room, text.len) && !fsync(fd);
	OPENSSL_cleanse(raw, sizeof(raw));
	OPENSSL_cleanse(room, sizeof(room));
	return !close(fd) && good;
}

/* Afterwards there is a key: this one, or that of a process that was faster. */
static bool create_key(int dir_fd)
{
	char temporary[64];
	uint64_t random;
	pl_random_bytes(&random, sizeof(random));
	snprintf(temporary, sizeof(temporary), ".%s.%016llx", key_name, (unsigned long long)random);
	bool good = write_key(dir_fd, temporary);
	if (good && linkat(dir_fd, temporary, dir_fd, key_name, 0) && errno != EEXIST)
		good = false;
	unlinkat(dir_fd, temporary, 0);
	return !fsync(dir_fd) && good;
}

static int open_key(int dir_fd)
{
	return openat(dir_fd, key_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

int pl_keyfile_load(const char *dir, struct pl_buf *why, char secret[PL_KEYFILE_SECRET + 1])
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0) {
		pl_buf_printf(why, "cannot open the directory %s", dir);
		return PL_EIO;
	}
	int err = 0, fd = open_key(dir_fd);
	if (fd < 0 && errno == ENOENT) {
		if (!create_key(dir_fd))
			err = tell(why, dir, "cannot be written", PL_EIO);
		else
			fd = open_key(dir_fd);
	}
	if (!err && fd < 0)
		err = tell(why, dir, "cannot be opened", PL_EIO);
	if (!err)
		err = read_key(fd, dir, why, secret);
	if (fd >= 0)
		close(fd);
	close(dir_fd);
	return err;
}
