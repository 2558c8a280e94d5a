/*
 * move.c - a connection goes to another worker, with the request that is owed its answer.
 *
 * The connection itself travels: between the two workers nobody has it but the task in the other's
 * mailbox, so nothing of it needs a lock. It leaves at the end of the turn. By then everything that
 * came in with the request was taken in, and of what was queued only that is left which the socket
 * did not take: the kernel keeps nothing of a flush that is over.
 *
 * Invariant:  in PL_PH_LEAVING c->move is set; it belongs to the connection until it departs, then
 * to the task.
 */
#include "conn/internal.h"

#include "base/mem.h"

#include <unistd.h>

struct pl_move {
	struct pl_task task;
	struct pl_conn *conn;
	struct pl_conns *to;
	size_t router; /* its number */
	struct pl_request *request;
};

enum { MOVES_MAX = 3 };

static void free_move(struct pl_move *m)
{
	pl_free(m->request);
	pl_free(m);
}

/* ---- there ---- */

/* It never was on this worker's loop, and nobody knows it. */
static void lose(struct pl_conn *c)
{
	struct pl_ip site = pl_conn_site(c);
	pl_conn_drop_output(c);
	close(c->io.fd);
	pl_gate_leave(c->set->gate, &site);
	pl_metric_add(c->set->metrics, PL_M_REFUSED, 1);
	pl_http_fini(c);
	pl_tls_free(c->tls);
	pl_free(c);
}

static bool settle_in(struct pl_conn *c, struct pl_conns *set)
{
	if (set->is_over || !c->router || pl_conns_insert(set, c))
		return false;
	if (pl_io_add(set->loop, &c->io, pl_conn_interest(c))) {
		pl_conns_remove(c);
		return false;
	}
	if (c->queue && !c->is_blocked)
		pl_loop_want_flush(set->loop, &c->queue->out);
	return true;
}

static void arrive(struct pl_task *t)
{
	struct pl_move *m = PL_CONTAINER(t, struct pl_move, task);
	struct pl_conn *c = m->conn;
	c->set = m->to;
	c->phase = PL_PH_OWED; /* which says what to be woken for */
	c->router = m->router < m->to->nrouters ? &m->to->routers[m->router] : NULL;
	if (settle_in(c, m->to))
		pl_http_adopt(c, m->request);
	else
		lose(c);
	free_move(m);
}

/* ---- here ---- */

void pl_conn_cancel_move(struct pl_conn *c)
{
	free_move(c->move);
	c->parser = (struct pl_http_parser){0};
}

void pl_conn_depart(struct pl_conn *c)
{
	struct pl_conns *set = c->set;
	struct pl_move *m = c->move;
	if (c->queue && pl_outq_detach(&c->queue->q, &set->slab)) {
		pl_conn_break(c, 1006, PL_S("out of memory"));
		return;
	}
	pl_io_remove(set->loop, &c->io);
	pl_conns_remove(c);
	if (c->queue)
		pl_loop_forget_flush(set->loop, &c->queue->out);
	c->parser = (struct pl_http_parser){0};
	c->is_reading = false;
	c->set = NULL;
	pl_loop_post(m->to->loop, &m->task); /* from here on it is another thread's */
}

static size_t number_of(const struct pl_conns *set, const struct pl_router *router)
{
	size_t i = 0;
	while (i < set->nrouters && router != &set->routers[i])
		i++;
	return i;
}

static struct pl_move *new_move(struct pl_conn *c, const struct pl_request *q, struct pl_conns *to,
				size_t router)
{
	struct pl_move *m = PL_NEW(struct pl_move);
	if (!m)
		return NULL;
	*m = (struct pl_move){.task.run = arrive, .conn = c, .to = to, .router = router};
	m->request = pl_request_keep_whole(q);
	if (m->request)
		return m;
	pl_free(m);
	return NULL;
}

int pl_conn_move(struct pl_conn *c, const struct pl_request *q, struct pl_conns *to)
{
	if (c->phase != PL_PH_OWED || to == c->set)
		return PL_ESTATE;
	size_t router = number_of(c->set, c->router);
	if (router == c->set->nrouters)
		return PL_ESTATE;
	if (c->moves == MOVES_MAX)
		return PL_ELIMIT;
	struct pl_move *m = new_move(c, q, to, router);
	if (!m)
		return PL_ENOMEM;
	c->moves++;
	c->endpoint = NULL;
	c->user = NULL;
	pl_conn_enter(c, PL_PH_LEAVING, 0);
	c->move = m;
	pl_conn_resume_later(c);
	return 0;
}
