/* store_room_test.c - proves, alike in both stores: how rooms are found by name and made, who gets
 * into an open one and what of it is kept, and what an alias may be. */
#include "store/cast_test.h"

static struct pl_op *op_open(struct pl_uuid user, const char *name, bool create)
{
	struct pl_op *op = op_new(PL_OP_OPEN_ROOM);
	op->open_room.user = user;
	op->open_room.name = pl_slice_str(name);
	op->open_room.create = create;
	return op;
}

static struct pl_uuid open_room(struct rig *r, struct pl_uuid user, const char *name)
{
	struct pl_op *op = op_open(user, name, true);
	assert_int_equal(run(r, op), 0);
	struct pl_uuid id = op->open_room.found.id;
	pl_op_free(op);
	return id;
}

static void a_room_is_made_once(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_open(c.alice, "tea", false);
	assert_int_equal(run(r, op), PL_ENOTFOUND);
	op->open_room.create = true;
	assert_int_equal(run(r, op), 0);
	const struct pl_conversation *found = &op->open_room.found;
	assert_true(op->open_room.created);
	assert_false(op->open_room.is_new_member);
	IS(found->alias, "tea");
	IS(found->name, "tea");
	assert_int_equal(found->type, PL_ROOM);
	assert_true(pl_conversation_is_open(found));
	assert_true(pl_uuid_eq(&found->created_by, &c.alice));
	struct pl_uuid id = found->id;
	pl_op_free(op);
	op = op_open(c.bob, "tea", true);
	assert_int_equal(run(r, op), 0);
	assert_false(op->open_room.created);
	assert_true(pl_uuid_eq(&op->open_room.found.id, &id));
	assert_true(pl_uuid_eq(&op->open_room.found.created_by, &c.alice));
	pl_op_free(op);
	char text[PL_UUID_TEXT + 1] = "";
	pl_uuid_format(&id, text);
	op = op_open(c.bob, text, true);
	assert_int_equal(run(r, op), 0);
	assert_false(op->open_room.created);
	IS(op->open_room.found.alias, "tea");
	pl_op_free(op);
}

static void nobody_in_particular_may_make_one(void **state)
{
	struct rig *r = *state;
	struct pl_op *op = op_open(pl_uuid_v4(), "tea", true);
	op->open_room.remember = true;
	assert_int_equal(run(r, op), 0);
	assert_true(op->open_room.created);
	assert_false(op->open_room.is_new_member);
	assert_true(pl_uuid_is_nil(&op->open_room.found.created_by));
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_is_nil(&op->open_room.found.created_by));
	pl_op_free(op);
}

static void an_alias_has_limits(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	char longest[130];
	memset(longest, 'x', 129);
	longest[129] = '\0';
	const struct {
		const char *name;
		int err;
	} rows[] = {{"", PL_EINVAL},          {longest, PL_EINVAL},      {longest + 1, 0},
		    {"a\nb", PL_EINVAL},      {"a\x7f", PL_EINVAL},      {"\xc2\x85", PL_EINVAL},
		    {"\xc3\xa4 \xc2\xa0", 0}, {"with space / and ?", 0}, {"\x1b[2J", PL_EINVAL}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_op *op = op_open(c.alice, rows[i].name, true);
		assert_int_equal(run(r, op), rows[i].err);
		pl_op_free(op);
	}
}

static void a_name_in_the_form_of_an_id_becomes_the_id(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid want, got = open_room(r, c.alice, "6f1c1f5e-0c7e-4f0e-9e0b-3a1d5b7c9d11");
	assert_int_equal(pl_uuid_parse(PL_S("6f1c1f5e-0c7e-4f0e-9e0b-3a1d5b7c9d11"), &want), 0);
	assert_true(pl_uuid_eq(&want, &got));
	got = open_room(r, c.alice, "00000000-0000-0000-0000-000000000000");
	assert_false(pl_uuid_is_nil(&got));
}

