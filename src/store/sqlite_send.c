/*
 * sqlite_send.c - append a message, or recognise a retry.
 *
 * The sequence number is taken from the cache and is written once per transaction, however many
 * messages a conversation got (pl_sqlite_flush).
 */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

struct place {
	struct pl_known_user *user;
	struct pl_known_room *room;
	struct pl_known_member *member;
	int64_t file, carried_by; /* the upload to be sent, and the message that it came with */
};

static int know_user(struct pl_sqlite *c, struct pl_arena *a, const struct pl_uuid *id,
		     struct pl_known_user **out)
{
	*out = pl_cache_user(&c->cache, id);
	if (*out)
		return 0;
	struct pl_user u;
	int64_t key;
	struct pl_query q = pl_query(c, PL_Q_USER_BY_ID);
	pl_bind_id(&q, id);
	int err = pl_read_user(&q, a, &u, &key);
	if (err)
		return err == PL_ENOTFOUND ? PL_EDENIED : err;
	*out = pl_cache_add_user(&c->cache, &u, key);
	return *out ? 0 : PL_ENOMEM;
}

static int know_room(struct pl_sqlite *c, const struct pl_uuid *id, struct pl_known_room **out)
{
	*out = pl_cache_room(&c->cache, id);
	if (*out)
		return 0;
	struct pl_known_room r = {.id = *id};
	struct pl_query q = pl_query(c, PL_Q_ROOM_STATE);
	pl_bind_id(&q, id);
	bool found = pl_query_row(&q);
	if (found) {
		r.key = pl_column_int(&q, 0);
		r.last_seq = (uint64_t)pl_column_int(&q, 1);
		r.updated_ms = (uint64_t)pl_column_int(&q, 2);
		r.alias = pl_column_text(&q, 3);
		r.is_open = pl_column_int(&q, 4) != 0;
		r.type = (enum pl_conversation_type)pl_column_int(&q, 5);
		r.pair[0] = pl_column_int(&q, 6);
		r.pair[1] = pl_column_int(&q, 7);
		*out = pl_cache_add_room(&c->cache, &r);
	}
	int err = pl_query_end(&q);
	if (err || !found)
		return err ? err : PL_EDENIED;
	return *out ? 0 : PL_ENOMEM;
}

static int read_member(struct pl_sqlite *c, int64_t room, int64_t user, uint64_t *joined_seq)
{
	struct pl_query q = pl_query(c, PL_Q_MEMBER);
	pl_bind_int(&q, room);
	pl_bind_int(&q, user);
	bool found = pl_query_row(&q);
	if (found)
		*joined_seq = (uint64_t)pl_column_int(&q, 0);
	int err = pl_query_end(&q);
	return err ? err : found ? 0 : PL_EDENIED;
}

static int know_member(struct pl_sqlite *c, struct place *p)
{
	uint64_t joined_seq;
	p->member = pl_cache_member(&c->cache, p->room->key, p->user->key);
	if (p->member)
		return 0;
	int err = read_member(c, p->room->key, p->user->key, &joined_seq);
	bool is_visitor = err == PL_EDENIED && p->room->is_open;
	if (err && !is_visitor)
		return err;
	p->member = pl_cache_add_member(&c->cache, p->room->key, p->user->key,
					is_visitor ? 0 : joined_seq);
	if (!p->member)
		return PL_ENOMEM;
	p->member->is_visitor = is_visitor;
	return 0;
}

/* The one of the two who is not the sender. */
static int know_other(struct pl_sqlite *c, struct pl_arena *a, const struct place *p,
		      const struct pl_known_user **out)
{
	struct pl_known_room *r = p->room;
	size_t i = r->pair[0] == p->user->key;
	if (!r->two[i]) {
		struct pl_user u;
		int64_t key;
		struct pl_query q = pl_query(c, PL_Q_USER_BY_KEY);
		pl_bind_int(&q, r->pair[i]);
		int err = pl_read_user(&q, a, &u, &key);
		if (err)
			return err == PL_ENOTFOUND ? PL_ECORRUPT : err;
		r->two[i] = pl_cache_user(&c->cache, &u.id);
		if (!r->two[i])
			r->two[i] = pl_cache_add_user(&c->cache, &u, key);
	}
	*out = r->two[i];
	return *out ? 0 : PL_ENOMEM;
}

static int meet(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_send *in = &op->send;
	struct pl_meeting m = {.user = &in->user,
			       .to = in->to,
			       .to_anyone = in->to_anyone,
			       .pair = in->pair,
			       .create = true};
	int err = pl_meet(c, &op->arena, &m);
	if (err)
		return err;
	in->conversation = m.found.id;
	if (!m.existed)
		in->made = m.found;
	return 0;
}

static int find_conversation(struct pl_sqlite *c, struct pl_op *op, struct place *p)
{
	struct pl_op_send *in = &op->send;
	if (!pl_uuid_is_nil(&in->file))
		return pl_file_to_send(c, op, &p->file, &p->carried_by);
	return in->to.len ? meet(c, op) : pl_name_room(c, in->room, &in->conversation);
}

