/* op_test.h - for tests with a store: operations done one after the other, on the test's thread. */
#ifndef PL_CHAT_OP_TEST_H
#define PL_CHAT_OP_TEST_H

#include "base/clock.h"
#include "chat/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static inline void op_came(struct pl_op *op)
{
	*(bool *)op->owner = true;
}

static inline struct pl_op *op_new(enum pl_op_kind kind)
{
	struct pl_op *op = pl_op_new(kind, NULL, NULL, NULL);
	assert_non_null(op);
	return op;
}

/* Has it done and turns the loop until then; its error. It stays the caller's. */
static inline int op_run(struct pl_hub *hub, struct pl_loop *loop, struct pl_op *op)
{
	bool is_done = false;
	op->owner = &is_done;
	op->home = loop;
	op->on_done = op_came;
	pl_hub_submit(hub, op);
	for (uint64_t end = pl_now_ms() + 5000; !is_done && pl_now_ms() < end;)
		pl_loop_turn(loop, 1);
	assert_true(is_done);
	return op->err;
}

/* A user who signed in for the first time. */
static inline struct pl_uuid op_enlist(struct pl_hub *hub, struct pl_loop *loop, const char *name)
{
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = pl_slice_str(name);
	op->sign_in.provision = true;
	assert_int_equal(op_run(hub, loop, op), 0);
	struct pl_uuid id = op->sign_in.user.id;
	pl_op_free(op);
	return id;
}

#endif
