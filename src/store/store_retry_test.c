/* store_retry_test.c - proves that a retry is recognised wherever its hash lies by now: in memory,
 * half moved to the table, in the table, in the log of an earlier run; and that nothing is taken
 * for a retry after a rollback. */
#include "store/testing.h"

#include "store/recent.h"

#include <sqlite3.h>

static struct pl_retry entry(uint64_t number, int64_t message)
{
	struct pl_retry e = {.day = 7, .message = message};
	uint64_t mixed = number * 0x9e3779b97f4a7c15u;
	memcpy(e.hash, &mixed, sizeof(mixed));
	memcpy(e.hash + 8, &number, sizeof(number));
	return e;
}

static int64_t look_up(const struct pl_recent *r, uint64_t number)
{
	struct pl_retry e = entry(number, 0);
	return pl_recent_find(r, e.hash);
}

static void what_is_rolled_back_was_never_there(void **state)
{
	struct pl_recent r;
	const struct pl_retry *first;
	pl_recent_init(&r);
	assert_int_equal(look_up(&r, 1), 0);
	for (uint64_t round = 0; round < 50; round++) {
		for (uint64_t i = 0; i < 200; i++) {
			struct pl_retry e = entry(round * 200 + i, (int64_t)(round * 200 + i + 1));
			assert_int_equal(pl_recent_add(&r, &e), 0);
		}
		assert_int_equal(pl_recent_added(&r, &first), 200);
		if (round % 2)
			pl_recent_rollback(&r);
		else
			pl_recent_commit(&r);
		assert_int_equal(pl_recent_added(&r, &first), 0);
	}
	for (uint64_t n = 0; n < 10000; n++)
		assert_int_equal(look_up(&r, n), n / 200 % 2 ? 0 : n + 1);
	pl_recent_turn(&r, 1);
	for (uint64_t n = 0; n < 10000; n++)
		assert_int_equal(look_up(&r, n), n / 200 % 2 ? 0 : n + 1);
	for (size_t i = 1; i < r.old.len; i++)
		assert_true(memcmp(r.old.entries[i - 1].hash, r.old.entries[i].hash, 16) < 0);
	pl_recent_fini(&r);
	(void)state;
}

static void the_newest_of_the_same_counts(void **state)
{
	struct pl_recent r;
	pl_recent_init(&r);
	for (int64_t at = 1; at < 4; at++) {
		struct pl_retry e = entry(5, at);
		assert_int_equal(pl_recent_add(&r, &e), 0);
		assert_int_equal(look_up(&r, 5), at);
	}
	pl_recent_commit(&r);
	pl_recent_turn(&r, 1);
	assert_int_equal(look_up(&r, 5), 3);
	struct pl_retry e = entry(5, 9);
	assert_int_equal(pl_recent_add(&r, &e), 0);
	assert_int_equal(look_up(&r, 5), 9);
	pl_recent_rollback(&r);
	assert_int_equal(look_up(&r, 5), 3);
	pl_recent_fini(&r);
	(void)state;
}

struct cast {
	struct pl_uuid alice, room;
};

static struct pl_op *with_id(const struct cast *c, size_t number, bool by_client)
{
	char id[32];
	int n = snprintf(id, sizeof(id), "id-%zu", number);
	struct pl_op *op = op_send(c->alice, c->room, "x");
	struct pl_slice *where = by_client ? &op->send.client_id : &op->send.request_id;
	assert_int_equal(pl_arena_copy(&op->arena, pl_slice(id, (size_t)n), where), 0);
	return op;
}

/* Messages from, from + 1 ... to - 1, all new; every tenth by the client's own id. */
static void send_range(struct rig *r, const struct cast *c, size_t from, size_t to)
{
	while (from < to) {
		size_t n = to - from < 20000 ? to - from : 20000;
		struct pl_op *last = NULL;
		for (size_t i = 0; i < n; i++, from++) {
			last = with_id(c, from, from % 10 == 0);
			assert_int_equal(pl_store_submit(r->store, last), 0);
		}
		assert_true(wait_for(r, last));
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(r->done[i]->err, 0);
			assert_false(r->done[i]->send.duplicate);
			pl_op_free(r->done[i]);
		}
	}
}

static void all_are_retries(struct rig *r, const struct cast *c, size_t to)
{
	for (size_t i = 0; i < to; i += 1237) {
		struct pl_op *op = with_id(c, i, i % 10 == 0);
		assert_int_equal(run(r, op), 0);
		assert_true(op->send.duplicate);
		assert_int_equal(op->send.message.seq, i + 1);
		pl_op_free(op);
	}
}

static int64_t count(const struct rig *r, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static void a_retry_is_known_in_every_place(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	assert_int_equal(rig_open(r, r->path), 0);
	struct cast c = {.alice = sign_in(r, "alice")};
	sign_in(r, "bob");
	c.room = create(r, c.alice, PL_DIRECT, &PL_S("bob"), 1);
	size_t turn = PL_RECENT_MAX / 2 + 2000;
	send_range(r, &c, 0, turn); /* in memory, and some already moved */
	all_are_retries(r, &c, turn);
	rig_close(r);
	int64_t moved = count(r, "SELECT count(*) FROM retry");
	assert_true(moved > 0 && moved < PL_RECENT_MAX / 2);
	assert_int_equal(rig_open(r, r->path), 0); /* from the log */
	all_are_retries(r, &c, turn);
	send_range(r, &c, turn,
		   turn + PL_RECENT_MAX / 4 + 2000); /* the first ones are in the table */
	all_are_retries(r, &c, turn + PL_RECENT_MAX / 4 + 2000);
	rig_close(r);
	assert_true(count(r, "SELECT count(*) FROM retry") >= PL_RECENT_MAX / 2);
	assert_true(count(r, "SELECT sum(length(entries)) / 32 FROM retry_log") <
		    PL_RECENT_MAX / 2);
	assert_int_equal(rig_open(r, r->path), 0);
	all_are_retries(r, &c, turn + PL_RECENT_MAX / 4 + 2000);
	rig_free(r);
}

/* Old request ids leave the table while the store has nothing else to do; client ids stay. */
static void old_request_ids_are_deleted(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	assert_int_equal(rig_open(r, r->path), 0);
	sign_in(r, "alice");
	rig_close(r);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(
			db,
			"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
			"WHERE i < 3000) INSERT INTO retry SELECT i % 3, randomblob(16), 1 "
			"FROM n; INSERT INTO retry SELECT unixepoch() / 86400, randomblob(16), "
			"1 FROM retry LIMIT 5",
			NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(rig_open(r, r->path), 0);
	usleep(3500000);
	rig_close(r);
	assert_int_equal(count(r, "SELECT count(*) FROM retry WHERE day = 0"), 1000);
	assert_int_equal(count(r, "SELECT count(*) FROM retry WHERE day > 0"), 5);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_rolled_back_was_never_there),
		cmocka_unit_test(the_newest_of_the_same_counts),
		cmocka_unit_test(a_retry_is_known_in_every_place),
		cmocka_unit_test(old_request_ids_are_deleted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
