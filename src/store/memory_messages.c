/* memory_messages.c - messages of the memory store: append, retry, pages, read positions. */
#include "store/memory.h"

#include "base/clock.h"

enum { TEXT_BYTES = 4 << 20 };

static struct pl_user public_user(const struct pl_user *u)
{
	return (struct pl_user){.id = u->id,
				.subject = u->subject,
				.subject_is_number = u->subject_is_number,
				.username = u->username,
				.display_name = u->display_name,
				.avatar_url = u->avatar_url};
}

static int copy_sender(struct pl_arena *a, const struct pl_user *u, struct pl_user *out)
{
	struct pl_user copy = public_user(u);
	int err = pl_arena_copy(a, u->subject, &copy.subject);
	if (!err)
		err = pl_arena_copy(a, u->username, &copy.username);
	if (!err)
		err = pl_arena_copy(a, u->display_name, &copy.display_name);
	if (!err)
		err = pl_arena_copy(a, u->avatar_url, &copy.avatar_url);
	if (!err)
		*out = copy;
	return err;
}

struct pl_slice pl_mem_content(const struct pl_mem_message *x, const struct pl_uuid *reader)
{
	if (!x->m.per_recipient || pl_uuid_eq(&x->sender->id, reader))
		return x->m.content;
	for (size_t i = 0; i < x->ncopies; i++)
		if (pl_uuid_eq(&x->copies[i].user, reader))
			return x->copies[i].content;
	return (struct pl_slice){NULL, 0};
}

int pl_mem_copy_message(struct pl_arena *a, const struct pl_mem_message *x,
			const struct pl_uuid *reader, struct pl_message *out)
{
	struct pl_message m = x->m;
	int err = pl_arena_copy(a, pl_mem_content(x, reader), &m.content);
	if (!err)
		err = pl_arena_copy(a, x->m.metadata, &m.metadata);
	if (!err)
		err = copy_sender(a, x->sender, &m.sender);
	if (!err)
		*out = m;
	return err;
}

struct pl_mem_message *pl_mem_message(const struct pl_memory *m, const struct pl_mem_room *r,
				      const struct pl_mem_member *me, const struct pl_uuid *id)
{
	struct pl_mem_message *x = pl_map_get(&m->message_ids, pl_uuid_slice(id));
	bool is_here = x && pl_uuid_eq(&x->m.conversation, &r->c.id);
	return is_here && x->m.seq > me->joined_seq ? x : NULL;
}

static int keep_copies(struct pl_memory *m, const struct pl_op_send *in, struct pl_mem_message *x)
{
	x->copies = pl_arena_array(&m->arena, in->ncopies, sizeof(*x->copies));
	if (!x->copies)
		return PL_ENOMEM;
	for (size_t i = 0; i < in->ncopies; i++) {
		if (pl_uuid_eq(&in->copies[i].user, &in->user))
			continue;
		struct pl_copy *c = &x->copies[x->ncopies++];
		c->user = in->copies[i].user;
		if (pl_arena_copy(&m->arena, in->copies[i].content, &c->content))
			return PL_ENOMEM;
	}
	return 0;
}

static int make_message(struct pl_memory *m, const struct pl_op_send *in, struct pl_mem_room *r,
			const struct pl_mem_member *me, uint64_t now, struct pl_mem_message **out)
{
	struct pl_mem_message *x = pl_arena_alloc(&m->arena, sizeof(*x));
	struct pl_mem_message **all = pl_grow(&m->arena, r->messages, r->c.last_seq,
					      &r->cap_messages, sizeof(*r->messages));
	if (!x || !all)
		return PL_ENOMEM;
	r->messages = all;
	x->m = (struct pl_message){.id = pl_uuid_v7_after(&m->newest, now),
				   .conversation = in->conversation,
				   .seq = r->c.last_seq + 1,
				   .kind = pl_kind_name(pl_kind_number(in->kind)),
				   .format = in->format,
				   .per_recipient = in->ncopies > 0,
				   .reply_to = in->reply_to,
				   .created_ms = now};
	x->sender = me->user;
	if (!pl_uuid_is_nil(&in->reply_to)) {
		x->reply_to = pl_mem_message(m, r, me, &in->reply_to);
		if (!x->reply_to)
			return PL_ENOTFOUND;
	}
	int err = pl_arena_copy(&m->arena, pl_own_content(in), &x->m.content);
	if (!err)
		err = pl_arena_copy(&m->arena, in->metadata, &x->m.metadata);
	if (!err && in->ncopies)
		err = keep_copies(m, in, x);
	*out = x;
	return err;
}

