/* store_position_test.c - proves, alike in both stores: message ids ascend over all conversations
 * and restarts; what was said after a position is found wherever a user is a member, the oldest
 * first and no more than asked for; what is said to somebody alone waits until it was received. */
#include "store/cast_test.h"

#include <sqlite3.h>

static int compare(const struct pl_uuid *a, const struct pl_uuid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

static struct pl_op *missed(struct rig *r, struct pl_uuid user, struct pl_uuid after,
			    uint32_t limit)
{
	struct pl_op *op = op_new(PL_OP_MISSED);
	op->missed.user = user;
	op->missed.after = after;
	op->missed.limit = limit;
	assert_int_equal(run(r, op), 0);
	return op;
}

static struct pl_op *pending(struct rig *r, struct pl_uuid user, uint32_t limit)
{
	struct pl_op *op = op_new(PL_OP_PENDING);
	op->pending.user = user;
	op->pending.limit = limit;
	assert_int_equal(run(r, op), 0);
	return op;
}

static void receive(struct rig *r, struct pl_uuid user, struct pl_uuid until)
{
	struct pl_op *op = op_new(PL_OP_RECEIVED);
	op->received.user = user;
	op->received.until = until;
	assert_int_equal(run(r, op), 0);
	pl_op_free(op);
}

/* "a b c" are the contents, in order; frees the op. */
static void expect_rows(struct pl_op *op, const struct pl_said *rows, size_t n, const char *texts)
{
	char all[4096] = "";
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		const struct pl_slice *c = &rows[i].message.content;
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%.*s", i ? " " : "",
					PL_FMT(*c));
		assert_true(len < sizeof(all));
	}
	assert_string_equal(all, texts);
	pl_op_free(op);
}

static void expect_missed(struct pl_op *op, const char *texts, bool has_more)
{
	assert_int_equal(op->missed.has_more, has_more);
	expect_rows(op, op->missed.rows, op->missed.nrows, texts);
}

static void expect_pending(struct pl_op *op, const char *texts, bool has_more)
{
	assert_int_equal(op->pending.has_more, has_more);
	expect_rows(op, op->pending.rows, op->pending.nrows, texts);
}

static const struct pl_uuid nil;

static void ids_are_positions(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid other = create(r, c.alice, PL_GROUP, &PL_S("carol"), 1), last = nil;
	for (int i = 0; i < 3000; i++) {
		struct pl_uuid id = say(r, c.alice, i % 2 ? c.room : other, "x");
		assert_true(compare(&id, &last) > 0);
		last = id;
	}
	struct pl_op *op = missed(r, c.bob, last, 10);
	assert_true(pl_uuid_eq(&op->missed.newest, &last));
	expect_missed(op, "", false);
}

static void ids_ascend_over_a_restart(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid before = say(r, c.alice, c.room, "before");
	/* As if the clock had been far ahead. */
	const char *far = "UPDATE message SET id = x'7fffffffff007fff8000000000000001'";
	rig_close(r);
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, far, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(rig_open(r, r->path), 0);
	struct pl_op *op = missed(r, c.bob, before, 10);
	struct pl_uuid last = op->missed.newest;
	assert_int_equal(last.b[0], 0x7f);
	expect_missed(op, "before", false);
	for (int i = 0; i < 5000; i++) {
		struct pl_uuid id = say(r, c.bob, c.room, "x");
		assert_true(compare(&id, &last) > 0);
		last = id;
	}
}

static void what_was_missed_is_found_everywhere(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_slice others[] = {PL_S("bob"), PL_S("carol")};
	struct pl_uuid group = create(r, c.alice, PL_GROUP, others, 2);
	struct pl_uuid theirs = create(r, c.alice, PL_GROUP, &PL_S("carol"), 1);
	struct pl_uuid start = say(r, c.alice, group, "old");
	say(r, c.alice, c.room, "1");
	say(r, c.carol, group, "2");
	say(r, c.carol, theirs, "secret");
	struct pl_uuid third = say(r, c.bob, c.room, "3");
	say(r, c.alice, group, "4");
	expect_missed(missed(r, c.bob, start, 10), "1 2 3 4", false);
	expect_missed(missed(r, c.bob, start, 4), "1 2 3 4", false);
	expect_missed(missed(r, c.bob, start, 3), "1 2 3", true);
	expect_missed(missed(r, c.bob, third, 3), "4", false);
	expect_missed(missed(r, c.bob, nil, 1), "old", true);
	expect_missed(missed(r, c.bob, nil, 0), "", true);
	expect_missed(missed(r, c.carol, start, 10), "2 secret 4", false);
}

static void rows_say_where_and_who(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	say(r, c.alice, c.room, "hello");
	struct pl_op *op = missed(r, c.bob, nil, 10);
	const struct pl_said *row = &op->missed.rows[0];
	assert_int_equal(op->missed.nrows, 1);
	assert_int_equal(row->type, PL_DIRECT);
	assert_true(pl_uuid_eq(&row->message.conversation, &c.room));
	assert_int_equal(row->message.seq, 1);
	IS(row->message.sender.subject, "alice");
	IS(row->message.sender.username, "alice");
	IS(row->other.subject, "bob");
	assert_true(pl_uuid_eq(&row->other.id, &c.bob));
	pl_op_free(op);
	op = missed(r, c.alice, nil, 10);
	IS(op->missed.rows[0].other.subject, "bob");
	pl_op_free(op);
}

