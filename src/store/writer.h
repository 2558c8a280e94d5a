/* writer.h - the thread that takes what waits, commits it as one and answers. */
#ifndef PL_STORE_WRITER_H
#define PL_STORE_WRITER_H

#include "store/backend.h"
#include "store/queue.h"

#include <stdatomic.h>

struct pl_writer {
	struct pl_backend *backend;
	struct pl_queue queue;
	size_t group; /* operations in the last one */
	struct pl_log *log;
	struct pl_metrics *metrics;
	void (*finish)(void *ctx, struct pl_op *);
	void (*fatal)(void *ctx, const char *why);
	void *ctx;
	void (*on_death)(void *); /* before fatal: stop whoever else answers */
	void *death_ctx;
	atomic_bool is_dead;         /* the disk cannot be trusted */
	atomic_bool has_room;        /* the last write found room on the disk */
	_Atomic int64_t read_errors; /* of the readers, not yet in metrics */
};

/* A thread's body; arg is the pl_writer. Ends when its queue is closed and empty, or at death. */
void *pl_writer_run(void *arg);

#endif