static int find_place(struct pl_sqlite *c, struct pl_op *op, struct place *p)
{
	const struct pl_op_send *in = &op->send;
	int err = know_user(c, &op->arena, &in->user, &p->user);
	if (!err)
		err = find_conversation(c, op, p);
	if (!err)
		err = know_room(c, &in->conversation, &p->room);
	if (!err)
		err = know_member(c, p);
	if (!in->in_group)
		return err;
	return pl_rule_in_group(err, err ? PL_ROOM : p->room->type, !err && !p->member->is_visitor);
}

/* The keys of those who get a copy; all must be members. */
static int find_recipients(struct pl_sqlite *c, struct pl_op *op, const struct place *p,
			   int64_t **keys)
{
	struct pl_op_send *in = &op->send;
	int64_t *list = pl_arena_array(&op->arena, in->ncopies, sizeof(*list));
	if (!list)
		return PL_ENOMEM;
	for (size_t i = 0; i < in->ncopies; i++) {
		uint64_t joined_seq;
		struct pl_query q = pl_query(c, PL_Q_USER_KEY);
		pl_bind_id(&q, &in->copies[i].user);
		list[i] = pl_query_row(&q) ? pl_column_int(&q, 0) : 0;
		int err = pl_query_end(&q);
		if (!err)
			err = read_member(c, p->room->key, list[i], &joined_seq);
		if (err)
			return err == PL_EDENIED ? PL_EINVAL : err;
	}
	*keys = list;
	return 0;
}

static struct pl_user public_user(const struct pl_known_user *k)
{
	return (struct pl_user){.id = k->id,
				.subject = k->subject,
				.subject_is_number = k->subject_is_number,
				.username = k->username,
				.display_name = k->display_name,
				.avatar_url = k->avatar_url};
}

/* The cache may be gone when the answer is read. */
static int set_other(struct pl_sqlite *c, struct pl_op *op, const struct place *p)
{
	const struct pl_known_user *k;
	int err = know_other(c, &op->arena, p, &k);
	if (err)
		return err;
	op->send.other.id = k->id;
	op->send.other.subject_is_number = k->subject_is_number;
	err = pl_arena_copy(&op->arena, k->subject, &op->send.other.subject);
	return err ? err : pl_arena_copy(&op->arena, k->username, &op->send.other.username);
}

static int set_place(struct pl_sqlite *c, struct pl_op *op, const struct place *p)
{
	const struct pl_known_user *k = p->user;
	struct pl_user u = public_user(k);
	int err = pl_arena_copy(&op->arena, p->room->alias, &op->send.alias);
	if (!err)
		err = pl_arena_copy(&op->arena, k->subject, &u.subject);
	if (!err)
		err = pl_arena_copy(&op->arena, k->username, &u.username);
	if (!err)
		err = pl_arena_copy(&op->arena, k->display_name, &u.display_name);
	if (!err)
		err = pl_arena_copy(&op->arena, k->avatar_url, &u.avatar_url);
	op->send.message.sender = u;
	return err || p->room->type != PL_DIRECT ? err : set_other(c, op, p);
}

/* The first message again. */
static int answer_again(struct pl_sqlite *c, struct pl_op *op, const struct place *p, int64_t at)
{
	struct pl_message *m = &op->send.message;
	uint64_t reply_seq = 0;
	struct pl_query q = pl_query(c, PL_Q_MESSAGE);
	pl_bind_int(&q, p->user->key);
	pl_bind_int(&q, at);
	bool found = pl_query_row(&q);
	int err = found ? pl_message_columns(&q, &op->arena, m) : 0;
	if (found)
		reply_seq = (uint64_t)pl_column_int(&q, PL_COLUMN_REPLY_SEQ);
	int ended = pl_query_end(&q);
	if (ended || err || !found)
		return ended ? ended : err ? err : PL_ECORRUPT;
	m->conversation = op->send.conversation;
	op->send.duplicate = true;
	if (reply_seq)
		err = pl_read_message_id(c, pl_message_at(p->room->key, reply_seq), &m->reply_to);
	return err ? err : set_place(c, op, p);
}

/* How this send would be recognised if it came again. */
struct retry {
	struct pl_retry entry;
	bool wanted;
};

/* Answers if it was seen before; a request id counts for a day only. */
static int meet_again(struct pl_sqlite *c, struct pl_op *op, const struct place *p,
		      const struct retry *r, uint64_t now)
{
	int64_t first = 0;
	int err = pl_retry_find(c, &r->entry, (int64_t)(now / PL_RETRY_MS), &first);
	if (err || !first)
		return err;
	err = answer_again(c, op, p, first);
	if (!err && r->entry.day && op->send.message.created_ms + PL_RETRY_MS < now)
		op->send.duplicate = false;
	return err;
}

