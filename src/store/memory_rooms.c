/* memory_rooms.c - conversations and groups of the memory store. */
#include "store/memory.h"

#include "base/clock.h"

struct pl_mem_member *pl_mem_member(const struct pl_mem_room *r, const struct pl_uuid *user)
{
	for (size_t i = 0; i < r->nmembers; i++)
		if (pl_uuid_eq(&r->members[i].user->id, user))
			return &r->members[i];
	return NULL;
}

int pl_mem_add_member(struct pl_memory *m, struct pl_mem_room *r, struct pl_user *u,
		      enum pl_role role, uint64_t joined_seq)
{
	struct pl_mem_member *all =
		pl_grow(&m->arena, r->members, r->nmembers, &r->cap_members, sizeof(*r->members));
	if (!all)
		return PL_ENOMEM;
	r->members = all;
	r->members[r->nmembers++] = (struct pl_mem_member){.user = u,
							   .role = role,
							   .joined_seq = joined_seq,
							   .last_read_seq = joined_seq,
							   .delivered_seq = joined_seq};
	m->changes++;
	return 0;
}

int pl_mem_add_room(struct pl_memory *m, const struct pl_conversation *c, struct pl_user **users,
		    size_t n, enum pl_role first, struct pl_mem_room **out)
{
	struct pl_mem_room *r = pl_arena_alloc(&m->arena, sizeof(*r));
	struct pl_mem_room **all =
		pl_grow(&m->arena, m->rooms, m->nrooms, &m->cap_rooms, sizeof(*m->rooms));
	if (!r || !all)
		return PL_ENOMEM;
	m->rooms = all;
	r->c = *c;
	if (pl_arena_copy(&m->arena, c->name, &r->c.name) ||
	    pl_arena_copy(&m->arena, c->description, &r->c.description) ||
	    pl_arena_copy(&m->arena, c->alias, &r->c.alias))
		return PL_ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (pl_mem_add_member(m, r, users[i], i ? PL_MEMBER : first, 0))
			return PL_ENOMEM;
	int err = pl_map_put(&m->room_ids, pl_uuid_slice(&r->c.id), r);
	if (!err && r->c.alias.at) {
		err = pl_map_put(&m->aliases, r->c.alias, r);
		if (err)
			pl_map_remove(&m->room_ids, pl_uuid_slice(&r->c.id));
	}
	if (err)
		return err;
	m->rooms[m->nrooms++] = r;
	*out = r;
	return 0;
}

int pl_mem_copy_room(struct pl_arena *a, const struct pl_mem_room *r, struct pl_conversation *out)
{
	struct pl_conversation c = r->c;
	int err = pl_arena_copy(a, r->c.name, &c.name);
	if (!err)
		err = pl_arena_copy(a, r->c.description, &c.description);
	if (!err)
		err = pl_arena_copy(a, r->c.alias, &c.alias);
	if (!err)
		*out = c;
	return err;
}

struct pl_user *pl_mem_named(const struct pl_memory *m, struct pl_slice name)
{
	struct pl_user *alike = NULL;
	for (size_t i = 0; i < m->nusers; i++) {
		if (pl_slice_eq(m->users[i]->username, name))
			return m->users[i];
		if (!alike && pl_slice_eq_nocase(m->users[i]->username, name))
			alike = m->users[i];
	}
	return alike;
}

struct pl_user *pl_mem_find_user(const struct pl_memory *m, struct pl_slice name)
{
	struct pl_uuid id;
	struct pl_user *u = NULL;
	if (!pl_uuid_parse(name, &id))
		u = pl_map_get(&m->user_ids, pl_uuid_slice(&id));
	if (!u)
		u = pl_map_get(&m->subjects, name);
	return u ? u : pl_mem_named(m, name);
}

static size_t add_once(struct pl_user **list, size_t n, struct pl_user *u)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == u)
			return n;
	list[n] = u;
	return n + 1;
}

static int find_people(const struct pl_memory *m, struct pl_op *op, struct pl_user ***out,
		       size_t *n)
{
	const struct pl_op_create *in = &op->create;
	struct pl_user *creator = pl_map_get(&m->user_ids, pl_uuid_slice(&in->creator));
	struct pl_user **list = pl_arena_array(&op->arena, in->nmembers + 1, sizeof(*list));
	if (!creator || !list)
		return creator ? PL_ENOMEM : PL_EDENIED;
	*n = add_once(list, 0, creator);
	for (size_t i = 0; i < in->nmembers; i++) {
		struct pl_user *u = pl_mem_find_user(m, in->members[i]);
		if (!u)
			return PL_ENOTFOUND;
		*n = add_once(list, *n, u);
	}
	*out = list;
	return 0;
}

