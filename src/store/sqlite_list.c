/* sqlite_list.c - a user's conversations, access to one, the read position. */
#include "store/sqlite_ops.h"

#include "store/rules.h"

#include "base/clock.h"

enum { MOST_ROWS = 10000, TEXT_BYTES = 4 << 20 };

/* One line while it is put together. */
struct line {
	struct pl_conversation_row row;
	int64_t room;
	uint64_t joined_seq, last_read_seq;
};

struct list {
	struct pl_sqlite *c;
	struct pl_arena *arena;
	int64_t user;
	struct line *lines;
	size_t n, cap;
	size_t text; /* bytes of the latest messages */
};

static int add_line(struct list *l, struct pl_query *q)
{
	struct line *more = pl_grow(l->arena, l->lines, l->n, &l->cap, sizeof(*more));
	if (!more)
		return PL_ENOMEM;
	l->lines = more;
	struct line *line = &l->lines[l->n++];
	line->room = pl_column_int(q, 0);
	line->joined_seq = (uint64_t)pl_column_int(q, 13);
	line->last_read_seq = (uint64_t)pl_column_int(q, 14);
	line->row.participants = (uint32_t)pl_column_int(q, 16);
	int err = pl_room_columns(q, l->arena, &line->row.conversation);
	return err ? err : pl_column_copy(q, 15, l->arena, &line->row.group_name);
}

static int read_lines(struct list *l)
{
	int err = 0;
	struct pl_query q = pl_query(l->c, PL_Q_ROOM_ROWS);
	pl_bind_int(&q, l->user);
	pl_bind_int(&q, MOST_ROWS);
	while (!err && pl_query_row(&q))
		err = add_line(l, &q);
	int ended = pl_query_end(&q);
	return ended ? ended : err;
}

static int add_title(struct list *l, struct line *line)
{
	struct pl_conversation_row *row = &line->row;
	row->title = row->conversation.name;
	if (row->conversation.type != PL_DIRECT)
		return 0;
	struct pl_query q = pl_query(l->c, PL_Q_OTHER_OF_PAIR);
	pl_bind_int(&q, line->room);
	pl_bind_int(&q, l->user);
	int err = 0;
	if (pl_query_row(&q)) {
		bool is_named = pl_column_text(&q, 1).len > 0;
		err = pl_column_copy(&q, is_named ? 1 : 0, l->arena, &row->title);
		if (!err)
			err = pl_column_copy(&q, 2, l->arena, &row->title_avatar_url);
	}
	int ended = pl_query_end(&q);
	return ended ? ended : err;
}

/* Very long texts of very many conversations do not all fit: the rest goes without. */
static int take_latest(struct list *l, struct line *line, struct pl_query *q, int64_t *sender)
{
	size_t text = pl_column_text(q, PL_COLUMN_CONTENT).len +
		      pl_column_text(q, PL_COLUMN_METADATA).len;
	struct pl_message *m = &line->row.latest;
	*sender = pl_column_int(q, PL_COLUMN_SENDER);
	line->row.has_latest = true;
	if (l->text + text <= TEXT_BYTES) {
		l->text += text;
		return pl_message_columns(q, l->arena, m);
	}
	*m = (struct pl_message){.id = pl_column_id(q, 1),
				 .seq = pl_message_seq(pl_column_int(q, 0)),
				 .kind = pl_kind_name(pl_column_int(q, 3)),
				 .created_ms = (uint64_t)pl_column_int(q, 6)};
	return 0;
}

/* The newest message that this reader may see. */
static int add_latest(struct list *l, struct line *line)
{
	int64_t sender = 0;
	int err = 0;
	struct pl_query q = pl_query(l->c, PL_Q_PAGE_BEFORE);
	pl_bind_int(&q, l->user);
	pl_bind_int(&q, pl_message_at(line->room, line->joined_seq));
	pl_bind_int(&q, pl_message_at(line->room + 1, 0));
	for (int i = 0; i < PL_LATEST_SCAN && pl_query_row(&q); i++)
		if (pl_column_text(&q, PL_COLUMN_CONTENT).at) {
			err = take_latest(l, line, &q, &sender);
			break;
		}
	int ended = pl_query_end(&q);
	if (ended || err)
		return ended ? ended : err;
	if (!sender)
		return 0;
	line->row.latest.conversation = line->row.conversation.id;
	return pl_read_sender(l->c, l->arena, sender, &line->row.latest.sender);
}