static int add_message(struct pl_sqlite *c, const struct pl_message *m, const struct place *p,
		       int64_t at, uint64_t reply_seq)
{
	struct pl_query q = pl_query(c, PL_Q_MESSAGE_ADD);
	pl_bind_int(&q, at);
	pl_bind_id(&q, &m->id);
	pl_bind_int(&q, p->user->key);
	pl_bind_int(&q, pl_kind_number(m->kind));
	pl_bind_int(&q, m->per_recipient);
	pl_bind_optional(&q, (int64_t)reply_seq);
	pl_bind_int(&q, (int64_t)m->created_ms);
	pl_bind_text(&q, m->metadata);
	pl_bind_text(&q, m->content);
	pl_bind_int(&q, m->format);
	return pl_query_run(&q);
}

static int add_copies(struct pl_sqlite *c, const struct pl_op_send *in, const int64_t *keys,
		      int64_t at)
{
	int err = 0;
	for (size_t i = 0; !err && i < in->ncopies; i++) {
		if (pl_uuid_eq(&in->copies[i].user, &in->user))
			continue;
		struct pl_query q = pl_query(c, PL_Q_COPY_ADD);
		pl_bind_int(&q, at);
		pl_bind_int(&q, keys[i]);
		pl_bind_text(&q, in->copies[i].content);
		err = pl_query_run(&q);
	}
	return err;
}

static int append(struct pl_sqlite *c, struct pl_op *op, const struct place *p, struct retry *r,
		  uint64_t now, const int64_t *keys)
{
	struct pl_op_send *in = &op->send;
	struct pl_message *m = &in->message;
	uint64_t reply_seq = 0, seq = p->room->last_seq + 1;
	int err = seq > PL_SEQ_MAX ? PL_ELIMIT : 0;
	if (!err && !pl_uuid_is_nil(&in->reply_to))
		err = pl_read_place(c, p->room->key, p->member->joined_seq, &in->reply_to,
				    &reply_seq);
	if (err)
		return err;
	*m = (struct pl_message){.id = pl_uuid_v7_after(&c->newest, now),
				 .conversation = in->conversation,
				 .seq = seq,
				 .kind = pl_kind_name(pl_kind_number(in->kind)),
				 .content = pl_own_content(in),
				 .metadata = in->metadata,
				 .format = in->format,
				 .per_recipient = in->ncopies > 0,
				 .reply_to = in->reply_to,
				 .created_ms = now};
	int64_t at = pl_message_at(p->room->key, seq);
	err = set_place(c, op, p);
	if (!err)
		err = add_message(c, m, p, at, reply_seq);
	if (!err)
		err = add_copies(c, in, keys, at);
	if (!err && p->file)
		err = pl_file_sent(c, in, p->file, at);
	if (!err && r->wanted) {
		r->entry.message = at;
		err = pl_recent_add(&c->recent, &r->entry);
	}
	if (err)
		return err;
	p->room->last_seq = seq;
	p->room->updated_ms = now;
	pl_cache_mark(&c->cache, p->room);
	return 0;
}

static int hash_retry(struct pl_sqlite *c, const struct pl_op_send *in, uint64_t now,
		      struct retry *r)
{
	r->wanted = in->client_id.len || in->request_id.len;
	r->entry.day = in->client_id.len ? 0 : (int64_t)(now / PL_RETRY_MS);
	return r->wanted ? pl_retry_hash(c->hasher, c->sha256, in, r->entry.hash) : 0;
}

int pl_sqlite_send(struct pl_sqlite *c, struct pl_op *op)
{
	struct place p = {.file = 0};
	struct retry r;
	int64_t *keys = NULL;
	uint64_t now = pl_wall_ms();
	op->send.duplicate = false;
	op->send.made.id = op->send.other.id = (struct pl_uuid){{0}};
	int err = pl_rule_send(op);
	if (!err)
		err = find_place(c, op, &p);
	if (!err && p.carried_by)
		return answer_again(c, op, &p, p.carried_by);
	if (!err && op->send.ncopies)
		err = find_recipients(c, op, &p, &keys);
	if (!err)
		err = hash_retry(c, &op->send, now, &r);
	if (!err && r.wanted)
		err = meet_again(c, op, &p, &r, now);
	if (err || op->send.duplicate)
		return err;
	return append(c, op, &p, &r, now, keys);
}

int pl_sqlite_flush(struct pl_sqlite *c)
{
	for (struct pl_known_room *r; (r = c->cache.dirty);) {
		struct pl_query q = pl_query(c, PL_Q_ROOM_SAID);
		pl_bind_int(&q, (int64_t)r->last_seq);
		pl_bind_int(&q, (int64_t)r->updated_ms);
		pl_bind_int(&q, r->key);
		int err = pl_query_run(&q);
		if (err)
			return err;
		c->cache.dirty = r->next_dirty;
		r->is_dirty = false;
	}
	return 0;
}