/* A hash of which the first message is a day old stands for the new one from now on. */
static int remember(struct pl_memory *m, const uint8_t hash[PL_RETRY_HASH],
		    struct pl_mem_message *x)
{
	struct pl_slice key;
	int err = pl_arena_copy(&m->arena, pl_slice(hash, PL_RETRY_HASH), &key);
	if (err)
		return err;
	pl_map_remove(&m->retries, key);
	return pl_map_put(&m->retries, key, x);
}

static int append(struct pl_memory *m, struct pl_op *op, struct pl_mem_room *r,
		  const struct pl_mem_member *me, const uint8_t *hash, uint64_t now)
{
	struct pl_mem_message *x = NULL;
	int err = r->c.last_seq >= PL_SEQ_MAX ? PL_ELIMIT : 0;
	if (!err)
		err = make_message(m, &op->send, r, me, now, &x);
	if (!err)
		err = pl_mem_copy_message(&op->arena, x, &op->send.user, &op->send.message);
	if (!err)
		err = pl_map_put(&m->message_ids, pl_uuid_slice(&x->m.id), x);
	if (!err && hash) {
		err = remember(m, hash, x);
		if (err)
			pl_map_remove(&m->message_ids, pl_uuid_slice(&x->m.id));
	}
	if (err)
		return err;
	r->messages[r->c.last_seq++] = x;
	r->c.updated_ms = now;
	m->changes++;
	return 0;
}

static int check_recipients(const struct pl_op_send *in, const struct pl_mem_room *r)
{
	for (size_t i = 0; i < in->ncopies; i++)
		if (!pl_mem_member(r, &in->copies[i].user))
			return PL_EINVAL;
	return 0;
}

static int meet(struct pl_memory *m, struct pl_op_send *in)
{
	struct pl_mem_meeting x = {.user = &in->user,
				   .to = in->to,
				   .to_anyone = in->to_anyone,
				   .pair = in->pair,
				   .create = true};
	int err = pl_mem_meet(m, &x);
	if (err)
		return err;
	in->conversation = x.room->c.id;
	if (!x.existed)
		in->made = x.room->c; /* without names: nothing to copy */
	return 0;
}

static int find_seat(struct pl_memory *m, struct pl_op_send *in, const struct pl_mem_file *file,
		     struct pl_mem_room **r, struct pl_mem_member *visitor,
		     struct pl_mem_member **me)
{
	in->made.id = in->other.id = (struct pl_uuid){{0}};
	bool is_found = in->to.len || file;
	struct pl_slice room = is_found ? (struct pl_slice){NULL, 0} : in->room;
	if (file)
		in->conversation = file->room->c.id;
	int err = in->to.len && !file ? meet(m, in) : 0;
	if (!err)
		err = pl_mem_seat(m, &in->user, room, &in->conversation, r, visitor, me);
	if (!in->in_group)
		return err;
	return pl_rule_in_group(err, err ? PL_ROOM : (*r)->c.type, !err && *me != visitor);
}