static void who_left_misses_nothing(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_new(PL_OP_OPEN_ROOM);
	op->open_room.user = c.bob;
	op->open_room.name = PL_S("lobby");
	op->open_room.create = op->open_room.remember = true;
	assert_int_equal(run(r, op), 0);
	struct pl_uuid lobby = op->open_room.found.id;
	pl_op_free(op);
	say(r, c.alice, lobby, "in");
	op = missed(r, c.bob, nil, 10);
	IS(op->missed.rows[0].alias, "lobby");
	expect_missed(op, "in", false);
	/* Who is no member may read it, but it is not kept for it. */
	expect_missed(missed(r, c.carol, nil, 10), "", false);
	op = op_new(PL_OP_LEAVE);
	op->leave.user = c.bob;
	op->leave.room = PL_S("lobby");
	assert_int_equal(run(r, op), 0);
	pl_op_free(op);
	say(r, c.alice, lobby, "out");
	expect_missed(missed(r, c.bob, nil, 10), "", false);
}

static void copies_are_the_readers_own(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_slice others[] = {PL_S("bob"), PL_S("carol")};
	struct pl_uuid group = create(r, c.alice, PL_GROUP, others, 2);
	struct pl_copy copies[] = {{c.bob, PL_S("for-bob")}};
	struct pl_op *op = op_send(c.alice, group, "");
	op->send.copies = copies;
	op->send.ncopies = 1;
	assert_int_equal(run(r, op), 0);
	pl_op_free(op);
	say(r, c.alice, group, "for-all");
	expect_missed(missed(r, c.bob, nil, 10), "for-bob for-all", false);
	expect_missed(missed(r, c.carol, nil, 1), "for-all", false);
	expect_missed(missed(r, c.alice, nil, 10), "for-all", false);
}

static void long_texts_end_early(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	static char text[1 << 20];
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 10; i++)
		say(r, c.alice, c.room, text);
	struct pl_op *op = missed(r, c.bob, nil, 100);
	assert_in_range(op->missed.nrows, 7, 8);
	assert_true(op->missed.has_more);
	struct pl_uuid last = op->missed.rows[op->missed.nrows - 1].message.id;
	size_t n = op->missed.nrows;
	pl_op_free(op);
	op = missed(r, c.bob, last, 100);
	assert_int_equal(op->missed.nrows, 10 - n);
	assert_false(op->missed.has_more);
	pl_op_free(op);
	/* Or earlier; the first one always comes. */
	const size_t bytes[] = {1, sizeof(text) * 3 / 2, sizeof(text) * 5 / 2}, rows[] = {1, 1, 2};
	for (size_t i = 0; i < 3; i++) {
		op = op_new(PL_OP_PENDING);
		op->pending.user = c.bob;
		op->pending.limit = 100;
		op->pending.bytes = bytes[i];
		assert_int_equal(run(r, op), 0);
		assert_int_equal(op->pending.nrows, rows[i]);
		assert_true(op->pending.has_more);
		pl_op_free(op);
	}
}