struct pl_mem_room *pl_mem_find_pair(const struct pl_memory *m, struct pl_user *people[2])
{
	for (size_t i = 0; i < m->nrooms; i++)
		if (m->rooms[i]->c.type == PL_DIRECT &&
		    pl_mem_member(m->rooms[i], &people[0]->id) &&
		    pl_mem_member(m->rooms[i], &people[1]->id))
			return m->rooms[i];
	return NULL;
}

int pl_memory_create(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_create *in = &op->create;
	struct pl_user **people = NULL;
	struct pl_mem_room *r = NULL;
	size_t n = 0;
	int err = pl_rule_create(in);
	if (!err)
		err = find_people(m, op, &people, &n);
	if (!err && in->type == PL_DIRECT && n != 2)
		err = PL_EINVAL;
	if (err)
		return err;
	r = in->type == PL_DIRECT ? pl_mem_find_pair(m, people) : NULL;
	in->existed = r != NULL;
	struct pl_conversation c = pl_conversation_from_op(in, pl_wall_ms());
	in->participants = pl_arena_array(&op->arena, n, sizeof(*in->participants));
	in->usernames = pl_arena_array(&op->arena, n, sizeof(*in->usernames));
	if (!in->participants || !in->usernames)
		return PL_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		in->participants[i] = people[i]->id;
		if (pl_arena_copy(&op->arena, people[i]->username, &in->usernames[i]))
			return PL_ENOMEM;
	}
	in->nparticipants = n;
	if (!r)
		err = pl_mem_add_room(m, &c, people, n, PL_ADMIN, &r);
	return err ? err : pl_mem_copy_room(&op->arena, r, &in->made);
}

int pl_memory_access(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_access *in = &op->access;
	struct pl_mem_room *r = NULL;
	struct pl_mem_member visitor, *me = NULL;
	int err = pl_mem_seat(m, &in->user, in->room, &in->conversation, &r, &visitor, &me);
	if (err)
		return err;
	in->role = me->role;
	return pl_mem_copy_room(&op->arena, r, &in->found);
}

static struct pl_mem_member *in_group(const struct pl_mem_group *g, const struct pl_uuid *user)
{
	for (size_t i = 0; i < g->nmembers; i++)
		if (pl_uuid_eq(&g->members[i].user->id, user))
			return &g->members[i];
	return NULL;
}

static int enter_group(struct pl_memory *m, struct pl_mem_group *g, struct pl_user *u,
		       enum pl_role role)
{
	struct pl_mem_member *all =
		pl_grow(&m->arena, g->members, g->nmembers, &g->cap_members, sizeof(*g->members));
	if (!all)
		return PL_ENOMEM;
	g->members = all;
	g->members[g->nmembers++] = (struct pl_mem_member){.user = u, .role = role};
	m->changes++;
	return 0;
}

static int copy_group(const struct pl_memory *m, struct pl_arena *a, const struct pl_mem_group *g,
		      const struct pl_uuid *reader, struct pl_group *out)
{
	struct pl_group row = g->g;
	row.role = in_group(g, reader)->role;
	row.members = (uint32_t)g->nmembers;
	for (size_t i = 0; i < m->nrooms; i++) {
		const struct pl_mem_room *r = m->rooms[i];
		if (r->group != g)
			continue;
		row.rooms++;
		uint64_t last = r->c.last_seq ? r->messages[r->c.last_seq - 1]->m.created_ms : 0;
		row.latest_ms = last > row.latest_ms ? last : row.latest_ms;
	}
	int err = pl_arena_copy(a, g->g.name, &row.name);
	if (!err)
		err = pl_arena_copy(a, g->g.description, &row.description);
	if (!err)
		err = pl_arena_copy(a, g->g.invite_code, &row.invite_code);
	if (!err)
		*out = row;
	return err;
}

static struct pl_mem_group *find_group(const struct pl_memory *m, struct pl_slice typed)
{
	char code[PL_INVITE_CODE];
	if (pl_invite_code_read(typed, code))
		return NULL;
	for (size_t i = 0; i < m->ngroups; i++)
		if (pl_slice_eq(m->groups[i]->g.invite_code, pl_slice(code, sizeof(code))))
			return m->groups[i];
	return NULL;
}

