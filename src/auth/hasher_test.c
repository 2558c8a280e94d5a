/*
 * Proves that hashing happens on other threads and comes home to the loop that asked, that a full
 * queue refuses at once, that a dated hash brings a new one along, and that a stopped hasher gives
 * every job back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/hasher.h"

#include "base/clock.h"

#include <pthread.h>

enum { WAIT_MS = 60000 };

struct rig {
	struct pl_loop *loop;
	struct pl_hasher *hasher;
	unsigned home, stopped;
	pthread_t thread;
};

static void on_done(struct pl_hash_job *j)
{
	struct rig *r = j->owner;
	assert_true(pthread_equal(pthread_self(), r->thread));
	r->home++;
	r->stopped += j->err == PL_ESTATE;
}

static struct rig rig_new(uint32_t threads, uint32_t queue)
{
	struct pl_loop_options lo = {.engine = PL_ENGINE_EPOLL};
	struct rig r = {.thread = pthread_self()};
	assert_int_equal(pl_loop_new(&lo, &r.loop), 0);
	assert_int_equal(pl_hasher_new(threads, queue, &r.hasher), 0);
	return r;
}

static void rig_end(struct rig *r)
{
	pl_hasher_free(r->hasher);
	pl_loop_free(r->loop);
}

static struct pl_hash_job *job(struct rig *r, bool is_check, const char *hash, struct pl_slice pw)
{
	struct pl_hash_job *j = pl_hash_job_new(r->loop, on_done, r);
	assert_non_null(j);
	j->is_check = is_check;
	assert_int_equal(pl_hash_job_set_password(j, pw), 0);
	memcpy(j->hash, hash, strlen(hash));
	return j;
}

static void wait_for(struct rig *r, unsigned n)
{
	for (uint64_t end = pl_now_ms() + WAIT_MS; r->home < n && pl_now_ms() < end;)
		pl_loop_turn(r->loop, 10);
	assert_int_equal(r->home, n);
}

static void made_then_checked(void **state)
{
	struct rig r = rig_new(2, 8);
	struct pl_hash_job *made = job(&r, false, "", PL_S("open sesame"));
	(void)state;
	assert_int_equal(pl_hasher_submit(r.hasher, made), 0);
	wait_for(&r, 1);
	assert_int_equal(made->err, 0);
	/* What was typed does not lie about in memory any longer than needed. */
	for (size_t i = 0; i < sizeof(made->password); i++)
		assert_int_equal(made->password[i], 0);
	struct pl_hash_job *jobs[] = {
		job(&r, true, made->hash, PL_S("open sesame")),
		job(&r, true, made->hash, PL_S("open simsim")),
		job(&r, true, "", PL_S("open sesame")),
		job(&r, true, "nonsense", PL_S("open sesame")),
	};
	static const int want[] = {0, PL_EDENIED, PL_EDENIED, PL_ECORRUPT};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pl_hasher_submit(r.hasher, jobs[i]), 0);
	wait_for(&r, 5);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(jobs[i]->err, want[i]);
		assert_int_equal(jobs[i]->renewed[0], 0);
		pl_hash_job_free(jobs[i]);
	}
	pl_hash_job_free(made);
	rig_end(&r);
}

static void a_dated_hash_is_renewed_once_it_fits(void **state)
{
	static const char reference[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
					"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
	struct rig r = rig_new(1, 8);
	struct pl_hash_job *right = job(&r, true, reference, PL_S("password"));
	struct pl_hash_job *wrong = job(&r, true, reference, PL_S("passw0rd"));
	(void)state;
	assert_int_equal(pl_hasher_submit(r.hasher, right), 0);
	assert_int_equal(pl_hasher_submit(r.hasher, wrong), 0);
	wait_for(&r, 2);
	assert_int_equal(right->err, 0);
	assert_int_equal(wrong->err, PL_EDENIED);
	assert_int_equal(wrong->renewed[0], 0);
	assert_false(pl_password_is_dated(right->renewed));
	assert_int_equal(pl_password_check(right->renewed, PL_S("password")), 0);
	pl_hash_job_free(right);
	pl_hash_job_free(wrong);
	rig_end(&r);
}

static void a_full_queue_refuses_and_a_stop_gives_back(void **state)
{
	enum { QUEUE = 3, JOBS = 40 };
	struct rig r = rig_new(1, QUEUE);
	struct pl_hash_job *jobs[JOBS];
	unsigned taken = 0, refused = 0;
	(void)state;
	/* Hashing takes milliseconds, submitting does not: most find the queue full. */
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = job(&r, false, "", PL_S("x"));
		int err = pl_hasher_submit(r.hasher, jobs[i]);
		assert_true(!err || err == PL_EBUSY);
		taken += !err;
		refused += err == PL_EBUSY;
	}
	assert_true(refused > 0 && taken >= QUEUE);
	pl_hasher_stop(r.hasher);
	pl_hasher_stop(r.hasher);
	wait_for(&r, taken);
	struct pl_hash_job *late = job(&r, false, "", PL_S("x"));
	assert_int_equal(pl_hasher_submit(r.hasher, late), PL_ESTATE);
	pl_hash_job_free(late);
	for (int i = 0; i < JOBS; i++)
		pl_hash_job_free(jobs[i]);
	rig_end(&r);
}

static void too_long_a_password_is_nobodys(void **state)
{
	static char text[PL_PASSWORD_MAX + 1];
	struct rig r = rig_new(1, 1);
	struct pl_hash_job *j = job(&r, true, "", PL_S(""));
	(void)state;
	assert_int_equal(pl_hash_job_set_password(j, pl_slice(text, sizeof(text))), PL_EINVAL);
	assert_int_equal(pl_hash_job_set_password(j, pl_slice(text, PL_PASSWORD_MAX)), 0);
	pl_hash_job_free(j);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_then_checked),
		cmocka_unit_test(a_dated_hash_is_renewed_once_it_fits),
		cmocka_unit_test(a_full_queue_refuses_and_a_stop_gives_back),
		cmocka_unit_test(too_long_a_password_is_nobodys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
