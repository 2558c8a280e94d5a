/*
 * sqlite_missed.c - what was said after a position, in all conversations of a user.
 *
 * Only conversations whose last message lies behind the position are looked at. In each of them the
 * first such message is found by halving, because ids ascend with seq; and from there on no further
 * than what is known to be wanted: the oldest of all.
 */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include <stdlib.h>

/* A conversation with something in it. */
struct room {
	int64_t key, pair[2];
	struct pl_uuid id;
	enum pl_conversation_type type;
	struct pl_slice alias;
	uint64_t last_seq, joined_seq;
};

/* A message that may be wanted. */
struct place {
	struct pl_uuid id;
	int64_t at;
	const struct room *room;
};

struct search {
	struct pl_sqlite *c;
	struct pl_arena *arena;
	int64_t user;
	struct pl_uuid after, until; /* until nil: no end */
	bool direct_only;            /* and not what the user said itself */
	size_t limit, bytes;
	struct room *rooms;
	size_t nrooms, cap_rooms;
	struct place *places; /* room for twice as many as are wanted */
	size_t n, cap;
	bool is_bounded; /* nothing behind `bound` is wanted */
	struct pl_uuid bound;
};

struct result {
	struct pl_said *rows;
	size_t nrows;
	bool has_more;
};

static int compare(const struct pl_uuid *a, const struct pl_uuid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

int pl_newest_message(struct pl_sqlite *c, struct pl_uuid *out)
{
	struct pl_query q = pl_query(c, PL_Q_MESSAGE_NEWEST);
	struct pl_uuid id = {{0}};
	if (pl_query_row(&q))
		id = pl_column_id(&q, 0);
	int err = pl_query_end(&q);
	if (!err)
		*out = id;
	return err;
}

/* ---- where ---- */

static int add_room(struct search *s, struct pl_query *q)
{
	struct room *all = pl_grow(s->arena, s->rooms, s->nrooms, &s->cap_rooms, sizeof(*all));
	if (!all)
		return PL_ENOMEM;
	s->rooms = all;
	struct room *r = &all[s->nrooms++];
	*r = (struct room){.key = pl_column_int(q, 0),
			   .id = pl_column_id(q, 1),
			   .type = (enum pl_conversation_type)pl_column_int(q, 2),
			   .last_seq = (uint64_t)pl_column_int(q, 4),
			   .joined_seq = (uint64_t)pl_column_int(q, 5),
			   .pair = {pl_column_int(q, 6), pl_column_int(q, 7)}};
	return pl_column_copy(q, 3, s->arena, &r->alias);
}

/* A nil id would be NULL, of which nothing is said to be greater. */
static void bind_position(struct pl_query *q, const struct pl_uuid *id)
{
	pl_bind_blob(q, id->b, sizeof(id->b));
}

static int find_rooms(struct search *s)
{
	int err = 0;
	struct pl_query q = pl_query(s->c, PL_Q_CHATS_AFTER);
	pl_bind_int(&q, s->user);
	bind_position(&q, &s->after);
	pl_bind_int(&q, s->direct_only);
	while (!err && pl_query_row(&q))
		err = add_room(s, &q);
	int ended = pl_query_end(&q);
	return ended ? ended : err;
}

/* The first seq whose message lies behind the position; there is one. */
static int first_after(struct search *s, const struct room *r, uint64_t *seq)
{
	uint64_t low = r->joined_seq + 1, high = r->last_seq;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct pl_uuid id;
		int err = pl_read_message_id(s->c, pl_message_at(r->key, middle), &id);
		if (err)
			return err == PL_ENOTFOUND ? PL_ECORRUPT : err;
		if (compare(&id, &s->after) > 0)
			high = middle;
		else
			low = middle + 1;
	}
	*seq = low;
	return 0;
}

/* ---- which ---- */

static int by_id(const void *a, const void *b)
{
	return compare(&((const struct place *)a)->id, &((const struct place *)b)->id);
}

/* Ascending, and one more than is wanted is enough. */
static void sort(struct search *s)
{
	if (s->n)
		qsort(s->places, s->n, sizeof(*s->places), by_id);
	if (s->n <= s->limit)
		return;
	s->n = s->limit + 1;
	s->bound = s->places[s->limit].id;
	s->is_bounded = true;
}

static bool is_wanted(const struct search *s, const struct pl_uuid *id)
{
	bool is_over = !pl_uuid_is_nil(&s->until) && compare(id, &s->until) > 0;
	return !is_over && (!s->is_bounded || compare(id, &s->bound) < 0);
}

static int collect(struct search *s, const struct room *r)
{
	uint64_t seq = 0;
	int err = first_after(s, r, &seq);
	if (err)
		return err;
	struct pl_query q = pl_query(s->c, PL_Q_PLACES_AFTER);
	pl_bind_int(&q, s->user);
	pl_bind_int(&q, pl_message_at(r->key, seq));
	pl_bind_int(&q, pl_message_at(r->key + 1, 0));
	pl_bind_int(&q, s->direct_only);
	while (pl_query_row(&q)) {
		struct place p = {pl_column_id(&q, 1), pl_column_int(&q, 0), r};
		if (!is_wanted(s, &p.id))
			break;
		s->places[s->n++] = p;
		if (s->n == s->cap)
			sort(s);
	}
	return pl_query_end(&q);
}

/* ---- what ---- */

