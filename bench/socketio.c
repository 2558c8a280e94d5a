/*
 * socketio.c - the Socket.IO server that is measured, written as an embedder would: `echo` is
 * acknowledged with its argument, `join` enters a room, `pub` goes to the room "all" as `msg`. The
 * public API and nothing else; bench/peers/socketio-server.js is the same on the npm package.
 */
#include <parley/socketio.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct arguments {
	uint16_t port;
	const char *engine;
	uint32_t max_payload;
};

static void usage(void)
{
	fputs("bench-socketio --port P [--engine auto|io_uring|epoll] [--max-payload BYTES]\n",
	      stderr);
	exit(2);
}

static uint32_t number(const char *text, uint32_t max)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (errno || end == text || *end || v > max)
		usage();
	return (uint32_t)v;
}

static struct arguments parse(int argc, char **argv)
{
	static const struct option options[] = {{"port", 1, NULL, 'p'},
						{"engine", 1, NULL, 'e'},
						{"max-payload", 1, NULL, 'm'},
						{0}};
	struct arguments a = {.engine = "auto"};
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p': a.port = (uint16_t)number(optarg, 65535); break;
		case 'e': a.engine = optarg; break;
		case 'm': a.max_payload = number(optarg, INT32_MAX); break;
		default: usage();
		}
	}
	if (!a.port)
		usage();
	return a;
}

/* ---- what is spoken ---- */

static int on_echo(parley_socket *s, const parley_packet *p)
{
	(void)s;
	return parley_ack(p, PARLEY_ARGS(parley_apacket(p, 0)));
}

static int on_join(parley_socket *s, const parley_packet *p)
{
	int err = parley_socket_join(s, parley_arg_str(p, 0));
	return err ? err : parley_ack(p, PARLEY_NO_ARGS);
}

static int on_pub(parley_socket *s, const parley_packet *p)
{
	struct parley_slice room = PARLEY_S("all");
	return parley_emit_to(parley_socket_server(s), "/",
			      &(struct parley_target){.rooms = &room, .nrooms = 1}, PARLEY_S("msg"),
			      PARLEY_ARGS(parley_apacket(p, 0)));
}

static const struct parley_on events[] = {
	{"echo", on_echo}, {"join", on_join}, {"pub", on_pub}, {NULL, NULL}};

/* ---- the process ---- */

static parley_server *server;

static void on_signal(int sig)
{
	(void)sig;
	parley_stop(server);
}

static void on_log(enum parley_log_level level, const char *line, void *user)
{
	(void)user;
	if (level == PARLEY_LOG_ERROR)
		fprintf(stderr, "bench-socketio: %s\n", line);
}

/* A slow reader is no error here: it would change what is measured. */
static int make(const struct arguments *a)
{
	char listen[32], engine[32];
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", a->port);
	snprintf(engine, sizeof(engine), "engine=%s", a->engine);
	const char *set[] = {engine, "limits.enabled=false", "drain.deadline=0",
			     "limits.connections=10000000", NULL};
	struct parley_options o = {.listen = listen, .set = set, .workers = 1, .log = on_log};
	int err = parley_create(&server, &o);
	if (!err)
		err = parley_socketio(server,
				      &(struct parley_socketio){.max_payload = a->max_payload,
								.max_backlog = 64 << 20});
	if (!err)
		err = parley_namespace(server,
				       &(struct parley_namespace){.name = "/", .events = events});
	return err ? err : parley_start(server);
}

int main(int argc, char **argv)
{
	struct arguments a = parse(argc, argv);
	struct sigaction act = {.sa_handler = on_signal};
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	int err = make(&a);
	if (!err) {
		sigaction(SIGTERM, &act, NULL);
		sigaction(SIGINT, &act, NULL);
		puts("ready");
		fflush(stdout);
		err = parley_run(server);
	}
	if (err)
		fprintf(stderr, "bench-socketio: %s: %s\n", parley_strerror(err),
			parley_why(server));
	parley_free(server);
	return err != 0;
}
