/*
 * files_test.c - proves: what is appended in pieces is the file, byte for byte, whoever's jobs come
 * in between; nothing is said to be written before it was synced, nor complete before its name was;
 * what is out of place, too much or damaged is refused and changes nothing; and an upload goes on
 * where it stood after the process was lost.
 */
#include "files/testing.h"

#include <openssl/evp.h>

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

static struct pl_uuid new_id(void)
{
	struct pl_uuid id;
	pl_random_bytes(id.b, sizeof(id.b));
	return id;
}

static void sum_of(struct pl_slice s, uint8_t out[PL_FILES_SHA256])
{
	assert_int_equal(EVP_Digest(s.at, s.len, out, NULL, EVP_sha256(), NULL), 1);
}

static struct pl_slice noise(size_t n)
{
	char *at = malloc(n);
	assert_non_null(at);
	pl_random_bytes(at, n);
	return pl_slice(at, n);
}

static void drop(struct pl_slice s)
{
	free((void *)(uintptr_t)s.at);
}

static void expect_bytes(struct rig *r, struct pl_uuid id, uint64_t offset, struct pl_slice want)
{
	struct pl_file_job *j = job(r, PL_FILE_READ, id);
	char *room = malloc(want.len + 1);
	assert_non_null(room);
	j->at = room;
	j->len = want.len;
	j->offset = offset;
	assert_int_equal(run(r, j), 0);
	assert_true(pl_slice_eq(pl_slice(room, want.len), want));
	pl_file_job_free(j);
	free(room);
}

/* ---- tests ---- */

static void pieces_become_the_file(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	struct pl_slice all = noise(300000);
	assert_int_equal(run_and_free(r, opening(r, id, all.len, 0)), 0);
	for (size_t at = 0; at < all.len; at += 70000) {
		size_t n = all.len - at < 70000 ? all.len - at : 70000;
		assert_int_equal(append(r, id, all.len, at, pl_slice(all.at + at, n)), 0);
		assert_int_equal(size_of(r, id, true), at + n);
	}
	struct pl_file_job *j = finishing(r, id, all.len);
	uint8_t sum[PL_FILES_SHA256];
	sum_of(all, sum);
	j->has_sha256 = true;
	memcpy(j->sha256, sum, sizeof(sum));
	assert_int_equal(run_and_free(r, j), 0);
	assert_int_equal(size_of(r, id, true), -1);
	assert_int_equal(size_of(r, id, false), all.len);
	expect_bytes(r, id, 0, all);
	expect_bytes(r, id, 299999, pl_slice(all.at + 299999, 1));
	expect_bytes(r, id, 1000, pl_slice(all.at + 1000, 200000));
	drop(all);
	pl_files_leave(r->files, &id);
}

static void without_an_expected_sum_the_real_one_comes_out(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	uint8_t sum[PL_FILES_SHA256];
	sum_of(PL_S("abc"), sum);
	assert_int_equal(run_and_free(r, opening(r, id, 3, 0)), 0);
	assert_int_equal(append(r, id, 3, 0, PL_S("abc")), 0);
	struct pl_file_job *j = finishing(r, id, 3);
	assert_int_equal(run(r, j), 0);
	assert_memory_equal(j->sha256, sum, sizeof(sum));
	assert_int_equal(run(r, j), 0); /* and again */
	pl_file_job_free(j);
	pl_files_leave(r->files, &id);
}

static void an_empty_file_is_a_file(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	assert_int_equal(run_and_free(r, opening(r, id, 0, 0)), 0);
	assert_int_equal(run_and_free(r, finishing(r, id, 0)), 0);
	assert_int_equal(size_of(r, id, false), 0);
	pl_files_leave(r->files, &id);
}