static void there_are_only_so_many(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	const struct {
		const char *name;
		int err;
	} rows[] = {{"one", 0}, {"two", 0}, {"three", PL_ELIMIT}, {"one", 0}, {"three", PL_ELIMIT}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_op *op = op_open(c.alice, rows[i].name, true);
		op->open_room.rooms_max = 2;
		assert_int_equal(run(r, op), rows[i].err);
		pl_op_free(op);
	}
	struct pl_op *op = op_open(c.alice, "three", true);
	assert_int_equal(run(r, op), 0); /* 0: any number */
	pl_op_free(op);
}

static struct pl_op *op_read(struct pl_uuid user, const char *name)
{
	struct pl_op *op = op_new(PL_OP_MARK_READ);
	op->mark_read.user = user;
	op->mark_read.room = pl_slice_str(name);
	return op;
}

/* Carol never joined: she may say and read all the same, and nothing is kept of her reading. */
static void everybody_may_use_an_open_room(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid room = open_room(r, c.alice, "tea");
	say(r, c.alice, room, "first");
	struct pl_op *s = op_send(c.carol, (struct pl_uuid){{0}}, "by name");
	s->send.room = PL_S("tea");
	assert_int_equal(run(r, s), 0);
	assert_true(pl_uuid_eq(&s->send.message.conversation, &room));
	assert_int_equal(s->send.message.seq, 2);
	IS(s->send.alias, "tea");
	pl_op_free(s);
	struct pl_op *p = op_page(c.carol, (struct pl_uuid){{0}}, 10);
	p->page.room = PL_S("tea");
	assert_int_equal(run(r, p), 0);
	assert_int_equal(p->page.nmessages, 2);
	IS(p->page.messages[0].content, "first");
	assert_true(pl_uuid_eq(&p->page.conversation, &room));
	pl_op_free(p);
	struct pl_op *a = op_new(PL_OP_ACCESS);
	a->access.user = c.carol;
	a->access.room = PL_S("tea");
	assert_int_equal(run(r, a), 0);
	assert_int_equal(a->access.role, PL_NOT_MEMBER);
	assert_true(pl_conversation_is_open(&a->access.found));
	pl_op_free(a);
	struct pl_op *m = op_read(c.carol, "tea");
	assert_int_equal(run(r, m), 0);
	assert_false(m->mark_read.moved);
	assert_int_equal(m->mark_read.seq, 2);
	pl_op_free(m);
	struct pl_op *list = lines_of(r, c.carol);
	assert_int_equal(list->conversations.nrows, 0);
	pl_op_free(list);
}

static void strangers_and_other_rooms_stay_shut(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid room = open_room(r, c.alice, "tea"), nobody = pl_uuid_v4();
	/* A room with members and no alias is theirs. */
	struct pl_uuid closed = create(r, c.alice, PL_ROOM, &PL_S("bob"), 1);
	char name[PL_UUID_TEXT + 1] = "";
	pl_uuid_format(&closed, name);
	struct pl_op *op = op_open(c.carol, name, true);
	op->open_room.remember = true;
	assert_int_equal(run(r, op), PL_EDENIED);
	pl_op_free(op);
	op = op_open(c.bob, name, true);
	op->open_room.remember = true;
	assert_int_equal(run(r, op), 0);
	assert_false(op->open_room.is_new_member);
	pl_op_free(op);
	const struct {
		struct pl_uuid user, room;
		const char *name;
	} rows[] = {{nobody, room, NULL},
		    {c.carol, closed, NULL},
		    {c.carol, c.room, NULL},
		    {c.carol, room, "nowhere"},
		    {c.carol, room, name}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_op *s = op_send(rows[i].user, rows[i].room, "x");
		s->send.room = pl_slice_str(rows[i].name);
		assert_int_equal(run(r, s), PL_EDENIED);
		pl_op_free(s);
		struct pl_op *p = op_page(rows[i].user, rows[i].room, 10);
		p->page.room = pl_slice_str(rows[i].name);
		assert_int_equal(run(r, p), PL_EDENIED);
		pl_op_free(p);
	}
}

