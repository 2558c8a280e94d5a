/*
 * socketio_conformance.c - what the official test suites of Engine.IO and Socket.IO want to find, at port 3000 of
 * this machine, or the address that is given:
 *
 *	git clone https://github.com/socketio/socket.io-protocol && cd socket.io-protocol/test-suite && npm ci
 *	./socketio_conformance & npm test
 *
 * and likewise with engine.io-protocol. Its bare Engine.IO is an echo; its namespaces say what they were told.
 *
 * Who connects hears "auth" a moment after the answer, not with it: the suites await one frame after the other, and the
 * client library that they pin hands over what came in one read all at once, so that they would miss the second frame.
 */
#include <parley/socketio.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { PING_INTERVAL_MS = 300, PING_TIMEOUT_MS = 200, CONNECT_MS = 1000, MOMENT_MS = 5 };

static parley_server *server;

static void on_sigterm(int number) { (void)number, parley_stop(server); }

static void echo(parley_engine *e, enum parley_kind kind, struct parley_slice data) {
	parley_engine_send(e, kind, data);
}

/* ---- who has come, and hears of it in a moment ---- */

struct newcomer {
	struct newcomer *next;
	int64_t due;
	char nsp[16], id[32];
	char auth[]; /* JSON */
};

static struct newcomer *first, **last = &first;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void copy(char *to, size_t size, struct parley_slice s) { snprintf(to, size, "%.*s", PARLEY_FMT(s)); }

static int on_connect(parley_socket *s) {
	const char *auth = (const char *)parley_socket_data(s);
	struct newcomer *n = (struct newcomer *)calloc(1, sizeof(*n) + strlen(auth) + 1);
	if (!n) return PARLEY_ENOMEM;
	n->due = parley_now_ms() + MOMENT_MS;
	copy(n->nsp, sizeof(n->nsp), parley_socket_namespace(s));
	copy(n->id, sizeof(n->id), parley_socket_id(s));
	memcpy(n->auth, auth, strlen(auth));
	pthread_mutex_lock(&lock);
	*last = n, last = &n->next;
	pthread_mutex_unlock(&lock);
	return 0;
}

/* Of those that are due the first; NULL: none. */
static struct newcomer *next_due(int64_t now) {
	pthread_mutex_lock(&lock);
	struct newcomer *n = first && first->due <= now ? first : NULL;
	if (n) first = n->next;
	if (!first) last = &first;
	pthread_mutex_unlock(&lock);
	return n;
}

static void greet_all(int64_t now) {
	for (struct newcomer *n; (n = next_due(now)); free(n)) {
		struct parley_slice room = parley_cstr(n->id);
		struct parley_target it = {.rooms = &room, .nrooms = 1};
		parley_emit_to(server, n->nsp, &it, PARLEY_S("auth"), PARLEY_ARGS(parley_araw(parley_cstr(n->auth))));
	}
}

/* ---- the namespaces ---- */

/* What the client said of itself, as JSON, becomes the socket's data: it ends with the callback. */
static void authorize(parley_handshake *h, void *unused) {
	struct parley_slice auth = parley_raw(parley_handshake_auth(h));
	char *text = (char *)calloc(1, auth.len + 3);
	(void)unused;
	if (!text)
		parley_deny(h, "out of memory", NULL);
	else
		parley_admit(h, auth.len ? memcpy(text, auth.at, auth.len) : memcpy(text, "{}", 2), free);
}

static int on_message(parley_socket *s, const parley_packet *p) {
	return parley_emit(s, PARLEY_S("message-back"), PARLEY_ARGS(parley_apacket(p, 0)));
}

static int on_message_with_ack(parley_socket *s, const parley_packet *p) {
	(void)s;
	return parley_ack(p, PARLEY_ARGS(parley_apacket(p, 0)));
}

/* ---- the server ---- */

static int define(void) {
	static const char *const any[] = {"*", NULL};
	static const struct parley_on events[] = {
		{"message", on_message}, {"message-with-ack", on_message_with_ack}, {NULL, NULL}};
	struct parley_engineio bare = {.on_message = echo, .origins = any};
	struct parley_socketio options = {.connect_timeout_ms = CONNECT_MS, .origins = any};
	struct parley_namespace nsp = {.authorize = authorize, .on_connect = on_connect, .events = events};
	bare.ping_interval_ms = options.ping_interval_ms = PING_INTERVAL_MS;
	bare.ping_timeout_ms = options.ping_timeout_ms = PING_TIMEOUT_MS;
	int failed = parley_engineio(server, &bare) || parley_socketio(server, &options);
	nsp.name = "/";
	failed = failed || parley_namespace(server, &nsp);
	nsp.name = "/custom";
	return failed || parley_namespace(server, &nsp);
}

static int serve(void) {
	int going;
	while ((going = parley_turn(server, 1)) > 0)
		greet_all(parley_now_ms());
	return going;
}

int main(int argc, char **argv) {
	/* One client opens many connections, and fast. */
	static const char *const settings[] = {"limits.enabled=false", NULL};
	struct parley_options options = PARLEY_OPTIONS(argc > 1 ? argv[1] : "127.0.0.1:3000");
	options.set = argc > 2 ? (const char *const *)argv + 2 : settings;
	signal(SIGTERM, on_sigterm);
	int failed = parley_create(&server, &options) || define() || serve();
	if (failed) fprintf(stderr, "socketio_conformance: %s\n", server ? parley_why(server) : "bad options");
	parley_free(server);
	while (first)
		free(next_due(INT64_MAX));
	return failed;
}