/* The order of calls: w(rite) s(ync), S(ync of the directory), m(ove); * is the answer. */
static void nothing_is_told_before_it_is_on_disk(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	watch('-', 0, 0);
	assert_int_equal(run_and_free(r, opening(r, id, 6, 0)), 0);
	assert_string_equal(disk.calls, "otS*");
	watch('-', 0, 0);
	assert_int_equal(append(r, id, 6, 0, PL_S("abc")), 0);
	assert_string_equal(disk.calls, "ows*");
	watch('-', 0, 0);
	struct pl_file_piece two[] = {{.offset = 3, .data = PL_S("de")},
				      {.offset = 5, .data = PL_S("f")}};
	assert_int_equal(run_and_free(r, appending(r, id, 6, two, 2)), 0);
	assert_string_equal(disk.calls, "owws*"); /* one sync for both */
	watch('-', 0, 0);
	assert_int_equal(append(r, id, 6, 1, PL_S("x")), PL_ESTATE);
	assert_string_equal(disk.calls, "o*");
	watch('-', 0, 0);
	assert_int_equal(run_and_free(r, finishing(r, id, 6)), 0);
	assert_string_equal(disk.calls, "orsmS*");
	watch('-', 0, 0);
	assert_int_equal(run_and_free(r, finishing(r, id, 6)), 0);
	assert_string_equal(disk.calls, "orS*");
	watch('-', 0, 0);
	assert_int_equal(run_and_free(r, job(r, PL_FILE_DELETE, id)), 0);
	assert_string_equal(disk.calls, "uuS*");
	pl_files_leave(r->files, &id);
}

static void what_does_not_fit_changes_nothing(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	assert_int_equal(append(r, id, 10, 0, PL_S("abc")), PL_ESTATE); /* not open */
	assert_int_equal(run_and_free(r, opening(r, id, 10, 0)), 0);
	assert_int_equal(append(r, id, 10, 0, PL_S("abc")), 0);
	assert_int_equal(append(r, id, 10, 0, PL_S("abc")), PL_ESTATE);
	assert_int_equal(append(r, id, 10, 4, PL_S("abc")), PL_ESTATE);
	assert_int_equal(append(r, id, 10, UINT64_MAX, PL_S("abc")), PL_ESTATE);
	assert_int_equal(append(r, id, 10, 3, PL_S("12345678")), PL_ETOOBIG);
	assert_int_equal(append(r, id, 2, 3, PL_S("")), PL_ETOOBIG);
	assert_int_equal(run_and_free(r, finishing(r, id, 10)), PL_ESTATE);
	assert_int_equal(size_of(r, id, true), 3);
	struct pl_file_piece p[] = {
		{.offset = 3, .data = PL_S("d")},
		{.offset = 4, .data = PL_S("e"), .sum = PL_FILE_CRC32, .digest = {1, 2, 3, 4}},
		{.offset = 5, .data = PL_S("f")},
		/* CRC-32 of "123456789" is cbf43926, as every text on it says; of "e" efda7a5a. */
		{.offset = 4,
		 .data = PL_S("e"),
		 .sum = PL_FILE_CRC32,
		 .digest = {0xef, 0xda, 0x7a, 0x5a}},
		{.offset = 5, .data = PL_S("f"), .sum = PL_FILE_SHA256_SUM},
	};
	sum_of(PL_S("f"), p[4].digest);
	struct pl_file_job *j = appending(r, id, 10, p, 5);
	assert_int_equal(run(r, j), 0);
	assert_int_equal(j->offset, 6);
	assert_int_equal(p[0].err, 0);
	assert_int_equal(p[1].err, PL_ECORRUPT);
	assert_int_equal(p[2].err, PL_ESTATE);
	assert_int_equal(p[3].err, 0);
	assert_int_equal(p[4].err, 0);
	p[4].digest[0]++;
	p[4].offset = 6;
	j->pieces = &p[4];
	j->npieces = 1;
	assert_int_equal(run(r, j), 0);
	assert_int_equal(p[4].err, PL_ECORRUPT);
	pl_file_job_free(j);
	pl_files_leave(r->files, &id);
}

static void another_sum_is_not_complete(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	assert_int_equal(run_and_free(r, opening(r, id, 3, 0)), 0);
	assert_int_equal(append(r, id, 3, 0, PL_S("abc")), 0);
	struct pl_file_job *j = finishing(r, id, 3);
	j->has_sha256 = true;
	assert_int_equal(run_and_free(r, j), PL_ECORRUPT);
	assert_int_equal(size_of(r, id, true), 3);
	assert_int_equal(size_of(r, id, false), -1);
	pl_files_leave(r->files, &id);
}