static void who_is_remembered_finds_it_in_the_list(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid room = open_room(r, c.alice, "tea");
	say(r, c.alice, room, "before");
	struct pl_op *op = op_open(c.carol, "tea", true);
	op->open_room.remember = true;
	assert_int_equal(run(r, op), 0);
	assert_true(op->open_room.is_new_member);
	assert_int_equal(run(r, op), 0);
	assert_false(op->open_room.is_new_member);
	pl_op_free(op);
	say(r, c.alice, room, "after");
	struct pl_op *list = lines_of(r, c.carol);
	assert_int_equal(list->conversations.nrows, 1);
	const struct pl_conversation_row *row = &list->conversations.rows[0];
	IS(row->conversation.alias, "tea");
	IS(row->title, "tea");
	assert_int_equal(row->unread, 1); /* "before" is there to be read, but was not missed */
	IS(row->latest.content, "after");
	pl_op_free(list);
	struct pl_op *p = op_page(c.carol, room, 10);
	assert_int_equal(run(r, p), 0);
	assert_int_equal(p->page.nmessages, 2);
	pl_op_free(p);
	struct pl_op *m = op_read(c.carol, "tea");
	assert_int_equal(run(r, m), 0);
	assert_true(m->mark_read.moved);
	pl_op_free(m);
}

static void a_retry_by_name_is_one_by_id(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid room = open_room(r, c.alice, "tea");
	struct pl_op *s = op_send(c.carol, room, "once");
	s->send.client_id = PL_S("c1");
	assert_int_equal(run(r, s), 0);
	pl_op_free(s);
	s = op_send(c.carol, (struct pl_uuid){{0}}, "once");
	s->send.room = PL_S("tea");
	s->send.client_id = PL_S("c1");
	assert_int_equal(run(r, s), 0);
	assert_true(s->send.duplicate);
	assert_int_equal(s->send.message.seq, 1);
	IS(s->send.alias, "tea");
	pl_op_free(s);
}

static void a_guest_gets_the_id_it_was_given(void **state)
{
	struct rig *r = *state;
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	struct pl_uuid id = pl_uuid_v4();
	op->sign_in.claims = (struct pl_user){.id = id, .subject = PL_S("guest:1")};
	op->sign_in.provision = true;
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_eq(&op->sign_in.user.id, &id));
	op->sign_in.claims.id = pl_uuid_v4(); /* known by its subject: the id stays */
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_eq(&op->sign_in.user.id, &id));
	pl_op_free(op);
}

/* On disk only: the name is still taken after a restart. */
static void a_room_outlives_the_process(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid room = open_room(r, c.alice, "tea");
	struct pl_buf findings;
	say(r, c.bob, room, "from a visitor");
	rig_close(r);
	pl_buf_init(&findings, 4096);
	assert_int_equal(pl_store_verify(r->path, &findings), 0);
	pl_buf_fini(&findings);
	assert_int_equal(rig_open(r, r->path), 0);
	struct pl_uuid again = open_room(r, c.bob, "tea");
	assert_true(pl_uuid_eq(&room, &again));
	struct pl_op *op = op_open(c.bob, "milk", true);
	op->open_room.rooms_max = 1;
	assert_int_equal(run(r, op), PL_ELIMIT);
	pl_op_free(op);
}

#define BOTH(X)                                       \
	X(a_room_is_made_once)                        \
	X(nobody_in_particular_may_make_one)          \
	X(an_alias_has_limits)                        \
	X(a_name_in_the_form_of_an_id_becomes_the_id) \
	X(there_are_only_so_many)                     \
	X(everybody_may_use_an_open_room)             \
	X(strangers_and_other_rooms_stay_shut)        \
	X(who_is_remembered_finds_it_in_the_list)     \
	X(a_retry_by_name_is_one_by_id)               \
	X(a_guest_gets_the_id_it_was_given)

int main(void)
{
	const struct CMUnitTest sqlite[] = {BOTH(ON_SQLITE) ON_SQLITE(a_room_outlives_the_process)};
	const struct CMUnitTest memory[] = {BOTH(IN_MEMORY)};
	int failed = cmocka_run_group_tests(sqlite, NULL, NULL);
	return failed + cmocka_run_group_tests(memory, NULL, NULL);
}
