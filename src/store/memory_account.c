/* memory_account.c - accounts of the memory store, and who is locked out. */
#include "store/memory.h"

#include "base/clock.h"

static struct pl_mem_standing *standing_of(const struct pl_memory *m, const struct pl_uuid *user)
{
	return pl_map_get(&m->standings, pl_uuid_slice(user));
}

/* The user's, made where there is none. */
static int need_standing(struct pl_memory *m, struct pl_user *u, struct pl_mem_standing **out)
{
	struct pl_mem_standing *s = standing_of(m, &u->id);
	if (!s) {
		s = pl_arena_alloc(&m->arena, sizeof(*s));
		if (!s)
			return PL_ENOMEM;
		s->user = u;
		int err = pl_map_put(&m->standings, pl_uuid_slice(&u->id), s);
		if (err)
			return err;
	}
	*out = s;
	return 0;
}

static struct pl_mem_standing *account_of(const struct pl_memory *m, struct pl_slice name)
{
	char folded[PL_ACCOUNT_NAME_MAX];
	size_t n = pl_account_fold(name, folded);
	return n ? pl_map_get(&m->accounts, pl_slice(folded, n)) : NULL;
}

const struct pl_user *pl_mem_account(const struct pl_memory *m, struct pl_slice name)
{
	const struct pl_mem_standing *s = account_of(m, name);
	return s ? s->user : NULL;
}

bool pl_mem_may_enter(const struct pl_memory *m, const struct pl_uuid *user, uint64_t issued_s)
{
	const struct pl_mem_standing *s = standing_of(m, user);
	return !s || (!s->is_disabled && issued_s >= s->tokens_from_s);
}

static bool is_taken(const struct pl_memory *m, struct pl_slice name)
{
	for (size_t i = 0; i < m->nusers; i++)
		if (pl_slice_eq_nocase(m->users[i]->subject, name))
			return true;
	return account_of(m, name) || pl_mem_named(m, name);
}

int pl_memory_register(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_register *in = &op->enlist;
	struct pl_mem_standing *s;
	struct pl_slice password;
	struct pl_user u, *made;
	int err = pl_rule_register(op, pl_wall_ms(), &u);
	if (err)
		return err;
	if (is_taken(m, in->username))
		return PL_EEXISTS;
	if (pl_arena_copy(&m->arena, in->password, &password))
		return PL_ENOMEM;
	err = pl_mem_add_user(m, &u, &made);
	if (!err)
		err = need_standing(m, made, &s);
	if (err)
		return err;
	s->password = password;
	s->name_len = pl_account_fold(in->username, s->name);
	err = pl_map_put(&m->accounts, pl_slice(s->name, s->name_len), s);
	return err ? err : pl_mem_copy_user(&op->arena, made, &in->user);
}

int pl_memory_account(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_account *in = &op->account;
	const struct pl_mem_standing *s = account_of(m, in->name);
	if (!s)
		return PL_ENOTFOUND;
	in->is_disabled = s->is_disabled;
	int err = pl_arena_copy(&op->arena, s->password, &in->password);
	return err ? err : pl_mem_copy_user(&op->arena, s->user, &in->user);
}

int pl_memory_set_password(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_set_password *in = &op->set_password;
	struct pl_slice password;
	int err = pl_rule_password(in->password);
	if (err)
		return err;
	struct pl_mem_standing *s = account_of(m, in->name);
	if (!s)
		return PL_ENOTFOUND;
	if (in->instead_of.at && !pl_slice_eq(in->instead_of, s->password))
		return PL_ESTATE;
	if (pl_arena_copy(&m->arena, in->password, &password) ||
	    pl_mem_copy_user(&op->arena, s->user, &in->user))
		return PL_ENOMEM;
	s->password = password;
	if (!in->instead_of.at)
		s->tokens_from_s = pl_wall_ms() / 1000;
	m->changes++;
	return 0;
}

int pl_memory_disable(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_disable *in = &op->disable;
	struct pl_mem_standing *s = account_of(m, in->who);
	struct pl_user *u = s ? s->user : pl_mem_find_user(m, in->who);
	if (!u)
		return PL_ENOTFOUND;
	int err = need_standing(m, u, &s);
	if (!err)
		err = pl_mem_copy_user(&op->arena, u, &in->user);
	if (err)
		return err;
	in->changed = s->is_disabled != in->on;
	s->is_disabled = in->on;
	m->changes += in->changed;
	return 0;
}

static int fill_row(const struct pl_memory *m, struct pl_arena *a, const struct pl_user *u,
		    struct pl_user_row *out)
{
	const struct pl_mem_standing *s = standing_of(m, &u->id);
	out->has_account = s && s->password.at;
	out->is_disabled = s && s->is_disabled;
	return pl_mem_copy_user(a, u, &out->user);
}

static int place_behind(const struct pl_memory *m, const struct pl_uuid *id, size_t *out)
{
	size_t i = 0;
	if (pl_uuid_is_nil(id)) {
		*out = 0;
		return 0;
	}
	while (i < m->nusers && !pl_uuid_eq(&m->users[i]->id, id))
		i++;
	*out = i + 1;
	return i < m->nusers ? 0 : PL_ENOTFOUND;
}

int pl_memory_users(struct pl_memory *m, struct pl_op *op)
{
	struct pl_op_users *in = &op->users;
	size_t at = 0;
	int err = pl_rule_users(in);
	if (!err)
		err = place_behind(m, &in->after, &at);
	if (err)
		return err;
	size_t n = m->nusers - at < in->limit ? m->nusers - at : in->limit;
	in->rows = pl_arena_array(&op->arena, n, sizeof(*in->rows));
	if (!in->rows)
		return PL_ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (fill_row(m, &op->arena, m->users[at + i], &in->rows[i]))
			return PL_ENOMEM;
	in->nrows = n;
	in->has_more = at + n < m->nusers;
	return 0;
}
