/*
 * recent.h - the retry hashes that are too young to be in the table.
 *
 * Hashes are random, so each one put straight into a B-tree would dirty a page of its own: that
 * alone costs more than the message. Instead the writer collects them here and adds one row with
 * all of a transaction to a log; when a generation is full it is sorted and moved into the table
 * bit by bit, in order, so that many hashes share a page. Both generations are searched.
 *
 * Not thread-safe: the writer's.
 */
#ifndef PL_STORE_RECENT_H
#define PL_STORE_RECENT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl_retry {
	int64_t day;     /* see sql/: 0 is for ever */
	int64_t message; /* where it lies */
	uint8_t hash[16];
};

struct pl_generation {
	struct pl_retry *entries; /* in order of arrival; a full one, when it moves, sorted */
	uint32_t *slots;          /* hash to entry + 1; 0: free */
	size_t len;
};

struct pl_recent {
	struct pl_generation young, old;
	size_t mark;             /* young.len when the transaction began */
	size_t moved, was_moved; /* how many of old are in the table; and before the transaction */
	int64_t old_log;         /* the last log row that old is made of */
};

enum { PL_RECENT_MAX = 1 << 18 };

void pl_recent_init(struct pl_recent *);
void pl_recent_fini(struct pl_recent *);
/* The newest message remembered with this hash; 0: none. */
int64_t pl_recent_find(const struct pl_recent *, const uint8_t hash[16]);
/* PL_ENOMEM. PL_ELIMIT: the young generation is full (it turns old before that, if moving goes on).
 */
int pl_recent_add(struct pl_recent *, const struct pl_retry *) PL_MUST_CHECK;
/* What this transaction added. */
size_t pl_recent_added(const struct pl_recent *, const struct pl_retry **);
/* The transaction is on disk, or never was. */
void pl_recent_commit(struct pl_recent *);
void pl_recent_rollback(struct pl_recent *);
/*
 * Outside a transaction, the old generation moved: the young one becomes old. last_log: the newest
 * row of the log.
 */
void pl_recent_turn(struct pl_recent *, int64_t last_log);

#endif
