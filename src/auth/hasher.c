/*
 * hasher.c - the threads that hash.
 *
 * Invariants:  a job is in the queue, on one thread, or home;  once is_stopped is set nothing comes
 * in.
 */
#include "auth/hasher.h"

#include "base/mem.h"
#include "base/thread.h"

#include <openssl/crypto.h>
#include <sched.h>
#include <sys/resource.h>

enum { LEAST_NICE = 19 };

struct pl_hasher {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct pl_task *first, **last;
	uint32_t len, max;
	bool is_stopped;
	uint32_t nthreads;
	pthread_t threads[PL_HASHER_THREADS_MAX];
};

struct pl_hash_job *pl_hash_job_new(struct pl_loop *home, void (*on_done)(struct pl_hash_job *),
				    void *owner)
{
	struct pl_hash_job *j = PL_NEW(struct pl_hash_job);
	if (!j)
		return NULL;
	j->home = home;
	j->on_done = on_done;
	j->owner = owner;
	return j;
}

void pl_hash_job_free(struct pl_hash_job *j)
{
	if (!j)
		return;
	OPENSSL_cleanse(j, sizeof(*j));
	pl_free(j);
}

int pl_hash_job_set_password(struct pl_hash_job *j, struct pl_slice password)
{
	if (password.len > PL_PASSWORD_MAX)
		return PL_EINVAL;
	if (password.len)
		memcpy(j->password, password.at, password.len);
	j->password_len = password.len;
	return 0;
}

static void arrive(struct pl_task *t)
{
	struct pl_hash_job *j = PL_CONTAINER(t, struct pl_hash_job, task);
	j->on_done(j);
}

static void go_home(struct pl_hash_job *j)
{
	OPENSSL_cleanse(j->password, sizeof(j->password));
	j->task.run = arrive;
	pl_loop_post(j->home, &j->task);
}

static void work(struct pl_hash_job *j)
{
	struct pl_slice password = pl_slice(j->password, j->password_len);
	if (!j->is_check) {
		j->err = pl_password_hash(password, j->hash);
		return;
	}
	j->err = pl_password_check(j->hash, password);
	if (j->err || !pl_password_is_dated(j->hash))
		return;
	/* Who cannot be given a new hash keeps the old one: the login stands. */
	if (pl_password_hash(password, j->renewed))
		j->renewed[0] = '\0';
}

static struct pl_hash_job *take(struct pl_hasher *h)
{
	pthread_mutex_lock(&h->lock);
	while (!h->first && !h->is_stopped)
		pthread_cond_wait(&h->more, &h->lock);
	struct pl_task *t = h->is_stopped ? NULL : h->first;
	if (t) {
		h->first = t->next;
		if (!h->first)
			h->last = &h->first;
		h->len--;
	}
	pthread_mutex_unlock(&h->lock);
	return t ? PL_CONTAINER(t, struct pl_hash_job, task) : NULL;
}

/*
 * Of this thread alone, on Linux. Whoever wakes up to say something takes the core from an idle
 * thread at once; from one that is merely nice only when its slice is over, milliseconds later.
 */
static void step_back(void)
{
	struct sched_param none = {0};
	if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &none))
		(void)setpriority(PRIO_PROCESS, 0, LEAST_NICE);
}

static void *run(void *arg)
{
	struct pl_hasher *h = arg;
	struct pl_hash_job *j;
	step_back();
	while ((j = take(h))) {
		work(j);
		go_home(j);
	}
	return NULL;
}

int pl_hasher_new(uint32_t threads, uint32_t queue_max, struct pl_hasher **out)
{
	struct pl_hasher *h = PL_NEW(struct pl_hasher);
	if (!h)
		return PL_ENOMEM;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	h->last = &h->first;
	h->max = queue_max;
	if (!threads || threads > PL_HASHER_THREADS_MAX)
		threads = threads ? PL_HASHER_THREADS_MAX : 1;
	for (; h->nthreads < threads; h->nthreads++)
		if (pl_thread_start(&h->threads[h->nthreads], run, h)) {
			pl_hasher_free(h);
			return PL_ENOMEM;
		}
	*out = h;
	return 0;
}

int pl_hasher_submit(struct pl_hasher *h, struct pl_hash_job *j)
{
	pthread_mutex_lock(&h->lock);
	int err = h->is_stopped ? PL_ESTATE : h->len >= h->max ? PL_EBUSY : 0;
	if (!err) {
		j->task.next = NULL;
		*h->last = &j->task;
		h->last = &j->task.next;
		h->len++;
		pthread_cond_signal(&h->more);
	}
	pthread_mutex_unlock(&h->lock);
	return err;
}

void pl_hasher_stop(struct pl_hasher *h)
{
	pthread_mutex_lock(&h->lock);
	h->is_stopped = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	for (uint32_t i = 0; i < h->nthreads; i++)
		pthread_join(h->threads[i], NULL);
	h->nthreads = 0;
	while (h->first) {
		struct pl_hash_job *j = PL_CONTAINER(h->first, struct pl_hash_job, task);
		h->first = j->task.next;
		j->err = PL_ESTATE;
		go_home(j);
	}
	h->last = &h->first;
	h->len = 0;
}

void pl_hasher_free(struct pl_hasher *h)
{
	if (!h)
		return;
	pl_hasher_stop(h);
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
	pl_free(h);
}
