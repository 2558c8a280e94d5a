/* store_shares_test.c - proves, alike in both stores: two users share a conversation while both are
 * members of one, whatever its type, and not a moment longer; nobody else does. */
#include "store/cast_test.h"

static int shares(struct rig *r, struct pl_uuid user, const char *with, struct pl_uuid *other)
{
	struct pl_op *op = op_new(PL_OP_SHARES);
	op->shares.user = user;
	op->shares.with = pl_slice_str(with);
	int err = run(r, op);
	if (!err && other)
		*other = op->shares.other.id;
	pl_op_free(op);
	return err;
}

static int open_room(struct rig *r, struct pl_uuid user, bool remember)
{
	struct pl_op *op = op_new(PL_OP_OPEN_ROOM);
	op->open_room.user = user;
	op->open_room.name = PL_S("lobby");
	op->open_room.create = true;
	op->open_room.remember = remember;
	int err = run(r, op);
	pl_op_free(op);
	return err;
}

static int leave(struct rig *r, struct pl_uuid user, const char *room)
{
	struct pl_op *op = op_new(PL_OP_LEAVE);
	op->leave.user = user;
	op->leave.room = pl_slice_str(room);
	int err = run(r, op);
	pl_op_free(op);
	return err;
}

static void a_direct_conversation_is_shared_by_its_pair(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid other;
	assert_int_equal(shares(r, c.alice, "bob", &other), 0);
	assert_true(pl_uuid_eq(&other, &c.bob));
	assert_int_equal(shares(r, c.bob, "alice", &other), 0);
	assert_true(pl_uuid_eq(&other, &c.alice));
	assert_int_equal(shares(r, c.alice, "carol", NULL), PL_EDENIED);
	assert_int_equal(shares(r, c.carol, "bob", NULL), PL_EDENIED);
	char text[PL_UUID_TEXT + 1] = "";
	pl_uuid_format(&c.bob, text);
	assert_int_equal(shares(r, c.alice, text, &other), 0);
	assert_true(pl_uuid_eq(&other, &c.bob));
}

static void who_is_not_there_shares_nothing(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	assert_int_equal(shares(r, c.alice, "mallory", NULL), PL_ENOTFOUND);
	assert_int_equal(shares(r, c.alice, "", NULL), PL_ENOTFOUND);
	assert_int_equal(shares(r, c.alice, "alice", NULL), PL_EINVAL);
	assert_int_equal(shares(r, pl_uuid_v4(), "alice", NULL), PL_EDENIED);
}

static void members_of_a_group_share_it(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_slice both[] = {PL_S("bob"), PL_S("carol")};
	create(r, c.alice, PL_GROUP, both, 2);
	assert_int_equal(shares(r, c.bob, "carol", NULL), 0);
	assert_int_equal(shares(r, c.carol, "alice", NULL), 0);
}

/* Coming in for a moment is no membership: an open room would introduce everybody to everybody. */
static void an_open_room_is_shared_by_its_members(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	assert_int_equal(open_room(r, c.alice, true), 0);
	assert_int_equal(open_room(r, c.carol, false), 0);
	assert_int_equal(shares(r, c.alice, "carol", NULL), PL_EDENIED);
	assert_int_equal(open_room(r, c.carol, true), 0);
	assert_int_equal(shares(r, c.alice, "carol", NULL), 0);
	assert_int_equal(leave(r, c.alice, "lobby"), 0);
	assert_int_equal(shares(r, c.alice, "carol", NULL), PL_EDENIED);
	assert_int_equal(shares(r, c.carol, "alice", NULL), PL_EDENIED);
	assert_int_equal(open_room(r, c.alice, true), 0);
	assert_int_equal(shares(r, c.carol, "alice", NULL), 0);
}

static void the_other_is_described(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims = (struct pl_user){.subject = PL_S("bob"),
					      .username = PL_S("bobby"),
					      .display_name = PL_S("Bob B."),
					      .email = PL_S("bob@example.org"),
					      .avatar_url = PL_S("http://127.0.0.1/b.png")};
	assert_int_equal(run(r, op), 0);
	pl_op_free(op);
	op = op_new(PL_OP_SHARES);
	op->shares.user = c.alice;
	op->shares.with = PL_S("bob");
	assert_int_equal(run(r, op), 0);
	IS(op->shares.other.subject, "bob");
	IS(op->shares.other.username, "bobby");
	IS(op->shares.other.display_name, "Bob B.");
	IS(op->shares.other.avatar_url, "http://127.0.0.1/b.png");
	assert_null(op->shares.other.email.at);
	pl_op_free(op);
}

#define TESTS(X)                                       \
	X(a_direct_conversation_is_shared_by_its_pair) \
	X(who_is_not_there_shares_nothing)             \
	X(members_of_a_group_share_it)                 \
	X(an_open_room_is_shared_by_its_members)       \
	X(the_other_is_described)

int main(void)
{
	const struct CMUnitTest tests[] = {TESTS(ON_SQLITE) TESTS(IN_MEMORY)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
