/*
 * server.c - what is measured: /echo answers every message, what is sent on /pub goes to every
 * connection on /sub. Loop, net, wire, conn, bus and rooms are the server's own; nothing is
 * special.
 */
#include "base/mem.h"
#include "bus/bus.h"
#include "chat/room.h"
#include "server/worker.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct bench {
	struct pl_worker worker;
	struct pl_bus_node node;
	struct pl_rooms rooms;
	struct pl_bus *bus;
};

/* A listener on /sub. */
struct listener {
	struct pl_peer peer;
	struct pl_conn *conn;
};

static const struct pl_slice everybody = {"a/sub", 5};

static struct bench *bench_of(struct pl_conn *c)
{
	return pl_conn_ctx(c);
}

static void on_echo(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice data)
{
	pl_conn_send(c, kind, data);
}

static void on_publish(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice data)
{
	struct pl_event *e = pl_event_new(PL_EV_RAW);
	if (!e)
		return;
	e->payload_kind = (uint8_t)kind;
	if (pl_event_address(e, everybody) || pl_arena_copy(&e->arena, data, &e->payload))
		pl_event_release(e);
	else if (pl_bus_publish(bench_of(c)->bus, e))
		pl_conn_close(c, 1011, PL_S("out of memory"));
}

static void ignore(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice data)
{
	(void)c;
	(void)kind;
	(void)data;
}

static void open_plain(struct pl_conn *c, const struct pl_request *q)
{
	if (pl_conn_upgrade(c, q, (struct pl_slice){NULL, 0}, NULL))
		pl_conn_respond_text(c, 400, "text/plain", PL_S("bad upgrade\n"));
}

static struct pl_encoded *encode(const struct pl_event *e)
{
	struct pl_shared *s = PL_NEW(struct pl_shared);
	if (s)
		*s = (struct pl_shared){.kind = (enum pl_ws_op)e->payload_kind,
					.payload = e->payload};
	return (struct pl_encoded *)(void *)s;
}

static void push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *words)
{
	(void)e;
	pl_conn_push(PL_CONTAINER(p, struct listener, peer)->conn,
		     (struct pl_shared *)(void *)words);
}

static void free_encoded(struct pl_encoded *words)
{
	pl_shared_fini((struct pl_shared *)(void *)words);
	pl_free(words);
}

static const struct pl_peer_ops peer_ops = {encode, push, free_encoded};

static void open_listener(struct pl_conn *c, const struct pl_request *q)
{
	struct listener *l = PL_NEW(struct listener);
	if (!l || pl_conn_upgrade(c, q, (struct pl_slice){NULL, 0}, l)) {
		pl_free(l);
		pl_conn_respond_text(c, 503, "text/plain", PL_S("no memory\n"));
		return;
	}
	l->peer.ops = &peer_ops;
	l->conn = c;
	if (pl_room_join(&bench_of(c)->rooms, &l->peer.member, everybody))
		pl_conn_close(c, 1011, PL_S("out of memory"));
}

static void close_listener(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	struct listener *l = pl_conn_user(c);
	(void)code;
	(void)reason;
	pl_room_leave_all(&bench_of(c)->rooms, &l->peer.member);
	pl_free(l);
}

static void on_event(struct pl_bus_node *node, struct pl_event *e)
{
	pl_rooms_deliver(&PL_CONTAINER(node, struct bench, node)->rooms, e);
}

struct arguments {
	uint16_t port;
	enum pl_engine engine;
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

static uint32_t number(const char *text, uint64_t max)
{
	uint64_t v;
	if (pl_slice_u64(pl_slice_str(text), max, &v))
		usage();
	return (uint32_t)v;
}

static enum pl_engine engine_named(const char *name)
{
	static const char *const names[] = {"auto", "io_uring", "epoll"};
	for (int i = 0; i < 3; i++)
		if (!strcmp(name, names[i]))
			return (enum pl_engine)i;
	usage();
	return PL_ENGINE_AUTO;
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
	struct arguments a = {.workers = 1, .max_message = 16 << 20, .handshake_s = 10};
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p': a.port = (uint16_t)number(optarg, 65535); break;
		case 'e': a.engine = engine_named(optarg); break;
		case 'w': a.workers = number(optarg, 64); break;
		case 'z': a.compress = true; break;
		case 'm': a.max_message = number(optarg, INT32_MAX); break;
		case 'h': a.handshake_s = number(optarg, 3600); break;
		default: usage();
		}
	}
	if (!a.port || !a.workers)
		usage();
	return a;
}