/* As after kill -9: more may lie there than anybody was told. */
static void it_goes_on_where_it_stood(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	assert_int_equal(run_and_free(r, opening(r, id, 9, 0)), 0);
	assert_int_equal(append(r, id, 9, 0, PL_S("abcdef")), 0);
	pl_files_free(r->files);
	rig_start(r, NULL);
	struct pl_file_job *j = opening(r, id, 9, 4);
	assert_int_equal(run(r, j), 0);
	assert_int_equal(j->offset, 4);
	assert_int_equal(size_of(r, id, true), 4);
	assert_int_equal(append(r, id, 9, 4, PL_S("EFGHI")), 0);
	j->offset = 4;
	assert_int_equal(run(r, j), 0); /* as another worker: not cut again */
	assert_int_equal(j->offset, 9);
	assert_int_equal(run_and_free(r, finishing(r, id, 9)), 0);
	pl_files_free(r->files); /* complete, and nobody was told so */
	rig_start(r, NULL);
	j->offset = 9;
	assert_int_equal(run(r, j), 0);
	assert_int_equal(run_and_free(r, finishing(r, id, 9)), 0);
	expect_bytes(r, id, 0, PL_S("abcdEFGHI"));
	pl_file_job_free(j);
	pl_files_leave(r->files, &id);
	struct pl_uuid other = new_id();
	assert_int_equal(run_and_free(r, opening(r, other, 9, 1)), PL_ENOTFOUND);
	assert_int_equal(run_and_free(r, opening(r, id, 10, 9)), PL_ENOTFOUND);
	assert_int_equal(run_and_free(r, opening(r, id, 10, 10)), PL_ECORRUPT);
}

static void fewer_bytes_than_were_told_are_damage(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	assert_int_equal(run_and_free(r, opening(r, id, 9, 0)), 0);
	assert_int_equal(append(r, id, 9, 0, PL_S("abc")), 0);
	pl_files_leave(r->files, &id);
	assert_int_equal(run_and_free(r, opening(r, id, 9, 4)), PL_ECORRUPT);
	assert_int_equal(run_and_free(r, opening(r, id, 9, 3)), 0);
	pl_files_leave(r->files, &id);
}

static void what_is_deleted_is_gone_for_all(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	assert_int_equal(run_and_free(r, opening(r, id, 9, 0)), 0);
	assert_int_equal(append(r, id, 9, 0, PL_S("abc")), 0);
	assert_int_equal(run_and_free(r, job(r, PL_FILE_DELETE, id)), 0);
	assert_int_equal(size_of(r, id, true), -1);
	assert_int_equal(append(r, id, 9, 3, PL_S("abc")), PL_ENOTFOUND);
	assert_int_equal(run_and_free(r, opening(r, id, 9, 3)), PL_ENOTFOUND);
	assert_int_equal(run_and_free(r, job(r, PL_FILE_DELETE, id)), 0); /* twice is fine */
	pl_files_leave(r->files, &id);
	struct pl_file_job *j = job(r, PL_FILE_READ, id);
	char byte;
	j->at = &byte;
	j->len = 1;
	assert_int_equal(run_and_free(r, j), PL_ENOTFOUND);
}

static void a_read_past_the_end_is_damage(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	char room[4];
	assert_int_equal(run_and_free(r, opening(r, id, 3, 0)), 0);
	assert_int_equal(append(r, id, 3, 0, PL_S("abc")), 0);
	struct pl_file_job *j = job(r, PL_FILE_READ, id);
	j->at = room;
	j->len = 3;
	assert_int_equal(run(r, j), PL_ENOTFOUND); /* it is not complete */
	assert_int_equal(run_and_free(r, finishing(r, id, 3)), 0);
	j->len = 4;
	assert_int_equal(run(r, j), PL_ECORRUPT);
	pl_file_job_free(j);
	pl_files_leave(r->files, &id);
}

