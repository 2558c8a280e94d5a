/*
 * upload_steps.c - what is done about an upload, one step at a time:
 *
 *     pieces:    files (write, sync) ──► store (so much is there) ──► answers
 *     complete:  files (read again, sync, name) ──► store (the message) ──► answer
 *     abort:     store (the row) ──► files (the bytes) ──► answer
 *
 * Invariant:  no answer says more than the store knows, nor the store more than is on the disk.
 */
#include "dialect/upload_internal.h"

#include "base/mem.h"

enum { BATCH_MAX = 32 };

/* ---- what is known of it ---- */

static void tell_state(const struct pl_upload *u, struct pl_upload_answer *a)
{
	a->has_offset = true;
	a->offset = u->file.stored;
	a->size = u->file.size;
	a->chunk_bytes = u->set->options->chunk_bytes;
	a->conversation = u->file.conversation;
	a->name = u->file.name;
	a->type = u->file.type;
	a->message = u->file.message;
	memcpy(a->sha256, u->file.sha256, sizeof(a->sha256));
}

/* The first that waits is answered; nothing is under way. */
static void answer_first(struct pl_upload *u, enum pl_upload_error error)
{
	struct pl_upload_call *c = pl_upload_take(u);
	c->a.error = error;
	tell_state(u, &c->a);
	u->is_busy = true; /* whoever asks in the answer waits */
	pl_upload_tell(u->set, c);
	u->is_busy = false;
	pl_upload_next(u);
}

/* ---- so much is there ---- */

/* The store is told what is on the disk; then on_done. */
static void note_progress(struct pl_upload *u, void (*on_done)(struct pl_op *))
{
	struct pl_op *op = pl_op_new(PL_OP_FILE_PROGRESS, u->set->hub->loop, on_done, u);
	if (!op) {
		pl_upload_end(u, PL_UPLOAD_BUSY);
		return;
	}
	op->file_progress.id = u->key.id;
	op->file_progress.stored = u->offset;
	u->is_busy = true;
	pl_hub_submit(u->set->hub, op);
}

/* ---- pieces ---- */

static void answer_piece(struct pl_upload *u, struct pl_upload_call *c, int err)
{
	tell_state(u, &c->a);
	if (c->a.what == PL_UPLOAD_APPEND && !err) {
		err = c->piece.err;
		c->a.offset = err ? c->a.offset : c->piece.offset + c->piece.data.len;
	}
	pl_upload_tell_error(u->set, c, err);
}

/* All of the step; err: what the store said to them. */
static void answer_batch(struct pl_upload *u, int err)
{
	u->is_busy = true;
	while (u->batch) {
		u->batch--;
		answer_piece(u, pl_upload_take(u), err);
	}
	u->is_busy = false;
	pl_upload_next(u);
}

/* Another worker has completed it. The store says so to all that waits. */
static void look_again(struct pl_upload *u)
{
	u->batch = 0;
	u->is_loaded = false;
	pl_upload_leave(u);
	pl_upload_next(u);
}

/* What the store has noted; its error. The operation is freed. */
static int take_progress(struct pl_upload *u, struct pl_op *op)
{
	int err = op->err;
	u->is_busy = false;
	if (!err)
		u->file.stored = op->file_progress.stored;
	pl_op_free(op);
	return err;
}

static void on_pieces_noted(struct pl_op *op)
{
	struct pl_upload *u = op->owner;
	int err = take_progress(u, op);
	if (err == PL_ENOTFOUND)
		pl_upload_end(u, PL_UPLOAD_UNKNOWN);
	else if (err == PL_ESTATE)
		look_again(u);
	else
		answer_batch(u, err);
}

static void take_results(struct pl_upload *u, const struct pl_file_job *j)
{
	struct pl_upload_call *c = u->first;
	size_t n = 0;
	for (uint32_t i = 0; i < u->batch; i++, c = c->next)
		if (c->a.what == PL_UPLOAD_APPEND)
			c->piece.err = j->pieces[n++].err;
	if (!j->err)
		u->offset = j->offset;
}

/* What the files could not do about the upload as a whole. False: it is over. */
static bool survives(struct pl_upload *u, int err)
{
	if (err == PL_EIO || err == PL_ECORRUPT)
		pl_upload_give_up(u, PL_UPLOAD_LOST);
	else if (err == PL_ENOTFOUND)
		pl_upload_end(u, PL_UPLOAD_UNKNOWN);
	else
		return true;
	return false;
}

static void on_appended(struct pl_file_job *j)
{
	struct pl_upload *u = j->owner;
	int err = j->err;
	u->is_busy = false;
	take_results(u, j);
	if (err == PL_ESTATE) /* another worker has completed it */
		u->offset = u->file.size;
	pl_free(j->pieces);
	pl_file_job_free(j);
	if (!survives(u, err))
		return;
	if (u->offset > u->file.stored)
		note_progress(u, on_pieces_noted);
	else
		answer_batch(u, 0);
}

/* The pieces that wait, and questions where it stands among them. */
static void append(struct pl_upload *u)
{
	struct pl_upload_call *c = u->first;
	struct pl_file_job *j = pl_file_job_new(PL_FILE_APPEND, u->set->hub->loop, on_appended, u);
	struct pl_file_piece *pieces = pl_zalloc(BATCH_MAX, sizeof(*pieces));
	if (!j || !pieces) {
		pl_file_job_free(j);
		pl_free(pieces);
		answer_first(u, PL_UPLOAD_BUSY);
		return;
	}
	j->pieces = pieces;
	for (u->batch = 0; c && u->batch < BATCH_MAX; u->batch++, c = c->next) {
		if (c->a.what == PL_UPLOAD_APPEND)
			pieces[j->npieces++] = c->piece;
		else if (c->a.what != PL_UPLOAD_RESUME)
			break;
	}
	j->id = u->key.id;
	j->size = u->file.size;
	pl_upload_run(u, j);
}

