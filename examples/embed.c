/*
 * embed.c - the server inside a poll() loop that a program has already: a clock ticks by a timer's
 * descriptor, lines come from standard input, and all of it happens on one thread.
 *
 *	./embed 127.0.0.1:5173		then connect to ws://127.0.0.1:5173/ws/embed and type lines here
 *
 * The server has one descriptor for everything, its timers included. When that one is readable a turn
 * is due; parley_turn(server, 0) does it and never waits.
 */
#define _DEFAULT_SOURCE /* read */
#include <parley/parley.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

static parley_server *server;

static void on_sigterm(int number) { (void)number, parley_stop(server); }

/* What a client says, everybody hears, and so does the terminal. */
static int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw, const parley_json *msg) {
	struct parley_to all = parley_to_all(true);
	(void)msg;
	if (kind != PARLEY_TEXT) return parley_fail(c, PARLEY_EINVAL, "only text, please");
	printf("%.*s\n", PARLEY_FMT(raw));
	fflush(stdout);
	return parley_broadcast(c, raw, &all);
}

static void on_tick(int timer) {
	uint64_t ticks;
	if (read(timer, &ticks, sizeof(ticks)) != sizeof(ticks)) return;
	parley_publish_object(server, "/ws/embed", PARLEY_S(""),
			      PARLEY_MSG("tick", parley_kint("timestamp", parley_now_ms())));
}

/* false: there will be no more. */
static bool on_input(void) {
	char line[4096];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line));
	while (n > 0 && line[n - 1] == '\n')
		n--;
	if (n > 0)
		parley_publish_object(server, "/ws/embed", PARLEY_S(""),
				      PARLEY_MSG("line", parley_kstr("text", parley_slice(line, (size_t)n))));
	return n > 0;
}

static int loop(int timer) {
	struct pollfd at[] = {
		{.fd = parley_fd(server), .events = POLLIN},
		{.fd = timer, .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};
	int going = 1;
	while (going > 0) {
		if (poll(at, 3, -1) < 0) continue; /* a signal: what it wants comes by a descriptor */
		if (at[1].revents) on_tick(timer);
		if (at[2].revents && !on_input()) at[2].fd = -1;
		if (at[0].revents) going = parley_turn(server, 0);
	}
	return going;
}

int main(int argc, char **argv) {
	struct parley_options options = {.listen = argc > 1 ? argv[1] : "127.0.0.1:5173"};
	struct parley_endpoint embed = {.pattern = "/ws/embed", .on_message = on_message};
	struct itimerspec each_second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	timerfd_settime(timer, 0, &each_second, NULL);
	signal(SIGTERM, on_sigterm);
	int failed =
		parley_create(&server, &options) || parley_serve(server, &embed) || parley_start(server) || loop(timer);
	if (failed) fprintf(stderr, "embed: %s\n", server ? parley_why(server) : "bad options");
	parley_free(server);
	close(timer);
	return failed;
}
