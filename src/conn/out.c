/* out.c - from a connection's queue to the socket: gather at the flush, encrypt if need be, take
 * the result. */
#include "conn/internal.h"

#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>

enum { POOLED_MAX = 4096, ENCRYPT_BYTES = 256 * 1024 };

static int gather(struct pl_out *, struct iovec iov[PL_OUT_IOV], int *fd);
static void sent(struct pl_out *, ssize_t n);

static struct pl_sendq *new_queue(void)
{
	static const struct pl_out_ops ops = {.gather = gather, .sent = sent};
	struct pl_sendq *s = PL_NEW(struct pl_sendq);
	if (!s)
		return NULL;
	pl_outq_init(&s->q);
	pl_out_init(&s->out, &ops);
	return s;
}

static struct pl_sendq *borrow(struct pl_conn *c)
{
	struct pl_conns *set = c->set;
	struct pl_sendq *s = set->pool;
	if (s) {
		set->pool = s->next;
		set->pooled--;
	} else {
		s = new_queue();
	}
	if (s)
		s->conn = c;
	return s;
}

static void give_back(struct pl_conn *c)
{
	struct pl_conns *set = c->set;
	struct pl_sendq *s = c->queue;
	c->queue = NULL;
	if (!s)
		return;
	pl_loop_forget_flush(set->loop, &s->out);
	pl_outq_fini(&s->q);
	if (set->pooled >= POOLED_MAX) {
		pl_free(s);
		return;
	}
	s->next = set->pool;
	set->pool = s;
	set->pooled++;
}

void pl_conns_free_pool(struct pl_conns *set)
{
	for (struct pl_sendq *s = set->pool, *next; s; s = next) {
		next = s->next;
		pl_free(s);
	}
}

void pl_conn_drop_output(struct pl_conn *c)
{
	give_back(c);
}

/* The queue to append to; the connection breaks when there is no memory for one. */
static struct pl_outq *queue_of(struct pl_conn *c)
{
	if (!c->queue)
		c->queue = borrow(c);
	if (c->queue)
		return &c->queue->q;
	pl_conn_break(c, 1006, PL_S("out of memory"));
	return NULL;
}

static struct pl_slab *slab_of(struct pl_conn *c)
{
	return c->is_blocked ? NULL : &c->set->slab;
}

static int queued(struct pl_conn *c, int err)
{
	if (err)
		pl_conn_break(c, 1006, PL_S("out of memory"));
	else if (!c->is_blocked)
		pl_loop_want_flush(c->set->loop, &c->queue->out);
	return err;
}

int pl_conn_put2(struct pl_conn *c, struct pl_slice head, struct pl_slice rest)
{
	struct pl_outq *q = queue_of(c);
	return q ? queued(c, pl_outq_put2(q, slab_of(c), head, rest)) : PL_ENOMEM;
}

int pl_conn_put(struct pl_conn *c, const void *at, size_t n)
{
	return pl_conn_put2(c, (struct pl_slice){NULL, 0}, pl_slice(at, n));
}

int pl_conn_put_frame(struct pl_conn *c, struct pl_frame *f)
{
	struct pl_outq *q = queue_of(c);
	return q ? queued(c, pl_outq_add(q, slab_of(c), f)) : PL_ENOMEM;
}

void pl_conn_put_cipher(struct pl_conn *c, struct pl_slice s)
{
	struct pl_outq *q = s.len ? queue_of(c) : NULL;
	if (q)
		(void)queued(c, pl_outq_put_cipher(q, slab_of(c), s.at, s.len));
}

