/* store_test.c - proves, alike in both stores: who a token makes, who gets into a conversation,
 * what is listed and counted as unread, and how a group is joined. */
#include "store/cast_test.h"

static void a_token_makes_a_user_once(void **state)
{
	struct rig *r = *state;
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = PL_S("auth0|7");
	assert_int_equal(run(r, op), PL_ENOTFOUND); /* without provisioning */
	op->sign_in.provision = true;
	op->sign_in.claims.email = PL_S("dora@example.org");
	assert_int_equal(run(r, op), 0);
	struct pl_uuid id = op->sign_in.user.id;
	IS(op->sign_in.user.username, "dora");
	IS(op->sign_in.user.display_name, "dora");
	assert_int_equal(op->sign_in.nconversations, 0);
	op->sign_in.claims.display_name = PL_S("Dora D.");
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_eq(&id, &op->sign_in.user.id));
	IS(op->sign_in.user.display_name, "Dora D.");
	op->sign_in.claims = (struct pl_user){.subject = PL_S("auth0|7")};
	assert_int_equal(run(r, op), 0); /* claims that say nothing change nothing */
	IS(op->sign_in.user.display_name, "Dora D.");
	IS(op->sign_in.user.email, "dora@example.org");
	op->sign_in.claims.subject = PL_S("");
	assert_int_equal(run(r, op), PL_EINVAL);
	pl_op_free(op);
}

static void a_subject_that_is_a_uuid_is_the_id(void **state)
{
	struct rig *r = *state;
	struct pl_uuid want;
	const char *text = "0189d7a1-7e4c-4a55-9b6e-0f5c4d3e2b1a";
	assert_int_equal(pl_uuid_parse(pl_slice_str(text), &want), 0);
	struct pl_uuid got = sign_in(r, text);
	assert_true(pl_uuid_eq(&want, &got));
}

static void people_are_found_by_id_subject_or_name(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims = (struct pl_user){.subject = PL_S("s-77"), .username = PL_S("Erin")};
	op->sign_in.provision = true;
	assert_int_equal(run(r, op), 0);
	char id[PL_UUID_TEXT];
	pl_uuid_format(&c.carol, id);
	struct pl_slice all[] = {pl_slice(id, sizeof(id)), PL_S("s-77"), PL_S("eRIN"), PL_S("bob"),
				 PL_S("alice")};
	struct pl_op *made = op_create(c.alice, PL_GROUP, all, 5);
	made->create.name = PL_S("tea");
	assert_int_equal(run(r, made), 0);
	assert_int_equal(made->create.nparticipants, 4); /* each once */
	assert_true(pl_uuid_eq(&made->create.participants[0], &c.alice));
	assert_true(pl_uuid_eq(&made->create.participants[1], &c.carol));
	assert_true(pl_uuid_eq(&made->create.participants[2], &op->sign_in.user.id));
	IS(made->create.made.name, "tea");
	assert_true(pl_uuid_eq(&made->create.made.created_by, &c.alice));
	pl_op_free(made);
	pl_op_free(op);
}

