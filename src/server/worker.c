/* worker.c - a worker's thread and its listeners. */
#include "server/worker.h"

#include "base/thread.h"

struct pl_tls_context *pl_tls_holder_get(struct pl_tls_holder *h)
{
	if (!h)
		return NULL;
	pthread_mutex_lock(&h->lock);
	struct pl_tls_context *c = pl_tls_context_retain(h->context);
	pthread_mutex_unlock(&h->lock);
	return c;
}

void pl_tls_holder_set(struct pl_tls_holder *h, struct pl_tls_context *c)
{
	pthread_mutex_lock(&h->lock);
	struct pl_tls_context *old = h->context;
	h->context = c;
	pthread_mutex_unlock(&h->lock);
	pl_tls_context_release(old);
}

int pl_worker_init(struct pl_worker *w, uint32_t index, enum pl_engine engine, struct pl_log *log,
		   struct pl_gate *gate, const struct pl_conn_options *options)
{
	struct pl_loop_options lo = {.engine = engine, .log = log, .metrics = &w->metrics};
	w->index = index;
	int err = pl_loop_new(&lo, &w->loop);
	return err ? err : pl_conns_new(w->loop, gate, options, &w->conns);
}

void pl_worker_fini(struct pl_worker *w)
{
	pl_worker_stop_accepting(w);
	pl_conns_free(w->conns);
	pl_loop_free(w->loop);
	w->conns = NULL;
	w->loop = NULL;
}

static void on_accept(struct pl_listener *l, int fd, const struct pl_ip *from)
{
	struct worker_ear *ear = l->owner;
	struct pl_tls_context *tls = pl_tls_holder_get(ear->point->tls);
	pl_conns_accept(ear->worker->conns, fd, from, ear->point->router, tls);
	pl_tls_context_release(tls);
}

int pl_worker_listen(struct pl_worker *w, struct pl_listen_point *points, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (w->nears == PL_LISTEN_MAX)
			return PL_ELIMIT;
		struct worker_ear *ear = &w->ears[w->nears++];
		ear->worker = w;
		ear->point = &points[i];
		ear->listener.on_accept = on_accept;
		ear->listener.owner = ear;
		int err = pl_listener_start(&ear->listener, w->loop, points[i].fd);
		if (err)
			return err;
	}
	return 0;
}

void pl_worker_stop_accepting(struct pl_worker *w)
{
	for (size_t i = 0; i < w->nears; i++)
		pl_listener_stop(&w->ears[i].listener);
	w->nears = 0;
}

static void *run(void *arg)
{
	struct pl_worker *w = arg;
	pl_loop_run(w->loop);
	return NULL;
}

int pl_worker_start(struct pl_worker *w)
{
	int err = pl_thread_start(&w->thread, run, w);
	w->has_thread = !err;
	return err;
}

void pl_worker_join(struct pl_worker *w)
{
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	w->has_thread = false;
}
