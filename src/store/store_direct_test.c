/* store_direct_test.c - proves, alike in both stores: how two people find their one conversation by
 * name, what is for members only, how a membership ends and begins again, and what counts as having
 * come while somebody was away. */
#include "store/cast_test.h"

static struct pl_op *op_direct(struct pl_uuid user, const char *to, bool create)
{
	struct pl_op *op = op_new(PL_OP_DIRECT);
	op->direct.user = user;
	op->direct.to = pl_slice_str(to);
	op->direct.create = create;
	return op;
}

static struct pl_op *op_open(struct pl_uuid user, const char *name)
{
	struct pl_op *op = op_new(PL_OP_OPEN_ROOM);
	op->open_room.user = user;
	op->open_room.name = pl_slice_str(name);
	op->open_room.create = true;
	op->open_room.remember = true;
	return op;
}

static struct pl_op *op_send_to(struct pl_uuid user, const char *to, const char *text)
{
	struct pl_op *op = op_send(user, (struct pl_uuid){{0}}, text);
	op->send.to = pl_slice_str(to);
	return op;
}

static struct pl_op *op_leave(struct pl_uuid user, const char *room)
{
	struct pl_op *op = op_new(PL_OP_LEAVE);
	op->leave.user = user;
	op->leave.room = pl_slice_str(room);
	return op;
}

static int run_and_free(struct rig *r, struct pl_op *op)
{
	int err = run(r, op);
	pl_op_free(op);
	return err;
}

static struct pl_uuid sign_in_as(struct rig *r, const char *subject, const char *username)
{
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = pl_slice_str(subject);
	op->sign_in.claims.username = pl_slice_str(username);
	op->sign_in.provision = true;
	assert_int_equal(run(r, op), 0);
	struct pl_uuid id = op->sign_in.user.id;
	pl_op_free(op);
	return id;
}

static void two_people_have_one_conversation(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_direct(c.bob, "alice", true);
	assert_int_equal(run(r, op), 0);
	assert_true(op->direct.existed);
	assert_true(pl_uuid_eq(&op->direct.found.id, &c.room));
	assert_true(pl_uuid_eq(&op->direct.other.id, &c.alice));
	IS(op->direct.other.username, "alice");
	IS(op->direct.me.username, "bob");
	pl_op_free(op);
	op = op_direct(c.alice, "carol", false);
	assert_int_equal(run(r, op), 0);
	assert_false(op->direct.existed);
	assert_true(pl_uuid_is_nil(&op->direct.found.id));
	op->direct.create = true;
	assert_int_equal(run(r, op), 0);
	assert_false(op->direct.existed);
	struct pl_uuid id = op->direct.found.id;
	assert_int_equal(op->direct.found.type, PL_DIRECT);
	assert_int_equal(run(r, op), 0);
	assert_true(op->direct.existed);
	assert_true(pl_uuid_eq(&op->direct.found.id, &id));
	pl_op_free(op);
	struct pl_uuid again = create(r, c.carol, PL_DIRECT, &PL_S("alice"), 1);
	assert_true(pl_uuid_eq(&again, &id));
}

static void who_is_not_there_has_none(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	assert_int_equal(run_and_free(r, op_direct(c.alice, "mallory", true)), PL_ENOTFOUND);
	assert_int_equal(run_and_free(r, op_direct(c.alice, "alice", true)), PL_EINVAL);
	assert_int_equal(run_and_free(r, op_direct(pl_uuid_v4(), "alice", true)), PL_EDENIED);
	assert_int_equal(run_and_free(r, op_send_to(c.alice, "mallory", "x")), PL_ENOTFOUND);
	assert_int_equal(run_and_free(r, op_send_to(c.alice, "ALICE", "x")), PL_EINVAL);
	assert_int_equal(run_and_free(r, op_send_to(pl_uuid_v4(), "alice", "x")), PL_EDENIED);
	/* Neither an id nor a subject is a name. */
	struct pl_uuid dave = sign_in_as(r, "a subject", "dave");
	char text[PL_UUID_TEXT + 1] = "";
	pl_uuid_format(&dave, text);
	assert_int_equal(run_and_free(r, op_direct(c.alice, text, true)), PL_ENOTFOUND);
	assert_int_equal(run_and_free(r, op_direct(c.alice, "a subject", true)), PL_ENOTFOUND);
	assert_int_equal(run_and_free(r, op_direct(c.alice, "dave", true)), 0);
}

