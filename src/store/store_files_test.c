/* store_files_test.c - proves, alike in both stores: an upload is begun only by who may write
 * there, within quota and number; it goes forward only; it is complete with the message that
 * carries it, once, however often that is asked; a complete file is found by who may see that
 * message and nobody else; and what stands still is forgotten, but never a complete one. */
#include "store/cast_test.h"

static struct pl_op *op_start(struct pl_uuid user, const char *to, uint64_t size)
{
	struct pl_op *op = op_new(PL_OP_FILE_START);
	op->file_start.user = user;
	op->file_start.to = pl_slice_str(to);
	op->file_start.name = PL_S("a picture.png");
	op->file_start.type = PL_S("image/png");
	op->file_start.size = size;
	return op;
}

static struct pl_uuid start(struct rig *r, struct pl_uuid user, const char *to, uint64_t size)
{
	struct pl_op *op = op_start(user, to, size);
	assert_int_equal(run(r, op), 0);
	struct pl_uuid id = op->file_start.file.id;
	pl_op_free(op);
	return id;
}

static int start_fails(struct rig *r, struct pl_op *op)
{
	int err = run(r, op);
	pl_op_free(op);
	return err;
}

static int progress(struct rig *r, struct pl_uuid id, uint64_t stored)
{
	struct pl_op *op = op_new(PL_OP_FILE_PROGRESS);
	op->file_progress.id = id;
	op->file_progress.stored = stored;
	return start_fails(r, op);
}

static int abort_it(struct rig *r, struct pl_uuid user, struct pl_uuid id)
{
	struct pl_op *op = op_new(PL_OP_FILE_ABORT);
	op->file_abort.user = user;
	op->file_abort.id = id;
	return start_fails(r, op);
}

static struct pl_op *resume(struct rig *r, struct pl_uuid user, struct pl_uuid id, int want)
{
	struct pl_op *op = op_new(PL_OP_FILE_RESUME);
	op->file_resume.user = user;
	op->file_resume.id = id;
	assert_int_equal(run(r, op), want);
	return op;
}

static uint64_t stored(struct rig *r, struct pl_uuid user, struct pl_uuid id)
{
	struct pl_op *op = resume(r, user, id, 0);
	uint64_t n = op->file_resume.file.stored;
	pl_op_free(op);
	return n;
}

static struct pl_op *complete(struct rig *r, struct pl_uuid user, struct pl_uuid id, int want)
{
	struct pl_op *op = op_send(user, (struct pl_uuid){{0}}, "a picture.png");
	op->send.kind = PL_S("file");
	op->send.file = id;
	memset(op->send.file_sha256, 0xab, PL_FILE_SHA256);
	assert_int_equal(run(r, op), want);
	return op;
}

static int find(struct rig *r, const char *subject, struct pl_uuid id)
{
	struct pl_op *op = op_new(PL_OP_FILE_FIND);
	op->file_find.subject = pl_slice_str(subject);
	op->file_find.id = id;
	int err = run(r, op);
	if (!err) {
		IS(op->file_find.file.name, "a picture.png");
		IS(op->file_find.file.type, "image/png");
		assert_true(pl_file_is_complete(&op->file_find.file));
		assert_int_equal(op->file_find.file.sha256[31], 0xab);
	}
	pl_op_free(op);
	return err;
}

/* ---- tests ---- */

static void it_is_begun_by_who_may_write_there(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_start(c.alice, "bob", 1000);
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_eq(&op->file_start.file.conversation, &c.room));
	assert_true(pl_uuid_eq(&op->file_start.file.owner, &c.alice));
	assert_true(pl_uuid_is_nil(&op->file_start.made.id));
	assert_int_equal(op->file_start.file.stored, 0);
	pl_op_free(op);
	char room[PL_UUID_TEXT + 1] = "";
	pl_uuid_format(&c.room, room);
	op = op_start(c.bob, NULL, 1);
	op->file_start.room = pl_slice_str(room);
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_eq(&op->file_start.file.conversation, &c.room));
	op->file_start.user = c.carol;
	assert_int_equal(start_fails(r, op), PL_EDENIED);
	op = op_start(c.alice, NULL, 1);
	op->file_start.room = pl_slice_str(room);
	op->file_start.in_group = true; /* not in a direct conversation */
	assert_int_equal(start_fails(r, op), PL_EDENIED);
	op = op_start(c.alice, NULL, 1);
	op->file_start.room = PL_S("nowhere");
	assert_int_equal(start_fails(r, op), PL_EDENIED);
	assert_int_equal(start_fails(r, op_start(c.alice, "mallory", 1)), PL_ENOTFOUND);
	assert_int_equal(start_fails(r, op_start(c.alice, "alice", 1)), PL_EINVAL);
	assert_int_equal(start_fails(r, op_start(pl_uuid_v4(), "alice", 1)), PL_EDENIED);
	assert_int_equal(start_fails(r, op_start(c.alice, NULL, 1)), PL_EINVAL);
	op = op_start(c.alice, "bob", 1);
	op->file_start.name = PL_S("");
	assert_int_equal(start_fails(r, op), PL_EINVAL);
}

