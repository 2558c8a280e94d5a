/* upload_begin.c - a new upload: whether it may begin, and what it is called. */
#include "dialect/upload_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/chars.h"
#include "wire/filename.h"

_Static_assert((int)PL_FILENAME_MAX == (int)PL_FILE_NAME_MAX, "a clean name fits");
_Static_assert((int)PL_MEDIA_TYPE_MAX == (int)PL_FILE_TYPE_MAX, "a clean type fits");

int pl_upload_read_hex(struct pl_slice text, uint8_t *out, size_t n, bool *has)
{
	*has = text.at != NULL;
	if (!text.at)
		return 0;
	if (text.len != 2 * n)
		return PL_EINVAL;
	for (size_t i = 0; i < n; i++) {
		int high = pl_hex_value(text.at[2 * i]), low = pl_hex_value(text.at[2 * i + 1]);
		if (high < 0 || low < 0)
			return PL_EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static enum pl_upload_error error_of(int err)
{
	switch (err) {
	case PL_ENOTFOUND: return PL_UPLOAD_NOBODY;
	case PL_EINVAL: return PL_UPLOAD_INVALID;
	case PL_ETOOBIG: return PL_UPLOAD_QUOTA;
	case PL_ELIMIT: return PL_UPLOAD_MANY;
	default: return pl_upload_error_of(err);
	}
}

static void on_begun(struct pl_op *op)
{
	struct pl_upload_call *c = op->owner;
	const struct pl_file *f = &op->file_start.file;
	c->a.error = error_of(op->err);
	if (!op->err) {
		c->a.id = f->id;
		c->a.has_offset = true;
		c->a.size = f->size;
		c->a.conversation = f->conversation;
	}
	pl_op_free(op);
	pl_upload_tell(NULL, c);
}

static bool takes_type(const struct pl_upload_options *o, struct pl_slice type)
{
	bool fits = !o->ntypes;
	for (size_t i = 0; !fits && i < o->ntypes; i++)
		fits = pl_media_type_fits(type, o->types[i]);
	return fits;
}

static enum pl_upload_error check(struct pl_uploads *set, const struct pl_upload_ask *ask,
				  uint64_t *retry_ms)
{
	const struct pl_upload_options *o = set->options;
	if (!o->max_size)
		return PL_UPLOAD_OFF;
	if (!ask->room.len == !ask->to.len)
		return PL_UPLOAD_INVALID;
	if (ask->size > o->max_size)
		return PL_UPLOAD_TOO_LARGE;
	if (!pl_limits_take(set->hub->limits, PL_LIMIT_UPLOADS, pl_uuid_slice(&ask->user),
			    pl_now_ms(), retry_ms))
		return PL_UPLOAD_FINE;
	pl_metric_add(set->hub->metrics, PL_M_RATE_LIMITED, 1);
	return PL_UPLOAD_RATE;
}

static int copy_name(struct pl_arena *a, struct pl_slice said, struct pl_slice *out)
{
	struct pl_buf name;
	pl_buf_init(&name, PL_FILENAME_MAX);
	int err = pl_filename_clean(said, &name);
	if (!err)
		err = pl_arena_copy(a, pl_buf_slice(&name), out);
	pl_buf_fini(&name);
	return err == PL_ENOMEM ? err : err ? PL_EINVAL : 0;
}

/* An empty name of a room is none. */
static int copy_place(struct pl_op *op, const struct pl_upload_ask *ask)
{
	struct pl_op_file_start *in = &op->file_start;
	return ask->room.len ? pl_arena_copy(&op->arena, ask->room, &in->room)
			     : pl_arena_copy(&op->arena, ask->to, &in->to);
}

static enum pl_upload_error fill(struct pl_op *op, const struct pl_upload_options *o,
				 const struct pl_upload_ask *ask)
{
	struct pl_op_file_start *in = &op->file_start;
	char type[PL_MEDIA_TYPE_MAX + 1];
	pl_media_type_clean(ask->type, type);
	if (!takes_type(o, pl_slice_str(type)))
		return PL_UPLOAD_TYPE;
	in->user = ask->user;
	in->size = ask->size;
	in->in_group = ask->in_group;
	in->quota = o->quota;
	in->unfinished_max = o->unfinished_max;
	int err = pl_upload_read_hex(ask->sha256, in->sha256, sizeof(in->sha256), &in->has_sha256);
	if (!err)
		err = copy_name(&op->arena, ask->name, &in->name);
	if (!err)
		err = pl_arena_copy(&op->arena, pl_slice_str(type), &in->type);
	if (!err)
		err = copy_place(op, ask);
	return err ? error_of(err) : PL_UPLOAD_FINE;
}

void pl_upload_begin(struct pl_uploads *set, const struct pl_upload_ask *ask)
{
	struct pl_upload_answer a = {.what = ask->what};
	struct pl_upload_call *c = NULL;
	struct pl_op *op = NULL;
	a.error = check(set, ask, &a.retry_ms);
	if (!a.error) {
		c = pl_upload_call_new(ask, 0);
		op = c ? pl_op_new(PL_OP_FILE_START, set->hub->loop, on_begun, c) : NULL;
		a.error = op ? fill(op, set->options, ask) : PL_UPLOAD_BUSY;
	}
	if (a.error) {
		pl_op_free(op);
		pl_free(c);
		ask->answer(ask->owner, &a);
		return;
	}
	c->a.chunk_bytes = set->options->chunk_bytes;
	op->origin = ask->origin;
	pl_hub_submit(set->hub, op);
}
