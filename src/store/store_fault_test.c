/* store_fault_test.c - proves that a failing disk never leads to a false acknowledgement, and that
 * a full one is survived. A layer between SQLite and the system makes the k-th write or sync fail.
 */
#include "store/testing.h"

#include <sqlite3.h>
#include <stdatomic.h>

/* What the layer does; set while no store is open or nothing is under way. */
static struct {
	atomic_int fail_in; /* counts down at each write or sync; at 0 that one fails; < 0: never */
	atomic_bool has_failed;
	atomic_bool only_main; /* counts the database file only: checkpoints */
	atomic_bool is_full;   /* every write says so */
	atomic_int syncs;
} disk;

struct file {
	sqlite3_file base;
	bool is_main;
	sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

static bool must_fail(const struct file *f)
{
	if (atomic_load(&disk.fail_in) < 0 || (atomic_load(&disk.only_main) && !f->is_main))
		return false;
	if (atomic_fetch_sub(&disk.fail_in, 1) != 1)
		return false;
	atomic_store(&disk.fail_in, -1); /* once only: the next one seems to work again */
	atomic_store(&disk.has_failed, true);
	return true;
}

static int on_close(sqlite3_file *f)
{
	return real_of(f)->pMethods ? real_of(f)->pMethods->xClose(real_of(f)) : SQLITE_OK;
}

static int on_read(sqlite3_file *f, void *at, int n, sqlite3_int64 from)
{
	return real_of(f)->pMethods->xRead(real_of(f), at, n, from);
}

static int on_write(sqlite3_file *f, const void *at, int n, sqlite3_int64 to)
{
	if (atomic_load(&disk.is_full))
		return SQLITE_FULL;
	if (must_fail((struct file *)f))
		return SQLITE_IOERR_WRITE;
	return real_of(f)->pMethods->xWrite(real_of(f), at, n, to);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	return real_of(f)->pMethods->xTruncate(real_of(f), n);
}

static int on_sync(sqlite3_file *f, int flags)
{
	atomic_fetch_add(&disk.syncs, 1);
	if (must_fail((struct file *)f))
		return SQLITE_IOERR_FSYNC;
	return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int on_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), n);
}

static int on_lock(sqlite3_file *f, int how)
{
	return real_of(f)->pMethods->xLock(real_of(f), how);
}

static int on_unlock(sqlite3_file *f, int how)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), how);
}

static int on_reserved(sqlite3_file *f, int *out)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int on_control(sqlite3_file *f, int what, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), what, arg);
}

static int on_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int on_traits(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int on_shm_unmap(sqlite3_file *f, int and_delete)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), and_delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_reserved,
	.xFileControl = on_control,
	.xSectorSize = on_sector,
	.xDeviceCharacteristics = on_traits,
	.xShmMap = on_shm_map,
	.xShmLock = on_shm_lock,
	.xShmBarrier = on_shm_barrier,
	.xShmUnmap = on_shm_unmap,
};

static sqlite3_vfs *system_vfs, layer;

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *out, int flags, int *got)
{
	struct file *f = (struct file *)out;
	f->real = (sqlite3_file *)(void *)(f + 1);
	f->is_main = flags & SQLITE_OPEN_MAIN_DB;
	int rc = system_vfs->xOpen(system_vfs, name, f->real, flags, got);
	f->base.pMethods = f->real->pMethods ? &methods : NULL;
	(void)vfs;
	return rc;
}

static int put_layer(void **state)
{
	system_vfs = sqlite3_vfs_find(NULL);
	layer = *system_vfs;
	layer.zName = "faulty";
	layer.szOsFile = (int)sizeof(struct file) + system_vfs->szOsFile;
	layer.xOpen = on_open;
	atomic_store(&disk.fail_in, -1);
	(void)state;
	return sqlite3_vfs_register(&layer, 1);
}

