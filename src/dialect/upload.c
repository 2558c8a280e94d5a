/*
 * upload.c - the uploads of a worker: found, loaded and opened when they are asked about, forgotten
 * when nobody asks any more.
 *
 * Invariants:  an upload is in the map as long as it is here;  it is idle iff nothing waits and
 *              nothing is under way.
 */
#include "dialect/upload_internal.h"

#include "base/clock.h"
#include "base/mem.h"

enum { OPEN_MAX = 4096, IDLE_MS = 60000, TICK_MS = 5000, RETRY_MS = 1000, MEMORY = 1024 };

static void on_tick(struct pl_timer *);

int pl_uploads_new(struct pl_hub *hub, struct pl_files *files, const struct pl_upload_options *o,
		   struct pl_uploads **out)
{
	struct pl_uploads *set = PL_NEW(struct pl_uploads);
	if (!set)
		return PL_ENOMEM;
	set->hub = hub;
	set->files = files;
	set->options = o;
	pl_map_init(&set->open, OPEN_MAX);
	pl_list_init(&set->idle);
	pl_timer_init(&set->tick, on_tick);
	*out = set;
	return 0;
}

void pl_uploads_set_options(struct pl_uploads *set, const struct pl_upload_options *o)
{
	set->options = o;
}

/* ---- answers ---- */

enum pl_upload_error pl_upload_error_of(int err)
{
	switch (err) {
	case 0: return PL_UPLOAD_FINE;
	case PL_EBUSY:
	case PL_ENOMEM: return PL_UPLOAD_BUSY;
	case PL_ECLOSED: /* the files have stopped */
	case PL_ESTORE: return PL_UPLOAD_STORAGE;
	case PL_EDENIED: return PL_UPLOAD_DENIED;
	case PL_ENOTFOUND: return PL_UPLOAD_UNKNOWN;
	case PL_ESTATE: return PL_UPLOAD_OFFSET;
	case PL_ETOOBIG: return PL_UPLOAD_TOO_LARGE;
	case PL_ECORRUPT: return PL_UPLOAD_CHECKSUM;
	case PL_EIO: return PL_UPLOAD_LOST;
	default: return PL_UPLOAD_FAILED;
	}
}

void pl_upload_tell(struct pl_uploads *set, struct pl_upload_call *c)
{
	(void)set;
	bool may_retry = c->a.error == PL_UPLOAD_BUSY || c->a.error == PL_UPLOAD_STORAGE;
	if (may_retry && !c->a.retry_ms)
		c->a.retry_ms = RETRY_MS;
	c->answer(c->owner, &c->a);
	pl_free(c);
}

void pl_upload_tell_error(struct pl_uploads *set, struct pl_upload_call *c, int err)
{
	c->a.error = pl_upload_error_of(err);
	pl_upload_tell(set, c);
}

/* ---- life ---- */

void pl_upload_leave(struct pl_upload *u)
{
	if (u->is_open)
		pl_files_leave(u->set->files, &u->key.id);
	u->is_open = false;
}

static void forget(struct pl_upload *u)
{
	pl_upload_leave(u);
	pl_map_remove(&u->set->open, pl_slice(&u->key, sizeof(u->key)));
	pl_list_remove(&u->node);
	pl_arena_fini(&u->memory);
	pl_free(u);
}

void pl_uploads_free(struct pl_uploads *set)
{
	if (!set)
		return;
	pl_timer_stop(&set->tick);
	PL_LIST_EACH (it, &set->idle)
		forget(PL_CONTAINER(it, struct pl_upload, node));
	pl_map_fini(&set->open);
	pl_free(set);
}

static void on_tick(struct pl_timer *t)
{
	struct pl_uploads *set = PL_CONTAINER(t, struct pl_uploads, tick);
	uint64_t now = pl_loop_now_ms(set->hub->loop);
	PL_LIST_EACH (it, &set->idle) {
		struct pl_upload *u = PL_CONTAINER(it, struct pl_upload, node);
		if (now - u->idle_ms < IDLE_MS)
			break;
		forget(u);
	}
	if (set->open.len)
		pl_timer_set(set->hub->loop, &set->tick, TICK_MS);
}

struct pl_upload *pl_upload_find(struct pl_uploads *set, const struct pl_upload_key *key)
{
	struct pl_upload *u = pl_map_get(&set->open, pl_slice(key, sizeof(*key)));
	if (u)
		return u;
	if (set->open.len == OPEN_MAX && !pl_list_empty(&set->idle))
		forget(PL_CONTAINER(set->idle.next, struct pl_upload, node));
	u = PL_NEW(struct pl_upload);
	if (!u)
		return NULL;
	u->set = set;
	u->key = *key;
	u->last = &u->first;
	pl_list_init(&u->node);
	pl_arena_init(&u->memory, MEMORY);
	if (pl_map_put(&set->open, pl_slice(&u->key, sizeof(u->key)), u)) {
		pl_free(u);
		return NULL;
	}
	if (!pl_timer_is_set(&set->tick))
		pl_timer_set(set->hub->loop, &set->tick, TICK_MS);
	return u;
}

