/*
 * sqlite_page.c - a page of history.
 *
 * Rows that the reader may not see are stepped over, never counted: a page is short only at the
 * end of the history, or when its text would not fit.
 */
#include "store/sqlite_ops.h"

#include "store/rules.h"

/* A message and what has still to be looked up for it. */
struct found {
	struct pl_message *m;
	int64_t sender;
	uint64_t reply_seq;
};

struct page {
	struct pl_sqlite *c;
	struct pl_op *op;
	struct pl_seat seat;
	struct found *found;
	size_t n, limit, text;
	bool has_more;
};

/* False: the page is full, or would be with this one. */
static bool has_room(struct page *p, struct pl_query *q)
{
	size_t text = pl_column_text(q, PL_COLUMN_CONTENT).len +
		      pl_column_text(q, PL_COLUMN_METADATA).len;
	if (p->n == p->limit || (p->n && p->text + text > PL_PAGE_BYTES))
		return false;
	p->text += text;
	return true;
}

static int take(struct page *p, struct pl_query *q)
{
	struct found *f = &p->found[p->n];
	f->m = &p->op->page.messages[p->n++];
	f->sender = pl_column_int(q, PL_COLUMN_SENDER);
	f->reply_seq = (uint64_t)pl_column_int(q, PL_COLUMN_REPLY_SEQ);
	int err = pl_message_columns(q, &p->op->arena, f->m);
	f->m->conversation = p->op->page.conversation;
	return err;
}

static int collect(struct page *p, uint64_t after, uint64_t before)
{
	bool forward = p->op->page.forward;
	int err = 0;
	struct pl_query q = pl_query(p->c, forward ? PL_Q_PAGE_AFTER : PL_Q_PAGE_BEFORE);
	pl_bind_int(&q, p->seat.user);
	pl_bind_int(&q, pl_message_at(p->seat.room, after));
	pl_bind_int(&q, pl_message_at(p->seat.room, before));
	while (!err && !p->has_more && pl_query_row(&q)) {
		if (!pl_column_text(&q, PL_COLUMN_CONTENT).at)
			continue; /* sent per recipient, and not to this reader */
		if (has_room(p, &q))
			err = take(p, &q);
		else
			p->has_more = true;
	}
	int ended = pl_query_end(&q);
	return ended ? ended : err;
}

/* A page has few senders: each is read once. */
static int add_senders(struct page *p)
{
	for (size_t i = 0; i < p->n; i++) {
		size_t same = 0;
		while (same < i && p->found[same].sender != p->found[i].sender)
			same++;
		if (same < i) {
			p->found[i].m->sender = p->found[same].m->sender;
			continue;
		}
		int err = pl_read_sender(p->c, &p->op->arena, p->found[i].sender,
					 &p->found[i].m->sender);
		if (err)
			return err;
	}
	return 0;
}

static int add_reply(struct page *p, const struct found *f, size_t *text)
{
	struct pl_message *m = f->m, to = {.seq = 0};
	int64_t sender = 0;
	int err = 0;
	struct pl_query q = pl_query(p->c, PL_Q_MESSAGE);
	pl_bind_int(&q, p->seat.user);
	pl_bind_int(&q, pl_message_at(p->seat.room, f->reply_seq));
	if (pl_query_row(&q)) {
		size_t len = pl_column_text(&q, PL_COLUMN_CONTENT).len;
		bool fits = *text + len <= PL_REPLY_BYTES && f->reply_seq > p->seat.joined_seq;
		m->reply_to = pl_column_id(&q, 1);
		sender = pl_column_int(&q, PL_COLUMN_SENDER);
		if (fits)
			err = pl_column_copy(&q, PL_COLUMN_CONTENT, &p->op->arena, &to.content);
		*text += fits ? len : 0;
	}
	int ended = pl_query_end(&q);
	if (ended || err || !to.content.at)
		return ended ? ended : err;
	m->reply_found = true;
	m->reply_content = to.content;
	err = pl_read_sender(p->c, &p->op->arena, sender, &to.sender);
	m->reply_sender = to.sender.id;
	return err;
}

static int add_replies(struct page *p)
{
	size_t text = 0;
	int err = 0;
	for (size_t i = 0; !err && i < p->n; i++)
		if (p->found[i].reply_seq)
			err = add_reply(p, &p->found[i], &text);
	return err;
}

static int find_bounds(struct page *p, uint64_t *after, uint64_t *before)
{
	const struct pl_op_page *in = &p->op->page;
	*after = p->seat.joined_seq;
	*before = PL_SEQ_MAX + 1ULL;
	if (in->forward) {
		*after = in->after_seq > *after ? in->after_seq : *after;
		*after = *after < PL_SEQ_MAX ? *after : PL_SEQ_MAX;
	} else if (!pl_uuid_is_nil(&in->before)) {
		return pl_read_place(p->c, p->seat.room, p->seat.joined_seq, &in->before, before);
	}
	return 0;
}

static int make_room(struct page *p)
{
	struct pl_op_page *in = &p->op->page;
	p->limit = in->limit < PL_PAGE_MAX ? in->limit : PL_PAGE_MAX;
	in->messages = pl_arena_array(&p->op->arena, p->limit, sizeof(*in->messages));
	p->found = pl_arena_array(&p->op->arena, p->limit, sizeof(*p->found));
	return in->messages && p->found ? 0 : PL_ENOMEM;
}

int pl_sqlite_page(struct pl_sqlite *c, struct pl_op *op)
{
	struct page p = {.c = c, .op = op};
	uint64_t after = 0, before = 0;
	int err = pl_name_room(c, op->page.room, &op->page.conversation);
	if (!err)
		err = pl_read_seat(c, &op->page.user, &op->page.conversation, &p.seat);
	if (op->page.in_group)
		err = pl_rule_in_group(err, p.seat.type, p.seat.role != PL_NOT_MEMBER);
	if (!err)
		err = find_bounds(&p, &after, &before);
	if (!err)
		err = make_room(&p);
	if (!err)
		err = collect(&p, after, before);
	if (!err)
		err = add_senders(&p);
	if (!err)
		err = add_replies(&p);
	if (err)
		return err;
	if (!op->page.forward)
		pl_messages_turn_round(op->page.messages, p.n);
	op->page.nmessages = p.n;
	op->page.has_more = p.has_more;
	return 0;
}
