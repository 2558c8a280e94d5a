/* memory_files.c - rows of files in the memory store. Forgotten ones stay in its arena. */
#include "store/memory.h"

#include "base/clock.h"

static struct pl_mem_file *find(const struct pl_memory *m, const struct pl_uuid *id)
{
	return pl_map_get(&m->files, pl_uuid_slice(id));
}

static struct pl_mem_file *find_own(const struct pl_memory *m, const struct pl_uuid *user,
				    const struct pl_uuid *id)
{
	struct pl_mem_file *x = find(m, id);
	return x && pl_uuid_eq(&x->owner->id, user) ? x : NULL;
}

static int copy_out(struct pl_arena *a, const struct pl_mem_file *x, struct pl_file *out)
{
	struct pl_file f = x->f;
	f.owner = x->owner->id;
	f.conversation = x->room->c.id;
	if (x->message)
		f.message = x->message->m.id;
	int err = pl_arena_copy(a, x->f.name, &f.name);
	if (!err)
		err = pl_arena_copy(a, x->f.type, &f.type);
	if (!err)
		*out = f;
	return err;
}

/* ---- begun ---- */

static int check_use(const struct pl_memory *m, const struct pl_op_file_start *in)
{
	uint64_t used = 0, unfinished = 0;
	for (const struct pl_mem_file *x = m->newest_file; x; x = x->next) {
		if (!pl_uuid_eq(&x->owner->id, &in->user))
			continue;
		used += x->f.size + PL_FILE_OVERHEAD;
		unfinished += !x->message;
	}
	return pl_rule_file_use(in, used, unfinished);
}

static int meet(struct pl_memory *m, struct pl_op *op, struct pl_mem_room **out)
{
	struct pl_op_file_start *in = &op->file_start;
	struct pl_mem_meeting x = {
		.user = &in->user, .to = in->to, .to_anyone = true, .create = true};
	int err = pl_mem_meet(m, &x);
	if (err)
		return err;
	*out = x.room;
	if (x.existed)
		return 0;
	in->made = x.room->c; /* without names: nothing to copy */
	err = pl_mem_copy_name(&op->arena, x.me, &in->me);
	return err ? err : pl_mem_copy_name(&op->arena, x.other, &in->other);
}

static int find_place(struct pl_memory *m, struct pl_op *op, struct pl_mem_room **r)
{
	struct pl_op_file_start *in = &op->file_start;
	struct pl_mem_member visitor, *me;
	struct pl_uuid id = {{0}};
	in->made.id = id;
	if (in->to.at)
		return meet(m, op, r);
	int err = pl_mem_seat(m, &in->user, in->room, &id, r, &visitor, &me);
	return err ? err : pl_rule_file_place(in, (*r)->c.type, me != &visitor);
}

static int new_file(struct pl_memory *m, const struct pl_op_file_start *in,
		    struct pl_mem_file **out)
{
	struct pl_mem_file *x = pl_arena_alloc(&m->arena, sizeof(*x));
	if (!x)
		return PL_ENOMEM;
	x->f = pl_file_from_op(in, pl_wall_ms());
	x->owner = pl_map_get(&m->user_ids, pl_uuid_slice(&in->user));
	int err = pl_arena_copy(&m->arena, in->name, &x->f.name);
	if (!err)
		err = pl_arena_copy(&m->arena, in->type, &x->f.type);
	*out = x;
	return err;
}

int pl_memory_file_start(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_file_start *in = &op->file_start;
	struct pl_mem_file *x = NULL;
	int err = pl_rule_file_start(in);
	if (!err && !pl_map_get(&m->user_ids, pl_uuid_slice(&in->user)))
		err = PL_EDENIED;
	if (!err)
		err = check_use(m, in);
	if (!err)
		err = new_file(m, in, &x);
	if (!err)
		err = find_place(m, op, &x->room);
	if (!err)
		err = copy_out(&op->arena, x, &in->file);
	if (!err)
		err = pl_map_put(&m->files, pl_uuid_slice(&x->f.id), x);
	if (err)
		return err;
	x->next = m->newest_file;
	m->newest_file = x;
	m->changes++;
	return 0;
}