static void the_exact_name_comes_first(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid upper = sign_in_as(r, "1", "Dora"), lower = sign_in_as(r, "2", "dora");
	const struct {
		const char *name;
		struct pl_uuid id;
	} rows[] = {{"Dora", upper}, {"dora", lower}, {"DORA", upper}};
	for (size_t i = 0; i < 3; i++) {
		struct pl_op *op = op_direct(c.alice, rows[i].name, false);
		assert_int_equal(run(r, op), 0);
		assert_true(pl_uuid_eq(&op->direct.other.id, &rows[i].id));
		pl_op_free(op);
	}
}

static void a_pair_must_be_the_pair(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	const struct {
		const char *a, *b;
		int err;
	} rows[] = {{"alice", "bob", 0},
		    {"bob", "alice", 0},
		    {"carol", "bob", PL_ESTATE},
		    {"alice", "carol", PL_ESTATE},
		    {"carol", "carol", PL_ESTATE},
		    {"chat", "123", 0},
		    {"chat", "bob", 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_op *op = op_direct(c.alice, "bob", true);
		op->direct.pair[0] = pl_slice_str(rows[i].a);
		op->direct.pair[1] = pl_slice_str(rows[i].b);
		assert_int_equal(run_and_free(r, op), rows[i].err);
		op = op_send_to(c.alice, "bob", "x");
		op->send.pair[0] = pl_slice_str(rows[i].a);
		op->send.pair[1] = pl_slice_str(rows[i].b);
		assert_int_equal(run_and_free(r, op), rows[i].err);
	}
}

static void the_first_word_makes_the_conversation(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_send_to(c.carol, "bob", "one");
	assert_int_equal(run(r, op), 0);
	struct pl_uuid id = op->send.conversation;
	assert_true(pl_uuid_eq(&op->send.made.id, &id));
	assert_true(pl_uuid_eq(&op->send.other.id, &c.bob));
	IS(op->send.other.username, "bob");
	assert_int_equal(op->send.message.seq, 1);
	pl_op_free(op);
	op = op_send_to(c.bob, "carol", "two");
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_is_nil(&op->send.made.id));
	assert_true(pl_uuid_eq(&op->send.conversation, &id));
	IS(op->send.other.username, "carol");
	assert_int_equal(op->send.message.seq, 2);
	pl_op_free(op);
	/* By its id too it is known for whom it is; elsewhere it is for nobody in particular. */
	op = op_send(c.carol, id, "three");
	assert_int_equal(run(r, op), 0);
	IS(op->send.other.username, "bob");
	pl_op_free(op);
	assert_int_equal(run_and_free(r, op_open(c.alice, "tea")), 0);
	op = op_send(c.alice, id, "x");
	op->send.room = PL_S("tea");
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_is_nil(&op->send.other.id));
	pl_op_free(op);
}

static void a_new_name_is_the_new_name(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	say(r, c.alice, c.room, "before");
	sign_in_as(r, "bob", "robert");
	struct pl_op *op = op_send(c.alice, c.room, "after");
	assert_int_equal(run(r, op), 0);
	IS(op->send.other.username, "robert");
	pl_op_free(op);
	assert_int_equal(run_and_free(r, op_send_to(c.alice, "bob", "x")), PL_ENOTFOUND);
	op = op_send_to(c.alice, "robert", "x");
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_eq(&op->send.conversation, &c.room));
	pl_op_free(op);
}

static void retries_are_known_by_name_too(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid first = {{0}};
	for (int i = 0; i < 2; i++) {
		struct pl_op *op = op_send_to(c.alice, "carol", "once");
		op->send.client_id = PL_S("m1");
		assert_int_equal(run(r, op), 0);
		assert_int_equal(op->send.duplicate, i);
		assert_true(!i || pl_uuid_eq(&op->send.message.id, &first));
		IS(op->send.other.username, "carol");
		first = op->send.message.id;
		pl_op_free(op);
	}
}

/* ---- members only ---- */

static int send_in_group(struct rig *r, struct pl_uuid user, const char *room)
{
	struct pl_op *op = op_send(user, (struct pl_uuid){{0}}, "x");
	op->send.room = pl_slice_str(room);
	op->send.in_group = true;
	return run_and_free(r, op);
}

