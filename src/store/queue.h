/*
 * queue.h - operations that wait for a store thread: first in, first out, never more than max.
 *
 * Any number of threads put, any number take. An op belongs to the queue between the two; it is
 * linked through op->task.next.
 */
#ifndef PL_STORE_QUEUE_H
#define PL_STORE_QUEUE_H

#include "store/store.h"

#include <pthread.h>

struct pl_queue {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct pl_op *first, *last;
	size_t len, max;
	unsigned sleepers; /* threads waiting in take */
	bool is_closed;    /* nothing more comes in; what is in still comes out */
};

int pl_queue_init(struct pl_queue *, size_t max) PL_MUST_CHECK;
/* Nobody may be waiting; what is still in is freed. */
void pl_queue_fini(struct pl_queue *);
/* PL_EBUSY: full. PL_ESTORE: closed. */
int pl_queue_put(struct pl_queue *, struct pl_op *) PL_MUST_CHECK;
/* Wakes everybody. */
void pl_queue_close(struct pl_queue *);

enum pl_take { PL_TAKEN, PL_TIMEOUT, PL_CLOSED };
/*
 * Up to `most` ops as a chain, oldest first; waits until there is one, at most wait_ms (-1: for
 * ever). PL_CLOSED: closed and empty. *waiting: how many stay behind.
 */
enum pl_take pl_queue_take(struct pl_queue *, size_t most, int wait_ms, struct pl_op **chain,
			   size_t *waiting);
/* The op behind this one in its chain, or NULL. */
struct pl_op *pl_queue_next(const struct pl_op *);

#endif
