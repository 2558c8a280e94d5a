/* cast_test.h - for the tests that hold in both stores: who is there, and each test run in both. */
#ifndef PL_STORE_CAST_TEST_H
#define PL_STORE_CAST_TEST_H

#include "store/testing.h"

#define IS(slice, text) assert_true(pl_slice_is((slice), (text)))

struct cast {
	struct pl_uuid alice, bob, carol, room; /* room: alice and bob */
};

static inline struct cast play(struct rig *r)
{
	struct cast c = {.alice = sign_in(r, "alice"),
			 .bob = sign_in(r, "bob"),
			 .carol = sign_in(r, "carol")};
	c.room = create(r, c.alice, PL_DIRECT, &PL_S("bob"), 1);
	return c;
}

static inline int on_sqlite(void **state)
{
	struct rig *r = rig_new();
	*state = r;
	return rig_open(r, r->path);
}

static inline int in_memory(void **state)
{
	struct rig *r = rig_new();
	*state = r;
	return rig_open(r, NULL);
}

static inline int close_it(void **state)
{
	rig_free(*state);
	return 0;
}

#define ON_SQLITE(test) cmocka_unit_test_setup_teardown(test, on_sqlite, close_it),
#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, in_memory, close_it),

#endif