/* ---- complete ---- */

static void on_sent(struct pl_op *op)
{
	struct pl_upload *u = op->owner;
	int err = op->err;
	u->is_busy = false;
	if (!err) {
		u->file.message = op->send.message.id;
		u->file.has_sha256 = true;
		memcpy(u->file.sha256, op->send.file_sha256, sizeof(u->file.sha256));
		pl_upload_leave(u);
		if (!op->send.duplicate)
			pl_metric_add(u->set->hub->metrics, PL_M_UPLOADS, 1);
	}
	pl_op_free(op);
	if (err == PL_ENOTFOUND)
		pl_upload_end(u, PL_UPLOAD_UNKNOWN);
	else
		answer_first(u, pl_upload_error_of(err));
}

static void send(struct pl_upload *u)
{
	struct pl_op *op = pl_op_new(PL_OP_SEND, u->set->hub->loop, on_sent, u);
	if (!op || pl_upload_fill_message(op, &u->file)) {
		pl_op_free(op);
		answer_first(u, PL_UPLOAD_BUSY);
		return;
	}
	op->origin = u->first->origin;
	op->send.user = u->key.user;
	op->send.is_heard_first = true;
	op->send.file = u->key.id;
	memcpy(op->send.file_sha256, u->file.sha256, sizeof(op->send.file_sha256));
	u->is_busy = true;
	pl_hub_submit(u->set->hub, op);
}

static void on_whole_noted(struct pl_op *op)
{
	struct pl_upload *u = op->owner;
	int err = take_progress(u, op);
	if (err == PL_ENOTFOUND)
		pl_upload_end(u, PL_UPLOAD_UNKNOWN);
	else if (err && err != PL_ESTATE)
		answer_first(u, pl_upload_error_of(err));
	else
		send(u); /* another worker may have done so: then it is the same message */
}

static void on_finished(struct pl_file_job *j)
{
	struct pl_upload *u = j->owner;
	int err = j->err;
	u->is_busy = false;
	if (!err)
		memcpy(u->file.sha256, j->sha256, sizeof(u->file.sha256));
	pl_file_job_free(j);
	if (err == PL_ECORRUPT) {
		pl_upload_give_up(u, PL_UPLOAD_MISMATCH);
	} else if (err == PL_ESTATE) {
		answer_first(u, PL_UPLOAD_INCOMPLETE);
	} else if (!survives(u, err)) {
		return;
	} else if (err) {
		answer_first(u, pl_upload_error_of(err));
	} else if (u->file.stored < u->file.size) {
		u->offset = u->file.size;
		note_progress(u, on_whole_noted);
	} else {
		send(u);
	}
}

static void finish(struct pl_upload *u)
{
	const struct pl_upload_call *c = u->first;
	const struct pl_file *f = &u->file;
	bool differ = c->has_sha256 && f->has_sha256 &&
		      memcmp(c->sha256, f->sha256, sizeof(f->sha256)) != 0;
	struct pl_file_job *j = pl_file_job_new(PL_FILE_FINISH, u->set->hub->loop, on_finished, u);
	if (!j || differ) {
		pl_file_job_free(j);
		answer_first(u, differ ? PL_UPLOAD_INVALID : PL_UPLOAD_BUSY);
		return;
	}
	j->id = u->key.id;
	j->size = f->size;
	j->has_sha256 = c->has_sha256 || f->has_sha256;
	if (j->has_sha256)
		memcpy(j->sha256, f->has_sha256 ? f->sha256 : c->sha256, sizeof(j->sha256));
	pl_upload_run(u, j);
}

/* ---- abort ---- */

static void on_aborted(struct pl_op *op)
{
	struct pl_upload *u = op->owner;
	int err = op->err;
	u->is_busy = false;
	pl_op_free(op);
	if (err) {
		/* Complete, or gone, by another worker: to be looked at again. */
		u->is_loaded = false;
		pl_upload_leave(u);
		answer_first(u, err == PL_ESTATE ? PL_UPLOAD_COMPLETE : pl_upload_error_of(err));
		return;
	}
	pl_upload_delete_bytes(u->set, &u->key.id);
	u->is_busy = true;
	pl_upload_tell(u->set, pl_upload_take(u));
	u->is_busy = false;
	pl_upload_end(u, PL_UPLOAD_UNKNOWN);
}

static void abort_it(struct pl_upload *u)
{
	struct pl_op *op = pl_op_new(PL_OP_FILE_ABORT, u->set->hub->loop, on_aborted, u);
	if (!op) {
		answer_first(u, PL_UPLOAD_BUSY);
		return;
	}
	op->file_abort.user = u->key.user;
	op->file_abort.id = u->key.id;
	u->is_busy = true;
	pl_hub_submit(u->set->hub, op);
}

/* ---- all ---- */

void pl_upload_step(struct pl_upload *u)
{
	enum pl_upload_what what = u->first->a.what;
	if (pl_file_is_complete(&u->file)) {
		/* Who asks again has not heard the answer. */
		bool is_fine = what == PL_UPLOAD_FINISH || what == PL_UPLOAD_RESUME;
		answer_first(u, is_fine ? PL_UPLOAD_FINE : PL_UPLOAD_COMPLETE);
	} else if (what == PL_UPLOAD_FINISH) {
		finish(u);
	} else if (what == PL_UPLOAD_ABORT) {
		abort_it(u);
	} else {
		append(u);
	}
}
