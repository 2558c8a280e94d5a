/*
 * dashboard.c - figures of this machine, live in a browser.
 *
 *	./dashboard & python3 -m http.server --bind 127.0.0.1 --directory examples 8000
 *	then open http://127.0.0.1:8000/dashboard.html
 *
 * Browsers say where a page comes from, and the server only takes pages of its own host (option
 * `origins`): that is why the page is not opened from disk.
 *
 * A thread of its own measures and publishes; the server's threads only deliver. parley_publish may be
 * called from any thread, and costs the caller nothing when nobody listens.
 */
#define _DEFAULT_SOURCE /* getloadavg, nanosleep */
#include <parley/parley.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static parley_server *server;
static atomic_int viewers;
static atomic_bool is_over;

static void on_sigterm(int number) { (void)number, parley_stop(server); }

static void *measure(void *unused) {
	const struct timespec pause = {.tv_nsec = 250000000};
	while (!atomic_load(&is_over)) {
		double load[3] = {0, 0, 0};
		getloadavg(load, 3);
		parley_publish_object(server, "/ws/dashboard", PARLEY_S("figures"),
				      PARLEY_MSG("figures", parley_kint("timestamp", parley_now_ms()),
						 parley_knum("load1", load[0]), parley_knum("load5", load[1]),
						 parley_kint("viewers", atomic_load(&viewers))));
		nanosleep(&pause, NULL);
	}
	return unused;
}

static int on_connect(parley_conn *c) {
	(void)c;
	atomic_fetch_add(&viewers, 1);
	return 0;
}

static void on_close(parley_conn *c, uint16_t code, struct parley_slice reason) {
	(void)c, (void)code, (void)reason;
	atomic_fetch_sub(&viewers, 1);
}

/* Serves until it is stopped. The thread ends before the server that it talks to is freed. */
static int run(void) {
	pthread_t thread;
	int err = parley_start(server);
	if (err) return err;
	if (pthread_create(&thread, NULL, measure, NULL)) return PARLEY_ENOMEM;
	err = parley_run(server);
	atomic_store(&is_over, true);
	pthread_join(thread, NULL);
	return err;
}

int main(int argc, char **argv) {
	struct parley_options options = {.listen = argc > 1 ? argv[1] : "127.0.0.1:5173"};
	struct parley_endpoint dashboard = {
		.pattern = "/ws/dashboard",
		.default_room = "figures",
		.drop_when_slow = true, /* old figures are worth nothing */
		.heartbeat_ms = 30000,
		.on_connect = on_connect,
		.on_close = on_close,
	};
	signal(SIGTERM, on_sigterm);
	int failed = parley_create(&server, &options) || parley_serve(server, &dashboard) || run();
	if (failed) fprintf(stderr, "dashboard: %s\n", server ? parley_why(server) : "bad options");
	parley_free(server);
	return failed;
}
