/* store_disk_test.c - proves what the SQLite store does with its file: who may open it, what is
 * refused and left alone, what is there again after a restart, backup and verify. */
#include "store/testing.h"

#include "base/mem.h"

#include <stdatomic.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct cast {
	struct pl_uuid alice, bob, room;
};

static struct cast play(struct rig *r)
{
	struct cast c = {.alice = sign_in(r, "alice"), .bob = sign_in(r, "bob")};
	c.room = create(r, c.alice, PL_DIRECT, &PL_S("bob"), 1);
	return c;
}

static int open_rig(void **state)
{
	struct rig *r = rig_new();
	*state = r;
	return rig_open(r, r->path);
}

static int close_rig(void **state)
{
	rig_free(*state);
	return 0;
}

static void sql(const struct rig *r, const char *text)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	int rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(rc, SQLITE_OK);
}

static struct pl_op *page_of(struct rig *r, struct pl_uuid user, struct pl_uuid room)
{
	struct pl_op *op = op_page(user, room, 200);
	assert_int_equal(run(r, op), 0);
	return op;
}

static void a_restart_forgets_nothing(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *first = op_send(c.alice, c.room, "before");
	first->send.request_id = PL_S("r1");
	assert_int_equal(run(r, first), 0);
	struct pl_op *named = op_send(c.alice, c.room, "named");
	named->send.client_id = PL_S("c1");
	assert_int_equal(run(r, named), 0);
	struct pl_uuid ids[] = {first->send.message.id, named->send.message.id};
	for (int i = 0; i < 3; i++) {
		rig_close(r);
		assert_int_equal(rig_open(r, r->path), 0);
		assert_int_equal(run(r, first), 0);
		assert_int_equal(run(r, named), 0);
		assert_true(first->send.duplicate && named->send.duplicate);
		assert_true(pl_uuid_eq(&first->send.message.id, &ids[0]));
		assert_true(pl_uuid_eq(&named->send.message.id, &ids[1]));
		say(r, c.bob, c.room, "more");
	}
	struct pl_op *page = page_of(r, c.alice, c.room);
	assert_int_equal(page->page.nmessages, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(page->page.messages[i].seq, i + 1);
	struct pl_uuid again = sign_in(r, "alice");
	assert_true(pl_uuid_eq(&again, &c.alice));
	pl_op_free(page);
	pl_op_free(first);
	pl_op_free(named);
}

/* A request id counts for 24 hours, a client's own id for ever; time is moved in the file. */
static void a_request_id_is_forgotten_after_a_day(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *by_request = op_send(c.alice, c.room, "x"),
		     *by_id = op_send(c.alice, c.room, "y");
	by_request->send.request_id = PL_S("r1");
	by_id->send.client_id = PL_S("c1");
	assert_int_equal(run(r, by_request), 0);
	assert_int_equal(run(r, by_id), 0);
	rig_close(r);
	sql(r, "UPDATE message SET created_ms = created_ms - 86300000");
	assert_int_equal(rig_open(r, r->path), 0);
	assert_int_equal(run(r, by_request), 0);
	assert_true(by_request->send.duplicate);
	rig_close(r);
	sql(r, "UPDATE message SET created_ms = created_ms - 200000");
	assert_int_equal(rig_open(r, r->path), 0);
	assert_int_equal(run(r, by_request), 0);
	assert_false(by_request->send.duplicate);
	assert_int_equal(by_request->send.message.seq, 3);
	assert_int_equal(run(r, by_request), 0); /* and the new one is remembered instead */
	assert_true(by_request->send.duplicate);
	assert_int_equal(by_request->send.message.seq, 3);
	assert_int_equal(run(r, by_id), 0);
	assert_true(by_id->send.duplicate);
	pl_op_free(by_request);
	pl_op_free(by_id);
}

static void a_second_process_stays_outside(void **state)
{
	struct rig *r = *state, *other = rig_new();
	assert_int_equal(rig_open(other, r->path), PL_ELOCKED);
	pid_t child = fork();
	if (!child)
		_exit(rig_open(other, r->path) == PL_ELOCKED ? 0 : 1);
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	char name[128], pid[32] = "";
	snprintf(name, sizeof(name), "%s.lock", r->path);
	FILE *f = fopen(name, "r");
	assert_non_null(f);
	assert_non_null(fgets(pid, sizeof(pid), f));
	fclose(f);
	assert_int_equal(strtol(pid, NULL, 10), getpid());
	rig_close(r);
	assert_int_equal(rig_open(other, r->path), 0);
	rig_free(other);
}

static void files_are_the_owners_only(void **state)
{
	struct rig *r = rig_new();
	mode_t old = umask(0);
	assert_int_equal(rig_open(r, r->path), 0);
	sign_in(r, "alice");
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	for (size_t i = 0; i < 4; i++) {
		char name[128];
		struct stat st;
		snprintf(name, sizeof(name), "%s%s", r->path, suffixes[i]);
		assert_int_equal(stat(name, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	umask(old);
	rig_free(r);
	(void)state;
}

static char *slurp(const char *path, size_t *n)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	*n = (size_t)st.st_size;
	char *at = calloc(1, *n + 1);
	assert_non_null(at);
	int fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, at, *n, 0), *n);
	close(fd);
	return at;
}

static void spill(const char *path, const void *at, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, at, n, 0), n);
	close(fd);
}

