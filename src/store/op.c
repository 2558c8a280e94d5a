/* op.c - an operation: made, named, freed. */
#include "store/store.h"

#include "base/mem.h"

enum { OP_ARENA = 16 * 1024 * 1024 };

#define R false
#define W true
static const struct {
	const char *name;
	bool is_write;
} kinds[] = {
#define X(id, way, doc) [PL_OP_##id] = {#id, way},
	PL_OP_MAP(X)
#undef X
};
#undef R
#undef W

struct pl_op *pl_op_new(enum pl_op_kind kind, struct pl_loop *home, void (*on_done)(struct pl_op *),
			void *owner)
{
	struct pl_op *op = PL_NEW(struct pl_op);
	if (!op)
		return NULL;
	op->kind = kind;
	op->home = home;
	op->on_done = on_done;
	op->owner = owner;
	pl_arena_init(&op->arena, OP_ARENA);
	return op;
}

void pl_op_free(struct pl_op *op)
{
	if (!op)
		return;
	pl_arena_fini(&op->arena);
	pl_free(op);
}

bool pl_op_is_write(enum pl_op_kind kind)
{
	return kinds[kind].is_write;
}

const char *pl_op_name(enum pl_op_kind kind)
{
	return kinds[kind].name;
}
