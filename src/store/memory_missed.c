/* memory_missed.c - what was said after a position, in the memory store. */
#include "store/memory.h"

#include <stdlib.h>

struct search {
	struct pl_memory *m;
	struct pl_arena *arena;
	const struct pl_uuid *user;
	struct pl_uuid after, until; /* until nil: no end */
	bool direct_only;
	struct pl_said *rows;
	size_t n, cap;
};

static int compare(const struct pl_uuid *a, const struct pl_uuid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

static bool is_wanted(const struct search *s, const struct pl_mem_room *r,
		      const struct pl_mem_message *x)
{
	bool is_over = !pl_uuid_is_nil(&s->until) && compare(&x->m.id, &s->until) > 0;
	bool is_mine = pl_uuid_eq(&x->sender->id, s->user);
	if (is_over || compare(&x->m.id, &s->after) <= 0 || !pl_mem_content(x, s->user).at)
		return false;
	return !s->direct_only || (r->c.type == PL_DIRECT && !is_mine);
}

static int add(struct search *s, const struct pl_mem_room *r, const struct pl_mem_message *x)
{
	struct pl_said *all = pl_grow(s->arena, s->rows, s->n, &s->cap, sizeof(*all));
	if (!all)
		return PL_ENOMEM;
	s->rows = all;
	struct pl_said *row = &all[s->n++];
	row->type = r->c.type;
	row->alias = r->c.alias; /* for ever */
	int err = pl_mem_copy_message(s->arena, x, s->user, &row->message);
	if (err || r->c.type != PL_DIRECT)
		return err;
	const struct pl_user *other = r->members[r->members[0].user == x->sender].user;
	return pl_mem_copy_name(s->arena, other, &row->other);
}

static int collect(struct search *s)
{
	int err = 0;
	for (size_t i = 0; !err && i < s->m->nrooms; i++) {
		const struct pl_mem_room *r = s->m->rooms[i];
		const struct pl_mem_member *me = pl_mem_member(r, s->user);
		for (uint64_t at = me ? me->joined_seq : r->c.last_seq; !err && at < r->c.last_seq;
		     at++)
			if (is_wanted(s, r, r->messages[at]))
				err = add(s, r, r->messages[at]);
	}
	return err;
}

static int by_id(const void *a, const void *b)
{
	return compare(&((const struct pl_said *)a)->message.id,
		       &((const struct pl_said *)b)->message.id);
}

/* How many of them fit: `limit`, and what a page may have of text. */
static size_t cut(const struct search *s, uint32_t limit, size_t bytes)
{
	size_t n = 0, text = 0, most = pl_page_bytes(bytes);
	for (; n < s->n && n < limit && n < PL_MISSED_MAX; n++) {
		text += s->rows[n].message.content.len + s->rows[n].message.metadata.len;
		if (n && text > most)
			return n;
	}
	return n;
}

static int run(struct search *s)
{
	if (!pl_map_get(&s->m->user_ids, pl_uuid_slice(s->user)))
		return PL_EDENIED;
	int err = collect(s);
	if (!err && s->n)
		qsort(s->rows, s->n, sizeof(*s->rows), by_id);
	return err;
}

int pl_memory_missed(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_missed *in = &op->missed;
	struct search s = {.m = m, .arena = &op->arena, .user = &in->user, .after = in->after};
	int err = run(&s);
	if (err)
		return err;
	in->newest = m->newest;
	in->rows = s.rows;
	in->nrows = cut(&s, in->limit, in->bytes);
	in->has_more = in->nrows < s.n;
	return 0;
}

int pl_memory_pending(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_pending *in = &op->pending;
	const struct pl_uuid *received = pl_map_get(&m->received, pl_uuid_slice(&in->user));
	struct search s = {.m = m,
			   .arena = &op->arena,
			   .user = &in->user,
			   .until = in->until,
			   .direct_only = true};
	if (received)
		s.after = *received;
	int err = run(&s);
	if (err)
		return err;
	in->newest = m->newest;
	in->rows = s.rows;
	in->nrows = cut(&s, in->limit, in->bytes);
	in->has_more = in->nrows < s.n;
	return 0;
}

int pl_memory_received(struct pl_memory *m, struct pl_op *op)
{
	const struct pl_op_received *in = &op->received;
	struct pl_user *u = pl_map_get(&m->user_ids, pl_uuid_slice(&in->user));
	struct pl_uuid *at = pl_map_get(&m->received, pl_uuid_slice(&in->user));
	const struct pl_uuid *until =
		compare(&in->until, &m->newest) <= 0 ? &in->until : &m->newest;
	if (!u)
		return PL_EDENIED;
	if (!at) {
		at = pl_arena_alloc(&m->arena, sizeof(*at));
		int err = at ? pl_map_put(&m->received, pl_uuid_slice(&u->id), at) : PL_ENOMEM;
		if (err)
			return err;
	}
	if (compare(until, at) > 0) {
		*at = *until;
		m->changes++;
	}
	return 0;
}
