/*
 * file_keeper.c - expiry and the sweep.
 *
 *     expire:  store (rows go) ──► files (their bytes go)
 *     sweep:   files (a list) ──► store (which are known?) ──► files (the other parts go)
 *
 * A part is made after its row: one that was listed and has no row is nobody's.
 */
#include "server/file_keeper.h"

#include "base/clock.h"
#include "store/rules.h"

enum { FIRST_MS = 500, TICK_MS = 60000, AGAIN_MS = 20, AT_ONCE = 500 };
_Static_assert((int)PL_FILES_LIST <= (int)PL_FILES_AT_ONCE, "a list fits in an operation");

static void on_deleted(struct pl_file_job *j)
{
	pl_file_job_free(j);
}

/* What is not removed now is found by the sweep of the next start. */
static void delete_bytes(struct pl_file_keeper *k, const struct pl_uuid *id, bool only_part)
{
	struct pl_file_job *j = pl_file_job_new(PL_FILE_DELETE, k->hub->loop, on_deleted, NULL);
	if (!j)
		return;
	j->id = *id;
	j->only_part = only_part;
	if (pl_files_submit(k->files, j))
		pl_file_job_free(j);
}

/* ---- expiry ---- */

static void on_expired(struct pl_op *op)
{
	struct pl_file_keeper *k = op->owner;
	const struct pl_op_file_expire *e = &op->file_expire;
	bool is_more = !op->err && e->nids == e->limit;
	k->is_busy = false;
	for (size_t i = 0; !op->err && i < e->nids; i++)
		delete_bytes(k, &e->ids[i], false);
	if (!op->err && e->nids)
		pl_log(k->hub->log, PL_INFO, "files", "%zu unfinished uploads expired", e->nids);
	if (is_more && !k->hub->is_stopped)
		pl_timer_set(k->hub->loop, &k->tick, AGAIN_MS);
	pl_op_free(op);
}

static void expire(struct pl_file_keeper *k)
{
	uint64_t now = pl_wall_ms();
	struct pl_op *op = pl_op_new(PL_OP_FILE_EXPIRE, k->hub->loop, on_expired, k);
	if (!op)
		return;
	op->file_expire.before_ms = now > k->expiry_ms ? now - k->expiry_ms : 0;
	op->file_expire.limit = AT_ONCE;
	k->is_busy = true;
	pl_hub_submit(k->hub, op);
}

static void on_tick(struct pl_timer *t)
{
	struct pl_file_keeper *k = PL_CONTAINER(t, struct pl_file_keeper, tick);
	pl_timer_set(k->hub->loop, &k->tick, TICK_MS);
	if (!k->is_busy)
		expire(k);
}

/* ---- the sweep ---- */

static void list_on(struct pl_file_keeper *k);

static void end_sweep(struct pl_file_keeper *k, int err)
{
	pl_file_job_free(k->list);
	k->list = NULL;
	if (err && err != PL_ECLOSED && !k->hub->is_stopped)
		pl_log(k->hub->log, PL_ERROR, "files", "the directory could not be swept: %s",
		       pl_strerror(err));
	if (k->removed)
		pl_log(k->hub->log, PL_INFO, "files", "%zu parts of forgotten uploads removed",
		       k->removed);
	if (k->strangers)
		pl_log(k->hub->log, PL_WARN, "files",
		       "%zu complete files are not known to the database; they are left alone",
		       k->strangers);
}

static void on_known(struct pl_op *op)
{
	struct pl_file_keeper *k = op->owner;
	const struct pl_op_file_known *in = &op->file_known;
	int err = op->err;
	for (size_t i = 0; !err && i < in->nids; i++) {
		if (pl_uuid_is_nil(&in->ids[i]))
			continue;
		bool is_partial = k->list->found[i].is_partial;
		k->removed += is_partial;
		k->strangers += !is_partial;
		if (is_partial)
			delete_bytes(k, &in->ids[i], true);
	}
	pl_op_free(op);
	if (err)
		end_sweep(k, err);
	else
		list_on(k);
}

static int ask_which_are_known(struct pl_file_keeper *k)
{
	const struct pl_file_job *j = k->list;
	struct pl_op *op = pl_op_new(PL_OP_FILE_KNOWN, k->hub->loop, on_known, k);
	struct pl_uuid *ids = op ? pl_arena_array(&op->arena, j->nfound, sizeof(*ids)) : NULL;
	if (!ids) {
		pl_op_free(op);
		return PL_ENOMEM;
	}
	for (size_t i = 0; i < j->nfound; i++)
		ids[i] = j->found[i].id;
	op->file_known.ids = ids;
	op->file_known.nids = j->nfound;
	pl_hub_submit(k->hub, op);
	return 0;
}

static void on_listed(struct pl_file_job *j)
{
	struct pl_file_keeper *k = j->owner;
	int err = j->err;
	if (!err && j->nfound)
		err = ask_which_are_known(k);
	if (err || !j->nfound)
		end_sweep(k, err);
}

static void list_on(struct pl_file_keeper *k)
{
	int err = pl_files_submit(k->files, k->list);
	if (err)
		end_sweep(k, err);
}

/* ---- life ---- */

void pl_file_keeper_start(struct pl_file_keeper *k, struct pl_hub *hub, struct pl_files *files,
			  uint64_t expiry_ms, bool sweeps)
{
	*k = (struct pl_file_keeper){.hub = hub, .files = files, .expiry_ms = expiry_ms};
	pl_timer_init(&k->tick, on_tick);
	pl_timer_set(hub->loop, &k->tick, FIRST_MS);
	if (!sweeps)
		return;
	k->list = pl_file_job_new(PL_FILE_LIST, hub->loop, on_listed, k);
	if (k->list)
		list_on(k);
	else
		end_sweep(k, PL_ENOMEM);
}

void pl_file_keeper_fini(struct pl_file_keeper *k)
{
	if (k->hub)
		pl_timer_stop(&k->tick);
	*k = (struct pl_file_keeper){.hub = NULL};
}
