/* memory_shares.c - whether two users share a conversation, in the memory store. */
#include "store/memory.h"

static bool are_together(const struct pl_memory *m, const struct pl_uuid *one,
			 const struct pl_uuid *two)
{
	for (size_t i = 0; i < m->nrooms; i++)
		if (pl_mem_member(m->rooms[i], one) && pl_mem_member(m->rooms[i], two))
			return true;
	return false;
}

int pl_memory_shares(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_shares *in = &op->shares;
	const struct pl_user *me = pl_map_get(&m->user_ids, pl_uuid_slice(&in->user));
	const struct pl_user *other = me ? pl_mem_find_user(m, in->with) : NULL;
	if (!other)
		return me ? PL_ENOTFOUND : PL_EDENIED;
	if (me == other)
		return PL_EINVAL;
	if (!are_together(m, &me->id, &other->id))
		return PL_EDENIED;
	const struct pl_user shown = {.id = other->id,
				      .subject = other->subject,
				      .username = other->username,
				      .display_name = other->display_name,
				      .avatar_url = other->avatar_url};
	return pl_mem_copy_user(&op->arena, &shown, &in->other);
}
