/*
 * outq.h - what one connection still has to send: spans of shared frames and of copied bytes.
 *
 * An idle connection has no queue. During a turn a queue is borrowed from its worker's pool; small
 * messages are copied side by side into the worker's slab, so that everything a connection says in
 * one turn is one span and one send. Only a connection whose send came back short keeps its queue,
 * and then its bytes move out of the slab, which others need.
 *
 * Invariants:  bytes = sum of the spans;  the first ncipher spans are ciphertext (TLS) or whatever
 * may be sent as it is, the others are not encrypted yet;  a span holds whole messages, but for one
 * that has begun to leave.
 */
#ifndef PL_CONN_OUTQ_H
#define PL_CONN_OUTQ_H

#include "base/err.h"
#include "base/frame.h"

#include <sys/uio.h>

/* Frames up to this size are copied when they are not the first of a turn. */
enum { PL_SMALL_BYTES = 4096, PL_SLAB_BYTES = 65536, PL_SPANS_MAX = 16384 };

/* Bytes handed out one after the other; reused when nobody points into it any more. */
struct pl_slab {
	struct pl_frame *frame; /* NULL: none yet */
	uint32_t used;
};
void pl_slab_fini(struct pl_slab *);

struct pl_span {
	const char *at;
	uint32_t len;
	bool has_begun;         /* its first bytes are gone */
	struct pl_frame *owner; /* one reference */
};

struct pl_outq {
	struct pl_span *spans; /* inline_spans, or on the heap */
	uint32_t first, count, cap;
	uint32_t ncipher;
	size_t bytes;
	uint64_t slow_since_ms; /* when bytes passed the soft limit; 0: below it */
	struct pl_slab own;     /* for what is copied while the connection is blocked */
	struct pl_span inline_spans[4];
};

void pl_outq_init(struct pl_outq *);
/* Drops everything. */
void pl_outq_fini(struct pl_outq *);

/* Copies n bytes to the end: into `slab`, or into memory of the queue's own when slab is NULL. */
int pl_outq_put(struct pl_outq *, struct pl_slab *slab, const void *at, size_t n) PL_MUST_CHECK;
/* The same for a message in two pieces, which must not be torn apart. */
int pl_outq_put2(struct pl_outq *, struct pl_slab *slab, struct pl_slice head,
		 struct pl_slice rest) PL_MUST_CHECK;
/* A shared frame: referenced, or copied when it is small and not alone. */
int pl_outq_add(struct pl_outq *, struct pl_slab *slab, struct pl_frame *) PL_MUST_CHECK;
/* Copies n bytes behind the ciphertext, before what is not encrypted yet. */
int pl_outq_put_cipher(struct pl_outq *, struct pl_slab *slab, const void *at,
		       size_t n) PL_MUST_CHECK;

/* The first spans (of the ciphertext only, if `cipher`); returns how many. */
int pl_outq_iov(const struct pl_outq *, bool cipher, struct iovec *iov, int max);
/* n bytes from the front are gone. */
void pl_outq_consume(struct pl_outq *, size_t n);
/* Moves bytes that lie in `slab` into memory of the queue's own. */
int pl_outq_detach(struct pl_outq *, const struct pl_slab *slab) PL_MUST_CHECK;
/* Drops every message of which nothing has left (or was encrypted) yet. */
void pl_outq_cut(struct pl_outq *);

#endif