/* Opening says err and does not touch the file. */
static void is_refused(struct rig *r, int err)
{
	size_t before, after;
	char *old = slurp(r->path, &before);
	assert_int_equal(rig_open(r, r->path), err);
	char *now = slurp(r->path, &after);
	assert_int_equal(before, after);
	assert_memory_equal(old, now, before);
	free(old);
	free(now);
}

static void what_is_not_ours_is_left_alone(void **state)
{
	struct rig *r = *state;
	play(r);
	rig_close(r);
	sql(r, "PRAGMA user_version = 999");
	is_refused(r, PL_ESTATE);
	sql(r, "PRAGMA user_version = 1; PRAGMA application_id = 7");
	is_refused(r, PL_ECORRUPT);
	unlink(r->path);
	sql(r, "CREATE TABLE somebody_elses (x)");
	is_refused(r, PL_ECORRUPT);
	spill(r->path,
	      "just text, but more than a hundred bytes of it so that it could have been a "
	      "header of a database file",
	      100);
	is_refused(r, PL_ECORRUPT);
	spill(r->path, "", 0);
	is_refused(r, PL_ECORRUPT);
	char wal[128];
	snprintf(wal, sizeof(wal), "%s-wal", r->path);
	unlink(r->path);
	spill(wal, "the database of this was lost", 20);
	assert_int_equal(rig_open(r, r->path), PL_ECORRUPT);
	assert_int_equal(access(r->path, F_OK), -1);
}

/* Flips, zeroed pages, truncation: refused or sound, never a crash, never another file. */
static void damage_is_noticed(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	for (int i = 0; i < 100; i++)
		say(r, c.alice, c.room, "some text that takes a little room in the file");
	rig_close(r);
	size_t n;
	char *good = slurp(r->path, &n);
	uint64_t dice = 42;
	int refused = 0;
	for (int i = 0; i < 90; i++) {
		char *bad = calloc(1, n);
		assert_non_null(bad);
		memcpy(bad, good, n);
		dice = dice * 6364136223846793005u + 1442695040888963407u;
		size_t at = (size_t)(dice >> 33) % n, len = n;
		if (i % 3 == 0)
			bad[at] = (char)(bad[at] ^ 0x55);
		else if (i % 3 == 1)
			memset(bad + at / 4096 * 4096, 0, 4096);
		else
			len = at;
		spill(r->path, bad, len);
		int err = rig_open(r, r->path);
		assert_true(err == 0 || err == PL_ECORRUPT || err == PL_ESTATE || err == PL_EIO);
		refused += err != 0;
		rig_close(r);
		struct pl_buf findings;
		pl_buf_init(&findings, 65536);
		err = pl_store_verify(r->path, &findings);
		assert_true(err == 0 || findings.len > 0);
		pl_buf_fini(&findings);
		free(bad);
	}
	assert_true(refused > 50); /* every zeroed page and every truncation */
	spill(r->path, good, n);
	assert_int_equal(rig_open(r, r->path), 0);
	free(good);
}