static int add_unread(struct list *l, struct line *line)
{
	if (line->last_read_seq >= line->row.conversation.last_seq)
		return 0;
	struct pl_query q = pl_query(l->c, PL_Q_UNREAD);
	pl_bind_int(&q, l->user);
	pl_bind_int(&q, pl_message_at(line->room, line->last_read_seq));
	pl_bind_int(&q, pl_message_at(line->room + 1, 0));
	pl_bind_int(&q, PL_UNREAD_MAX);
	if (pl_query_row(&q))
		line->row.unread = (uint64_t)pl_column_int(&q, 0);
	return pl_query_end(&q);
}

static int hand_over(struct list *l, struct pl_op_conversations *out)
{
	struct pl_conversation_row *rows = pl_arena_array(l->arena, l->n, sizeof(*rows));
	if (!rows)
		return PL_ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		rows[i] = l->lines[i].row;
	pl_rows_sort(rows, l->n);
	out->rows = rows;
	out->nrows = l->n;
	return 0;
}

int pl_read_user_key(struct pl_sqlite *c, const struct pl_uuid *id, int64_t *key)
{
	struct pl_query q = pl_query(c, PL_Q_USER_KEY);
	pl_bind_id(&q, id);
	bool found = pl_query_row(&q);
	if (found)
		*key = pl_column_int(&q, 0);
	int err = pl_query_end(&q);
	return err ? err : found ? 0 : PL_EDENIED;
}

int pl_sqlite_conversations(struct pl_sqlite *c, struct pl_op *op)
{
	struct list l = {.c = c, .arena = &op->arena};
	int err = pl_read_user_key(c, &op->conversations.user, &l.user);
	if (!err)
		err = read_lines(&l);
	for (size_t i = 0; !err && i < l.n; i++) {
		err = add_title(&l, &l.lines[i]);
		if (!err)
			err = add_latest(&l, &l.lines[i]);
		if (!err)
			err = add_unread(&l, &l.lines[i]);
	}
	return err ? err : hand_over(&l, &op->conversations);
}

int pl_sqlite_access(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_seat seat;
	int64_t key;
	int err = pl_name_room(c, op->access.room, &op->access.conversation);
	if (!err)
		err = pl_read_seat(c, &op->access.user, &op->access.conversation, &seat);
	if (err)
		return err;
	struct pl_query q = pl_query(c, PL_Q_ROOM_BY_KEY);
	pl_bind_int(&q, seat.room);
	err = pl_read_room(&q, &op->arena, &op->access.found, &key);
	if (!err)
		op->access.role = seat.role;
	return err;
}

static int move_position(struct pl_sqlite *c, const struct pl_seat *s, uint64_t seq, uint64_t now)
{
	struct pl_query q = pl_query(c, PL_Q_MEMBER_READ);
	pl_bind_int(&q, (int64_t)seq);
	pl_bind_int(&q, (int64_t)now);
	pl_bind_int(&q, s->room);
	pl_bind_int(&q, s->user);
	return pl_query_run(&q);
}

int pl_sqlite_mark_read(struct pl_sqlite *c, struct pl_op *op)
{
	struct pl_op_mark_read *in = &op->mark_read;
	struct pl_seat s;
	uint64_t seq = 0, now = pl_wall_ms();
	int err = pl_name_room(c, in->room, &in->conversation);
	if (!err)
		err = pl_read_seat(c, &in->user, &in->conversation, &s);
	if (err)
		return err;
	seq = s.last_seq;
	if (!pl_uuid_is_nil(&in->message))
		err = pl_read_place(c, s.room, s.joined_seq, &in->message, &seq);
	in->moved = !err && s.role != PL_NOT_MEMBER && seq > s.last_read_seq;
	if (in->moved)
		err = move_position(c, &s, seq, now);
	if (err)
		return err;
	bool is_kept = in->moved || s.role == PL_NOT_MEMBER;
	in->seq = is_kept ? seq : s.last_read_seq;
	in->read_ms = is_kept ? now : s.last_read_ms;
	in->at_message = (struct pl_uuid){{0}};
	if (in->seq <= s.joined_seq)
		return 0; /* nothing was said since this member came */
	return pl_read_message_id(c, pl_message_at(s.room, in->seq), &in->at_message);
}