struct story {
	struct rig *rig;
	struct pl_uuid alice, room;
	char *acked; /* by number of the message */
	int false_acks;
};

static void record(void *ctx, struct pl_op *op)
{
	struct story *s = ctx;
	if (op->kind == PL_OP_SEND) {
		if (atomic_load(&disk.has_failed))
			s->false_acks++;
		if (!op->err)
			s->acked[(uintptr_t)op->owner] = 1;
		pl_op_free(op);
		return;
	}
	rig_finish(s->rig, op);
}

static void on_fatal(void *ctx, const char *why)
{
	rig_fatal(((struct story *)ctx)->rig, why);
}

static void begin(struct story *s, size_t most)
{
	s->rig = rig_new();
	s->acked = calloc(1, most);
	assert_non_null(s->acked);
	atomic_store(&disk.has_failed, false);
	struct pl_store_options o = {
		.path = s->rig->path, .finish = record, .fatal = on_fatal, .ctx = s};
	assert_int_equal(pl_store_open(&o, &s->rig->store), 0);
	s->alice = sign_in(s->rig, "alice");
	sign_in(s->rig, "bob");
	s->room = create(s->rig, s->alice, PL_DIRECT, &PL_S("bob"), 1);
}

static struct pl_op *numbered(const struct story *s, size_t number, size_t len)
{
	struct pl_op *op = op_send(s->alice, s->room, "");
	char *text = pl_arena_alloc(&op->arena, len + 16);
	assert_non_null(text);
	int n = snprintf(text, 16, "%zu ", number);
	memset(text + n, '.', len);
	op->send.content = pl_slice(text, (size_t)n + len);
	op->owner = (void *)(uintptr_t)number;
	return op;
}

/* Until the store dies or everything was submitted. */
static size_t stream(struct story *s, size_t most, size_t len)
{
	size_t sent = 0;
	for (; sent < most; sent++) {
		struct pl_op *op = numbered(s, sent, len);
		if (pl_store_submit(s->rig->store, op)) {
			pl_op_free(op);
			break;
		}
		if (sent % 3 == 0)
			usleep(300);
	}
	return sent;
}

static int deaths(struct rig *r)
{
	pthread_mutex_lock(&r->lock);
	int n = r->fatal_calls;
	pthread_mutex_unlock(&r->lock);
	return n;
}

static void wait_for_death(struct rig *r)
{
	for (int i = 0; i < 5000 && !deaths(r); i++)
		usleep(1000);
}

/* Every acknowledged message is there; what was not may be there or not; no gaps. */
static void check_after_restart(struct story *s, size_t sent)
{
	struct rig *r = s->rig;
	assert_int_equal(deaths(r), 1);
	assert_int_equal(s->false_acks, 0);
	assert_false(pl_store_ready(r->store));
	struct pl_op *late = numbered(s, 0, 1);
	assert_int_equal(pl_store_submit(r->store, late), PL_ESTORE);
	pl_op_free(late);
	rig_close(r);
	r->is_fatal = false;
	assert_int_equal(rig_open(r, r->path), 0);
	uint64_t seq = 0;
	for (bool more = true; more;) {
		struct pl_op *op = op_page(s->alice, s->room, 200);
		op->page.forward = true;
		op->page.after_seq = seq;
		assert_int_equal(run(r, op), 0);
		for (size_t i = 0; i < op->page.nmessages; i++) {
			assert_int_equal(op->page.messages[i].seq, ++seq);
			size_t number = strtoul(op->page.messages[i].content.at, NULL, 10);
			assert_int_equal(number, seq - 1);
			s->acked[number] = 0;
		}
		more = op->page.has_more;
		pl_op_free(op);
	}
	for (size_t i = 0; i < sent; i++)
		assert_false(s->acked[i]);
	struct pl_buf findings;
	pl_buf_init(&findings, 4096);
	assert_int_equal(pl_store_verify(r->path, &findings), 0);
	pl_buf_fini(&findings);
	rig_free(r);
	free(s->acked);
}

