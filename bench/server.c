/*
 * server.c - what is measured, written as an embedder would: /echo answers every message, what is
 * sent on /pub is published to every connection on /sub. The public API and nothing else.
 */
#include <parley/parley.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct arguments {
	uint16_t port;
	const char *engine;
	uint32_t workers;
	bool compress;
	uint32_t max_message, handshake_s;
};

static void usage(void)
{
	fputs("bench-server --port P [--engine auto|io_uring|epoll] [--workers N] [--compress]\n"
	      "             [--max-message BYTES] [--handshake-timeout SECONDS]\n",
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
						{"workers", 1, NULL, 'w'},
						{"compress", 0, NULL, 'z'},
						{"max-message", 1, NULL, 'm'},
						{"handshake-timeout", 1, NULL, 'h'},
						{0}};
	struct arguments a = {
		.engine = "auto", .workers = 1, .max_message = 16 << 20, .handshake_s = 10};
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p': a.port = (uint16_t)number(optarg, 65535); break;
		case 'e': a.engine = optarg; break;
		case 'w': a.workers = number(optarg, 64); break;
		case 'z': a.compress = true; break;
		case 'm': a.max_message = number(optarg, INT32_MAX); break;
		case 'h': a.handshake_s = number(optarg, 600); break;
		default: usage();
		}
	}
	if (!a.port || !a.workers || !a.handshake_s)
		usage();
	return a;
}

/* ---- what is spoken ---- */

static int on_echo(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		   const parley_json *json)
{
	(void)json;
	return kind == PARLEY_TEXT ? parley_send(c, raw) : parley_send_binary(c, raw);
}

static int on_publish(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		      const parley_json *json)
{
	parley_server *s = parley_conn_server(c);
	(void)json;
	return kind == PARLEY_TEXT ? parley_publish(s, "/sub", PARLEY_S(""), raw)
				   : parley_publish_binary(s, "/sub", PARLEY_S(""), raw);
}

/* A slow reader is no error here: it would change what is measured. */
static int serve(parley_server *s, const struct arguments *a, const char *path,
		 int (*on_message)(parley_conn *, enum parley_kind, struct parley_slice,
				   const parley_json *))
{
	return parley_serve(s, &(struct parley_endpoint){.pattern = path,
							 .max_message = a->max_message,
							 .max_backlog = 64 << 20,
							 .compress = a->compress,
							 .compress_above = 1,
							 .raw_text = true,
							 .on_message = on_message});
}

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
		fprintf(stderr, "bench-server: %s\n", line);
}

static int make(const struct arguments *a)
{
	char listen[32], engine[32], deadline[64];
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", a->port);
	snprintf(engine, sizeof(engine), "engine=%s", a->engine);
	snprintf(deadline, sizeof(deadline), "limits.header_deadline=%us", a->handshake_s);
	const char *set[] = {engine,
			     deadline,
			     "limits.enabled=false",
			     "drain.deadline=0",
			     "limits.connections=10000000",
			     NULL};
	struct parley_options o = {
		.listen = listen, .set = set, .workers = a->workers, .log = on_log};
	int err = parley_create(&server, &o);
	if (!err)
		err = serve(server, a, "/echo", on_echo);
	if (!err)
		err = serve(server, a, "/pub", on_publish);
	if (!err)
		err = serve(server, a, "/sub", NULL);
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
		fprintf(stderr, "bench-server: %s: %s\n", parley_strerror(err), parley_why(server));
	parley_free(server);
	return err != 0;
}
