/* testing.h - for the tests of this layer: a store on a scratch directory and short ways to drive
 * it. Included by one test each; an op comes back through finish and never goes home. */
#ifndef PL_STORE_TESTING_H
#define PL_STORE_TESTING_H

#include "store/store.h"

#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

struct rig {
	struct pl_store *store;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct pl_op *done[65536]; /* in the order of finish */
	size_t ndone;
	bool is_fatal;
	int fatal_calls;
	char dir[64], path[96];
	struct pl_metrics metrics;
	uint32_t queue_max;
};

static inline void rig_finish(void *ctx, struct pl_op *op)
{
	struct rig *r = ctx;
	pthread_mutex_lock(&r->lock);
	r->done[r->ndone++ % 65536] = op;
	pthread_cond_broadcast(&r->more);
	pthread_mutex_unlock(&r->lock);
}

static inline void rig_fatal(void *ctx, const char *why)
{
	struct rig *r = ctx;
	(void)why;
	pthread_mutex_lock(&r->lock);
	r->is_fatal = true;
	r->fatal_calls++;
	pthread_cond_broadcast(&r->more);
	pthread_mutex_unlock(&r->lock);
}

static inline int rig_open(struct rig *r, const char *path)
{
	struct pl_store_options o = {.path = path,
				     .queue_max = r->queue_max,
				     .metrics = &r->metrics,
				     .finish = rig_finish,
				     .fatal = rig_fatal,
				     .ctx = r};
	return pl_store_open(&o, &r->store);
}

static inline void rig_close(struct rig *r)
{
	pl_store_close(r->store);
	r->store = NULL;
}

static inline struct rig *rig_new(void)
{
	struct rig *r = PL_NEW(struct rig);
	assert_non_null(r);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	snprintf(r->dir, sizeof(r->dir), "/tmp/parley-store-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/chat.db", r->dir);
	return r;
}

static inline void rig_free(struct rig *r)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".new", ".copy"};
	rig_close(r);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		char name[128];
		snprintf(name, sizeof(name), "%s%s", r->path, suffixes[i]);
		unlink(name);
	}
	rmdir(r->dir);
	pl_free(r);
}

static inline struct pl_op *op_new(enum pl_op_kind kind)
{
	struct pl_op *op = pl_op_new(kind, NULL, NULL, NULL);
	assert_non_null(op);
	return op;
}

/* Waits until it is done or the store has died; false: the op is gone. */
static inline bool wait_for(struct rig *r, struct pl_op *op)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	bool is_done = false;
	int late = 0;
	pthread_mutex_lock(&r->lock);
	while (!is_done && !r->is_fatal && !late) {
		for (size_t i = 0; i < r->ndone && i < 65536; i++)
			is_done |= r->done[i] == op;
		if (!is_done)
			late = pthread_cond_timedwait(&r->more, &r->lock, &until);
	}
	if (is_done)
		r->ndone = 0;
	pthread_mutex_unlock(&r->lock);
	assert_int_equal(late, 0);
	return is_done;
}

/* Submits and waits. Only while nothing else is under way. */
static inline int run(struct rig *r, struct pl_op *op)
{
	op->err = 12345;
	assert_int_equal(pl_store_submit(r->store, op), 0);
	assert_true(wait_for(r, op));
	return op->err;
}

static inline struct pl_uuid sign_in(struct rig *r, const char *name)
{
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = pl_slice_str(name);
	op->sign_in.provision = true;
	assert_int_equal(run(r, op), 0);
	struct pl_uuid id = op->sign_in.user.id;
	pl_op_free(op);
	return id;
}

static inline struct pl_op *op_create(struct pl_uuid creator, enum pl_conversation_type type,
				      struct pl_slice *members, size_t n)
{
	struct pl_op *op = op_new(PL_OP_CREATE);
	op->create.creator = creator;
	op->create.type = type;
	op->create.members = members;
	op->create.nmembers = n;
	return op;
}

static inline struct pl_uuid create(struct rig *r, struct pl_uuid creator,
				    enum pl_conversation_type type, struct pl_slice *members,
				    size_t n)
{
	struct pl_op *op = op_create(creator, type, members, n);
	assert_int_equal(run(r, op), 0);
	struct pl_uuid id = op->create.made.id;
	pl_op_free(op);
	return id;
}

static inline struct pl_op *op_send(struct pl_uuid user, struct pl_uuid room, const char *text)
{
	struct pl_op *op = op_new(PL_OP_SEND);
	op->send.user = user;
	op->send.conversation = room;
	op->send.kind = PL_S("text");
	op->send.content = pl_slice_str(text);
	return op;
}

static inline struct pl_uuid say(struct rig *r, struct pl_uuid user, struct pl_uuid room,
				 const char *text)
{
	struct pl_op *op = op_send(user, room, text);
	assert_int_equal(run(r, op), 0);
	struct pl_uuid id = op->send.message.id;
	pl_op_free(op);
	return id;
}

static inline struct pl_op *op_page(struct pl_uuid user, struct pl_uuid room, uint32_t limit)
{
	struct pl_op *op = op_new(PL_OP_PAGE);
	op->page.user = user;
	op->page.conversation = room;
	op->page.limit = limit;
	return op;
}

static inline struct pl_op *lines_of(struct rig *r, struct pl_uuid user)
{
	struct pl_op *op = op_new(PL_OP_CONVERSATIONS);
	op->conversations.user = user;
	assert_int_equal(run(r, op), 0);
	return op;
}

#endif
