/*
 * sockets.c - a Socket.IO server for the tests of what looks at one: three namespaces, rooms
 * that clients enter as they like, echoes; in "/back" who lost the line comes back. ADDRESS WORKERS
 * [OPTION=VALUE...]; pages may come from the origin that ORIGIN in the environment names.
 */
#include <parley/socketio.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static parley_server *server;

static void on_sigterm(int number)
{
	(void)number;
	parley_stop(server);
}

/* Where somebody waits to hear that it is done. */
static int done(const parley_packet *p, int err)
{
	if (err || !parley_wants_ack(p))
		return err;
	return parley_ack(p, PARLEY_ARGS(parley_abool(true)));
}

static int on_enter(parley_socket *s, const parley_packet *p)
{
	return done(p, parley_socket_join(s, parley_arg_str(p, 0)));
}

static int on_exit_room(parley_socket *s, const parley_packet *p)
{
	return done(p, parley_socket_leave(s, parley_arg_str(p, 0)));
}

static int on_echo(parley_socket *s, const parley_packet *p)
{
	int err = parley_emit(s, PARLEY_S("echo"), PARLEY_ARGS(parley_apacket(p, 0)));
	return done(p, err);
}

/* room, ...anything: to everybody in the room. */
static int on_say(parley_socket *s, const parley_packet *p)
{
	struct parley_slice room = parley_arg_str(p, 0), nsp = parley_socket_namespace(s);
	struct parley_target in = {.rooms = &room, .nrooms = 1};
	char name[32] = "";
	memcpy(name, nsp.at, nsp.len < sizeof(name) ? nsp.len : 0);
	return done(p, parley_emit_to(server, name, &in, PARLEY_S("said"),
				      PARLEY_ARGS(parley_apacket(p, 1))));
}

static const struct parley_on events[] = {{"enter", on_enter},
					  {"exit", on_exit_room},
					  {"echo", on_echo},
					  {"say", on_say},
					  {NULL, NULL}};

static int add_namespaces(void)
{
	struct parley_namespace root = {.name = "/", .events = events};
	struct parley_namespace orders = {.name = "/orders", .events = events};
	struct parley_namespace back = {.name = "/back", .events = events, .recovery_ms = 60000};
	const char *origins[] = {getenv("ORIGIN"), NULL};
	struct parley_socketio options = {.origins = origins[0] ? origins : NULL};
	int err = parley_socketio(server, &options);
	if (!err)
		err = parley_namespace(server, &root);
	if (!err)
		err = parley_namespace(server, &orders);
	return err ? err : parley_namespace(server, &back);
}

static void print(enum parley_log_level level, const char *line, void *user)
{
	(void)level, (void)user;
	fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
	struct parley_options options = PARLEY_OPTIONS(argc > 1 ? argv[1] : "127.0.0.1:3000");
	options.workers = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
	options.set = argc > 3 ? (const char *const *)(argv + 3) : NULL;
	options.log = print;
	signal(SIGTERM, on_sigterm);
	int err = parley_create(&server, &options);
	if (!err)
		err = add_namespaces();
	if (!err)
		err = parley_run(server);
	if (err)
		fprintf(stderr, "sockets: %s\n", server ? parley_why(server) : "bad options");
	parley_free(server);
	return err ? 1 : 0;
}