int pl_memory_send(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_send *in = &op->send;
	struct pl_mem_room *r = NULL;
	struct pl_mem_member visitor, *me = NULL;
	uint8_t hash[PL_RETRY_HASH];
	uint64_t now = pl_wall_ms();
	in->duplicate = false;
	bool by_client = in->client_id.len > 0, wanted = by_client || in->request_id.len;
	struct pl_mem_file *file = NULL;
	int err = pl_rule_send(op);
	if (!err)
		err = pl_mem_file_to_send(m, in, &file);
	if (!err)
		err = find_seat(m, in, file, &r, &visitor, &me);
	if (!err)
		err = check_recipients(in, r);
	if (!err)
		err = pl_arena_copy(&op->arena, r->c.alias, &in->alias);
	if (!err && r->c.type == PL_DIRECT)
		err = pl_mem_copy_name(&op->arena, r->members[r->members[0].user == me->user].user,
				       &in->other);
	if (!err && wanted)
		err = pl_retry_hash(m->hasher, m->sha256, in, hash);
	if (err)
		return err;
	const struct pl_mem_message *first =
		wanted ? pl_map_get(&m->retries, pl_slice(hash, sizeof(hash))) : NULL;
	if (file && file->message)
		first = file->message;
	if (first && (by_client || file || first->m.created_ms + PL_RETRY_MS >= now)) {
		in->duplicate = true;
		return pl_mem_copy_message(&op->arena, first, &in->user, &in->message);
	}
	err = append(m, op, r, me, wanted ? hash : NULL, now);
	if (!err && file)
		pl_mem_file_sent(file, in, r->messages[r->c.last_seq - 1]);
	return err;
}

static int put(struct pl_op *op, const struct pl_mem_message *x, const struct pl_mem_member *me)
{
	struct pl_op_page *in = &op->page;
	struct pl_message *out = &in->messages[in->nmessages];
	int err = pl_mem_copy_message(&op->arena, x, &in->user, out);
	if (err)
		return err;
	in->nmessages++;
	if (!x->reply_to || x->reply_to->m.seq <= me->joined_seq)
		return 0;
	struct pl_slice content = pl_mem_content(x->reply_to, &in->user);
	if (!content.at)
		return 0;
	out->reply_found = true;
	out->reply_sender = x->reply_to->sender->id;
	return pl_arena_copy(&op->arena, content, &out->reply_content);
}

/* From seq `at` in steps of +1 or -1, over what is hidden, until the page is full. */
static int fill(struct pl_op *op, const struct pl_mem_room *r, const struct pl_mem_member *me,
		uint64_t at, int step)
{
	struct pl_op_page *in = &op->page;
	size_t limit = in->limit < PL_PAGE_MAX ? in->limit : PL_PAGE_MAX, text = 0;
	in->messages = pl_arena_array(&op->arena, limit, sizeof(*in->messages));
	in->nmessages = 0;
	in->has_more = false;
	int err = in->messages ? 0 : PL_ENOMEM;
	for (; !err && at > me->joined_seq && at <= r->c.last_seq; at += (uint64_t)(int64_t)step) {
		const struct pl_mem_message *x = r->messages[at - 1];
		struct pl_slice content = pl_mem_content(x, &in->user);
		if (!content.at)
			continue;
		text += content.len + x->m.metadata.len;
		in->has_more = in->nmessages == limit || (in->nmessages && text > PL_PAGE_BYTES);
		if (in->has_more)
			return 0;
		err = put(op, x, me);
	}
	return err;
}

int pl_memory_page(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_page *in = &op->page;
	struct pl_mem_room *r = NULL;
	struct pl_mem_member visitor, *me = NULL;
	int err = pl_mem_seat(m, &in->user, in->room, &in->conversation, &r, &visitor, &me);
	if (in->in_group)
		err = pl_rule_in_group(err, err ? PL_ROOM : r->c.type, !err && me != &visitor);
	if (err)
		return err;
	if (in->forward) {
		uint64_t after = in->after_seq > me->joined_seq ? in->after_seq : me->joined_seq;
		return fill(op, r, me, after < PL_SEQ_MAX ? after + 1 : PL_SEQ_MAX + 1ULL, 1);
	}
	uint64_t last = r->c.last_seq;
	if (!pl_uuid_is_nil(&in->before)) {
		const struct pl_mem_message *x = pl_mem_message(m, r, me, &in->before);
		if (!x)
			return PL_ENOTFOUND;
		last = x->m.seq - 1;
	}
	err = fill(op, r, me, last, -1);
	if (!err)
		pl_messages_turn_round(in->messages, in->nmessages);
	return err;
}

