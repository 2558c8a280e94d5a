/*
 * files.c - the threads, and which job is next.
 *
 * Invariants:  a job waits in one queue, is run by one thread, or is home;  an upload is in the
 * list of the ready ones iff it has jobs and none of them is running;  it is in the map as long as
 * it is open or has jobs;  at least one thread, of two or more, is not busy with uploads, so that
 * who reads does not wait for a disk that syncs.
 */
#include "files/internal.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/thread.h"

enum { DEFAULT_THREADS = 3, DEFAULT_JOBS = 4096, DEFAULT_BYTES = 64 << 20, UPLOADS_MAX = 1 << 20 };

struct pl_files {
	struct pl_files_dir dir;
	pthread_mutex_t opening; /* of the directory */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct pl_map uploads; /* by id */
	struct pl_upload_file *ready, **last_ready;
	struct pl_task *reads, **last_read;
	uint32_t jobs, jobs_max; /* that wait */
	size_t bytes, bytes_max;
	uint32_t writing, writing_max; /* threads that run a job of an upload */
	bool is_stopped;
	uint32_t nthreads;
	pthread_t threads[PL_FILES_THREADS_MAX];
};

/* ---- a job ---- */

struct pl_file_job *pl_file_job_new(enum pl_file_job_kind kind, struct pl_loop *home,
				    void (*on_done)(struct pl_file_job *), void *owner)
{
	struct pl_file_job *j = PL_NEW(struct pl_file_job);
	if (!j)
		return NULL;
	j->kind = kind;
	j->home = home;
	j->on_done = on_done;
	j->owner = owner;
	j->fd = -1;
	return j;
}

static struct pl_file_job *job_of(struct pl_task *t)
{
	return PL_CONTAINER(t, struct pl_file_job, task);
}

static void arrive(struct pl_task *t)
{
	struct pl_file_job *j = job_of(t);
	j->on_done(j);
}

static void go_home(struct pl_file_job *j)
{
	j->task.run = arrive;
	pl_loop_post(j->home, &j->task);
}

static size_t bytes_of(const struct pl_file_job *j)
{
	size_t n = j->len;
	for (size_t i = 0; i < j->npieces; i++)
		n += j->pieces[i].data.len;
	return n;
}

static bool is_of_upload(const struct pl_file_job *j)
{
	return j->kind != PL_FILE_READ && j->kind != PL_FILE_LIST;
}

/* ---- uploads; the lock is held ---- */

static struct pl_upload_file *find(const struct pl_files *p, const struct pl_uuid *id)
{
	return pl_map_get(&p->uploads, pl_uuid_slice(id));
}

static struct pl_upload_file *find_or_add(struct pl_files *p, const struct pl_uuid *id)
{
	struct pl_upload_file *f = find(p, id);
	if (f)
		return f;
	f = PL_NEW(struct pl_upload_file);
	if (!f)
		return NULL;
	f->id = *id;
	f->last = &f->first;
	if (!pl_map_put(&p->uploads, pl_uuid_slice(&f->id), f))
		return f;
	pl_free(f);
	return NULL;
}

static void drop_unused(struct pl_files *p, struct pl_upload_file *f)
{
	if (f->opens || f->first || f->is_running)
		return;
	pl_map_remove(&p->uploads, pl_uuid_slice(&f->id));
	pl_free(f);
}

static void make_ready(struct pl_files *p, struct pl_upload_file *f)
{
	f->next_ready = NULL;
	*p->last_ready = f;
	p->last_ready = &f->next_ready;
	pthread_cond_signal(&p->more);
}

static int put_upload(struct pl_files *p, struct pl_file_job *j)
{
	struct pl_upload_file *f = find_or_add(p, &j->id);
	if (!f)
		return PL_ENOMEM;
	bool was_idle = !f->first && !f->is_running;
	*f->last = &j->task;
	f->last = &j->task.next;
	if (was_idle)
		make_ready(p, f);
	return 0;
}

static void put_read(struct pl_files *p, struct pl_file_job *j)
{
	*p->last_read = &j->task;
	p->last_read = &j->task.next;
	pthread_cond_signal(&p->more);
}

static struct pl_file_job *take_task(struct pl_task **first, struct pl_task ***last)
{
	struct pl_task *t = *first;
	if (!t)
		return NULL;
	*first = t->next;
	if (!*first)
		*last = first;
	return job_of(t);
}

static struct pl_upload_file *take_ready(struct pl_files *p)
{
	struct pl_upload_file *f = p->ready;
	if (!f)
		return NULL;
	p->ready = f->next_ready;
	if (!p->ready)
		p->last_ready = &p->ready;
	return f;
}

