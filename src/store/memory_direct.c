/* memory_direct.c - direct conversations by name, leaving, and who is there, in the memory store.
 */
#include "store/memory.h"

#include "base/clock.h"

#include <stdlib.h>

int pl_mem_copy_name(struct pl_arena *a, const struct pl_user *u, struct pl_user *out)
{
	*out = (struct pl_user){.id = u->id, .subject_is_number = u->subject_is_number};
	int err = pl_arena_copy(a, u->subject, &out->subject);
	return err ? err : pl_arena_copy(a, u->username, &out->username);
}

/* PL_ESTATE: both names are taken, and not by these two. */
static int check_pair(const struct pl_memory *m, const struct pl_mem_meeting *x)
{
	bool has_pair = x->pair && x->pair[0].at;
	const struct pl_user *a = has_pair ? pl_mem_named(m, x->pair[0]) : NULL;
	const struct pl_user *b = has_pair ? pl_mem_named(m, x->pair[1]) : NULL;
	bool is_theirs = !a || !b || (a == x->me && b == x->other) || (a == x->other && b == x->me);
	return is_theirs ? 0 : PL_ESTATE;
}

int pl_mem_meet(struct pl_memory *m, struct pl_mem_meeting *x)
{
	x->me = pl_map_get(&m->user_ids, pl_uuid_slice(x->user));
	x->other = x->to_anyone ? pl_mem_find_user(m, x->to) : pl_mem_named(m, x->to);
	if (!x->me || !x->other)
		return x->me ? PL_ENOTFOUND : PL_EDENIED;
	int err = x->me == x->other ? PL_EINVAL : check_pair(m, x);
	if (err)
		return err;
	struct pl_user *people[2] = {x->me, x->other};
	x->room = pl_mem_find_pair(m, people);
	x->existed = x->room != NULL;
	if (x->room || !x->create)
		return 0;
	struct pl_conversation c = pl_direct_conversation(x->user, pl_wall_ms());
	return pl_mem_add_room(m, &c, people, 2, PL_ADMIN, &x->room);
}

int pl_memory_direct(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_direct *in = &op->direct;
	struct pl_mem_meeting x = {.user = &in->user,
				   .to = in->to,
				   .to_anyone = in->to_anyone,
				   .pair = in->pair,
				   .create = in->create};
	int err = pl_mem_meet(m, &x);
	if (!err)
		err = pl_mem_copy_name(&op->arena, x.me, &in->me);
	if (!err)
		err = pl_mem_copy_name(&op->arena, x.other, &in->other);
	if (err)
		return err;
	const uint64_t *seen = pl_map_get(&m->seen, pl_uuid_slice(&x.other->id));
	in->other_seen_ms = seen ? *seen : 0;
	in->existed = x.existed;
	in->found = (struct pl_conversation){.id = {{0}}};
	return x.room ? pl_mem_copy_room(&op->arena, x.room, &in->found) : 0;
}

/* ---- leaving ---- */

static void remove_member(struct pl_memory *m, struct pl_mem_room *r, struct pl_mem_member *who)
{
	size_t i = (size_t)(who - r->members);
	memmove(who, who + 1, (--r->nmembers - i) * sizeof(*who));
	m->changes++;
}

int pl_memory_leave(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_leave *in = &op->leave;
	struct pl_mem_room *r = NULL;
	struct pl_mem_member visitor, *me = NULL;
	struct pl_uuid id = {{0}};
	int err = pl_mem_seat(m, &in->user, in->room, &id, &r, &visitor, &me);
	err = pl_rule_in_group(err, err ? PL_ROOM : r->c.type, !err && me != &visitor);
	if (!err && r->group)
		err = PL_EINVAL;
	if (!err)
		err = pl_mem_copy_name(&op->arena, me->user, &in->who);
	if (!err)
		err = pl_mem_copy_room(&op->arena, r, &in->left);
	if (!err)
		remove_member(m, r, me);
	return err;
}

/* ---- who is there ---- */

static size_t count_there(const struct pl_memory *m, const struct pl_uuid *user)
{
	size_t n = 0;
	for (size_t i = 0; i < m->nthere; i++)
		n += m->there[i].socket && pl_uuid_eq(&m->there[i].user, user);
	return n;
}

/* Its entry, else a free one, else NULL. */
static struct pl_mem_attendance *entry_of(const struct pl_memory *m, const struct pl_op_attend *in)
{
	struct pl_mem_attendance *free_one = NULL;
	for (size_t i = 0; i < m->nthere; i++) {
		struct pl_mem_attendance *t = &m->there[i];
		if (t->socket == in->socket && pl_uuid_eq(&t->user, &in->user))
			return t;
		if (!t->socket)
			free_one = t;
	}
	return free_one;
}