/* Few people say much: who said it is looked for among those of the rows before. */
static int add_sender(struct search *s, const int64_t *senders, struct result *out)
{
	struct pl_user *u = &out->rows[out->nrows].message.sender;
	for (size_t i = out->nrows; i--;)
		if (senders[i] == senders[out->nrows]) {
			*u = out->rows[i].message.sender;
			return 0;
		}
	return pl_read_sender(s->c, s->arena, senders[out->nrows], u);
}

static int add_other(struct search *s, const struct room *r, int64_t sender, struct pl_said *row)
{
	if (r->type != PL_DIRECT)
		return 0;
	return pl_read_sender(s->c, s->arena, r->pair[r->pair[0] == sender], &row->other);
}

static int read_row(struct search *s, const struct place *p, size_t *text, int64_t *senders,
		    struct result *out)
{
	struct pl_said *row = &out->rows[out->nrows];
	uint64_t reply_seq = 0;
	int err = 0;
	struct pl_query q = pl_query(s->c, PL_Q_MESSAGE);
	pl_bind_int(&q, s->user);
	pl_bind_int(&q, p->at);
	bool found = pl_query_row(&q);
	if (found) {
		*text += pl_column_text(&q, PL_COLUMN_CONTENT).len +
			 pl_column_text(&q, PL_COLUMN_METADATA).len;
		out->has_more = out->nrows && *text > s->bytes;
		senders[out->nrows] = pl_column_int(&q, PL_COLUMN_SENDER);
		reply_seq = (uint64_t)pl_column_int(&q, PL_COLUMN_REPLY_SEQ);
		if (!out->has_more)
			err = pl_message_columns(&q, s->arena, &row->message);
	}
	int ended = pl_query_end(&q);
	if (ended || err || !found)
		return ended ? ended : err ? err : PL_ECORRUPT;
	row->type = p->room->type;
	row->alias = p->room->alias;
	row->message.conversation = p->room->id;
	if (!out->has_more && reply_seq)
		err = pl_read_message_id(s->c, pl_message_at(p->room->key, reply_seq),
					 &row->message.reply_to);
	if (!err && !out->has_more)
		err = add_sender(s, senders, out);
	return err || out->has_more ? err : add_other(s, p->room, senders[out->nrows], row);
}

static int read_rows(struct search *s, struct result *out)
{
	size_t n = s->n < s->limit ? s->n : s->limit, text = 0;
	int64_t *senders = pl_arena_array(s->arena, n, sizeof(*senders));
	out->rows = pl_arena_array(s->arena, n, sizeof(*out->rows));
	int err = senders && out->rows ? 0 : PL_ENOMEM;
	for (size_t i = 0; !err && !out->has_more && i < n; i++) {
		err = read_row(s, &s->places[i], &text, senders, out);
		out->nrows += !err && !out->has_more;
	}
	out->has_more |= s->n > s->limit;
	return err;
}

static int run(struct search *s, uint32_t limit, size_t bytes, struct result *out)
{
	s->bytes = pl_page_bytes(bytes);
	s->limit = limit < PL_MISSED_MAX ? limit : PL_MISSED_MAX;
	s->cap = 2 * (s->limit + 1);
	s->places = pl_arena_array(s->arena, s->cap, sizeof(*s->places));
	int err = s->places ? find_rooms(s) : PL_ENOMEM;
	for (size_t i = 0; !err && i < s->nrooms; i++)
		err = collect(s, &s->rooms[i]);
	if (err)
		return err;
	sort(s);
	return read_rows(s, out);
}

/* ---- operations ---- */

int pl_sqlite_missed(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_missed *in = &op->missed;
	struct search s = {.c = c, .arena = &op->arena, .after = in->after};
	struct result found = {.rows = NULL};
	int err = pl_newest_message(c, &in->newest);
	if (!err)
		err = pl_read_user_key(c, &in->user, &s.user);
	if (!err)
		err = run(&s, in->limit, in->bytes, &found);
	in->rows = found.rows;
	in->nrows = found.nrows;
	in->has_more = found.has_more;
	return err;
}

static int read_received(struct pl_sqlite *c, int64_t user, struct pl_uuid *out)
{
	struct pl_query q = pl_query(c, PL_Q_USER_RECEIVED);
	pl_bind_int(&q, user);
	if (pl_query_row(&q))
		*out = pl_column_id(&q, 0);
	return pl_query_end(&q);
}

int pl_sqlite_pending(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_pending *in = &op->pending;
	struct search s = {.c = c, .arena = &op->arena, .until = in->until, .direct_only = true};
	struct result found = {.rows = NULL};
	int err = pl_newest_message(c, &in->newest);
	if (!err)
		err = pl_read_user_key(c, &in->user, &s.user);
	if (!err)
		err = read_received(c, s.user, &s.after);
	if (!err)
		err = run(&s, in->limit, in->bytes, &found);
	in->rows = found.rows;
	in->nrows = found.nrows;
	in->has_more = found.has_more;
	return err;
}

int pl_sqlite_received(struct pl_sqlite *c, struct pl_op *op)
{
	const struct pl_op_received *in = &op->received;
	bool is_said = compare(&in->until, &c->newest) <= 0;
	int64_t user = 0;
	int err = pl_read_user_key(c, &in->user, &user);
	if (err)
		return err;
	struct pl_query q = pl_query(c, PL_Q_USER_RECEIVE);
	pl_bind_id(&q, is_said ? &in->until : &c->newest);
	pl_bind_int(&q, user);
	return pl_query_run(&q);
}