static void a_known_user_costs_no_commit(void **state)
{
	struct rig *r = *state;
	play(r);
	int64_t before = r->metrics.v[PL_M_COMMITS];
	for (int i = 0; i < 20; i++)
		sign_in(r, "alice");
	assert_int_equal(r->metrics.v[PL_M_COMMITS], before);
	sign_in(r, "new");
	assert_int_equal(r->metrics.v[PL_M_COMMITS], before + 1);
}

struct gate {
	struct rig *rig;
	atomic_bool is_open, is_reached;
};

static void finish_at_gate(void *ctx, struct pl_op *op)
{
	struct gate *g = ctx;
	atomic_store(&g->is_reached, true);
	while (!atomic_load(&g->is_open))
		usleep(1000);
	rig_finish(g->rig, op);
}

static void a_full_queue_says_so(void **state)
{
	struct rig *r = rig_new();
	struct gate g = {.rig = r};
	struct pl_store_options o = {
		.path = r->path, .queue_max = 3, .finish = finish_at_gate, .ctx = &g};
	assert_int_equal(pl_store_open(&o, &r->store), 0);
	struct pl_op *ops[5];
	for (int i = 0; i < 5; i++) {
		ops[i] = op_new(PL_OP_SIGN_IN);
		ops[i]->sign_in.claims.subject = PL_S("alice");
		ops[i]->sign_in.provision = true;
	}
	assert_int_equal(pl_store_submit(r->store, ops[0]), 0);
	while (!atomic_load(&g.is_reached))
		usleep(1000);
	for (int i = 1; i < 4; i++)
		assert_int_equal(pl_store_submit(r->store, ops[i]), 0);
	assert_int_equal(pl_store_submit(r->store, ops[4]), PL_EBUSY);
	atomic_store(&g.is_open, true);
	assert_true(wait_for(r, ops[3]));
	assert_int_equal(run(r, ops[4]), 0);
	rig_close(r);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ops[i]->err, 0);
		pl_op_free(ops[i]);
	}
	rig_free(r);
	(void)state;
}

static void closing_finishes_what_was_submitted(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	for (int i = 0; i < 300; i++)
		assert_int_equal(pl_store_submit(r->store, op_send(c.alice, c.room, "x")), 0);
	rig_close(r);
	assert_int_equal(r->ndone, 300);
	for (size_t i = 0; i < 300; i++) {
		assert_int_equal(r->done[i]->err, 0);
		pl_op_free(r->done[i]);
	}
}