static void a_direct_conversation_is_made_once(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	char id[PL_UUID_TEXT + 1] = "";
	pl_uuid_format(&c.carol, id);
	struct pl_op *op = op_start(c.alice, id, 1);
	assert_int_equal(run(r, op), 0);
	assert_false(pl_uuid_is_nil(&op->file_start.made.id));
	assert_int_equal(op->file_start.made.type, PL_DIRECT);
	IS(op->file_start.me.username, "alice");
	IS(op->file_start.other.username, "carol");
	struct pl_uuid room = op->file_start.made.id;
	assert_true(pl_uuid_eq(&op->file_start.file.conversation, &room));
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_is_nil(&op->file_start.made.id));
	assert_true(pl_uuid_eq(&op->file_start.file.conversation, &room));
	pl_op_free(op);
}

static void quota_and_number_are_limited(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_start(c.alice, "bob", 6000);
	op->file_start.quota = 20000;
	assert_int_equal(run(r, op), 0); /* 6000 + 4096: 10096 */
	op->file_start.size = 20000 - 10096 - 4096 + 1;
	assert_int_equal(run(r, op), PL_ETOOBIG);
	op->file_start.size--;
	assert_int_equal(run(r, op), 0);
	op->file_start.size = 0;
	assert_int_equal(run(r, op), PL_ETOOBIG);
	op->file_start.size = UINT64_MAX;
	assert_int_equal(run(r, op), PL_EINVAL);
	op->file_start.user = c.bob; /* another one's use is his own */
	op->file_start.to = PL_S("alice");
	op->file_start.size = 1;
	op->file_start.unfinished_max = 2;
	assert_int_equal(run(r, op), 0);
	struct pl_uuid first = op->file_start.file.id;
	assert_int_equal(run(r, op), 0);
	assert_int_equal(run(r, op), PL_ELIMIT);
	assert_int_equal(progress(r, first, 1), 0);
	pl_op_free(complete(r, c.bob, first, 0));
	assert_int_equal(run(r, op), 0); /* a complete one does not count, */
	op->file_start.unfinished_max = 0;
	op->file_start.quota = 3 * 4097;
	assert_int_equal(start_fails(r, op), PL_ETOOBIG); /* but for its bytes */
}

static void it_goes_forward_only(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid id = start(r, c.alice, "bob", 100);
	assert_int_equal(progress(r, id, 40), 0);
	assert_int_equal(stored(r, c.alice, id), 40);
	assert_int_equal(progress(r, id, 30), 0);
	assert_int_equal(stored(r, c.alice, id), 40);
	assert_int_equal(progress(r, id, 101), PL_EINVAL);
	assert_int_equal(progress(r, id, 100), 0);
	assert_int_equal(stored(r, c.alice, id), 100);
	assert_int_equal(progress(r, pl_file_id_new(), 1), PL_ENOTFOUND);
	pl_op_free(resume(r, c.bob, id, PL_ENOTFOUND)); /* it is alice's */
	pl_op_free(resume(r, c.alice, pl_file_id_new(), PL_ENOTFOUND));
	assert_int_equal(abort_it(r, c.bob, id), PL_ENOTFOUND);
	assert_int_equal(abort_it(r, c.alice, id), 0);
	assert_int_equal(abort_it(r, c.alice, id), PL_ENOTFOUND);
	pl_op_free(resume(r, c.alice, id, PL_ENOTFOUND));
	assert_int_equal(progress(r, id, 100), PL_ENOTFOUND);
	pl_op_free(complete(r, c.alice, id, PL_ENOTFOUND));
}