static int come(struct pl_memory *m, const struct pl_op_attend *in)
{
	struct pl_mem_attendance *t = entry_of(m, in);
	if (!t) {
		t = pl_grow(&m->arena, m->there, m->nthere, &m->cap_there, sizeof(*t));
		if (!t)
			return PL_ENOMEM;
		m->there = t;
		t = &t[m->nthere++];
	}
	*t = (struct pl_mem_attendance){in->user, in->socket};
	m->changes++;
	return 0;
}

static void count_waiting(const struct pl_mem_room *r, struct pl_mem_member *me)
{
	uint64_t at = me->delivered_seq > me->last_read_seq ? me->delivered_seq : me->last_read_seq;
	for (; at < r->c.last_seq && me->waiting < PL_UNREAD_MAX; at++)
		me->waiting += r->messages[at]->sender != me->user &&
			       pl_mem_content(r->messages[at], &me->user->id).at;
	me->delivered_seq = r->c.last_seq;
}

static void hear(const struct pl_mem_room *r, struct pl_mem_member *me)
{
	me->delivered_seq = r->c.last_seq;
}

static void see(const struct pl_mem_room *r, struct pl_mem_member *me)
{
	(void)r;
	me->waiting = 0;
}

static void in_each(struct pl_memory *m, const struct pl_uuid *user,
		    void (*change)(const struct pl_mem_room *, struct pl_mem_member *))
{
	for (size_t i = 0; i < m->nrooms; i++) {
		struct pl_mem_member *me = pl_mem_member(m->rooms[i], user);
		if (me)
			change(m->rooms[i], me);
	}
	m->changes++;
}

static int note_seen(struct pl_memory *m, const struct pl_uuid *user)
{
	uint64_t *seen = pl_map_get(&m->seen, pl_uuid_slice(user));
	struct pl_user *u = pl_map_get(&m->user_ids, pl_uuid_slice(user));
	if (!seen) {
		seen = pl_arena_alloc(&m->arena, sizeof(*seen));
		int err = seen ? pl_map_put(&m->seen, pl_uuid_slice(&u->id), seen) : PL_ENOMEM;
		if (err)
			return err;
	}
	*seen = pl_wall_ms();
	return 0;
}

static int go(struct pl_memory *m, const struct pl_op_attend *in)
{
	struct pl_mem_attendance *t = entry_of(m, in);
	if (!t || !t->socket)
		return 0;
	bool is_last = count_there(m, &in->user) == 1;
	int err = is_last ? note_seen(m, &in->user) : 0;
	if (err)
		return err;
	t->socket = 0;
	if (is_last)
		in_each(m, &in->user, hear);
	return 0;
}

int pl_memory_attend(struct pl_memory *m, struct pl_op *op)
{
	const struct pl_op_attend *in = &op->attend;
	if (!pl_map_get(&m->user_ids, pl_uuid_slice(&in->user)))
		return PL_EDENIED;
	if (in->what == PL_WENT)
		return go(m, in);
	int err = in->what == PL_CAME ? come(m, in) : 0;
	if (!err && in->what == PL_SAW)
		in_each(m, &in->user, see);
	else if (!err && count_there(m, &in->user) == 1)
		in_each(m, &in->user, count_waiting);
	return err;
}

static int add_row(struct pl_arena *a, const struct pl_mem_room *r, const struct pl_mem_member *me,
		   struct pl_chat_row *row)
{
	row->waiting = me->waiting;
	int err = pl_mem_copy_room(a, r, &row->conversation);
	if (err || r->c.type != PL_DIRECT)
		return err;
	return pl_mem_copy_name(a, r->members[r->members[0].user == me->user].user, &row->other);
}

static int by_activity(const void *a, const void *b)
{
	const struct pl_chat_row *x = a, *y = b;
	uint64_t p = x->conversation.updated_ms, q = y->conversation.updated_ms;
	return p == q ? 0 : p < q ? 1 : -1;
}

int pl_memory_chats(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_chats *in = &op->chats;
	const struct pl_user *u = pl_map_get(&m->user_ids, pl_uuid_slice(&in->user));
	size_t cap = 0;
	in->rows = NULL;
	in->nrows = 0;
	if (!u)
		return PL_EDENIED;
	in->is_named = pl_mem_named(m, u->username) == u;
	for (size_t i = 0; i < m->nrooms && in->nrows < PL_CHATS_MAX; i++) {
		const struct pl_mem_member *me = pl_mem_member(m->rooms[i], &in->user);
		if (!me)
			continue;
		struct pl_chat_row *rows =
			pl_grow(&op->arena, in->rows, in->nrows, &cap, sizeof(*rows));
		if (!rows)
			return PL_ENOMEM;
		in->rows = rows;
		int err = add_row(&op->arena, m->rooms[i], me, &rows[in->nrows++]);
		if (err)
			return err;
	}
	if (in->nrows)
		qsort(in->rows, in->nrows, sizeof(*in->rows), by_activity);
	return 0;
}
