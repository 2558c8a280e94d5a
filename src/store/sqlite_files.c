/*
 * sqlite_files.c - rows of files: begun, as far as they got, forgotten, found.
 *
 * A row is made before the bytes and goes before them; only a complete file, which a message
 * carries, stays.
 */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

/* A row, and the keys of what it refers to. */
struct found {
	struct pl_file f;
	int64_t key, owner, message;
};

static int read_columns(struct pl_query *q, struct pl_arena *a, struct found *out)
{
	struct pl_slice sha256 = pl_column_text(q, 9);
	*out = (struct found){
		.f = {.id = pl_column_id(q, 1),
		      .owner = pl_column_id(q, 2),
		      .conversation = pl_column_id(q, 3),
		      .message = pl_column_id(q, 4),
		      .size = (uint64_t)pl_column_int(q, 7),
		      .stored = (uint64_t)pl_column_int(q, 8),
		      .has_sha256 = sha256.len == PL_FILE_SHA256,
		      .begun_ms = (uint64_t)pl_column_int(q, 10),
		      .changed_ms = (uint64_t)pl_column_int(q, 11)},
		.key = pl_column_int(q, 0),
		.owner = pl_column_int(q, 12),
		.message = pl_column_int(q, 13),
	};
	if (out->f.has_sha256)
		memcpy(out->f.sha256, sha256.at, PL_FILE_SHA256);
	int err = pl_column_copy(q, 5, a, &out->f.name);
	return err ? err : pl_column_copy(q, 6, a, &out->f.type);
}

static int read_file(struct pl_sqlite *c, struct pl_arena *a, const struct pl_uuid *id,
		     struct found *out)
{
	struct pl_query q = pl_query(c, PL_Q_FILE);
	pl_bind_id(&q, id);
	bool is_there = pl_query_row(&q);
	int err = is_there ? read_columns(&q, a, out) : PL_ENOTFOUND;
	int ended = pl_query_end(&q);
	return ended ? ended : err;
}

static int read_own(struct pl_sqlite *c, struct pl_arena *a, const struct pl_uuid *user,
		    const struct pl_uuid *id, struct found *out)
{
	int err = read_file(c, a, id, out);
	return !err && !pl_uuid_eq(&out->f.owner, user) ? PL_ENOTFOUND : err;
}

/* ---- begun ---- */

static int check_use(struct pl_sqlite *c, const struct pl_op_file_start *in, int64_t user)
{
	uint64_t used = 0, unfinished = 0;
	struct pl_query q = pl_query(c, PL_Q_FILE_USE);
	pl_bind_int(&q, user);
	pl_bind_int(&q, PL_FILE_OVERHEAD);
	if (pl_query_row(&q)) {
		used = (uint64_t)pl_column_int(&q, 0);
		unfinished = (uint64_t)pl_column_int(&q, 1);
	}
	int err = pl_query_end(&q);
	return err ? err : pl_rule_file_use(in, used, unfinished);
}

static int add_file(struct pl_sqlite *c, const struct pl_file *f, int64_t owner, int64_t room)
{
	struct pl_query q = pl_query(c, PL_Q_FILE_ADD);
	pl_bind_id(&q, &f->id);
	pl_bind_int(&q, owner);
	pl_bind_int(&q, room);
	pl_bind_text(&q, f->name);
	pl_bind_text(&q, f->type);
	pl_bind_int(&q, (int64_t)f->size);
	if (f->has_sha256)
		pl_bind_blob(&q, f->sha256, sizeof(f->sha256));
	else
		pl_bind_text(&q, (struct pl_slice){NULL, 0});
	pl_bind_int(&q, (int64_t)f->begun_ms);
	return pl_query_run(&q);
}

/* The direct conversation, after everything else was checked: it may be made just now. */
static int meet(struct pl_sqlite *c, struct pl_op *op, struct pl_uuid *conversation)
{
	struct pl_op_file_start *in = &op->file_start;
	struct pl_meeting m = {.user = &in->user, .to = in->to, .to_anyone = true, .create = true};
	int err = pl_meet(c, &op->arena, &m);
	if (err)
		return err;
	*conversation = m.found.id;
	if (m.existed)
		return 0;
	in->made = m.found;
	in->me = (struct pl_user){.id = m.me.id, .username = m.me.username};
	in->other = (struct pl_user){.id = m.other.id, .username = m.other.username};
	return 0;
}

int pl_sqlite_file_start(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_file_start *in = &op->file_start;
	struct pl_file f = pl_file_from_op(in, pl_wall_ms());
	struct pl_seat seat = {.user = 0};
	int64_t user = 0;
	in->made.id = (struct pl_uuid){{0}};
	int err = pl_rule_file_start(in);
	if (!err)
		err = pl_read_user_key(c, &in->user, &user);
	if (!err)
		err = check_use(c, in, user);
	if (!err)
		err = in->to.at ? meet(c, op, &f.conversation)
				: pl_name_room(c, in->room, &f.conversation);
	if (!err)
		err = pl_read_seat(c, &in->user, &f.conversation, &seat);
	if (!err)
		err = pl_rule_file_place(in, seat.type, seat.role != PL_NOT_MEMBER);
	if (!err)
		err = add_file(c, &f, user, seat.room);
	if (err)
		return err;
	f.owner = in->user;
	in->file = f;
	return 0;
}

