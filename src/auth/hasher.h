/*
 * hasher.h - passwords are hashed on threads of their own, at idle priority, so that no
 * message waits for a login.
 *
 * A caller makes a job, submits it and gets it back on its own loop. The queue is bounded: who
 * comes too late is told so at once.
 */
#ifndef PL_AUTH_HASHER_H
#define PL_AUTH_HASHER_H

#include "auth/password.h"
#include "loop/loop.h"

struct pl_hasher;

struct pl_hash_job {
	struct pl_task task;  /* how it travels; the hasher's while it has the job */
	struct pl_loop *home; /* where on_done runs */
	void (*on_done)(struct pl_hash_job *); /* owns the job again */
	void *owner;                           /* the caller's */
	bool is_check;                         /* against `hash`; else makes it */
	size_t password_len;
	char password[PL_PASSWORD_MAX];
	char hash[PL_PASSWORD_HASH]; /* in: for a check, "" is nobody's. out: what was made */

	/* make: 0 or PL_ENOMEM. check: as pl_password_check. PL_ESTATE: the hasher was stopped. */
	int err;
	/* A check that fits a dated hash: the one to keep instead. */
	char renewed[PL_PASSWORD_HASH];
};

/* Zeroed. NULL: no memory. */
struct pl_hash_job *pl_hash_job_new(struct pl_loop *home, void (*on_done)(struct pl_hash_job *),
				    void *owner);
/* Wipes the password. NULL is fine. */
void pl_hash_job_free(struct pl_hash_job *);
/* What is longer than PL_PASSWORD_MAX is nobody's password: PL_EINVAL. */
int pl_hash_job_set_password(struct pl_hash_job *, struct pl_slice) PL_MUST_CHECK;

enum { PL_HASHER_THREADS_MAX = 16 };
/* queue_max: jobs that may wait. PL_ENOMEM. */
int pl_hasher_new(uint32_t threads, uint32_t queue_max, struct pl_hasher **out) PL_MUST_CHECK;
/* [any thread] Takes the job. PL_EBUSY: the queue is full; PL_ESTATE: stopped. Then it stays the
 * caller's. */
int pl_hasher_submit(struct pl_hasher *, struct pl_hash_job *) PL_MUST_CHECK;
/* Waits for what is being hashed; what only waits goes home with PL_ESTATE. Twice is fine. Not from
 * two threads. */
void pl_hasher_stop(struct pl_hasher *);
/* Stops. Jobs still come home: their loops must outlive this. NULL is fine. */
void pl_hasher_free(struct pl_hasher *);

#endif
