/*
 * upload_durable_test.c - proves: what is asked about an upload is done and answered in order; an
 * offset is answered only after its bytes were synced and the store has said so, and holds after a
 * crash, and whichever worker is asked; and whatever fails, no answer is missing and none says too
 * much.
 */
#include "dialect/upload_test.h"

/* All at once, the end too, before the first is answered. */
static void what_is_asked_at_once_is_done_in_order(void **state)
{
	enum { PIECES = 50 };
	struct stage *s = *state;
	struct id id = begin(s, PIECES * 3);
	for (size_t i = 0; i < PIECES; i++) {
		struct pl_upload_ask a = piece(&id, i * 3, PL_S("abc"));
		ask(s, &a);
	}
	struct pl_upload_ask resume = about(PL_UPLOAD_RESUME, &id),
			     finish = about(PL_UPLOAD_FINISH, &id);
	ask(s, &resume);
	ask(s, &finish);
	wait_for_answers(s);
	assert_int_equal(s->nheard, PIECES + 2);
	for (size_t i = 0; i < PIECES; i++) {
		assert_int_equal(s->heard[i].what, PL_UPLOAD_APPEND);
		assert_int_equal(s->heard[i].error, PL_UPLOAD_FINE);
		assert_int_equal(s->heard[i].offset, i * 3 + 3);
	}
	assert_int_equal(s->heard[PIECES].what, PL_UPLOAD_RESUME);
	assert_int_equal(s->heard[PIECES].offset, PIECES * 3);
	assert_int_equal(s->heard[PIECES + 1].error, PL_UPLOAD_FINE);
	s->nheard = 0;
	size_t syncs = 0;
	for (const char *c = disk.calls; *c; c++)
		syncs += *c == 's';
	assert_true(syncs < PIECES / 2); /* what waited together was synced together */
}

/* First w(rite) and s(ync), then the answer; the same for the name. */
static void no_answer_comes_before_the_disk(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 6);
	watch('-', 0, 0);
	put(s, &id, 0, "abc");
	assert_string_equal(disk.calls, "Sws*");
	watch('-', 0, 0);
	put(s, &id, 3, "def");
	assert_string_equal(disk.calls, "ws*");
	watch('-', 0, 0);
	get_about(s, PL_UPLOAD_RESUME, &id);
	assert_string_equal(disk.calls, "*");
	watch('-', 0, 0);
	get_about(s, PL_UPLOAD_FINISH, &id);
	assert_string_equal(disk.calls, "smS*");
}

/* Nor before the store: its answer is held back. */
static void nor_before_the_store(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 3);
	get_about(s, PL_UPLOAD_RESUME, &id);
	rig_hold(s->rig);
	struct pl_upload_ask p = piece(&id, 0, PL_S("abc")), f = about(PL_UPLOAD_FINISH, &id);
	ask(s, &p);
	rig_wait_held(s->rig, 1);
	for (int i = 0; i < 20; i++)
		pl_loop_turn(s->rig->loop, 1);
	assert_int_equal(s->nheard, 0);
	rig_let_go(s->rig, 0);
	wait_for_answers(s);
	assert_int_equal(s->nheard, 1);
	ask(s, &f);
	rig_wait_held(s->rig, 1);
	assert_int_equal(s->nheard, 1);
	rig_let_go(s->rig, -1);
	wait_for_answers(s);
	assert_int_equal(s->heard[1].error, PL_UPLOAD_FINE);
	s->nheard = 0;
}

/* As after kill -9: the process forgets, the disk does not. */
static void it_goes_on_after_a_restart(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 9);
	put(s, &id, 0, "abc");
	stop_files(s);
	char name[256];
	snprintf(name, sizeof(name), "%s/%.32s.part", s->dir, id.text);
	int fd = open(name, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "garbage", 7), 7); /* written, but nobody was told */
	close(fd);
	start_files(s);
	struct pl_upload_answer a = get_about(s, PL_UPLOAD_RESUME, &id);
	assert_int_equal(a.error, PL_UPLOAD_FINE);
	assert_int_equal(a.offset, 3);
	assert_int_equal(a.size, 9);
	assert_int_equal(put(s, &id, 3, "defghi").offset, 9);
	stop_files(s);
	start_files(s);
	char sum[2 * PL_FILE_SHA256 + 1];
	sum_of(PL_S("abcdefghi"), sum);
	struct pl_upload_ask f = about(PL_UPLOAD_FINISH, &id);
	f.sha256 = pl_slice_str(sum);
	assert_int_equal(get(s, &f).error, PL_UPLOAD_FINE);
}

static void bytes_that_are_gone_are_not_resumed(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 9);
	put(s, &id, 0, "abc");
	stop_files(s);
	char name[256];
	snprintf(name, sizeof(name), "%s/%.32s.part", s->dir, id.text);
	assert_int_equal(truncate(name, 2), 0);
	start_files(s);
	assert_int_equal(get_about(s, PL_UPLOAD_RESUME, &id).error, PL_UPLOAD_LOST);
	assert_int_equal(get_about(s, PL_UPLOAD_RESUME, &id).error, PL_UPLOAD_UNKNOWN);
}