static void a_bad_conversation_is_not_made(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_slice strangers[] = {PL_S("bob"), PL_S("mallory")};
	struct pl_slice two[] = {PL_S("bob"), PL_S("carol")};
	static struct pl_slice crowd[1001];
	for (size_t i = 0; i < 1001; i++)
		crowd[i] = PL_S("bob");
	struct pl_uuid nobody = pl_uuid_v4();
	const struct {
		struct pl_uuid creator;
		int type;
		struct pl_slice *members;
		size_t n;
		int err;
	} rows[] = {
		{c.alice, PL_GROUP, strangers, 2, PL_ENOTFOUND},
		{c.alice, PL_DIRECT, two, 2, PL_EINVAL},
		{c.alice, PL_DIRECT, &PL_S("alice"), 1, PL_EINVAL},
		{c.alice, PL_DIRECT, NULL, 0, PL_EINVAL},
		{c.alice, 9, two, 2, PL_EINVAL},
		{c.alice, PL_GROUP, crowd, 1001, PL_ELIMIT},
		{nobody, PL_GROUP, two, 2, PL_EDENIED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_op *op =
			op_create(rows[i].creator, (enum pl_conversation_type)rows[i].type,
				  rows[i].members, rows[i].n);
		assert_int_equal(run(r, op), rows[i].err);
		pl_op_free(op);
	}
	struct pl_op *list = lines_of(r, c.alice);
	assert_int_equal(list->conversations.nrows, 1); /* only the one that play made */
	pl_op_free(list);
}

static void a_pair_has_one_direct_conversation(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_create(c.bob, PL_DIRECT, &PL_S("alice"), 1);
	assert_int_equal(run(r, op), 0);
	assert_true(op->create.existed);
	assert_true(pl_uuid_eq(&op->create.made.id, &c.room));
	assert_int_equal(op->create.nparticipants, 2);
	assert_true(pl_uuid_eq(&op->create.participants[0], &c.bob));
	pl_op_free(op);
	struct pl_uuid other = create(r, c.bob, PL_DIRECT, &PL_S("carol"), 1);
	assert_false(pl_uuid_eq(&other, &c.room));
}

static void only_members_get_in(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid nowhere = pl_uuid_v4();
	const struct {
		struct pl_uuid user, room;
		int err;
	} rows[] = {{c.alice, c.room, 0},          {c.bob, c.room, 0},
		    {c.carol, c.room, PL_EDENIED}, {c.alice, nowhere, PL_EDENIED},
		    {nowhere, c.room, PL_EDENIED}, {(struct pl_uuid){{0}}, c.room, PL_EDENIED}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_op *a = op_new(PL_OP_ACCESS), *m = op_new(PL_OP_MARK_READ);
		struct pl_op *s = op_send(rows[i].user, rows[i].room, "hello");
		struct pl_op *p = op_page(rows[i].user, rows[i].room, 10);
		a->access.user = m->mark_read.user = rows[i].user;
		a->access.conversation = m->mark_read.conversation = rows[i].room;
		assert_int_equal(run(r, s), rows[i].err);
		assert_int_equal(run(r, a), rows[i].err);
		assert_int_equal(run(r, p), rows[i].err);
		assert_int_equal(run(r, m), rows[i].err);
		if (!rows[i].err)
			assert_int_equal(a->access.role, i ? PL_MEMBER : PL_ADMIN);
		pl_op_free(a);
		pl_op_free(s);
		pl_op_free(p);
		pl_op_free(m);
	}
}

static struct pl_op *mark(struct rig *r, struct pl_uuid user, struct pl_uuid room,
			  struct pl_uuid message)
{
	struct pl_op *op = op_new(PL_OP_MARK_READ);
	op->mark_read.user = user;
	op->mark_read.conversation = room;
	op->mark_read.message = message;
	run(r, op);
	return op;
}

static void the_read_position_moves_forward_only(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid ids[5], nil = {{0}};
	struct pl_op *op = mark(r, c.bob, c.room, nil);
	assert_true(!op->err && !op->mark_read.moved && !op->mark_read.seq);
	assert_true(pl_uuid_is_nil(&op->mark_read.at_message));
	pl_op_free(op);
	for (int i = 0; i < 5; i++)
		ids[i] = say(r, i == 2 ? c.bob : c.alice, c.room, "x");
	const struct {
		struct pl_uuid at;
		int err;
		uint64_t seq;
		bool moved;
		uint64_t unread;
	} rows[] = {{ids[1], 0, 2, true, 2},  {ids[0], 0, 2, false, 2},
		    {ids[1], 0, 2, false, 2}, {pl_uuid_v4(), PL_ENOTFOUND, 0, false, 2},
		    {ids[3], 0, 4, true, 1},  {nil, 0, 5, true, 0},
		    {nil, 0, 5, false, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		op = mark(r, c.bob, c.room, rows[i].at);
		assert_int_equal(op->err, rows[i].err);
		if (!op->err) {
			assert_int_equal(op->mark_read.seq, rows[i].seq);
			assert_int_equal(op->mark_read.moved, rows[i].moved);
			assert_true(pl_uuid_eq(&op->mark_read.at_message, &ids[rows[i].seq - 1]));
			assert_true(op->mark_read.read_ms > 0);
		}
		pl_op_free(op);
		struct pl_op *list = lines_of(r, c.bob);
		assert_int_equal(list->conversations.rows[0].unread, rows[i].unread);
		pl_op_free(list);
	}
}

static void conversations_are_listed_latest_first(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_slice two[] = {PL_S("bob"), PL_S("carol")};
	struct pl_op *made = op_create(c.alice, PL_ROOM, two, 2);
	made->create.name = PL_S("garden");
	made->create.description = PL_S("about it");
	assert_int_equal(run(r, made), 0);
	struct pl_uuid room = made->create.made.id;
	pl_op_free(made);
	usleep(3000);
	struct pl_uuid last = say(r, c.alice, c.room, "hi bob");
	struct pl_op *op = lines_of(r, c.bob);
	assert_int_equal(op->conversations.nrows, 2);
	const struct pl_conversation_row *d = &op->conversations.rows[0];
	const struct pl_conversation_row *g = &op->conversations.rows[1];
	assert_true(pl_uuid_eq(&d->conversation.id, &c.room));
	IS(d->title, "alice");
	assert_int_equal(d->participants, 2);
	assert_int_equal(d->unread, 1);
	assert_true(d->has_latest && pl_uuid_eq(&d->latest.id, &last));
	IS(d->latest.content, "hi bob");
	IS(d->latest.sender.username, "alice");
	assert_int_equal(d->conversation.last_seq, 1);
	assert_int_equal(g->conversation.type, PL_ROOM);
	IS(g->title, "garden");
	IS(g->conversation.description, "about it");
	assert_int_equal(g->participants, 3);
	assert_false(g->has_latest);
	pl_op_free(op);
	usleep(3000);
	say(r, c.carol, room, "now this one");
	op = lines_of(r, c.bob);
	assert_true(pl_uuid_eq(&op->conversations.rows[0].conversation.id, &room));
	pl_op_free(op);
	op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = PL_S("bob");
	assert_int_equal(run(r, op), 0);
	assert_int_equal(op->sign_in.nconversations, 2);
	pl_op_free(op);
}

static struct pl_op *join(struct rig *r, struct pl_uuid user, struct pl_slice code)
{
	struct pl_op *op = op_new(PL_OP_JOIN_GROUP);
	op->join_group.user = user;
	op->join_group.invite_code = code;
	run(r, op);
	return op;
}

static void a_group_is_joined_by_its_code(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_new(PL_OP_CREATE_GROUP);
	op->create_group.creator = c.alice;
	assert_int_equal(run(r, op), PL_EINVAL); /* no name */
	op->create_group.name = PL_S("Choir");
	op->create_group.is_public = true;
	assert_int_equal(run(r, op), 0);
	struct pl_group *g = &op->create_group.group;
	IS(g->name, "Choir");
	assert_true(g->role == PL_OWNER && g->rooms == 1 && g->members == 1 && g->is_public);
	IS(op->create_group.room.name, "general");
	assert_true(pl_uuid_eq(&op->create_group.room.group_id, &g->id));
	assert_int_equal(g->invite_code.len, 8);
	for (size_t i = 0; i < 8; i++)
		assert_non_null(strchr("0123456789ABCDEF", g->invite_code.at[i]));
	struct pl_uuid room = op->create_group.room.id;
	say(r, c.alice, room, "before bob");
	struct pl_op *bad = join(r, c.bob, PL_S("XXXXXXXX"));
	assert_int_equal(bad->err, PL_ENOTFOUND);
	pl_op_free(bad);
	struct pl_op *in = join(r, c.bob, g->invite_code);
	assert_int_equal(in->err, 0);
	assert_int_equal(in->join_group.nrooms, 1);
	assert_true(pl_uuid_eq(&in->join_group.rooms[0], &room));
	assert_true(in->join_group.group.members == 2 && in->join_group.group.role == PL_MEMBER);
	pl_op_free(in);
	in = join(r, c.bob, g->invite_code);
	assert_int_equal(in->err, PL_EEXISTS);
	IS(in->join_group.group.name, "Choir");
	pl_op_free(in);
	say(r, c.alice, room, "after bob");
	struct pl_op *page = op_page(c.bob, room, 10);
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 1); /* nothing from before he came */
	IS(page->page.messages[0].content, "after bob");
	pl_op_free(page);
	struct pl_op *list = op_new(PL_OP_GROUPS);
	list->groups.user = c.bob;
	assert_int_equal(run(r, list), 0);
	assert_int_equal(list->groups.nrows, 1);
	assert_true(list->groups.rows[0].members == 2 && list->groups.rows[0].latest_ms > 0);
	assert_null(list->groups.rows[0].invite_code.at); /* not a plain member's to hand out */
	list->groups.user = c.carol;
	assert_int_equal(run(r, list), 0);
	assert_int_equal(list->groups.nrows, 0);
	list->groups.user = c.alice;
	assert_int_equal(run(r, list), 0);
	assert_true(pl_slice_eq(list->groups.rows[0].invite_code, g->invite_code));
	pl_op_free(list);
	pl_op_free(op);
}

#define BOTH(X)                                   \
	X(a_token_makes_a_user_once)              \
	X(a_subject_that_is_a_uuid_is_the_id)     \
	X(people_are_found_by_id_subject_or_name) \
	X(a_bad_conversation_is_not_made)         \
	X(a_pair_has_one_direct_conversation)     \
	X(only_members_get_in)                    \
	X(the_read_position_moves_forward_only)   \
	X(conversations_are_listed_latest_first)  \
	X(a_group_is_joined_by_its_code)

int main(void)
{
	const struct CMUnitTest sqlite[] = {BOTH(ON_SQLITE)};
	const struct CMUnitTest memory[] = {BOTH(IN_MEMORY)};
	int failed = cmocka_run_group_tests(sqlite, NULL, NULL);
	return failed + cmocka_run_group_tests(memory, NULL, NULL);
}