static void no_answer_after_a_failed_write_or_sync(void **state)
{
	(void)state;
	for (int k = 1; k <= 60; k++) {
		struct story s = {.false_acks = 0};
		begin(&s, 200);
		atomic_store(&disk.fail_in, k);
		size_t sent = stream(&s, 200, 10);
		wait_for_death(s.rig);
		check_after_restart(&s, sent);
	}
}

static void a_failing_checkpoint_stops_the_store(void **state)
{
	(void)state;
	for (int k = 1; k < 4; k++) {
		struct story s = {.false_acks = 0};
		begin(&s, 400);
		atomic_store(&disk.only_main, true);
		atomic_store(&disk.fail_in, k);
		size_t sent = stream(&s, 400, 100000);
		wait_for_death(s.rig);
		atomic_store(&disk.only_main, false);
		check_after_restart(&s, sent);
	}
}

static void a_full_disk_is_survived(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	assert_int_equal(rig_open(r, r->path), 0);
	struct pl_uuid alice = sign_in(r, "alice");
	sign_in(r, "bob");
	struct pl_uuid room = create(r, alice, PL_DIRECT, &PL_S("bob"), 1);
	say(r, alice, room, "before");
	atomic_store(&disk.is_full, true);
	struct pl_op *op = op_send(alice, room, "kept by the client");
	op->send.client_id = PL_S("c1");
	for (int i = 0; i < 3; i++)
		assert_int_equal(run(r, op), PL_ESTORE);
	assert_false(pl_store_ready(r->store));
	assert_false(r->is_fatal);
	sign_in(r, "alice"); /* what needs no room goes on */
	struct pl_op *page = op_page(alice, room, 10);
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 1);
	usleep(1500000);
	assert_false(pl_store_ready(r->store));
	atomic_store(&disk.is_full, false);
	for (int i = 0; i < 40 && !pl_store_ready(r->store); i++)
		usleep(100000); /* without anybody writing */
	assert_true(pl_store_ready(r->store));
	assert_int_equal(run(r, op), 0);
	assert_int_equal(op->send.message.seq, 2);
	assert_false(op->send.duplicate);
	assert_int_equal(run(r, op), 0);
	assert_true(op->send.duplicate);
	pl_op_free(op);
	pl_op_free(page);
	rig_free(r);
}

/* Two thousand acknowledgements, few syncs; and none where nothing changed. */
static void a_group_shares_its_sync(void **state)
{
	(void)state;
	struct rig *r = rig_new();
	assert_int_equal(rig_open(r, r->path), 0);
	struct pl_uuid alice = sign_in(r, "alice");
	sign_in(r, "bob");
	struct pl_uuid room = create(r, alice, PL_DIRECT, &PL_S("bob"), 1);
	int before = atomic_load(&disk.syncs);
	for (int i = 0; i < 5; i++)
		sign_in(r, "alice");
	assert_int_equal(atomic_load(&disk.syncs), before); /* nothing new: nothing to sync */
	struct pl_op *last = NULL;
	for (int i = 0; i < 2000; i++) {
		last = op_send(alice, room, "x");
		assert_int_equal(pl_store_submit(r->store, last), 0);
	}
	assert_true(wait_for(r, last));
	assert_true(atomic_load(&disk.syncs) - before < 2000 / 5);
	assert_true(atomic_load(&disk.syncs) - before >= r->metrics.v[PL_M_COMMITS] - 3);
	for (size_t i = 0; i < 2000; i++)
		pl_op_free(r->done[i]);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_shares_its_sync),
		cmocka_unit_test(no_answer_after_a_failed_write_or_sync),
		cmocka_unit_test(a_failing_checkpoint_stops_the_store),
		cmocka_unit_test(a_full_disk_is_survived),
	};
	return cmocka_run_group_tests(tests, put_layer, NULL);
}