void pl_upload_end(struct pl_upload *u, enum pl_upload_error error)
{
	struct pl_uploads *set = u->set;
	u->is_busy = true; /* whoever asks in an answer is answered as well */
	for (struct pl_upload_call *c; (c = pl_upload_take(u));) {
		c->a.error = error;
		pl_upload_tell(set, c);
	}
	forget(u);
}

static void job_done(struct pl_file_job *j)
{
	pl_file_job_free(j);
}

/* If it does not come to that, the sweep finds it. */
void pl_upload_delete_bytes(struct pl_uploads *set, const struct pl_uuid *id)
{
	struct pl_file_job *j = pl_file_job_new(PL_FILE_DELETE, set->hub->loop, job_done, NULL);
	if (!j)
		return;
	j->id = *id;
	if (pl_files_submit(set->files, j))
		pl_file_job_free(j);
}

static void on_given_up(struct pl_op *op)
{
	struct pl_upload *u = op->owner;
	pl_op_free(op);
	pl_upload_end(u, u->why);
}

void pl_upload_give_up(struct pl_upload *u, enum pl_upload_error error)
{
	struct pl_uploads *set = u->set;
	struct pl_op *op = pl_op_new(PL_OP_FILE_ABORT, set->hub->loop, on_given_up, u);
	pl_upload_delete_bytes(set, &u->key.id);
	if (!op) { /* whoever asks again finds that its bytes are gone */
		pl_upload_end(u, error);
		return;
	}
	op->file_abort.user = u->key.user;
	op->file_abort.id = u->key.id;
	u->why = error;
	u->is_busy = true;
	pl_hub_submit(set->hub, op);
}

/* ---- loading ---- */

/* One that is refused comes home through the mailbox, as any other. */
static void bring_home(struct pl_task *t)
{
	struct pl_file_job *j = PL_CONTAINER(t, struct pl_file_job, task);
	j->on_done(j);
}

void pl_upload_run(struct pl_upload *u, struct pl_file_job *j)
{
	u->is_busy = true;
	int err = pl_files_submit(u->set->files, j);
	if (!err)
		return;
	j->err = err;
	for (size_t i = 0; i < j->npieces; i++)
		j->pieces[i].err = j->err;
	j->task.run = bring_home;
	pl_loop_post(j->home, &j->task);
}

/* Nothing is known of it: the next question tries again. */
static void fail_to_load(struct pl_upload *u, int err)
{
	pl_upload_end(u, pl_upload_error_of(err));
}

static void on_opened(struct pl_file_job *j)
{
	struct pl_upload *u = j->owner;
	int err = j->err;
	u->offset = j->offset;
	u->is_busy = false;
	u->is_open = !err;
	pl_file_job_free(j);
	if (err == PL_EIO || err == PL_ECORRUPT || err == PL_ENOTFOUND)
		pl_upload_give_up(u, PL_UPLOAD_LOST);
	else if (err)
		fail_to_load(u, err);
	else
		pl_upload_next(u);
}

static void open_it(struct pl_upload *u)
{
	struct pl_file_job *j = pl_file_job_new(PL_FILE_OPEN, u->set->hub->loop, on_opened, u);
	if (!j) {
		fail_to_load(u, PL_ENOMEM);
		return;
	}
	j->id = u->key.id;
	j->size = u->file.size;
	j->offset = u->file.stored;
	pl_upload_run(u, j);
}

static void on_loaded(struct pl_op *op)
{
	struct pl_upload *u = op->owner;
	int err = op->err;
	u->is_busy = false;
	u->file = op->file_resume.file;
	pl_arena_fini(&u->memory);
	if (!err)
		err = pl_arena_copy(&u->memory, op->file_resume.file.name, &u->file.name);
	if (!err)
		err = pl_arena_copy(&u->memory, op->file_resume.file.type, &u->file.type);
	pl_op_free(op);
	u->is_loaded = !err;
	if (err)
		fail_to_load(u, err);
	else if (pl_file_is_complete(&u->file))
		pl_upload_next(u);
	else
		open_it(u);
}

static void load(struct pl_upload *u)
{
	struct pl_op *op = pl_op_new(PL_OP_FILE_RESUME, u->set->hub->loop, on_loaded, u);
	if (!op) {
		fail_to_load(u, PL_ENOMEM);
		return;
	}
	op->file_resume.user = u->key.user;
	op->file_resume.id = u->key.id;
	u->is_busy = true;
	pl_hub_submit(u->set->hub, op);
}

void pl_upload_next(struct pl_upload *u)
{
	if (u->is_busy)
		return;
	if (u->set->hub->is_stopped) { /* the end is near: nothing new is begun */
		pl_upload_end(u, PL_UPLOAD_STORAGE);
	} else if (!u->first && !u->is_loaded) {
		forget(u);
	} else if (!u->first) {
		u->idle_ms = pl_loop_now_ms(u->set->hub->loop);
		pl_list_append(&u->set->idle, &u->node);
	} else if (!u->is_loaded) {
		load(u);
	} else {
		pl_upload_step(u);
	}
}