/* Two hundred jobs of eight uploads at once: each upload's run in their order. */
static void jobs_of_one_upload_keep_their_order(void **state)
{
	enum { UPLOADS = 8, PIECES = 25, LEN = 10 };
	struct rig *r = *state;
	struct pl_uuid ids[UPLOADS];
	static struct pl_file_piece pieces[PIECES][UPLOADS];
	struct pl_file_job *jobs[PIECES][UPLOADS];
	for (size_t u = 0; u < UPLOADS; u++) {
		ids[u] = new_id();
		assert_int_equal(run_and_free(r, opening(r, ids[u], PIECES * LEN, 0)), 0);
	}
	for (size_t i = 0; i < PIECES; i++)
		for (size_t u = 0; u < UPLOADS; u++) {
			pieces[i][u] = (struct pl_file_piece){.offset = i * LEN,
							      .data = PL_S("0123456789")};
			jobs[i][u] = appending(r, ids[u], PIECES * LEN, &pieces[i][u], 1);
			submit(r, jobs[i][u]);
		}
	rig_wait(r);
	for (size_t i = 0; i < PIECES; i++)
		for (size_t u = 0; u < UPLOADS; u++) {
			assert_int_equal(jobs[i][u]->err, 0);
			assert_int_equal(pieces[i][u].err, 0);
			pl_file_job_free(jobs[i][u]);
		}
	for (size_t u = 0; u < UPLOADS; u++) {
		assert_int_equal(size_of(r, ids[u], true), PIECES * LEN);
		pl_files_leave(r->files, &ids[u]);
	}
}

static void the_queue_is_bounded(void **state)
{
	struct rig *r = rig_new();
	struct pl_uuid id = new_id();
	struct pl_file_piece p[2] = {{.data = PL_S("0123456789")}, {.data = PL_S("0123456789")}};
	rig_start(r, &(struct pl_files_options){.threads = 1, .jobs_max = 8, .bytes_max = 15});
	struct pl_file_job *both = appending(r, id, 99, p, 2), *one = appending(r, id, 99, p, 1);
	assert_int_equal(pl_files_submit(r->files, both), PL_EBUSY);
	assert_int_equal(run(r, one), PL_ESTATE);
	assert_int_equal(run(r, one), PL_ESTATE); /* what is done does not count any more */
	pl_files_stop(r->files);
	assert_int_equal(pl_files_submit(r->files, one), PL_ECLOSED);
	pl_file_job_free(both);
	pl_file_job_free(one);
	rig_free(r);
	(void)state;
}

static void what_waits_at_the_end_comes_home(void **state)
{
	enum { JOBS = 200 };
	struct rig *r = *state;
	struct pl_uuid id = new_id();
	struct pl_file_job *jobs[JOBS];
	static struct pl_file_piece pieces[JOBS];
	int done = 0;
	assert_int_equal(run_and_free(r, opening(r, id, JOBS, 0)), 0);
	for (size_t i = 0; i < JOBS; i++) {
		pieces[i] = (struct pl_file_piece){.offset = i, .data = PL_S("x")};
		jobs[i] = appending(r, id, JOBS, &pieces[i], 1);
		submit(r, jobs[i]);
	}
	pl_files_stop(r->files);
	rig_wait(r);
	for (size_t i = 0; i < JOBS; i++) {
		assert_true(jobs[i]->err == 0 || jobs[i]->err == PL_ECLOSED);
		assert_int_equal(jobs[i]->err, pieces[i].err);
		done += !jobs[i]->err;
		pl_file_job_free(jobs[i]);
	}
	assert_int_equal(size_of(r, id, true), done);
}

static void the_directory_is_listed(void **state)
{
	enum { FILES = 1500 };
	struct rig *r = *state;
	struct pl_uuid whole = new_id();
	assert_int_equal(run_and_free(r, opening(r, whole, 0, 0)), 0);
	assert_int_equal(run_and_free(r, finishing(r, whole, 0)), 0);
	pl_files_leave(r->files, &whole);
	for (int i = 0; i < FILES; i++) {
		struct pl_uuid id = new_id();
		assert_int_equal(run_and_free(r, opening(r, id, 1, 0)), 0);
		pl_files_leave(r->files, &id);
	}
	char name[128];
	static const char *const strangers[] = {"README", "0123", ".part",
						"0123456789abcdef0123456789abcdeF",
						"0123456789abcdef0123456789abcdef.part2"};
	for (size_t i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "%s/%s", r->dir, strangers[i]);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	struct pl_file_job *j = job(r, PL_FILE_LIST, whole);
	int partial = 0, complete = 0;
	do {
		assert_int_equal(run(r, j), 0);
		for (size_t i = 0; i < j->nfound; i++) {
			partial += j->found[i].is_partial;
			complete += !j->found[i].is_partial;
			if (!j->found[i].is_partial)
				assert_true(pl_uuid_eq(&j->found[i].id, &whole));
		}
	} while (j->nfound);
	assert_int_equal(partial, FILES);
	assert_int_equal(complete, 1);
	pl_file_job_free(j);
	snprintf(name, sizeof(name), "%s/README", r->dir);
	assert_int_equal(access(name, F_OK), 0);
}

