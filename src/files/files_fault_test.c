/*
 * files_fault_test.c - proves, by calls of the system that fail one after the other: no job ever
 * says more than is on the disk. After a write or a sync that failed an upload is lost, whatever
 * the next sync says; a full disk is survived and its room given back; and what was said to be
 * written is there afterwards.
 */
#include "files/testing.h"

static struct pl_uuid new_id(void)
{
	struct pl_uuid id;
	pl_random_bytes(id.b, sizeof(id.b));
	return id;
}

static int set_up(void **state)
{
	struct rig *r = rig_new();
	rig_start(r, NULL);
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	rig_free(*state);
	return 0;
}

/* fsync says once that it failed and then that all is well: we must not ask twice. */
static void after_a_sync_that_failed_nothing_is_believed(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	assert_int_equal(run_and_free(r, opening(r, id, 9, 0)), 0);
	assert_int_equal(append(r, id, 9, 0, PL_S("abc")), 0);
	watch('s', 1, EIO);
	struct pl_file_piece p[2] = {{.offset = 3, .data = PL_S("d")},
				     {.offset = 4, .data = PL_S("e")}};
	struct pl_file_job *j = appending(r, id, 9, p, 2);
	assert_int_equal(run(r, j), PL_EIO);
	assert_int_equal(p[0].err, PL_EIO);
	assert_int_equal(p[1].err, PL_EIO);
	assert_int_equal(j->offset, 3);
	pl_file_job_free(j);
	watch('-', 0, 0); /* the disk is fine again */
	assert_int_equal(append(r, id, 9, 3, PL_S("d")), PL_EIO);
	assert_int_equal(append(r, id, 9, 5, PL_S("f")), PL_EIO);
	assert_int_equal(run_and_free(r, finishing(r, id, 9)), PL_EIO);
	assert_int_equal(run_and_free(r, opening(r, id, 9, 3)), PL_EIO);
	assert_string_equal(disk.calls, "****"); /* it was not even touched */
	assert_int_equal(run_and_free(r, job(r, PL_FILE_DELETE, id)), 0);
	assert_int_equal(size_of(r, id, true), -1);
	pl_files_leave(r->files, &id);
}

static void a_write_that_failed_is_as_bad(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	assert_int_equal(run_and_free(r, opening(r, id, 9, 0)), 0);
	watch('w', 2, EIO);
	struct pl_file_piece p[3] = {{.offset = 0, .data = PL_S("a")},
				     {.offset = 1, .data = PL_S("b")},
				     {.offset = 2, .data = PL_S("c")}};
	assert_int_equal(run_and_free(r, appending(r, id, 9, p, 3)), PL_EIO);
	for (int i = 0; i < 3; i++)
		assert_int_equal(p[i].err, PL_EIO);
	assert_int_equal(append(r, id, 9, 0, PL_S("a")), PL_EIO);
	pl_files_leave(r->files, &id);
}

static void a_full_disk_is_survived(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	assert_int_equal(run_and_free(r, opening(r, id, 30, 0)), 0);
	watch('w', 2, ENOSPC); /* the second write gets half of its bytes there */
	struct pl_file_piece p[3] = {{.offset = 0, .data = PL_S("0123456789")},
				     {.offset = 10, .data = PL_S("0123456789")},
				     {.offset = 20, .data = PL_S("0123456789")}};
	struct pl_file_job *j = appending(r, id, 30, p, 3);
	assert_int_equal(run(r, j), 0);
	assert_int_equal(p[0].err, 0);
	assert_int_equal(p[1].err, PL_ESTORE);
	assert_int_equal(p[2].err, PL_ESTATE);
	assert_int_equal(j->offset, 10);
	assert_int_equal(size_of(r, id, true), 10); /* and not 15 */
	assert_string_equal(disk.calls, "owwwts*");
	pl_file_job_free(j);
	watch('-', 0, 0);
	assert_int_equal(append(r, id, 30, 10, PL_S("0123456789")), 0);
	pl_files_leave(r->files, &id);
}

