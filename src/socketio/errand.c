/*
 * errand.c - what is answered once, by any thread, and then comes home to its worker: who may come
 * in, and acknowledgements.
 *
 * An errand lives until it is answered, whatever becomes of the client or the server. Its state,
 * which the set's lock guards, says whose it is:
 *
 *     HELD     the callback that it was given to is running; the worker looks when that returns
 *     AWAY     the answer posts it home to the worker
 *     ORPHANED the worker is gone: the answer ends it
 *     ANSWERED it is the worker's, on its way there or with it
 *
 * It is in the site's list from the beginning until the worker takes it, or is gone.
 */
#include "socketio/internal.h"

enum { HELD, AWAY, ORPHANED, ANSWERED };
enum { ASKED_MAX = 16384 };

static void take_off(struct pl_errand *e)
{
	e->site->nasked--;
	pl_list_remove(&e->node);
}

static void come_home(struct pl_task *t)
{
	struct pl_errand *e = PL_CONTAINER(t, struct pl_errand, task);
	take_off(e);
	e->finish(e);
}

int pl_errand_begin(struct pl_errand *e, struct pl_sio_site *s, bool is_held)
{
	if (s->nasked >= ASKED_MAX)
		return PL_ELIMIT;
	e->sio = s->sio;
	e->site = s;
	e->state = is_held ? HELD : AWAY;
	e->task.run = come_home;
	pl_list_append(&s->asked, &e->node);
	s->nasked++;
	return 0;
}

bool pl_errand_claim(struct pl_errand *e)
{
	return !atomic_exchange(&e->is_answered, true);
}

void pl_errand_answer(struct pl_errand *e)
{
	struct pl_sio *sio = e->sio;
	pthread_mutex_lock(&sio->lock);
	uint8_t was = e->state;
	e->state = ANSWERED;
	if (was == ORPHANED) {
		pl_sio_release(sio);
		e->drop(e);
		return;
	}
	/* Under the lock: the loop must not go meanwhile. */
	if (was == AWAY)
		pl_loop_post(e->site->loop, &e->task);
	pthread_mutex_unlock(&sio->lock);
}

bool pl_errand_let_go(struct pl_errand *e)
{
	pthread_mutex_lock(&e->sio->lock);
	bool is_answered = e->state == ANSWERED;
	if (!is_answered)
		e->state = AWAY;
	pthread_mutex_unlock(&e->sio->lock);
	if (is_answered)
		take_off(e);
	return is_answered;
}

static void orphan(struct pl_errand *e)
{
	take_off(e);
	e->state = ORPHANED;
	e->orphan(e);
	e->site = NULL;
	e->sio->refs++;
}

void pl_errands_end(struct pl_sio_site *s)
{
	/* Whose answer is on its way, or in the mailbox that nobody opens any more, stays in the
	 * list. */
	pthread_mutex_lock(&s->sio->lock);
	PL_LIST_EACH (node, &s->asked) {
		struct pl_errand *e = PL_CONTAINER(node, struct pl_errand, node);
		if (e->state != ANSWERED)
			orphan(e);
	}
	pthread_mutex_unlock(&s->sio->lock);
	PL_LIST_EACH (node, &s->asked) {
		struct pl_errand *e = PL_CONTAINER(node, struct pl_errand, node);
		take_off(e);
		e->orphan(e);
		e->drop(e);
	}
}