/* A client whose old line is not known to be dead yet comes in at another worker. */
static void two_workers_see_one_upload(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 300);
	struct pl_uploads *sets[] = {s->uploads, s->others};
	for (uint64_t i = 0; i < 100; i++) /* both send everything */
		for (size_t k = 0; k < 2; k++) {
			struct pl_upload_ask p = piece(&id, i * 3, PL_S("abc"));
			ask_of(s, sets[k], &p);
			if (i % 20 == 19)
				wait_for_answers(s);
		}
	wait_for_answers(s);
	uint64_t most = 0;
	for (size_t i = 0; i < s->nheard; i++) {
		assert_true(!s->heard[i].error || s->heard[i].error == PL_UPLOAD_OFFSET);
		most = s->heard[i].offset > most ? s->heard[i].offset : most;
	}
	assert_int_equal(most, 300);
	s->nheard = 0;
	struct pl_upload_ask f = about(PL_UPLOAD_FINISH, &id), r = about(PL_UPLOAD_RESUME, &id),
			     p = piece(&id, 300, PL_S("")), x = about(PL_UPLOAD_ABORT, &id);
	ask_of(s, s->uploads, &f);
	ask_of(s, s->others, &f);
	wait_for_answers(s);
	assert_int_equal(s->heard[0].error, PL_UPLOAD_FINE);
	assert_int_equal(s->heard[1].error, PL_UPLOAD_FINE);
	assert_true(pl_uuid_eq(&s->heard[0].message, &s->heard[1].message));
	struct pl_op *page = history(s, &s->heard[0].conversation);
	assert_int_equal(page->page.nmessages, 1);
	pl_op_free(page);
	s->nheard = 0;
	/* One completes what the other has open. */
	id = begin(s, 3);
	f = about(PL_UPLOAD_FINISH, &id);
	r = about(PL_UPLOAD_RESUME, &id);
	p = piece(&id, 0, PL_S("abc"));
	x = about(PL_UPLOAD_ABORT, &id);
	ask_of(s, s->others, &r);
	assert_int_equal(only(s).offset, 0);
	get(s, &p);
	get(s, &f);
	ask_of(s, s->others, &p);
	assert_int_equal(only(s).offset, 3);
	ask_of(s, s->others, &x);
	assert_int_equal(only(s).error, PL_UPLOAD_COMPLETE);
	ask_of(s, s->others, &f);
	assert_int_equal(only(s).error, PL_UPLOAD_FINE);
	/* And one aborts it. */
	id = begin(s, 3);
	r = about(PL_UPLOAD_RESUME, &id);
	p = piece(&id, 0, PL_S("abc"));
	x = about(PL_UPLOAD_ABORT, &id);
	ask_of(s, s->others, &r);
	assert_int_equal(only(s).offset, 0);
	get(s, &x);
	ask_of(s, s->others, &p);
	assert_int_equal(only(s).error, PL_UPLOAD_UNKNOWN);
}

static void after_a_failed_sync_it_starts_anew(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 9);
	put(s, &id, 0, "abc");
	watch('s', 1, EIO);
	struct pl_upload_ask p = piece(&id, 3, PL_S("def")), q = piece(&id, 6, PL_S("ghi"));
	ask(s, &p);
	ask(s, &q);
	wait_for_answers(s);
	assert_int_equal(s->heard[0].error, PL_UPLOAD_LOST);
	assert_int_equal(s->heard[1].error, PL_UPLOAD_LOST);
	s->nheard = 0;
	assert_int_equal(get_about(s, PL_UPLOAD_RESUME, &id).error, PL_UPLOAD_UNKNOWN);
	wait_until_gone(s);
}

static void a_full_disk_is_told_and_survived(void **state)
{
	struct stage *s = *state;
	struct id id = begin(s, 9);
	put(s, &id, 0, "abc");
	watch('w', 1, ENOSPC);
	struct pl_upload_answer a = put(s, &id, 3, "def");
	assert_int_equal(a.error, PL_UPLOAD_STORAGE);
	assert_int_equal(a.offset, 3);
	assert_true(a.retry_ms > 0);
	assert_int_equal(put(s, &id, 3, "def").error, PL_UPLOAD_FINE);
}

/* Each allocation fails in turn: each question is answered once, and what was told holds. */
static void without_memory_nobody_waits_for_ever(void **state)
{
	struct stage *s = *state;
	for (unsigned long n = 1; n < 120; n++) {
		struct id id = begin(s, 6);
		pl_mem_fail_at(n, false);
		struct pl_upload_ask p = piece(&id, 0, PL_S("abc")), q = piece(&id, 3, PL_S("def")),
				     f = about(PL_UPLOAD_FINISH, &id);
		ask(s, &p);
		ask(s, &q);
		ask(s, &f);
		wait_for_answers(s);
		pl_mem_fail_at(0, false);
		uint64_t told = 0;
		for (size_t i = 0; i < s->nheard; i++)
			if (!s->heard[i].error && s->heard[i].offset > told)
				told = s->heard[i].offset;
		s->nheard = 0;
		struct pl_upload_answer a = get_about(s, PL_UPLOAD_RESUME, &id);
		assert_int_equal(a.error, PL_UPLOAD_FINE);
		assert_true(a.offset >= told);
		if (pl_uuid_is_nil(&a.message) && a.offset == 6)
			assert_int_equal(get_about(s, PL_UPLOAD_FINISH, &id).error, PL_UPLOAD_FINE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_asked_at_once_is_done_in_order),
		ON_DISK(what_is_asked_at_once_is_done_in_order),
		TEST(no_answer_comes_before_the_disk),
		TEST(nor_before_the_store),
		TEST(it_goes_on_after_a_restart),
		ON_DISK(it_goes_on_after_a_restart),
		TEST(bytes_that_are_gone_are_not_resumed),
		TEST(two_workers_see_one_upload),
		ON_DISK(two_workers_see_one_upload),
		TEST(after_a_failed_sync_it_starts_anew),
		TEST(a_full_disk_is_told_and_survived),
		TEST(without_memory_nobody_waits_for_ever),
		ON_DISK(without_memory_nobody_waits_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