static void it_is_complete_with_its_message_and_once(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid id = start(r, c.alice, "bob", 100);
	assert_int_equal(progress(r, id, 99), 0);
	pl_op_free(complete(r, c.alice, id, PL_ESTATE));
	assert_int_equal(progress(r, id, 100), 0);
	pl_op_free(complete(r, c.bob, id, PL_ENOTFOUND));
	assert_int_equal(find(r, "bob", id), PL_ENOTFOUND);
	struct pl_op *first = complete(r, c.alice, id, 0), *again = complete(r, c.alice, id, 0);
	assert_false(first->send.duplicate);
	assert_true(again->send.duplicate);
	assert_true(pl_uuid_eq(&first->send.message.id, &again->send.message.id));
	assert_true(pl_uuid_eq(&first->send.message.conversation, &c.room));
	assert_int_equal(again->send.message.seq, first->send.message.seq);
	struct pl_op *page = op_page(c.bob, c.room, 10);
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 1);
	IS(page->page.messages[0].kind, "file");
	IS(page->page.messages[0].content, "a picture.png");
	struct pl_op *it = resume(r, c.alice, id, 0);
	assert_true(pl_uuid_eq(&it->file_resume.file.message, &first->send.message.id));
	assert_int_equal(abort_it(r, c.alice, id), PL_ESTATE);
	assert_int_equal(progress(r, id, 100), PL_ESTATE);
	pl_op_free(first);
	pl_op_free(again);
	pl_op_free(page);
	pl_op_free(it);
}

/* Nor does somebody else's word with its id as the client's own id stand in its place. */
static void a_message_of_the_same_client_id_is_not_it(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid id = start(r, c.alice, "bob", 0);
	struct pl_op *text = op_send(c.alice, c.room, "first");
	text->send.client_id = PL_S("x");
	assert_int_equal(run(r, text), 0);
	struct pl_op *op = complete(r, c.alice, id, 0);
	assert_false(op->send.duplicate);
	pl_op_free(op);
	pl_op_free(text);
}

static void only_who_sees_the_message_finds_it(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid id = start(r, c.alice, "bob", 0);
	pl_op_free(complete(r, c.alice, id, 0));
	assert_int_equal(find(r, "alice", id), 0);
	assert_int_equal(find(r, "bob", id), 0);
	assert_int_equal(find(r, "carol", id), PL_ENOTFOUND);
	assert_int_equal(find(r, "mallory", id), PL_ENOTFOUND);
	assert_int_equal(find(r, "bob", pl_file_id_new()), PL_ENOTFOUND);
	assert_int_equal(find(r, "bob", (struct pl_uuid){{0}}), PL_ENOTFOUND);
	struct pl_op *op = op_new(PL_OP_DISABLE);
	op->disable.who = PL_S("bob");
	op->disable.on = true;
	assert_int_equal(run(r, op), 0);
	assert_int_equal(find(r, "bob", id), PL_EDENIED);
	op->disable.on = false;
	assert_int_equal(run(r, op), 0);
	assert_int_equal(find(r, "bob", id), 0);
	pl_op_free(op);
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

static void who_leaves_or_comes_later_does_not(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_new(PL_OP_CREATE_GROUP);
	op->create_group.creator = c.alice;
	op->create_group.name = PL_S("friends");
	assert_int_equal(run(r, op), 0);
	char room[PL_UUID_TEXT + 1] = "";
	pl_uuid_format(&op->create_group.room.id, room);
	struct pl_op *begin = op_start(c.alice, NULL, 0);
	begin->file_start.room = pl_slice_str(room);
	assert_int_equal(run(r, begin), 0);
	struct pl_uuid id = begin->file_start.file.id;
	pl_op_free(begin);
	pl_op_free(complete(r, c.alice, id, 0));
	struct pl_op *join = op_new(PL_OP_JOIN_GROUP);
	join->join_group.user = c.bob;
	join->join_group.invite_code = op->create_group.group.invite_code;
	assert_int_equal(run(r, join), 0);
	assert_int_equal(find(r, "alice", id), 0);
	assert_int_equal(find(r, "bob", id), PL_ENOTFOUND); /* as the message */
	pl_op_free(join);
	pl_op_free(op);
}

static void in_an_open_room_it_is_everybodys(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_open(c.alice, "lobby");
	assert_int_equal(run(r, op), 0);
	struct pl_op *begin = op_start(c.bob, NULL, 0);
	begin->file_start.room = PL_S("lobby");
	begin->file_start.in_group = true;
	assert_int_equal(run(r, begin), PL_EDENIED); /* who is not in it is asked to join */
	begin->file_start.in_group = false;
	assert_int_equal(run(r, begin), 0);
	struct pl_uuid id = begin->file_start.file.id;
	pl_op_free(complete(r, c.bob, id, 0));
	assert_int_equal(find(r, "carol", id), 0);
	assert_int_equal(find(r, "mallory", id), PL_ENOTFOUND);
	pl_op_free(begin);
	pl_op_free(op);
}

static void what_stands_still_is_forgotten(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid done = start(r, c.alice, "bob", 0), one = start(r, c.alice, "bob", 9),
		       two = start(r, c.bob, "alice", 9);
	pl_op_free(complete(r, c.alice, done, 0));
	struct pl_op *op = op_new(PL_OP_FILE_EXPIRE);
	op->file_expire.before_ms = 1;
	op->file_expire.limit = 100;
	assert_int_equal(run(r, op), 0);
	assert_int_equal(op->file_expire.nids, 0);
	op->file_expire.before_ms = UINT32_MAX * 10000ULL;
	op->file_expire.limit = 1;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run(r, op), 0);
		assert_int_equal(op->file_expire.nids, 1);
		assert_true(pl_uuid_eq(&op->file_expire.ids[0], &one) ||
			    pl_uuid_eq(&op->file_expire.ids[0], &two));
	}
	assert_int_equal(run(r, op), 0);
	assert_int_equal(op->file_expire.nids, 0);
	pl_op_free(op);
	pl_op_free(resume(r, c.alice, one, PL_ENOTFOUND));
	pl_op_free(resume(r, c.bob, two, PL_ENOTFOUND));
	assert_int_equal(find(r, "bob", done), 0);
}

