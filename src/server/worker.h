/*
 * worker.h - one thread with its loop, its connections and its share of the listeners.
 */
#ifndef PL_SERVER_WORKER_H
#define PL_SERVER_WORKER_H

#include "conn/conn.h"
#include "net/listener.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PL_LISTEN_MAX = 33 }; /* the last one is for the administration */

/* A bound socket and what is spoken there. Shared by all workers. */
struct pl_listen_point {
	int fd;
	struct pl_address bound;
	const struct pl_router *router;
	/* NULL: plain. Swapped as a whole by a reload; a worker retains what it uses. */
	struct pl_tls_holder *tls;
};

/* The certificate in use. */
struct pl_tls_holder {
	pthread_mutex_t lock;
	struct pl_tls_context *context;
};
struct pl_tls_context *
pl_tls_holder_get(struct pl_tls_holder *); /* one reference; NULL holder: NULL */
void pl_tls_holder_set(struct pl_tls_holder *, struct pl_tls_context *); /* takes the reference */

struct pl_worker {
	struct pl_loop *loop;
	struct pl_conns *conns;
	struct pl_metrics metrics;
	struct worker_ear {
		struct pl_listener listener;
		struct pl_listen_point *point;
		struct pl_worker *worker;
	} ears[PL_LISTEN_MAX];
	size_t nears;
	pthread_t thread;
	bool has_thread;
	uint32_t index;
	void *app; /* the owner's */
};

int pl_worker_init(struct pl_worker *, uint32_t index, enum pl_engine, struct pl_log *,
		   struct pl_gate *, const struct pl_conn_options *) PL_MUST_CHECK;
/* After its thread has ended. */
void pl_worker_fini(struct pl_worker *);
/* Before the thread starts. */
int pl_worker_listen(struct pl_worker *, struct pl_listen_point *points, size_t n) PL_MUST_CHECK;
int pl_worker_start(struct pl_worker *) PL_MUST_CHECK;
/* Waits for the thread; pl_loop_stop must have been called or be called by somebody. */
void pl_worker_join(struct pl_worker *);
/* On the worker's thread. */
void pl_worker_stop_accepting(struct pl_worker *);

#endif