static void a_backup_is_the_whole_store(void **state)
{
	struct rig *r = *state, *copy = rig_new();
	struct cast c = play(r);
	struct stat st;
	for (int i = 0; i < 50; i++)
		say(r, c.alice, c.room, "kept");
	assert_int_equal(pl_store_backup(r->path, copy->path, NULL),
			 0); /* beside the running one */
	assert_int_equal(pl_store_backup(r->path, copy->path, NULL), PL_EEXISTS);
	assert_int_equal(stat(copy->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	say(r, c.alice, c.room, "after the backup");
	struct pl_buf findings;
	pl_buf_init(&findings, 4096);
	assert_int_equal(pl_store_verify(copy->path, &findings), 0);
	assert_int_equal(pl_store_verify(r->path, &findings), 0);
	assert_int_equal(findings.len, 0);
	assert_int_equal(rig_open(copy, copy->path), 0);
	struct pl_op *page = page_of(copy, c.bob, c.room);
	assert_int_equal(page->page.nmessages, 50);
	say(copy, c.bob, c.room, "goes on");
	pl_op_free(page);
	rig_free(copy);
	assert_int_equal(pl_store_backup("/tmp/parley-there-is-no-such.db", r->path, NULL),
			 PL_ENOTFOUND);
	assert_int_equal(pl_store_verify("/tmp/parley-there-is-no-such.db", &findings),
			 PL_ENOTFOUND);
	pl_buf_fini(&findings);
}

static void verify_finds_what_is_wrong(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	for (int i = 0; i < 5; i++)
		say(r, c.alice, c.room, "x");
	rig_close(r);
	size_t n;
	char *good = slurp(r->path, &n);
	static const char *const wrongs[] = {
		"DELETE FROM message WHERE at = (1 << 32) + 3",
		"DELETE FROM message WHERE at = (1 << 32) + 5",
		"UPDATE conversation SET last_seq = 6",
		"DELETE FROM direct_pair",
		"DELETE FROM member WHERE user = 2",
		"UPDATE member SET last_read_seq = 9",
		"PRAGMA foreign_keys = OFF; UPDATE message SET sender = 77",
		"UPDATE message SET reply_to = 40",
		"INSERT INTO retry VALUES (0, zeroblob(16), 12345)",
		"INSERT INTO file VALUES (1, zeroblob(16), 2, 1, (1 << 32) + 3, 'of another', 't', "
		"0, 0, zeroblob(32), 0, 0)",
	};
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		struct pl_buf findings;
		pl_buf_init(&findings, 65536);
		spill(r->path, good, n);
		assert_int_equal(pl_store_verify(r->path, &findings), 0);
		sql(r, wrongs[i]);
		assert_int_equal(pl_store_verify(r->path, &findings), PL_ECORRUPT);
		assert_true(findings.len > 10 && findings.at[findings.len - 1] == '\n');
		pl_buf_fini(&findings);
	}
	free(good);
}

static void the_journal_stays_short(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	char *text = calloc(1, 200001), name[128];
	assert_non_null(text);
	memset(text, 'x', 200000);
	struct stat st;
	for (int i = 0; i < 300; i++) /* 60 MB */
		say(r, c.alice, c.room, text);
	snprintf(name, sizeof(name), "%s-wal", r->path);
	assert_int_equal(stat(name, &st), 0);
	assert_true(st.st_size < 24 << 20);
	for (int i = 0; i < 40 && st.st_size; i++) { /* and goes away when nothing happens */
		usleep(100000);
		assert_int_equal(stat(name, &st), 0);
	}
	assert_int_equal(st.st_size, 0);
	free(text);
}

/* Every allocation of a send fails once: an error or an answer, and the order has no gap. */
static void a_send_without_memory_fails_cleanly(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	uint64_t stored = 0;
	int failed = 0;
	for (unsigned long n = 1; n < 40; n++) {
		rig_close(r); /* so that the caches are empty */
		assert_int_equal(rig_open(r, r->path), 0);
		struct pl_copy copies[] = {{c.alice, PL_S("a")}, {c.bob, PL_S("b")}};
		char id[16];
		int len = snprintf(id, sizeof(id), "id%lu", n);
		struct pl_op *op = op_send(c.alice, c.room, "x");
		op->send.copies = copies;
		op->send.ncopies = 2;
		op->send.request_id = pl_slice(id, (size_t)len);
		pl_mem_fail_at(n, false);
		int err = run(r, op);
		pl_mem_fail_at(0, false);
		assert_true(err == 0 || err == PL_ENOMEM || err == PL_ESTORE);
		failed += err != 0;
		if (!err)
			assert_int_equal(op->send.message.seq, ++stored);
		err = run(r, op); /* again, with memory */
		assert_int_equal(err, 0);
		if (!op->send.duplicate)
			stored++;
		assert_int_equal(op->send.message.seq, stored);
		pl_op_free(op);
	}
	assert_true(failed > 0);
	struct pl_buf findings;
	pl_buf_init(&findings, 4096);
	assert_int_equal(pl_store_verify(r->path, &findings), 0);
	pl_buf_fini(&findings);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
	const struct CMUnitTest tests[] = {
		TEST(a_restart_forgets_nothing),
		TEST(a_request_id_is_forgotten_after_a_day),
		TEST(a_second_process_stays_outside),
		cmocka_unit_test(files_are_the_owners_only),
		TEST(what_is_not_ours_is_left_alone),
		TEST(damage_is_noticed),
		TEST(a_known_user_costs_no_commit),
		cmocka_unit_test(a_full_queue_says_so),
		TEST(closing_finishes_what_was_submitted),
		TEST(a_backup_is_the_whole_store),
		TEST(verify_finds_what_is_wrong),
		TEST(the_journal_stays_short),
		TEST(a_send_without_memory_fails_cleanly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