static void some_of_the_disk_is_left_alone(void **state)
{
	struct rig *r = rig_new();
	struct pl_uuid id = new_id();
	rig_start(r, &(struct pl_files_options){.keep_free = 1000});
	assert_int_equal(run_and_free(r, opening(r, id, 30, 0)), 0);
	disk.room = 1002;
	assert_int_equal(append(r, id, 30, 0, PL_S("abc")), PL_ESTORE);
	disk.room = 10;
	assert_int_equal(append(r, id, 30, 0, PL_S("abc")), PL_ESTORE);
	disk.room = 1003;
	assert_int_equal(append(r, id, 30, 0, PL_S("abc")), 0);
	assert_int_equal(size_of(r, id, true), 3);
	pl_files_leave(r->files, &id);
	rig_free(r);
	(void)state;
}

/* A directory that could not be synced may not have the name: no name was given. */
static void a_name_that_may_not_be_there_is_not_told(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	watch('S', 1, EIO);
	assert_int_equal(run_and_free(r, opening(r, id, 3, 0)), PL_EIO);
	watch('-', 0, 0);
	assert_int_equal(run_and_free(r, opening(r, id, 3, 0)), 0);
	assert_int_equal(append(r, id, 3, 0, PL_S("abc")), 0);
	watch('S', 1, EIO);
	assert_int_equal(run_and_free(r, finishing(r, id, 3)), PL_EIO);
	watch('-', 0, 0);
	assert_int_equal(run_and_free(r, finishing(r, id, 3)), PL_EIO); /* it is not asked again */
	pl_files_leave(r->files, &id);
}

/* The whole life of a file, with one call failing: k-th of each kind, each error. */
static void whatever_fails_no_answer_is_wrong(void **state)
{
	struct rig *r = *state;
	static const char kinds[] = "owrtsmS";
	static const int errors[] = {EIO, ENOSPC, EDQUOT, EROFS, EMFILE};
	int failures = 0;
	for (size_t c = 0; c < sizeof(kinds) - 1; c++)
		for (size_t e = 0; e < sizeof(errors) / sizeof(*errors); e++)
			for (int k = 1; k <= 4; k++) {
				struct pl_uuid id = new_id();
				watch(kinds[c], k, errors[e]);
				int64_t told = 0;
				int err = run_and_free(r, opening(r, id, 20, 0));
				bool is_open = !err;
				for (uint64_t at = 0; !err && at < 20; at += 5) {
					err = append(r, id, 20, at, PL_S("01234"));
					told = err ? told : (int64_t)at + 5;
				}
				if (!err)
					err = run_and_free(r, finishing(r, id, 20));
				failures += err != 0;
				assert_true(size_of(r, id, false) == (err ? -1 : 20) ||
					    kinds[c] == 'S'); /* it may be there, untold */
				if (told)
					assert_true(size_of(r, id, true) >= told ||
						    size_of(r, id, false) == 20);
				assert_true(kinds[c] != 's' || told == (k < 5 ? 5 * (k - 1) : 20));
				if (is_open)
					pl_files_leave(r->files, &id);
			}
	assert_true(failures > 80);
}

static void without_memory_it_fails_and_goes_on(void **state)
{
	struct rig *r = *state;
	for (unsigned long n = 1; n < 40; n++) {
		struct pl_uuid id = new_id();
		struct pl_file_piece p = {.data = PL_S("abc")};
		struct pl_file_job *j[3] = {opening(r, id, 3, 0), appending(r, id, 3, &p, 1),
					    finishing(r, id, 3)};
		bool is_open = false;
		int err = 0;
		pl_mem_fail_at(n, false);
		for (int i = 0; i < 3 && !err; i++) {
			err = pl_files_submit(r->files, j[i]);
			if (err)
				break;
			r->pending++;
			rig_wait(r);
			err = j[i]->err ? j[i]->err : i == 1 ? p.err : 0;
			is_open |= !i && !err;
		}
		pl_mem_fail_at(0, false);
		assert_true(!err || err == PL_ENOMEM);
		assert_int_equal(size_of(r, id, false), err ? -1 : 3);
		for (int i = 0; i < 3; i++)
			pl_file_job_free(j[i]);
		if (is_open)
			pl_files_leave(r->files, &id);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(after_a_sync_that_failed_nothing_is_believed),
		TEST(a_write_that_failed_is_as_bad),
		TEST(a_full_disk_is_survived),
		cmocka_unit_test(some_of_the_disk_is_left_alone),
		TEST(a_name_that_may_not_be_there_is_not_told),
		TEST(whatever_fails_no_answer_is_wrong),
		TEST(without_memory_it_fails_and_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