static struct pl_mem_group *add_group(struct pl_memory *m, const struct pl_op_create_group *in,
				      uint64_t now)
{
	char code[PL_INVITE_CODE];
	struct pl_mem_group *g = pl_arena_alloc(&m->arena, sizeof(*g));
	struct pl_mem_group **all =
		pl_grow(&m->arena, m->groups, m->ngroups, &m->cap_groups, sizeof(*m->groups));
	if (!g || !all)
		return NULL;
	m->groups = all;
	do
		pl_invite_code_new(code);
	while (find_group(m, pl_slice(code, sizeof(code))));
	g->g = (struct pl_group){
		.id = pl_uuid_v7(now), .created_ms = now, .is_public = in->is_public};
	if (pl_arena_copy(&m->arena, in->name, &g->g.name) ||
	    pl_arena_copy(&m->arena, in->description, &g->g.description) ||
	    pl_arena_copy(&m->arena, pl_slice(code, sizeof(code)), &g->g.invite_code))
		return NULL;
	return g;
}

int pl_memory_create_group(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_create_group *in = &op->create_group;
	struct pl_mem_room *r = NULL;
	uint64_t now = pl_wall_ms();
	int err = pl_rule_create_group(in);
	if (err)
		return err;
	struct pl_user *creator = pl_map_get(&m->user_ids, pl_uuid_slice(&in->creator));
	if (!creator)
		return PL_EDENIED;
	struct pl_mem_group *g = add_group(m, in, now);
	if (!g || enter_group(m, g, creator, PL_OWNER))
		return PL_ENOMEM;
	struct pl_conversation c = {.id = pl_uuid_v7(now),
				    .type = PL_ROOM,
				    .name = PL_S("general"),
				    .created_by = in->creator,
				    .group_id = g->g.id,
				    .created_ms = now,
				    .updated_ms = now};
	err = pl_mem_add_room(m, &c, &creator, 1, PL_OWNER, &r);
	if (err)
		return err;
	r->group = g;
	m->groups[m->ngroups++] = g;
	err = copy_group(m, &op->arena, g, &in->creator, &in->group);
	return err ? err : pl_mem_copy_room(&op->arena, r, &in->room);
}

static int enter_rooms(struct pl_memory *m, struct pl_op *op, const struct pl_mem_group *g,
		       struct pl_user *u)
{
	struct pl_op_join_group *in = &op->join_group;
	size_t cap = 0;
	in->rooms = NULL;
	in->nrooms = 0;
	for (size_t i = 0; i < m->nrooms; i++) {
		struct pl_mem_room *r = m->rooms[i];
		if (r->group != g)
			continue;
		struct pl_uuid *list =
			pl_grow(&op->arena, in->rooms, in->nrooms, &cap, sizeof(*list));
		if (!list)
			return PL_ENOMEM;
		in->rooms = list;
		list[in->nrooms++] = r->c.id;
		if (!pl_mem_member(r, &u->id) &&
		    pl_mem_add_member(m, r, u, PL_MEMBER, r->c.last_seq))
			return PL_ENOMEM;
	}
	return 0;
}

int pl_memory_join_group(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_join_group *in = &op->join_group;
	struct pl_user *u = pl_map_get(&m->user_ids, pl_uuid_slice(&in->user));
	struct pl_mem_group *g = find_group(m, in->invite_code);
	if (!u || !g)
		return u ? PL_ENOTFOUND : PL_EDENIED;
	bool was_in = in_group(g, &in->user) != NULL;
	int err = was_in ? 0 : enter_rooms(m, op, g, u);
	if (!err && !was_in)
		err = enter_group(m, g, u, PL_MEMBER);
	if (!err)
		err = copy_group(m, &op->arena, g, &in->user, &in->group);
	return err ? err : was_in ? PL_EEXISTS : 0;
}

int pl_memory_groups(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_groups *in = &op->groups;
	size_t cap = 0;
	in->rows = NULL;
	in->nrows = 0;
	if (!pl_map_get(&m->user_ids, pl_uuid_slice(&in->user)))
		return PL_EDENIED;
	for (size_t i = 0; i < m->ngroups; i++) {
		if (!in_group(m->groups[i], &in->user))
			continue;
		struct pl_group *rows =
			pl_grow(&op->arena, in->rows, in->nrows, &cap, sizeof(*rows));
		if (!rows)
			return PL_ENOMEM;
		in->rows = rows;
		int err = copy_group(m, &op->arena, m->groups[i], &in->user, &rows[in->nrows]);
		if (err)
			return err;
		if (rows[in->nrows].role == PL_MEMBER)
			rows[in->nrows].invite_code = (struct pl_slice){NULL, 0};
		in->nrows++;
	}
	return 0;
}