int pl_memory_mark_read(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_mark_read *in = &op->mark_read;
	struct pl_mem_room *r = NULL;
	struct pl_mem_member visitor, *me = NULL;
	int err = pl_mem_seat(m, &in->user, in->room, &in->conversation, &r, &visitor, &me);
	if (err)
		return err;
	uint64_t seq = r->c.last_seq;
	if (!pl_uuid_is_nil(&in->message)) {
		const struct pl_mem_message *x = pl_mem_message(m, r, me, &in->message);
		if (!x)
			return PL_ENOTFOUND;
		seq = x->m.seq;
	}
	in->moved = seq > me->last_read_seq && me != &visitor;
	if (in->moved || me == &visitor) {
		me->last_read_seq = seq;
		me->last_read_ms = pl_wall_ms();
		m->changes += in->moved;
	}
	in->seq = me->last_read_seq;
	in->read_ms = me->last_read_ms;
	in->at_message =
		in->seq > me->joined_seq ? r->messages[in->seq - 1]->m.id : (struct pl_uuid){{0}};
	return 0;
}

static uint64_t unread(const struct pl_mem_room *r, const struct pl_mem_member *me)
{
	uint64_t n = 0;
	for (uint64_t at = me->last_read_seq; at < r->c.last_seq && n < PL_UNREAD_MAX; at++)
		n += r->messages[at]->sender != me->user &&
		     pl_mem_content(r->messages[at], &me->user->id).at;
	return n;
}

static int add_latest(struct pl_arena *a, const struct pl_mem_room *r,
		      const struct pl_mem_member *me, size_t *text, struct pl_conversation_row *row)
{
	for (uint64_t at = r->c.last_seq; at > me->joined_seq; at--) {
		const struct pl_mem_message *x = r->messages[at - 1];
		struct pl_slice content = pl_mem_content(x, &me->user->id);
		if (!content.at)
			continue;
		row->has_latest = true;
		*text += content.len + x->m.metadata.len;
		if (*text <= TEXT_BYTES)
			return pl_mem_copy_message(a, x, &me->user->id, &row->latest);
		row->latest = x->m;
		row->latest.content = row->latest.metadata = (struct pl_slice){NULL, 0};
		return copy_sender(a, x->sender, &row->latest.sender);
	}
	return 0;
}

static int add_row(struct pl_arena *a, const struct pl_mem_room *r, const struct pl_mem_member *me,
		   size_t *text, struct pl_conversation_row *row)
{
	int err = pl_mem_copy_room(a, r, &row->conversation);
	if (err)
		return err;
	row->title = row->conversation.name;
	row->participants = (uint32_t)r->nmembers;
	row->unread = unread(r, me);
	for (size_t i = 0; r->c.type == PL_DIRECT && i < r->nmembers; i++) {
		const struct pl_user *u = r->members[i].user;
		if (u == me->user)
			continue;
		err = pl_arena_copy(a, u->display_name.len ? u->display_name : u->username,
				    &row->title);
		if (!err)
			err = pl_arena_copy(a, u->avatar_url, &row->title_avatar_url);
	}
	if (!err && r->group)
		err = pl_arena_copy(a, r->group->g.name, &row->group_name);
	return err ? err : add_latest(a, r, me, text, row);
}

int pl_memory_conversations(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_conversations *in = &op->conversations;
	size_t cap = 0, text = 0;
	in->rows = NULL;
	in->nrows = 0;
	if (!pl_map_get(&m->user_ids, pl_uuid_slice(&in->user)))
		return PL_EDENIED;
	for (size_t i = 0; i < m->nrooms; i++) {
		const struct pl_mem_member *me = pl_mem_member(m->rooms[i], &in->user);
		if (!me)
			continue;
		struct pl_conversation_row *rows =
			pl_grow(&op->arena, in->rows, in->nrows, &cap, sizeof(*rows));
		if (!rows)
			return PL_ENOMEM;
		in->rows = rows;
		int err = add_row(&op->arena, m->rooms[i], me, &text, &rows[in->nrows++]);
		if (err)
			return err;
	}
	pl_rows_sort(in->rows, in->nrows);
	return 0;
}