static int read_in_group(struct rig *r, struct pl_uuid user, const char *room)
{
	struct pl_op *op = op_page(user, (struct pl_uuid){{0}}, 10);
	op->page.room = pl_slice_str(room);
	op->page.in_group = true;
	return run_and_free(r, op);
}

static void groups_are_for_members(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	char direct[PL_UUID_TEXT + 1] = "", closed[PL_UUID_TEXT + 1] = "";
	struct pl_uuid room = create(r, c.alice, PL_GROUP, &PL_S("bob"), 1);
	pl_uuid_format(&c.room, direct);
	pl_uuid_format(&room, closed);
	assert_int_equal(run_and_free(r, op_open(c.alice, "tea")), 0);
	const struct {
		struct pl_uuid who;
		const char *room;
		int err;
	} rows[] = {{c.alice, "tea", 0},
		    {c.bob, "tea", PL_EDENIED},
		    {c.alice, "no", PL_ENOTFOUND},
		    {c.alice, direct, PL_ENOTFOUND},
		    {c.alice, closed, 0},
		    {c.carol, closed, PL_ENOTFOUND},
		    {c.carol, direct, PL_ENOTFOUND}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(send_in_group(r, rows[i].who, rows[i].room), rows[i].err);
		assert_int_equal(read_in_group(r, rows[i].who, rows[i].room), rows[i].err);
	}
	/* A visitor who spoke is not taken for a member, nor a new member for a visitor. */
	struct pl_op *op = op_send(c.bob, room, "x");
	op->send.room = PL_S("tea");
	assert_int_equal(run_and_free(r, op), 0);
	assert_int_equal(send_in_group(r, c.bob, "tea"), PL_EDENIED);
	assert_int_equal(run_and_free(r, op_open(c.bob, "tea")), 0);
	assert_int_equal(send_in_group(r, c.bob, "tea"), 0);
}

static void who_leaves_is_no_member_and_may_come_back(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	assert_int_equal(run_and_free(r, op_open(c.alice, "tea")), 0);
	assert_int_equal(send_in_group(r, c.alice, "tea"), 0);
	struct pl_op *op = op_leave(c.alice, "tea");
	assert_int_equal(run(r, op), 0);
	IS(op->leave.left.alias, "tea");
	IS(op->leave.who.username, "alice");
	pl_op_free(op);
	assert_int_equal(send_in_group(r, c.alice, "tea"), PL_EDENIED);
	assert_int_equal(run_and_free(r, op_leave(c.alice, "tea")), PL_EDENIED);
	assert_int_equal(run_and_free(r, op_leave(c.alice, "no")), PL_ENOTFOUND);
	op = lines_of(r, c.alice);
	assert_int_equal(op->conversations.nrows, 1);
	pl_op_free(op);
	op = op_open(c.alice, "tea");
	assert_int_equal(run(r, op), 0);
	assert_true(op->open_room.is_new_member);
	assert_int_equal(run(r, op), 0);
	assert_false(op->open_room.is_new_member);
	IS(op->open_room.who.username, "alice");
	pl_op_free(op);
	assert_int_equal(send_in_group(r, c.alice, "tea"), 0);
}

static void what_cannot_be_left_stays(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	char text[PL_UUID_TEXT + 1] = "";
	pl_uuid_format(&c.room, text);
	assert_int_equal(run_and_free(r, op_leave(c.alice, text)), PL_ENOTFOUND);
	struct pl_op *op = op_new(PL_OP_CREATE_GROUP);
	op->create_group.creator = c.alice;
	op->create_group.name = PL_S("club");
	assert_int_equal(run(r, op), 0);
	pl_uuid_format(&op->create_group.room.id, text);
	pl_op_free(op);
	assert_int_equal(run_and_free(r, op_leave(c.alice, text)), PL_EINVAL);
	assert_int_equal(run_and_free(r, op_leave(c.bob, text)), PL_ENOTFOUND);
	assert_int_equal(send_in_group(r, c.alice, text), 0);
}

/* ---- away ---- */

static void attend(struct rig *r, struct pl_uuid user, uint64_t socket, enum pl_attendance what)
{
	struct pl_op *op = op_new(PL_OP_ATTEND);
	op->attend.user = user;
	op->attend.socket = socket;
	op->attend.what = what;
	assert_int_equal(run(r, op), 0);
	pl_op_free(op);
}