int pl_files_submit(struct pl_files *p, struct pl_file_job *j)
{
	size_t bytes = bytes_of(j);
	int err = 0;
	j->task.next = NULL;
	pthread_mutex_lock(&p->lock);
	if (p->is_stopped)
		err = PL_ECLOSED;
	else if (p->jobs >= p->jobs_max || bytes > p->bytes_max - p->bytes)
		err = PL_EBUSY;
	else if (is_of_upload(j))
		err = put_upload(p, j);
	else
		put_read(p, j);
	if (!err) {
		p->jobs++;
		p->bytes += bytes;
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}

void pl_files_leave(struct pl_files *p, const struct pl_uuid *id)
{
	pthread_mutex_lock(&p->lock);
	struct pl_upload_file *f = find(p, id);
	if (f) {
		f->opens--;
		drop_unused(p, f);
	}
	pthread_mutex_unlock(&p->lock);
}

/* ---- threads ---- */

/* What a thread does next; the lock is held. */
struct turn {
	struct pl_upload_file *f; /* NULL: it is a read */
	struct pl_file_job *j;    /* NULL: the end */
};

static bool next(struct pl_files *p, struct turn *t)
{
	t->f = NULL;
	t->j = take_task(&p->reads, &p->last_read);
	if (!t->j && p->writing < p->writing_max)
		t->f = take_ready(p);
	if (t->f) {
		t->j = take_task(&t->f->first, &t->f->last);
		t->f->is_running = true;
		p->writing++;
	}
	return t->j != NULL;
}

static struct turn wait_for_turn(struct pl_files *p)
{
	struct turn t = {.f = NULL, .j = NULL};
	pthread_mutex_lock(&p->lock);
	while (!p->is_stopped && !next(p, &t))
		pthread_cond_wait(&p->more, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return t;
}

/* A job that is not done goes before those that wait behind it, and its upload behind the others.
 */
static void put_back(struct pl_upload_file *f, struct pl_file_job *j)
{
	j->task.next = f->first;
	if (!f->first)
		f->last = &j->task.next;
	f->first = &j->task;
}

static void end_turn(struct pl_files *p, const struct turn *t, bool is_done)
{
	struct pl_upload_file *f = t->f;
	pthread_mutex_lock(&p->lock);
	if (is_done) {
		p->jobs--;
		p->bytes -= bytes_of(t->j);
	}
	if (f) {
		p->writing--;
		f->is_running = false;
		f->opens += is_done && t->j->kind == PL_FILE_OPEN && !t->j->err;
		if (!is_done)
			put_back(f, t->j);
		if (f->first)
			make_ready(p, f);
		else if (p->ready)
			pthread_cond_signal(&p->more);
		drop_unused(p, f);
	}
	pthread_mutex_unlock(&p->lock);
	if (is_done)
		go_home(t->j);
}

/* A scratch directory is made when it is needed. */
static int get_ready(struct pl_files *p)
{
	pthread_mutex_lock(&p->opening);
	int err = p->dir.fd >= 0 ? 0 : pl_files_dir_open(&p->dir);
	pthread_mutex_unlock(&p->opening);
	return err;
}

static bool do_turn(struct pl_files *p, const struct turn *t)
{
	int err = get_ready(p);
	if (!err)
		return pl_file_work(&p->dir, t->f, t->j);
	pl_file_job_fail(t->j, err);
	return true;
}

static void *run(void *arg)
{
	struct pl_files *p = arg;
	for (;;) {
		struct turn t = wait_for_turn(p);
		if (!t.j)
			return NULL;
		end_turn(p, &t, do_turn(p, &t));
	}
}

/* ---- life ---- */

static int start(struct pl_files *p, uint32_t threads)
{
	if (!threads)
		threads = DEFAULT_THREADS;
	if (threads > PL_FILES_THREADS_MAX)
		threads = PL_FILES_THREADS_MAX;
	p->writing_max = threads > 1 ? threads - 1 : 1;
	for (; p->nthreads < threads; p->nthreads++)
		if (pl_thread_start(&p->threads[p->nthreads], run, p))
			return PL_ENOMEM;
	return 0;
}

int pl_files_new(const struct pl_files_options *o, struct pl_files **out)
{
	struct pl_files *p = PL_NEW(struct pl_files);
	if (!p)
		return PL_ENOMEM;
	pthread_mutex_init(&p->opening, NULL);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	pl_map_init(&p->uploads, UPLOADS_MAX);
	p->last_ready = &p->ready;
	p->last_read = &p->reads;
	p->jobs_max = o->jobs_max ? o->jobs_max : DEFAULT_JOBS;
	p->bytes_max = o->bytes_max ? o->bytes_max : DEFAULT_BYTES;
	int err = pl_files_dir_init(&p->dir, o);
	if (!err)
		err = start(p, o->threads);
	if (err) {
		pl_files_free(p);
		return err;
	}
	*out = p;
	return 0;
}

static void send_back(struct pl_task **first, struct pl_task ***last)
{
	for (struct pl_file_job *j; (j = take_task(first, last));) {
		pl_file_job_drop(j);
		pl_file_job_fail(j, PL_ECLOSED);
		go_home(j);
	}
}

void pl_files_stop(struct pl_files *p)
{
	pthread_mutex_lock(&p->lock);
	p->is_stopped = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (uint32_t i = 0; i < p->nthreads; i++)
		pthread_join(p->threads[i], NULL);
	p->nthreads = 0;
	send_back(&p->reads, &p->last_read);
	for (struct pl_upload_file *f; (f = take_ready(p));)
		send_back(&f->first, &f->last);
	p->jobs = 0;
	p->bytes = 0;
}

void pl_files_free(struct pl_files *p)
{
	if (!p)
		return;
	pl_files_stop(p);
	PL_MAP_EACH (slot, &p->uploads)
		pl_free(slot->value);
	pl_map_fini(&p->uploads);
	pl_files_dir_close(&p->dir);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->opening);
	pthread_mutex_destroy(&p->lock);
	pl_free(p);
}
