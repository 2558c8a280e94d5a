/*
 * writer.c - group commit. Everything that waits goes into one transaction, one sync to disk, and
 * then the answers go out; while the disk works the next group gathers. Nobody is ever held back
 * to wait for company.
 *
 * When a group fails, it is rolled back and each of its operations runs in a transaction of its
 * own: one that cannot succeed does not take the others with it.
 */
#include "store/writer.h"

#ifdef PARLEY_ACK_BEFORE_COMMIT
#include <time.h>
#endif

enum { GROUP_MAX = 1024, BUSY_GROUP = 128, IDLE_MS = 1000 };

static enum pl_trouble run_each(struct pl_writer *w, struct pl_op *chain)
{
	w->group = 0;
	for (struct pl_op *op = chain; op; op = pl_queue_next(op)) {
		enum pl_trouble t = w->backend->ops->run(w->backend, op);
		if (t)
			return t;
		w->group++;
	}
	return PL_FINE;
}

#ifdef PARLEY_ACK_BEFORE_COMMIT
/* The broken build that the kill test must catch: sends are answered before they are on disk. */
static struct pl_op *answer_too_early(struct pl_writer *w, struct pl_op *chain)
{
	struct pl_task *kept = NULL, **end = &kept;
	for (struct pl_op *op = chain, *next; op; op = next) {
		next = pl_queue_next(op);
		if (op->kind == PL_OP_SEND) {
			w->finish(w->ctx, op);
			continue;
		}
		op->task.next = NULL;
		*end = &op->task;
		end = &op->task.next;
	}
	nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
	return kept ? PL_CONTAINER(kept, struct pl_op, task) : NULL;
}
#endif

static enum pl_trouble commit(struct pl_writer *w)
{
	bool wrote = false;
	enum pl_trouble t = w->backend->ops->commit(w->backend, &wrote);
	if (t || !wrote)
		return t;
	atomic_store(&w->has_room, true);
	pl_metric_add(w->metrics, PL_M_COMMITS, 1);
	return PL_FINE;
}

/* One transaction around the chain. Rolled back when there is trouble. */
static enum pl_trouble together(struct pl_writer *w, struct pl_op **chain)
{
	enum pl_trouble t = w->backend->ops->begin(w->backend);
	if (!t)
		t = run_each(w, *chain);
#ifdef PARLEY_ACK_BEFORE_COMMIT
	if (!t)
		*chain = answer_too_early(w, *chain);
#endif
	if (!t)
		t = commit(w);
	if (t && t != PL_FATAL)
		w->backend->ops->rollback(w->backend);
	return t;
}

static enum pl_trouble alone(struct pl_writer *w, struct pl_op *op)
{
	struct pl_op *only = op;
	op->err = 0;
	enum pl_trouble t = together(w, &only);
	if (!t || t == PL_FATAL)
		return t;
	op->err = op->err ? op->err : PL_ESTORE;
	if (t == PL_FULL)
		atomic_store(&w->has_room, false);
	pl_metric_add(w->metrics, PL_M_STORE_ERRORS, 1);
	pl_log(w->log, PL_ERROR, "store", "%s failed: %s", pl_op_name(op->kind),
	       w->backend->ops->why(w->backend));
	return PL_FINE;
}

static enum pl_trouble one_by_one(struct pl_writer *w, struct pl_op *chain)
{
	for (struct pl_op *op = chain, *next; op; op = next) {
		next = pl_queue_next(op);
		op->task.next = NULL;
		enum pl_trouble t = alone(w, op);
		op->task.next = next ? &next->task : NULL;
		if (t)
			return t;
	}
	return PL_FINE;
}

static void count(struct pl_writer *w, const struct pl_op *op)
{
	if (op->kind == PL_OP_SEND && !op->err)
		pl_metric_add(w->metrics, op->send.duplicate ? PL_M_DUPLICATES : PL_M_STORED, 1);
}

static void answer(struct pl_writer *w, struct pl_op *chain)
{
	for (struct pl_op *op = chain, *next; op; op = next) {
		next = pl_queue_next(op);
		count(w, op);
		w->finish(w->ctx, op);
	}
}

static void drop(struct pl_op *chain)
{
	for (struct pl_op *op = chain, *next; op; op = next) {
		next = pl_queue_next(op);
		pl_op_free(op);
	}
}

/* No answer for anybody: whether these are on disk is not known, a restart will tell. */
static void die(struct pl_writer *w, struct pl_op *chain)
{
	size_t waiting;
	const char *why = w->backend->ops->why(w->backend);
	atomic_store(&w->is_dead, true);
	pl_queue_close(&w->queue);
	w->on_death(w->death_ctx);
	pl_log(w->log, PL_ERROR, "store", "stopped, nothing more is acknowledged: %s", why);
	w->fatal(w->ctx, why);
	do
		drop(chain);
	while (pl_queue_take(&w->queue, GROUP_MAX, 0, &chain, &waiting) == PL_TAKEN);
}

static enum pl_trouble work(struct pl_writer *w, struct pl_op **chain)
{
	enum pl_trouble t = together(w, chain);
	if (t && t != PL_FATAL)
		t = one_by_one(w, *chain);
	return t;
}

/* Housekeeping. A full disk is tried again: whoever balances load by readiness sends no writes. */
static enum pl_trouble rest(struct pl_writer *w, bool is_idle)
{
	bool wrote = false, probe = is_idle && !atomic_load(&w->has_room);
	enum pl_pace pace = is_idle ? PL_IDLE : w->group < BUSY_GROUP ? PL_CALM : PL_BUSY;
	enum pl_trouble t = w->backend->ops->rest(w->backend, pace, probe, &wrote);
	if (wrote)
		atomic_store(&w->has_room, true);
	return t == PL_FATAL ? t : PL_FINE;
}

static void show_load(struct pl_writer *w, size_t waiting)
{
	if (!w->metrics)
		return;
	atomic_store_explicit(&w->metrics->v[PL_M_STORE_WAITING], (int64_t)waiting,
			      memory_order_relaxed);
	if (atomic_load_explicit(&w->read_errors, memory_order_relaxed))
		pl_metric_add(w->metrics, PL_M_STORE_ERRORS, atomic_exchange(&w->read_errors, 0));
}

void *pl_writer_run(void *arg)
{
	struct pl_writer *w = arg;
	for (;;) {
		struct pl_op *chain = NULL;
		size_t waiting;
		enum pl_take got = pl_queue_take(&w->queue, GROUP_MAX, IDLE_MS, &chain, &waiting);
		if (got == PL_CLOSED)
			return NULL;
		show_load(w, waiting);
		enum pl_trouble t = got == PL_TAKEN ? work(w, &chain) : PL_FINE;
		if (t == PL_FINE) {
			answer(w, chain);
			chain = NULL;
			t = rest(w, got == PL_TIMEOUT);
		}
		if (t == PL_FATAL) {
			die(w, chain);
			return NULL;
		}
	}
}