static void a_scratch_directory_comes_and_goes(void **state)
{
	struct rig *r = rig_new();
	struct pl_uuid id = new_id();
	struct pl_files_options o = {.is_scratch = true};
	char path[128];
	snprintf(path, sizeof(path), "%s/deep/scratch", r->dir);
	o.path = path;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pl_files_new(&o, &r->files), 0);
		assert_int_not_equal(access(path, F_OK), 0); /* nobody needs it yet */
		struct pl_file_job *j = job(r, PL_FILE_LIST, id);
		assert_int_equal(run(r, j), 0);
		assert_int_equal(j->nfound, 0);
		pl_file_job_free(j);
		assert_int_equal(run_and_free(r, opening(r, id, 3, 0)), 0);
		assert_int_equal(append(r, id, 3, 0, PL_S("abc")), 0);
		pl_files_leave(r->files, &id);
		pl_files_free(r->files);
		r->files = NULL;
		assert_int_not_equal(access(path, F_OK), 0);
	}
	/* What a killed process left behind is nobody's. */
	assert_int_equal(mkdir(path, 0700), 0);
	char left[256];
	snprintf(left, sizeof(left), "%s/0123456789abcdef0123456789abcdef.part", path);
	close(open(left, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(pl_files_new(&o, &r->files), 0);
	struct pl_file_job *j = job(r, PL_FILE_LIST, id);
	assert_int_equal(run(r, j), 0);
	assert_int_equal(j->nfound, 0);
	pl_file_job_free(j);
	pl_files_free(r->files);
	r->files = NULL;
	snprintf(path, sizeof(path), "%s/deep", r->dir);
	assert_int_equal(rmdir(path), 0);
	rig_free(r);
	(void)state;
}

/* Whoever can write to the directory cannot make us write elsewhere. */
static void a_link_is_not_followed(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id = {{0}};
	char name[128], target[128];
	snprintf(name, sizeof(name), "%s/00000000000000000000000000000000.part", r->dir);
	snprintf(target, sizeof(target), "%s/target", r->dir);
	assert_int_equal(symlink(target, name), 0);
	assert_int_not_equal(run_and_free(r, opening(r, id, 3, 0)), 0);
	assert_int_not_equal(access(target, F_OK), 0);
	snprintf(name, sizeof(name), "%s/00000000000000000000000000000000", r->dir);
	assert_int_equal(symlink("/etc/passwd", name), 0);
	struct pl_file_job *j = job(r, PL_FILE_READ, id);
	char byte;
	j->at = &byte;
	j->len = 1;
	assert_int_not_equal(run_and_free(r, j), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pieces_become_the_file),
		TEST(without_an_expected_sum_the_real_one_comes_out),
		TEST(an_empty_file_is_a_file),
		TEST(nothing_is_told_before_it_is_on_disk),
		TEST(what_does_not_fit_changes_nothing),
		TEST(another_sum_is_not_complete),
		TEST(it_goes_on_where_it_stood),
		TEST(fewer_bytes_than_were_told_are_damage),
		TEST(what_is_deleted_is_gone_for_all),
		TEST(a_read_past_the_end_is_damage),
		TEST(jobs_of_one_upload_keep_their_order),
		cmocka_unit_test(the_queue_is_bounded),
		TEST(what_waits_at_the_end_comes_home),
		TEST(the_directory_is_listed),
		cmocka_unit_test(a_scratch_directory_comes_and_goes),
		TEST(a_link_is_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
