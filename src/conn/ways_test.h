/*
 * ways_test.h - for the tests of this folder: each runs on both engines, with TLS and without; and
 * what TLS needs for it.
 */
#ifndef PL_CONN_WAYS_TEST_H
#define PL_CONN_WAYS_TEST_H

#include "loop/loop.h"
#include "net/testing.h"
#include "net/tls.h"

#include <stdlib.h>
#include <unistd.h>

struct way {
	enum pl_engine engine;
	bool tls;
};

static const struct way ways[] = {{PL_ENGINE_EPOLL, false},
				  {PL_ENGINE_IO_URING, false},
				  {PL_ENGINE_EPOLL, true},
				  {PL_ENGINE_IO_URING, true}};

/* Rows of a struct CMUnitTest[]: the test f, whose *state is its way. */
#define WAY_TEST(f, name, i)                                        \
	{                                                           \
#f name, f, NULL, NULL, (void *)(uintptr_t)&ways[i] \
	}
#define ALL_WAYS(f)                                                                              \
	WAY_TEST(f, ", epoll", 0), WAY_TEST(f, ", io_uring", 1), WAY_TEST(f, ", epoll, TLS", 2), \
		WAY_TEST(f, ", io_uring, TLS", 3)
#define BOTH_ENGINES(f) WAY_TEST(f, ", epoll", 0), WAY_TEST(f, ", io_uring", 1)
#define TWO_WAYS(f)     WAY_TEST(f, ", epoll", 0), WAY_TEST(f, ", io_uring, TLS", 3)

/* False: the kernel forbids it here. */
static inline bool way_is_there(const struct way *way)
{
	struct pl_loop *loop = NULL;
	if (pl_loop_new(&(struct pl_loop_options){.engine = way->engine}, &loop))
		return false;
	pl_loop_free(loop);
	return true;
}

/* A server's and a client's, to be released by the caller. */
static inline void way_contexts(struct pl_tls_context **server, struct pl_tls_context **client)
{
	char dir[] = "/tmp/parley-way-XXXXXX", cert[64], key[64];
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	assert_non_null(mkdtemp(dir));
	snprintf(cert, sizeof(cert), "%s/cert", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	certificate_write(cert, key, 86400);
	assert_int_equal(pl_tls_context_new(cert, key, &why, server), 0);
	assert_int_equal(pl_tls_context_client(true, client), 0);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	pl_buf_fini(&why);
}

#endif
