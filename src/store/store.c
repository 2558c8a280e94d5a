/*
 * store.c - the threads of a store: one that writes, some that read. Knows nothing of how things
 * are kept (backend.h).
 *
 * Invariants:  an op is in exactly one place: a queue, a chain that a thread works on, or given
 *              back by finish;  finish of a write is called after its commit, in order of
 *              submission;  once is_dead is set, no op is given back any more.
 */
#include "store/backend.h"
#include "store/queue.h"
#include "store/writer.h"

#include "base/mem.h"
#include "base/thread.h"

enum { DEFAULT_READERS = 2, MAX_READERS = 16, DEFAULT_QUEUE = 65536 };

struct reader {
	struct pl_store *store;
	struct pl_backend *backend;
	pthread_t thread;
	bool is_running;
};

struct pl_store {
	struct pl_writer writer;
	pthread_t write_thread;
	bool is_writing;
	struct pl_queue reads;
	bool has_reads;
	uint32_t nreaders;
	struct reader readers[MAX_READERS];
};

static void go_home(void *ctx, struct pl_op *op)
{
	(void)ctx;
	pl_op_go_home(op);
}

static void nobody_told(void *ctx, const char *why)
{
	(void)ctx;
	(void)why;
}

/* A reader's trouble is the operation's trouble: nothing that was acknowledged depends on it. */
static void answer(struct reader *r, struct pl_op *op)
{
	struct pl_writer *w = &r->store->writer;
	const struct pl_backend_ops *ops = r->backend->ops;
	bool wrote;
	op->err = PL_ESTORE;
	enum pl_trouble t = ops->begin(r->backend);
	if (!t)
		t = ops->run(r->backend, op);
	if (!t)
		t = ops->commit(r->backend, &wrote);
	if (t) {
		op->err = op->err ? op->err : PL_ESTORE;
		pl_log(w->log, PL_ERROR, "store", "%s failed: %s", pl_op_name(op->kind),
		       ops->why(r->backend));
		ops->rollback(r->backend);
		atomic_fetch_add(&w->read_errors, 1);
	}
	if (atomic_load(&w->is_dead))
		pl_op_free(op);
	else
		w->finish(w->ctx, op);
}

static void *read_loop(void *arg)
{
	struct reader *r = arg;
	struct pl_op *op;
	size_t waiting;
	while (pl_queue_take(&r->store->reads, 1, -1, &op, &waiting) == PL_TAKEN)
		answer(r, op);
	return NULL;
}

static void close_reads(void *arg)
{
	struct pl_store *s = arg;
	pl_queue_close(&s->reads);
}

static int start_threads(struct pl_store *s)
{
	if (pl_thread_start(&s->write_thread, pl_writer_run, &s->writer))
		return PL_ENOMEM;
	s->is_writing = true;
	for (uint32_t i = 0; i < s->nreaders; i++) {
		struct reader *r = &s->readers[i];
		if (pl_thread_start(&r->thread, read_loop, r))
			return PL_ENOMEM;
		r->is_running = true;
	}
	return 0;
}

static int open_backends(struct pl_store *s, const struct pl_store_options *o)
{
	struct pl_backend *first = NULL;
	int err = o->path ? pl_sqlite_open(o, &first) : pl_memory_open(o, &first);
	s->writer.backend = first;
	for (uint32_t i = 0; !err && i < s->nreaders; i++) {
		s->readers[i].store = s;
		err = first->ops->open_reader(first, &s->readers[i].backend);
	}
	return err;
}

static void configure(struct pl_store *s, const struct pl_store_options *o)
{
	s->nreaders = o->readers ? o->readers : DEFAULT_READERS;
	if (s->nreaders > MAX_READERS)
		s->nreaders = MAX_READERS;
	s->writer.log = o->log;
	s->writer.metrics = o->metrics;
	s->writer.finish = o->finish ? o->finish : go_home;
	s->writer.fatal = o->fatal ? o->fatal : nobody_told;
	s->writer.ctx = o->ctx;
	s->writer.on_death = close_reads;
	s->writer.death_ctx = s;
	atomic_init(&s->writer.is_dead, false);
	atomic_init(&s->writer.has_room, true);
	atomic_init(&s->writer.read_errors, 0);
}

int pl_store_open(const struct pl_store_options *o, struct pl_store **out)
{
	struct pl_store *s = PL_NEW(struct pl_store);
	if (!s)
		return PL_ENOMEM;
	size_t max = o->queue_max ? o->queue_max : DEFAULT_QUEUE;
	configure(s, o);
	int err = pl_queue_init(&s->writer.queue, max);
	if (err) {
		pl_free(s);
		return err;
	}
	err = pl_queue_init(&s->reads, max);
	s->has_reads = !err;
	if (!err)
		err = open_backends(s, o);
	if (!err)
		err = start_threads(s);
	if (err) {
		pl_store_close(s);
		return err;
	}
	*out = s;
	return 0;
}

static void stop_reading(struct pl_store *s)
{
	if (!s->has_reads)
		return;
	pl_queue_close(&s->reads);
	for (uint32_t i = 0; i < s->nreaders; i++) {
		struct reader *r = &s->readers[i];
		if (r->is_running)
			pthread_join(r->thread, NULL);
		if (r->backend)
			r->backend->ops->close(r->backend);
	}
	pl_queue_fini(&s->reads);
}

/* The writer's connection goes last: closing it folds the journal into the database. */
void pl_store_close(struct pl_store *s)
{
	if (!s)
		return;
	pl_queue_close(&s->writer.queue);
	if (s->is_writing)
		pthread_join(s->write_thread, NULL);
	stop_reading(s);
	if (s->writer.backend)
		s->writer.backend->ops->close(s->writer.backend);
	pl_queue_fini(&s->writer.queue);
	pl_free(s);
}

int pl_store_submit(struct pl_store *s, struct pl_op *op)
{
	return pl_queue_put(pl_op_is_write(op->kind) ? &s->writer.queue : &s->reads, op);
}

const uint8_t *pl_store_secret(const struct pl_store *s)
{
	return s->writer.backend->ops->secret(s->writer.backend);
}

bool pl_store_ready(const struct pl_store *s)
{
	return !atomic_load(&s->writer.is_dead) && atomic_load(&s->writer.has_room);
}
