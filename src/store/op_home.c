/* op_home.c - an operation's way back to the loop that asked. */
#include "store/store.h"

static void arrive(struct pl_task *t)
{
	struct pl_op *op = PL_CONTAINER(t, struct pl_op, task);
	op->on_done(op);
}

void pl_op_go_home(struct pl_op *op)
{
	op->task.run = arrive;
	pl_loop_post(op->home, &op->task);
}