static uint64_t waiting(struct rig *r, struct pl_uuid user, struct pl_uuid room)
{
	struct pl_op *op = op_new(PL_OP_CHATS);
	uint64_t n = 12345;
	op->chats.user = user;
	assert_int_equal(run(r, op), 0);
	for (size_t i = 0; i < op->chats.nrows; i++)
		if (pl_uuid_eq(&op->chats.rows[i].conversation.id, &room))
			n = op->chats.rows[i].waiting;
	pl_op_free(op);
	return n;
}

static void what_comes_for_who_is_away_waits(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	say(r, c.alice, c.room, "one");
	say(r, c.alice, c.room, "two");
	say(r, c.bob, c.room, "mine");
	assert_int_equal(waiting(r, c.bob, c.room), 0); /* counted when he comes */
	attend(r, c.bob, 1, PL_CAME);
	assert_int_equal(waiting(r, c.bob, c.room), 2);
	attend(r, c.bob, 1, PL_CAME); /* again: the same one */
	say(r, c.alice, c.room, "heard");
	attend(r, c.bob, 2, PL_CAME);
	attend(r, c.bob, 1, PL_WENT);
	say(r, c.alice, c.room, "heard by the second");
	attend(r, c.bob, 7, PL_WENT); /* was never there */
	attend(r, c.bob, 2, PL_WENT);
	say(r, c.alice, c.room, "missed");
	attend(r, c.bob, 3, PL_CAME);
	assert_int_equal(waiting(r, c.bob, c.room), 3);
	attend(r, c.bob, 3, PL_SAW);
	assert_int_equal(waiting(r, c.bob, c.room), 0);
	attend(r, c.bob, 3, PL_WENT);
	attend(r, c.bob, 3, PL_WENT);
	attend(r, c.bob, 4, PL_CAME);
	assert_int_equal(waiting(r, c.bob, c.room), 0);
	assert_int_equal(waiting(r, c.alice, c.room), 0);
}

static void what_was_read_elsewhere_does_not_wait(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	say(r, c.alice, c.room, "one");
	struct pl_op *op = op_new(PL_OP_MARK_READ);
	op->mark_read.user = c.bob;
	op->mark_read.conversation = c.room;
	assert_int_equal(run(r, op), 0);
	pl_op_free(op);
	say(r, c.alice, c.room, "two");
	attend(r, c.bob, 1, PL_CAME);
	assert_int_equal(waiting(r, c.bob, c.room), 1);
}

static void what_is_for_others_does_not_wait(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_slice both[] = {PL_S("bob"), PL_S("carol")};
	struct pl_uuid room = create(r, c.alice, PL_GROUP, both, 2);
	struct pl_copy copy = {c.carol, PL_S("for carol")};
	struct pl_op *op = op_send(c.alice, room, "");
	op->send.content = (struct pl_slice){NULL, 0};
	op->send.copies = &copy;
	op->send.ncopies = 1;
	assert_int_equal(run_and_free(r, op), 0);
	attend(r, c.bob, 1, PL_CAME);
	attend(r, c.carol, 2, PL_CAME);
	assert_int_equal(waiting(r, c.bob, room), 0);
	assert_int_equal(waiting(r, c.carol, room), 1);
}

static void a_member_waits_from_joining_on(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	assert_int_equal(run_and_free(r, op_open(c.alice, "tea")), 0);
	assert_int_equal(send_in_group(r, c.alice, "tea"), 0);
	struct pl_op *op = op_open(c.bob, "tea");
	assert_int_equal(run(r, op), 0);
	struct pl_uuid room = op->open_room.found.id;
	pl_op_free(op);
	attend(r, c.bob, 1, PL_CAME);
	assert_int_equal(waiting(r, c.bob, room), 0);
	attend(r, c.bob, 1, PL_WENT);
	assert_int_equal(run_and_free(r, op_leave(c.bob, "tea")), 0);
	assert_int_equal(send_in_group(r, c.alice, "tea"), 0);
	assert_int_equal(run_and_free(r, op_open(c.bob, "tea")), 0);
	assert_int_equal(send_in_group(r, c.alice, "tea"), 0);
	attend(r, c.bob, 1, PL_CAME);
	assert_int_equal(waiting(r, c.bob, room), 1);
}

