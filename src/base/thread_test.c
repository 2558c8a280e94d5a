/* thread_test.c - proves that a thread of ours takes no signal, and that whoever starts it keeps
 * taking his. */
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <cmocka.h>

static void *look(void *mask)
{
	pthread_sigmask(SIG_SETMASK, NULL, mask);
	return NULL;
}

static void all_signals_are_blocked_in_it_and_none_in_its_maker(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGCHLD};
	sigset_t before, inside, after;
	pthread_t thread;
	(void)state;
	sigemptyset(&inside);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(pl_thread_start(&thread, look, &inside), 0);
	pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		assert_true(sigismember(&inside, signals[i]));
		assert_int_equal(sigismember(&before, signals[i]), sigismember(&after, signals[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_signals_are_blocked_in_it_and_none_in_its_maker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