/* ---- on its way ---- */

int pl_sqlite_file_resume(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_file_resume *in = &op->file_resume;
	struct found it;
	int err = read_own(c, &op->arena, &in->user, &in->id, &it);
	if (!err)
		in->file = it.f;
	return err;
}

int pl_sqlite_file_progress(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_file_progress *in = &op->file_progress;
	struct found it;
	int err = read_file(c, &op->arena, &in->id, &it);
	if (!err && it.message)
		err = PL_ESTATE;
	if (!err && in->stored > it.f.size)
		err = PL_EINVAL;
	if (err || in->stored <= it.f.stored)
		return err;
	struct pl_query q = pl_query(c, PL_Q_FILE_STORED);
	pl_bind_int(&q, (int64_t)in->stored);
	pl_bind_int(&q, (int64_t)pl_wall_ms());
	pl_bind_int(&q, it.key);
	return pl_query_run(&q);
}

static int drop(struct pl_sqlite *c, const struct pl_uuid *id)
{
	struct pl_query q = pl_query(c, PL_Q_FILE_DROP);
	pl_bind_id(&q, id);
	return pl_query_run(&q);
}

int pl_sqlite_file_abort(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_file_abort *in = &op->file_abort;
	struct found it;
	int err = read_own(c, &op->arena, &in->user, &in->id, &it);
	if (!err && it.message)
		err = PL_ESTATE;
	return err ? err : drop(c, &in->id);
}

int pl_sqlite_file_expire(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_file_expire *in = &op->file_expire;
	uint32_t limit = in->limit < PL_FILES_AT_ONCE ? in->limit : PL_FILES_AT_ONCE;
	struct pl_query q = pl_query(c, PL_Q_FILE_OLD);
	pl_bind_int(&q, (int64_t)in->before_ms);
	pl_bind_int(&q, limit);
	int err = pl_read_ids(&q, &op->arena, &in->ids, &in->nids);
	for (size_t i = 0; !err && i < in->nids; i++)
		err = drop(c, &in->ids[i]);
	return err;
}

/* ---- complete ---- */

int pl_file_to_send(struct pl_sqlite *c, struct pl_op *op, int64_t *key, int64_t *message)
{
	struct pl_op_send *in = &op->send;
	struct found it;
	int err = read_own(c, &op->arena, &in->user, &in->file, &it);
	if (err)
		return err;
	in->conversation = it.f.conversation;
	*key = it.key;
	*message = it.message;
	return it.message || it.f.stored == it.f.size ? 0 : PL_ESTATE;
}

int pl_file_sent(struct pl_sqlite *c, const struct pl_op_send *in, int64_t key, int64_t message)
{
	struct pl_query q = pl_query(c, PL_Q_FILE_DONE);
	pl_bind_int(&q, message);
	pl_bind_blob(&q, in->file_sha256, sizeof(in->file_sha256));
	pl_bind_int(&q, key);
	return pl_query_run(&q);
}

static int read_reader(struct pl_sqlite *c, struct pl_op *op, struct pl_user *out)
{
	int64_t key = 0;
	struct pl_query q = pl_query(c, PL_Q_USER_BY_SUBJECT);
	pl_bind_text(&q, op->file_find.subject);
	int err = pl_read_user(&q, &op->arena, out, &key);
	return err ? err : pl_check_standing(c, key, op->file_find.issued_s);
}

/* Whoever came in later sees neither what was said before nor its files. */
int pl_sqlite_file_find(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_file_find *in = &op->file_find;
	struct pl_seat seat;
	struct pl_user reader;
	struct found it;
	int err = read_reader(c, op, &reader);
	if (err)
		return err;
	err = read_file(c, &op->arena, &in->id, &it);
	if (!err && !it.message)
		err = PL_ENOTFOUND;
	if (!err)
		err = pl_read_seat(c, &reader.id, &it.f.conversation, &seat);
	if (err == PL_EDENIED || (!err && pl_message_seq(it.message) <= seat.joined_seq))
		err = PL_ENOTFOUND;
	if (!err)
		in->file = it.f;
	return err;
}

int pl_sqlite_file_known(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_file_known *in = &op->file_known;
	int err = in->nids > PL_FILES_AT_ONCE ? PL_EINVAL : 0;
	for (size_t i = 0; !err && i < in->nids; i++) {
		struct pl_query q = pl_query(c, PL_Q_FILE_EXISTS);
		pl_bind_id(&q, &in->ids[i]);
		bool is_known = pl_query_row(&q) && pl_column_int(&q, 0);
		err = pl_query_end(&q);
		if (is_known)
			in->ids[i] = (struct pl_uuid){{0}};
	}
	return err;
}
