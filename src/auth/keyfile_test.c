/*
 * keyfile_test.c - proves that the data directory's key is made once, whole and private, and that
 * one which others could have read, or which is not what we wrote, is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/auth.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[32], path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/pl_keyfile_XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/jwt.key", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir); /* fails when something was left behind */
}

static int load(char *secret)
{
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	memset(secret, 'x', PL_KEYFILE_SECRET + 1);
	int err = pl_keyfile_load(dir, &why, secret);
	assert_true(!err == !why.len);
	pl_buf_fini(&why);
	return err;
}

static void write_file(const char *text, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void test_created_once(void **state)
{
	(void)state;
	char first[PL_KEYFILE_SECRET + 1], second[PL_KEYFILE_SECRET + 1];
	struct stat st;
	mode_t old = umask(0);
	assert_int_equal(load(first), 0);
	umask(old);
	assert_int_equal(strlen(first), 43);
	assert_int_equal(
		strspn(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
		43);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(load(second), 0);
	assert_string_equal(first, second);
	unlink(path);
	assert_int_equal(load(second), 0);
	assert_string_not_equal(first, second);
}

static void test_others_can_read(void **state)
{
	(void)state;
	char secret[PL_KEYFILE_SECRET + 1];
	static const char key[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	static const mode_t bad[] = {0640, 0604, 0620, 0602, 0644, 0610};
	write_file(key, 43, 0600);
	assert_int_equal(load(secret), 0);
	assert_string_equal(secret, key);
	write_file(key, 43, 0400);
	assert_int_equal(load(secret), 0);
	chmod(path, 0600);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_file(key, 43, bad[i]);
		assert_int_equal(load(secret), PL_EDENIED);
		assert_int_equal(secret[0], 'x');
		chmod(path, 0600);
	}
}

static void test_damaged(void **state)
{
	(void)state;
	char secret[PL_KEYFILE_SECRET + 1];
	static const char *const bad[] = {
		"",
		"\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
		"AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_file(bad[i], strlen(bad[i]), 0600);
		assert_int_equal(load(secret), PL_ECORRUPT);
		assert_int_equal(secret[0], 'x');
	}
}

static void test_not_a_file(void **state)
{
	(void)state;
	char secret[PL_KEYFILE_SECRET + 1], other[80];
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	assert_int_equal(pl_keyfile_load("/nonexistent/dir", &why, secret), PL_EIO);
	pl_buf_fini(&why);
	/* A link is not followed, whatever it points to. */
	snprintf(other, sizeof(other), "%s/other", dir);
	write_file("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 43, 0600);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(load(secret), PL_EIO);
	unlink(path);
	unlink(other);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load(secret), PL_EDENIED);
}

static void *load_in_thread(void *secret)
{
	return load(secret) ? secret : NULL;
}

/* Of many that start at once, all get the same key, and no rubbish stays behind (see teardown). */
static void test_race(void **state)
{
	(void)state;
	enum { THREADS = 8 };
	pthread_t threads[THREADS];
	char secrets[THREADS][PL_KEYFILE_SECRET + 1];
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(
				pthread_create(&threads[i], NULL, load_in_thread, secrets[i]), 0);
		for (int i = 0; i < THREADS; i++) {
			void *failed = NULL;
			pthread_join(threads[i], &failed);
			assert_null(failed);
			assert_string_equal(secrets[i], secrets[0]);
		}
		unlink(path);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_created_once), TEST(test_others_can_read),
		TEST(test_damaged),      TEST(test_not_a_file),
		TEST(test_race),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
