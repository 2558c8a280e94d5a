/* memory_open_room.c - rooms by name in the memory store. */
#include "store/memory.h"

#include "base/clock.h"

static struct pl_mem_room *find_room(const struct pl_memory *m, struct pl_slice name)
{
	struct pl_uuid id;
	struct pl_mem_room *r = NULL;
	if (!pl_uuid_parse(name, &id))
		r = pl_map_get(&m->room_ids, pl_uuid_slice(&id));
	return r ? r : pl_map_get(&m->aliases, name);
}

int pl_mem_seat(const struct pl_memory *m, const struct pl_uuid *user, struct pl_slice room,
		struct pl_uuid *id, struct pl_mem_room **r, struct pl_mem_member *visitor,
		struct pl_mem_member **me)
{
	*r = room.at ? find_room(m, room) : pl_map_get(&m->room_ids, pl_uuid_slice(id));
	if (*r)
		*id = (*r)->c.id;
	*me = *r ? pl_mem_member(*r, user) : NULL;
	if (*me)
		return 0;
	struct pl_user *u = pl_map_get(&m->user_ids, pl_uuid_slice(user));
	if (!u || !*r || !pl_conversation_is_open(&(*r)->c))
		return PL_EDENIED;
	*visitor = (struct pl_mem_member){.user = u, .role = PL_NOT_MEMBER};
	*me = visitor;
	return 0;
}

static int make(struct pl_memory *m, struct pl_op_open_room *in, const struct pl_user *user,
		struct pl_mem_room **out)
{
	int err = pl_rule_alias(in->name);
	if (err)
		return err;
	if (in->rooms_max && m->aliases.len >= in->rooms_max)
		return PL_ELIMIT;
	struct pl_conversation c = pl_open_room_from_op(in, pl_wall_ms());
	if (!user)
		c.created_by = (struct pl_uuid){{0}};
	err = pl_mem_add_room(m, &c, NULL, 0, PL_MEMBER, out);
	in->created = !err;
	m->changes += in->created;
	return err;
}

static int remember(struct pl_memory *m, struct pl_op_open_room *in, struct pl_mem_room *r,
		    struct pl_user *u)
{
	int err = pl_mem_add_member(m, r, u, PL_MEMBER, 0);
	if (err)
		return err;
	r->members[r->nmembers - 1].last_read_seq = r->c.last_seq;
	r->members[r->nmembers - 1].delivered_seq = r->c.last_seq;
	in->is_new_member = true;
	return 0;
}

int pl_memory_open_room(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_open_room *in = &op->open_room;
	struct pl_user *u = pl_map_get(&m->user_ids, pl_uuid_slice(&in->user));
	struct pl_mem_room *r = find_room(m, in->name);
	in->created = in->is_new_member = false;
	int err = r ? 0 : in->create ? make(m, in, u, &r) : PL_ENOTFOUND;
	if (err)
		return err;
	bool is_in = u && pl_mem_member(r, &u->id);
	if (!is_in && !pl_conversation_is_open(&r->c))
		return PL_EDENIED;
	if (!is_in && u && in->remember)
		err = remember(m, in, r, u);
	in->who = (struct pl_user){.id = {{0}}};
	if (!err && u)
		err = pl_mem_copy_name(&op->arena, u, &in->who);
	return err ? err : pl_mem_copy_room(&op->arena, r, &in->found);
}