static unsigned next(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static void many_in_many_rooms_come_in_order(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	enum { ROOMS = 7, SAID = 500 };
	struct pl_uuid rooms[ROOMS], ids[SAID];
	unsigned seed = 7;
	for (int i = 0; i < ROOMS; i++)
		rooms[i] = create(r, c.alice, PL_GROUP, &PL_S("bob"), 1);
	for (int i = 0; i < SAID; i++)
		ids[i] = say(r, c.alice, rooms[next(&seed) % ROOMS], "x");
	for (int from = 0; from < SAID; from += 61)
		for (uint32_t limit = 1; limit < 600; limit = limit * 3 + 1) {
			struct pl_op *op = missed(r, c.bob, ids[from], limit);
			size_t left = (size_t)(SAID - 1 - from), n = left < limit ? left : limit;
			assert_int_equal(op->missed.nrows, n);
			assert_int_equal(op->missed.has_more, left > limit);
			for (size_t i = 0; i < n; i++)
				assert_true(pl_uuid_eq(&op->missed.rows[i].message.id,
						       &ids[(size_t)from + 1 + i]));
			pl_op_free(op);
		}
}

static void what_is_for_one_waits_for_it(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid with_carol = create(r, c.carol, PL_DIRECT, &PL_S("bob"), 1);
	struct pl_uuid group = create(r, c.alice, PL_GROUP, &PL_S("bob"), 1);
	struct pl_uuid first = say(r, c.alice, c.room, "1");
	say(r, c.bob, c.room, "mine");
	say(r, c.alice, group, "for-all");
	struct pl_uuid second = say(r, c.carol, with_carol, "2");
	struct pl_uuid third = say(r, c.alice, c.room, "3");
	expect_pending(pending(r, c.bob, 10), "1 2 3", false);
	expect_pending(pending(r, c.bob, 2), "1 2", true);
	expect_pending(pending(r, c.carol, 10), "", false);
	expect_pending(pending(r, c.alice, 10), "mine", false);
	receive(r, c.bob, second);
	expect_pending(pending(r, c.bob, 10), "3", false);
	/* Never back. */
	receive(r, c.bob, first);
	expect_pending(pending(r, c.bob, 10), "3", false);
	struct pl_op *op = op_new(PL_OP_PENDING);
	op->pending.user = c.bob;
	op->pending.until = second;
	op->pending.limit = 10;
	assert_int_equal(run(r, op), 0);
	expect_pending(op, "", false);
	receive(r, c.bob, third);
	expect_pending(pending(r, c.bob, 10), "", false);
}

/* A position from a future that never was must not swallow what is said now. */
static void nobody_receives_what_was_not_said(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid far;
	memset(far.b, 0xff, sizeof(far.b));
	say(r, c.alice, c.room, "1");
	receive(r, c.bob, far);
	expect_pending(pending(r, c.bob, 10), "", false);
	say(r, c.alice, c.room, "2");
	expect_pending(pending(r, c.bob, 10), "2", false);
}

static void strangers_are_refused(void **state)
{
	struct rig *r = *state;
	play(r);
	const enum pl_op_kind kinds[] = {PL_OP_MISSED, PL_OP_PENDING, PL_OP_RECEIVED};
	for (size_t i = 0; i < 3; i++) {
		struct pl_op *op = op_new(kinds[i]);
		op->missed.user = op->pending.user = op->received.user = pl_uuid_v4();
		assert_int_equal(run(r, op), PL_EDENIED);
		pl_op_free(op);
	}
}

static void a_subject_keeps_its_kind(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = PL_S("7");
	op->sign_in.claims.subject_is_number = op->sign_in.provision = true;
	assert_int_equal(run(r, op), 0);
	struct pl_uuid seven = op->sign_in.user.id;
	assert_true(op->sign_in.user.subject_is_number);
	pl_op_free(op);
	op = op_send(c.alice, nil, "hi");
	op->send.to = PL_S("7");
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_eq(&op->send.other.id, &seven));
	assert_true(op->send.other.subject_is_number);
	assert_false(op->send.message.sender.subject_is_number);
	IS(op->send.message.sender.subject, "alice");
	pl_op_free(op);
	op = op_send(seven, nil, "back");
	op->send.to = PL_S("alice");
	assert_int_equal(run(r, op), 0);
	assert_true(op->send.message.sender.subject_is_number);
	pl_op_free(op);
	op = missed(r, c.alice, nil, 10);
	assert_int_equal(op->missed.nrows, 2);
	assert_true(op->missed.rows[0].other.subject_is_number);
	assert_true(op->missed.rows[1].message.sender.subject_is_number);
	pl_op_free(op);
}

static void anyone_is_found_by_id_subject_and_name(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = PL_S("the subject");
	op->sign_in.claims.username = PL_S("dave");
	op->sign_in.provision = true;
	assert_int_equal(run(r, op), 0);
	struct pl_uuid dave = op->sign_in.user.id;
	pl_op_free(op);
	char text[PL_UUID_TEXT + 1] = "";
	pl_uuid_format(&dave, text);
	const char *const names[] = {"dave", "the subject", text};
	for (size_t i = 0; i < 3; i++) {
		op = op_send(c.alice, nil, "hi");
		op->send.to = pl_slice_str(names[i]);
		op->send.to_anyone = true;
		assert_int_equal(run(r, op), 0);
		assert_true(pl_uuid_eq(&op->send.other.id, &dave));
		assert_int_equal(op->send.message.seq, i + 1);
		pl_op_free(op);
	}
}

static void the_secret_is_the_databases(void **state)
{
	struct rig *r = *state;
	uint8_t first[PL_SECRET_BYTES];
	static const uint8_t zeros[PL_SECRET_BYTES];
	memcpy(first, pl_store_secret(r->store), sizeof(first));
	assert_memory_not_equal(first, zeros, sizeof(first));
	rig_close(r);
	assert_int_equal(rig_open(r, r->path), 0);
	assert_memory_equal(pl_store_secret(r->store), first, sizeof(first));
}

#define ALL(TEST)                                 \
	TEST(ids_are_positions)                   \
	TEST(what_was_missed_is_found_everywhere) \
	TEST(rows_say_where_and_who)              \
	TEST(who_left_misses_nothing)             \
	TEST(copies_are_the_readers_own)          \
	TEST(long_texts_end_early)                \
	TEST(many_in_many_rooms_come_in_order)    \
	TEST(what_is_for_one_waits_for_it)        \
	TEST(nobody_receives_what_was_not_said)   \
	TEST(strangers_are_refused)               \
	TEST(a_subject_keeps_its_kind)            \
	TEST(anyone_is_found_by_id_subject_and_name)

int main(void)
{
	const struct CMUnitTest tests[] = {ALL(ON_SQLITE) ALL(IN_MEMORY) ON_SQLITE(
		ids_ascend_over_a_restart) ON_SQLITE(the_secret_is_the_databases)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