static struct pl_conn_options options_for(const struct arguments *a)
{
	struct pl_conn_options o = {.http = pl_http_default_limits,
				    .header_ms = a->handshake_s * 1000,
				    .keep_alive_ms = 60000,
				    .body_bytes = 65536,
				    .ws.max_message = a->max_message,
				    .ws.max_frames = 1024,
				    .close_ms = 5000,
				    .ws.out_soft = 16 << 20,
				    .ws.out_hard = 64 << 20,
				    .ws.slow_ms = 60000,
				    .ws.compress = a->compress,
				    .deflate = pl_deflate_defaults()};
	return o;
}

static void fail(const char *what, int err)
{
	fprintf(stderr, "bench-server: %s: %s\n", what, pl_strerror(err));
	exit(1);
}

static void start(struct bench *b, struct pl_bus *bus, struct pl_listen_point *point)
{
	b->bus = bus;
	pl_rooms_init(&b->rooms, 16, NULL);
	b->node = (struct pl_bus_node){.loop = b->worker.loop, .on_event = on_event};
	int err = pl_bus_attach(bus, &b->node);
	if (!err)
		err = pl_worker_listen(&b->worker, point, 1);
	if (err)
		fail("worker", err);
}

/* Endpoints carry their worker as context, so each worker has a table of its own. */
struct table {
	struct pl_endpoint echo, pub, sub;
	struct pl_route routes[3];
	struct pl_router router;
	struct pl_listen_point point;
};

static void fill(struct table *t, struct bench *b)
{
	t->echo = (struct pl_endpoint){.on_upgrade = open_plain, .on_message = on_echo, .ctx = b};
	t->pub = (struct pl_endpoint){.on_upgrade = open_plain, .on_message = on_publish, .ctx = b};
	t->sub = (struct pl_endpoint){.on_upgrade = open_listener,
				      .on_message = ignore,
				      .on_close = close_listener,
				      .ctx = b};
	t->routes[0] = (struct pl_route){PL_HTTP_OTHER, "/echo", &t->echo};
	t->routes[1] = (struct pl_route){PL_HTTP_OTHER, "/pub", &t->pub};
	t->routes[2] = (struct pl_route){PL_HTTP_OTHER, "/sub", &t->sub};
	t->router = (struct pl_router){.routes = t->routes, .count = 3};
	t->point.router = &t->router;
}

int main(int argc, char **argv)
{
	struct arguments a = parse(argc, argv);
	struct pl_conn_options options = options_for(&a);
	struct bench *workers = pl_zalloc(a.workers, sizeof(*workers));
	struct table *tables = pl_zalloc(a.workers, sizeof(*tables));
	struct pl_gate *gate;
	struct pl_bus *bus;
	struct pl_address address, bound;
	char text[32];
	int fd, sig;
	sigset_t set;
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	snprintf(text, sizeof(text), "127.0.0.1:%u", a.port);
	int err = pl_address_parse(pl_slice_str(text), &address);
	if (!err)
		err = pl_listen(&address, &fd, &bound);
	if (err)
		fail(text, err);
	if (!workers || !tables || pl_bus_local_new(&bus) ||
	    pl_gate_new(&(struct pl_gate_options){0}, &gate))
		fail("start", PL_ENOMEM);
	for (uint32_t i = 0; i < a.workers; i++) {
		err = pl_worker_init(&workers[i].worker, i, a.engine, NULL, gate, &options);
		if (err)
			fail("engine", err);
		fill(&tables[i], &workers[i]);
		tables[i].point.fd = fd;
		start(&workers[i], bus, &tables[i].point);
	}
	for (uint32_t i = 0; i < a.workers; i++)
		if (pl_worker_start(&workers[i].worker))
			fail("thread", PL_ENOMEM);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
	for (uint32_t i = 0; i < a.workers; i++)
		pl_loop_stop(workers[i].worker.loop);
	for (uint32_t i = 0; i < a.workers; i++) {
		pl_worker_join(&workers[i].worker);
		pl_worker_fini(&workers[i].worker);
		pl_rooms_fini(&workers[i].rooms);
	}
	pl_bus_free(bus);
	pl_gate_free(gate);
	close(fd);
	pl_free(workers);
	pl_free(tables);
	return 0;
}