static void chats_are_listed_by_the_names_of_others(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_open(c.alice, "1234");
	op->open_room.title = PL_S("Tea & cake");
	assert_int_equal(run(r, op), 0);
	IS(op->open_room.found.name, "Tea & cake");
	IS(op->open_room.found.alias, "1234");
	pl_op_free(op);
	op = op_new(PL_OP_CHATS);
	op->chats.user = c.alice;
	assert_int_equal(run(r, op), 0);
	assert_true(op->chats.is_named);
	assert_int_equal(op->chats.nrows, 2);
	size_t pair = op->chats.rows[1].conversation.type == PL_DIRECT;
	IS(op->chats.rows[pair].other.username, "bob");
	assert_true(pl_uuid_eq(&op->chats.rows[pair].other.id, &c.bob));
	IS(op->chats.rows[!pair].conversation.alias, "1234");
	IS(op->chats.rows[!pair].conversation.name, "Tea & cake");
	assert_true(pl_uuid_is_nil(&op->chats.rows[!pair].other.id));
	pl_op_free(op);
	op = op_new(PL_OP_CHATS);
	op->chats.user = sign_in_as(r, "another alice", "alice");
	assert_int_equal(run(r, op), 0);
	assert_false(op->chats.is_named);
	assert_int_equal(op->chats.nrows, 0);
	op->chats.user = pl_uuid_v4();
	assert_int_equal(run(r, op), PL_EDENIED);
	pl_op_free(op);
}

static void when_somebody_went_is_known(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_direct(c.alice, "bob", false);
	assert_int_equal(run(r, op), 0);
	assert_int_equal(op->direct.other_seen_ms, 0);
	attend(r, c.bob, 1, PL_CAME);
	attend(r, c.bob, 1, PL_WENT);
	assert_int_equal(run(r, op), 0);
	assert_true(op->direct.other_seen_ms > 1600000000000);
	pl_op_free(op);
}

/* ---- over a restart, on disk ---- */

static void what_waits_outlives_a_restart(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	assert_int_equal(rig_open(r, r->path), 0);
	struct cast c = play(r);
	attend(r, c.bob, 1, PL_CAME);
	say(r, c.alice, c.room, "heard");
	attend(r, c.bob, 1, PL_WENT);
	say(r, c.alice, c.room, "missed");
	attend(r, c.bob, 2, PL_CAME);
	say(r, c.alice, c.room, "heard before the end");
	rig_close(r); /* with somebody there: as if it had been killed */
	assert_int_equal(rig_open(r, r->path), 0);
	say(r, c.alice, c.room, "missed too");
	attend(r, c.bob, 1, PL_CAME);
	/* One missed and kept, one missed, and one that may have been: rather too many. */
	assert_int_equal(waiting(r, c.bob, c.room), 3);
	struct pl_buf b;
	rig_close(r);
	pl_buf_init(&b, 1024);
	assert_int_equal(pl_store_verify(r->path, &b), 0);
	pl_buf_fini(&b);
	rig_free(r);
}

#define BOTH(X)                                      \
	X(two_people_have_one_conversation)          \
	X(who_is_not_there_has_none)                 \
	X(the_exact_name_comes_first)                \
	X(a_pair_must_be_the_pair)                   \
	X(the_first_word_makes_the_conversation)     \
	X(a_new_name_is_the_new_name)                \
	X(retries_are_known_by_name_too)             \
	X(groups_are_for_members)                    \
	X(who_leaves_is_no_member_and_may_come_back) \
	X(what_cannot_be_left_stays)                 \
	X(what_comes_for_who_is_away_waits)          \
	X(what_was_read_elsewhere_does_not_wait)     \
	X(what_is_for_others_does_not_wait)          \
	X(a_member_waits_from_joining_on)            \
	X(chats_are_listed_by_the_names_of_others)   \
	X(when_somebody_went_is_known)

int main(void)
{
	const struct CMUnitTest sqlite[] = {
		BOTH(ON_SQLITE) cmocka_unit_test(what_waits_outlives_a_restart)};
	const struct CMUnitTest memory[] = {BOTH(IN_MEMORY)};
	int failed = cmocka_run_group_tests(sqlite, NULL, NULL);
	return failed + cmocka_run_group_tests(memory, NULL, NULL);
}