/* ---- on its way ---- */

int pl_memory_file_resume(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_file_resume *in = &op->file_resume;
	const struct pl_mem_file *x = find_own(m, &in->user, &in->id);
	return x ? copy_out(&op->arena, x, &in->file) : PL_ENOTFOUND;
}

int pl_memory_file_progress(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_file_progress *in = &op->file_progress;
	struct pl_mem_file *x = find(m, &in->id);
	if (!x || x->message)
		return x ? PL_ESTATE : PL_ENOTFOUND;
	if (in->stored > x->f.size)
		return PL_EINVAL;
	if (in->stored <= x->f.stored)
		return 0;
	x->f.stored = in->stored;
	x->f.changed_ms = pl_wall_ms();
	m->changes++;
	return 0;
}

static void drop(struct pl_memory *m, struct pl_mem_file **link)
{
	struct pl_mem_file *x = *link;
	pl_map_remove(&m->files, pl_uuid_slice(&x->f.id));
	*link = x->next;
	m->changes++;
}

int pl_memory_file_abort(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_file_abort *in = &op->file_abort;
	const struct pl_mem_file *x = find_own(m, &in->user, &in->id);
	struct pl_mem_file **link = &m->newest_file;
	if (!x || x->message)
		return x ? PL_ESTATE : PL_ENOTFOUND;
	while (*link != x)
		link = &(*link)->next;
	drop(m, link);
	return 0;
}

int pl_memory_file_expire(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_file_expire *in = &op->file_expire;
	uint32_t limit = in->limit < PL_FILES_AT_ONCE ? in->limit : PL_FILES_AT_ONCE;
	struct pl_mem_file **link = &m->newest_file;
	in->nids = 0;
	in->ids = pl_arena_array(&op->arena, limit, sizeof(*in->ids));
	if (!in->ids)
		return PL_ENOMEM;
	while (*link && in->nids < limit) {
		struct pl_mem_file *x = *link;
		if (!x->message && x->f.changed_ms < in->before_ms) {
			in->ids[in->nids++] = x->f.id;
			drop(m, link);
		} else {
			link = &x->next;
		}
	}
	return 0;
}

/* ---- complete ---- */

int pl_mem_file_to_send(const struct pl_memory *m, struct pl_op_send *in, struct pl_mem_file **out)
{
	if (pl_uuid_is_nil(&in->file))
		return 0;
	struct pl_mem_file *x = find_own(m, &in->user, &in->file);
	if (!x)
		return PL_ENOTFOUND;
	if (!x->message && x->f.stored != x->f.size)
		return PL_ESTATE;
	*out = x;
	return 0;
}

void pl_mem_file_sent(struct pl_mem_file *x, const struct pl_op_send *in,
		      const struct pl_mem_message *message)
{
	x->message = message;
	x->f.has_sha256 = true;
	memcpy(x->f.sha256, in->file_sha256, sizeof(x->f.sha256));
}

int pl_memory_file_find(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_file_find *in = &op->file_find;
	const struct pl_user *u = pl_map_get(&m->subjects, in->subject);
	const struct pl_mem_file *x = find(m, &in->id);
	struct pl_slice no_name = {NULL, 0};
	struct pl_mem_member visitor, *me;
	struct pl_mem_room *r;
	if (!u)
		return PL_ENOTFOUND;
	if (!pl_mem_may_enter(m, &u->id, in->issued_s))
		return PL_EDENIED;
	if (!x || !x->message)
		return PL_ENOTFOUND;
	struct pl_uuid id = x->room->c.id;
	bool is_there = !pl_mem_seat(m, &u->id, no_name, &id, &r, &visitor, &me);
	if (!is_there || x->message->m.seq <= me->joined_seq)
		return PL_ENOTFOUND;
	return copy_out(&op->arena, x, &in->file);
}

int pl_memory_file_known(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_file_known *in = &op->file_known;
	if (in->nids > PL_FILES_AT_ONCE)
		return PL_EINVAL;
	for (size_t i = 0; i < in->nids; i++)
		if (find(m, &in->ids[i]))
			in->ids[i] = (struct pl_uuid){{0}};
	return 0;
}
