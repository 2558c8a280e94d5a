/*
 * socketio_conformance.c - what the official test suites of Engine.IO and Socket.IO want to find, at port 3000 of
 * this machine, or the address that is given:
 *
 *	git clone https://github.com/socketio/socket.io-protocol && cd socket.io-protocol/test-suite && npm ci
 *	./socketio_conformance & npm test
 *
 * and likewise with engine.io-protocol. Its bare Engine.IO is an echo; its namespaces say what they were told.
 */
#include <parley/socketio.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { PING_INTERVAL_MS = 300, PING_TIMEOUT_MS = 200, CONNECT_MS = 1000 };

static parley_server *server;

static void on_sigterm(int number) { (void)number, parley_stop(server); }

static void echo(parley_engine *e, enum parley_kind kind, struct parley_slice data) {
	parley_engine_send(e, kind, data);
}

/* What the client said of itself, as JSON, becomes the socket's data: it ends with the callback. */
static void authorize(parley_handshake *h, void *unused) {
	struct parley_slice auth = parley_raw(parley_handshake_auth(h));
	char *copy = (char *)calloc(1, auth.len + 1);
	(void)unused;
	if (!copy)
		parley_deny(h, "out of memory", NULL);
	else
		parley_admit(h, auth.len ? memcpy(copy, auth.at, auth.len) : copy, free);
}

static int on_connect(parley_socket *s) {
	struct parley_slice auth = parley_cstr((const char *)parley_socket_data(s));
	return parley_emit(s, PARLEY_S("auth"), PARLEY_ARGS(parley_araw(auth.len ? auth : PARLEY_S("{}"))));
}

static int on_message(parley_socket *s, const parley_packet *p) {
	return parley_emit(s, PARLEY_S("message-back"), PARLEY_ARGS(parley_apacket(p, 0)));
}

static int on_message_with_ack(parley_socket *s, const parley_packet *p) {
	(void)s;
	return parley_ack(p, PARLEY_ARGS(parley_apacket(p, 0)));
}

static int serve(void) {
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
	return failed || parley_namespace(server, &nsp) || parley_run(server);
}

int main(int argc, char **argv) {
	/* One client opens many connections, and fast. */
	static const char *const settings[] = {"limits.enabled=false", NULL};
	struct parley_options options = PARLEY_OPTIONS(argc > 1 ? argv[1] : "127.0.0.1:3000");
	options.set = argc > 2 ? (const char *const *)argv + 2 : settings;
	signal(SIGTERM, on_sigterm);
	int failed = parley_create(&server, &options) || serve();
	if (failed) fprintf(stderr, "socketio_conformance: %s\n", server ? parley_why(server) : "bad options");
	parley_free(server);
	return failed;
}