/* Encrypts what is queued, up to a limit, and puts the records in its place. */
static int encrypt(struct pl_conn *c)
{
	struct pl_outq *q = &c->queue->q;
	struct pl_buf *out = &c->set->cipher;
	struct iovec iov[PL_OUT_IOV];
	size_t done = 0;
	int err = 0;
	pl_buf_clear(out);
	while (!err && q->count && done < ENCRYPT_BYTES) {
		int n = pl_outq_iov(q, false, iov, 1);
		if (!n)
			break;
		size_t piece = iov[0].iov_len < ENCRYPT_BYTES ? iov[0].iov_len : ENCRYPT_BYTES;
		err = pl_tls_write(c->tls, pl_slice(iov[0].iov_base, piece), out);
		if (!err)
			pl_outq_consume(q, piece);
		done += piece;
	}
	if (!err)
		err = out->err ? out->err : pl_outq_put_cipher(q, &c->set->slab, out->at, out->len);
	return err;
}

static int gather(struct pl_out *out, struct iovec iov[PL_OUT_IOV], int *fd)
{
	struct pl_sendq *s = PL_CONTAINER(out, struct pl_sendq, out);
	struct pl_conn *c = s->conn;
	struct pl_outq *q = &s->q;
	if (c->is_blocked)
		return 0;
	*fd = c->io.fd;
	if (!c->tls)
		return pl_outq_iov(q, false, iov, PL_OUT_IOV);
	if (!q->ncipher && q->count && pl_tls_is_ready(c->tls)) {
		int err = encrypt(c);
		if (err) {
			pl_conn_break(c, 1006, PL_S("TLS failed"));
			return 0;
		}
	}
	return pl_outq_iov(q, true, iov, PL_OUT_IOV);
}

static void block(struct pl_conn *c)
{
	c->is_blocked = true;
	if (pl_outq_detach(&c->queue->q, &c->set->slab) ||
	    pl_io_change(c->set->loop, &c->io, pl_conn_interest(c)))
		pl_conn_break(c, 1006, PL_S("out of memory"));
}

/* The reader has caught up: he may speak again. */
static void listen_again(struct pl_conn *c)
{
	if (c->phase == PL_PH_PIECES)
		pl_pieces_sent(c);
	if (c->is_reading)
		return;
	if (c->phase == PL_PH_OPEN || c->phase == PL_PH_CLOSING)
		pl_conn_read_on(c, true);
	else if (c->phase == PL_PH_HEAD || c->phase == PL_PH_BODY)
		pl_conn_resume_later(c); /* requests may wait: no place for callbacks here */
}

static void note_progress(struct pl_conn *c)
{
	if (c->phase == PL_PH_PIECES)
		pl_pieces_sent(c);
	if (!c->queue || c->queue->q.bytes > pl_conn_ws(c)->out_soft)
		return;
	c->queue->q.slow_since_ms = 0;
	listen_again(c);
}

static void all_sent(struct pl_conn *c)
{
	give_back(c);
	if (c->phase == PL_PH_LAST)
		pl_conn_finish(c);
	else
		listen_again(c);
}

static void sent(struct pl_out *out, ssize_t n)
{
	struct pl_sendq *s = PL_CONTAINER(out, struct pl_sendq, out);
	struct pl_conn *c = s->conn;
	if (n < 0 && n != -EAGAIN) {
		pl_conn_break(c, 1006, PL_S("connection lost"));
		return;
	}
	struct pl_outq *q = &s->q;
	uint32_t offered = c->tls ? q->ncipher : q->count;
	bool was_capped = offered > PL_OUT_IOV;
	if (n > 0) {
		pl_metric_add(c->set->metrics, PL_M_BYTES_OUT, n);
		size_t before = q->bytes;
		pl_outq_consume(q, (size_t)n);
		/* Everything that was offered is gone: there may be more than one send can carry.
		 */
		offered = c->tls ? q->ncipher : q->count;
		if (!q->count) {
			all_sent(c);
			return;
		}
		if ((was_capped && before != q->bytes && offered) || (c->tls && !offered)) {
			note_progress(c);
			if (c->queue) /* it may have broken */
				pl_loop_want_flush(c->set->loop, &s->out);
			return;
		}
	}
	note_progress(c);
	if (c->queue)
		block(c);
}
