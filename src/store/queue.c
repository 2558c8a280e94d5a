/* queue.c - a bounded list under a mutex. A put wakes a taker only if one sleeps. */
#include "store/queue.h"

#include <errno.h>
#include <time.h>

int pl_queue_init(struct pl_queue *q, size_t max)
{
	pthread_condattr_t attr;
	*q = (struct pl_queue){.max = max};
	if (pthread_condattr_init(&attr))
		return PL_ENOMEM;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	int failed = pthread_mutex_init(&q->lock, NULL) || pthread_cond_init(&q->more, &attr);
	pthread_condattr_destroy(&attr);
	return failed ? PL_ENOMEM : 0;
}

struct pl_op *pl_queue_next(const struct pl_op *op)
{
	return op->task.next ? PL_CONTAINER(op->task.next, struct pl_op, task) : NULL;
}

void pl_queue_fini(struct pl_queue *q)
{
	for (struct pl_op *op = q->first, *next; op; op = next) {
		next = pl_queue_next(op);
		pl_op_free(op);
	}
	pthread_cond_destroy(&q->more);
	pthread_mutex_destroy(&q->lock);
}

static void append(struct pl_queue *q, struct pl_op *op)
{
	op->task.next = NULL;
	if (q->last)
		q->last->task.next = &op->task;
	else
		q->first = op;
	q->last = op;
	q->len++;
	if (q->sleepers)
		pthread_cond_signal(&q->more);
}

int pl_queue_put(struct pl_queue *q, struct pl_op *op)
{
	pthread_mutex_lock(&q->lock);
	int err = q->is_closed ? PL_ESTORE : q->len >= q->max ? PL_EBUSY : 0;
	if (!err)
		append(q, op);
	pthread_mutex_unlock(&q->lock);
	return err;
}

void pl_queue_close(struct pl_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->is_closed = true;
	pthread_cond_broadcast(&q->more);
	pthread_mutex_unlock(&q->lock);
}

static struct timespec after(int wait_ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += wait_ms / 1000;
	t.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* With the lock: until there is an op, the queue is closed, or time is up. */
static void wait_for_more(struct pl_queue *q, int wait_ms)
{
	struct timespec until = after(wait_ms < 0 ? 0 : wait_ms);
	int why = 0;
	q->sleepers++;
	while (!q->first && !q->is_closed && why != ETIMEDOUT)
		why = wait_ms < 0 ? pthread_cond_wait(&q->more, &q->lock)
				  : pthread_cond_timedwait(&q->more, &q->lock, &until);
	q->sleepers--;
}

static struct pl_op *cut(struct pl_queue *q, size_t most)
{
	struct pl_op *chain = q->first, *end = chain;
	q->len--;
	for (size_t n = 1; n < most && end->task.next; n++) {
		end = pl_queue_next(end);
		q->len--;
	}
	q->first = pl_queue_next(end);
	end->task.next = NULL;
	if (!q->first)
		q->last = NULL;
	return chain;
}

enum pl_take pl_queue_take(struct pl_queue *q, size_t most, int wait_ms, struct pl_op **chain,
			   size_t *waiting)
{
	pthread_mutex_lock(&q->lock);
	if (!q->first && !q->is_closed)
		wait_for_more(q, wait_ms);
	enum pl_take got = q->first ? PL_TAKEN : q->is_closed ? PL_CLOSED : PL_TIMEOUT;
	if (got == PL_TAKEN)
		*chain = cut(q, most);
	*waiting = q->len;
	pthread_mutex_unlock(&q->lock);
	return got;
}
