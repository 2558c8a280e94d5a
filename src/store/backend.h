/*
 * backend.h - what store.c needs of a place that keeps things. Filled in by sqlite.c and memory.c.
 *
 * One backend value is one connection and is used by one thread. The writer's connection runs
 * begin, run ..., commit; a reader's the same with one operation in between.
 */
#ifndef PL_STORE_BACKEND_H
#define PL_STORE_BACKEND_H

#include "store/store.h"

/* What went wrong below the operations' own answers, mildest first. */
enum pl_trouble {
	PL_FINE,
	PL_OP_TROUBLE, /* roll back; alone in a transaction the others may still succeed */
	PL_FULL,       /* no room on the disk: roll back, later it may work again */
	PL_FATAL       /* the disk or the file cannot be trusted any more */
};

/* How much there is to do: nothing for a second; a little; group after group is large. */
enum pl_pace { PL_IDLE, PL_CALM, PL_BUSY };

struct pl_backend {
	const struct pl_backend_ops *ops;
};

struct pl_backend_ops {
	enum pl_trouble (*begin)(struct pl_backend *);
	/* Sets op->err. On trouble op->err is PL_ESTORE or PL_ENOMEM. */
	enum pl_trouble (*run)(struct pl_backend *, struct pl_op *);
	/* *wrote: something was changed and is now on disk. On trouble: roll back. */
	enum pl_trouble (*commit)(struct pl_backend *, bool *wrote);
	void (*rollback)(struct pl_backend *);
	/*
	 * Between transactions of the writer: housekeeping. probe: also try a small durable write
	 * (*wrote as for commit).
	 */
	enum pl_trouble (*rest)(struct pl_backend *, enum pl_pace, bool probe, bool *wrote);
	/* The last trouble in words; valid until the next call. */
	const char *(*why)(struct pl_backend *);
	/* The first connection's: see pl_store_secret. */
	const uint8_t *(*secret)(struct pl_backend *);
	/* Another connection to the same, for reads. Called on the thread that opened the first. */
	int (*open_reader)(struct pl_backend *, struct pl_backend **out);
	void (*close)(struct pl_backend *);
};

/* As pl_store_open says. */
int pl_sqlite_open(const struct pl_store_options *, struct pl_backend **out) PL_MUST_CHECK;
int pl_memory_open(const struct pl_store_options *, struct pl_backend **out) PL_MUST_CHECK;

#endif