static void unknown_files_are_named(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid ids[3] = {start(r, c.alice, "bob", 9), pl_file_id_new(),
				 start(r, c.alice, "bob", 0)};
	struct pl_uuid stranger = ids[1];
	pl_op_free(complete(r, c.alice, ids[2], 0));
	struct pl_op *op = op_new(PL_OP_FILE_KNOWN);
	op->file_known.ids = ids;
	op->file_known.nids = 3;
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_is_nil(&ids[0]));
	assert_true(pl_uuid_eq(&ids[1], &stranger));
	assert_true(pl_uuid_is_nil(&ids[2]));
	op->file_known.nids = 100000;
	assert_int_equal(start_fails(r, op), PL_EINVAL);
}

/* Each allocation failing, in turn: an error or success, and never half of it. */
static void without_memory_nothing_is_half_done(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	for (unsigned long n = 1;; n++) {
		struct pl_op *op = op_start(c.alice, "bob", 0);
		op->err = 12345;
		pl_mem_fail_at(n, false);
		assert_int_equal(pl_store_submit(r->store, op), 0);
		assert_true(wait_for(r, op));
		bool is_reached = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		struct pl_uuid id = op->file_start.file.id;
		if (!op->err)
			pl_op_free(complete(r, c.alice, id, 0));
		else
			assert_int_equal(op->err, PL_ENOMEM);
		pl_op_free(op);
		if (!is_reached)
			return;
	}
}

#define TESTS(X)                                     \
	X(it_is_begun_by_who_may_write_there)        \
	X(a_direct_conversation_is_made_once)        \
	X(quota_and_number_are_limited)              \
	X(it_goes_forward_only)                      \
	X(it_is_complete_with_its_message_and_once)  \
	X(a_message_of_the_same_client_id_is_not_it) \
	X(only_who_sees_the_message_finds_it)        \
	X(who_leaves_or_comes_later_does_not)        \
	X(in_an_open_room_it_is_everybodys)          \
	X(what_stands_still_is_forgotten)            \
	X(unknown_files_are_named)                   \
	X(without_memory_nothing_is_half_done)

int main(void)
{
	const struct CMUnitTest tests[] = {TESTS(ON_SQLITE) TESTS(IN_MEMORY)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
