/* scratch_test.h - for tests: a directory of their own, without directories in it. */
#ifndef PL_BASE_SCRATCH_TEST_H
#define PL_BASE_SCRATCH_TEST_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { SCRATCH_PATH = 64 };

static inline void scratch_make(char path[SCRATCH_PATH], const char *what)
{
	snprintf(path, SCRATCH_PATH, "/tmp/parley-%s-XXXXXX", what);
	assert_non_null(mkdtemp(path));
}

/* With all files in it. */
static inline void scratch_remove(const char *path)
{
	DIR *d = opendir(path);
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	assert_int_equal(rmdir(path), 0);
}

#endif
