/*
 * private.c - only for people with a token, at ws://127.0.0.1:5173/api/ws/private?token=...
 *
 * The secret that tokens are signed with comes from the environment:
 *
 *	export JWT_SECRET=$(openssl rand -hex 32)
 *	./private &
 *	parley token alice
 *
 * Browsers cannot see why a WebSocket is refused, but they see why it is closed. So whoever has no
 * good token is let in and closed at once, with a code and a reason: parley_reject does that when its
 * code is one of closing (4000 to 4999), and answers over HTTP when it is one of HTTP (401).
 */
#include <parley/parley.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static parley_server *server;

static void on_sigterm(int number) { (void)number, parley_stop(server); }

/* What we remember of somebody. The token's slices end with the callback: what we keep, we copy. */
struct user {
	char id[128], username[128];
};

static void copy(char *to, size_t size, struct parley_slice s) { snprintf(to, size, "%.*s", PARLEY_FMT(s)); }

static void authenticate(parley_request *request, void *unused) {
	struct parley_slice token = parley_request_query(request, "token");
	struct parley_identity who;
	(void)unused;
	if (!token.len) {
		parley_reject(request, 4001, "No token provided");
		return;
	}
	if (parley_verify_token(parley_request_server(request), token, &who)) {
		parley_reject(request, 4002, "Invalid token");
		return;
	}
	struct user *user = (struct user *)malloc(sizeof(*user));
	if (!user) {
		parley_reject(request, 503, "out of memory");
		return;
	}
	copy(user->id, sizeof(user->id), who.subject);
	copy(user->username, sizeof(user->username), who.username.at ? who.username : who.subject);
	parley_accept(request, user, free);
}

static int on_connect(parley_conn *c) {
	const struct user *user = (const struct user *)parley_conn_auth(c);
	return parley_send_object(
		c, PARLEY_MSG("authenticated",
			      parley_kobj("user", PARLEY_OBJ(parley_kstr("id", parley_cstr(user->id)),
							     parley_kstr("username", parley_cstr(user->username))))));
}

/* Whoever is inside hears everybody, and who it is does not depend on what the client says. */
static int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw, const parley_json *msg) {
	const struct user *user = (const struct user *)parley_conn_auth(c);
	struct parley_to all = parley_to_all(true);
	(void)kind, (void)raw;
	return parley_broadcast_object(c,
				       PARLEY_MSG("message", parley_kstr("from", parley_cstr(user->username)),
						  parley_kjson("text", parley_get(msg, "text"))),
				       &all);
}

int main(int argc, char **argv) {
	struct parley_options options = PARLEY_OPTIONS(argc > 1 ? argv[1] : "127.0.0.1:5173");
	struct parley_endpoint room = PARLEY_ENDPOINT("/ws/private");
	const char *secret = getenv("JWT_SECRET");
	char setting[512];
	const char *settings[] = {setting, NULL};
	snprintf(setting, sizeof(setting), "auth.secret=%s", secret ? secret : "");
	if (!secret) return fprintf(stderr, "private: JWT_SECRET is not set\n"), 1;
	options.prefix = "/api";
	options.set = settings;
	room.authenticate = authenticate;
	room.on_connect = on_connect;
	room.on_message = on_message;
	signal(SIGTERM, on_sigterm);
	int failed = parley_create(&server, &options) || parley_serve(server, &room) || parley_run(server);
	if (failed) fprintf(stderr, "private: %s\n", server ? parley_why(server) : "bad options");
	parley_free(server);
	return failed;
}
