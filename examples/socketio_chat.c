/* socketio_chat [ADDRESS [OPTION=VALUE...]]: rooms for socket.io-client. See docs/embedding-socketio.md. */
#include <parley/socketio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#define ROOM             parley_arg_str(p, 0)
#define NAME             parley_cstr((const char *)parley_socket_data(s))
#define FROM(key, value) parley_aobj(PARLEY_OBJ(parley_kstr("from", NAME), parley_kstr(key, value)))
static parley_server *server;
static void on_sigterm(int number) { (void)number, parley_stop(server); }
/* io(url, { auth: { name: "Ada" } }): the name is the socket's data from here on. */
static void authorize(parley_handshake *h, void *unused) {
	struct parley_slice name = parley_str(parley_handshake_auth(h), "name");
	char *copy = name.len && name.len <= 40 ? (char *)calloc(1, name.len + 1) : NULL;
	(void)unused, copy ? parley_admit(h, memcpy(copy, name.at, name.len), free)
			   : parley_deny(h, "Who are you?", PARLEY_OBJ(parley_kstr("missing", PARLEY_S("name"))));
}
/* To the others in a room that the socket is in. */
static int tell(parley_socket *s, struct parley_slice room, const char *event, const struct parley_field *args) {
	struct parley_target others = {.rooms = &room, .nrooms = 1, .but = s, .is_volatile = event[0] == 't'};
	return parley_socket_in(s, room) ? parley_emit_to(server, "/", &others, parley_cstr(event), args)
					 : PARLEY_EDENIED;
}
/* What happened, {ok} or {error}, to who waits to hear it. */
static int done(const parley_packet *p, int err) {
	struct parley_field how =
		err ? parley_kstr("error", parley_cstr(parley_strerror(err))) : parley_kbool("ok", true);
	return parley_wants_ack(p) ? parley_ack(p, PARLEY_ARGS(parley_aobj(PARLEY_OBJ(how)))) : err;
}
static int on_join(parley_socket *s, const parley_packet *p) {
	int err = parley_socket_join(s, ROOM);
	return done(p, err ? err : tell(s, ROOM, "joined", PARLEY_ARGS(FROM("room", ROOM))));
}
static int on_leave(parley_socket *s, const parley_packet *p) {
	int err = tell(s, ROOM, "left", PARLEY_ARGS(FROM("room", ROOM)));
	return done(p, err ? err : parley_socket_leave(s, ROOM));
}
static int on_typing(parley_socket *s, const parley_packet *p) {
	return tell(s, ROOM, "typing", PARLEY_ARGS(FROM("room", ROOM)));
}
/* emit("message", room, anything, ...): the others hear who and where, and all the rest, bytes too. */
static int on_message(parley_socket *s, const parley_packet *p) {
	return done(p, tell(s, ROOM, "message", PARLEY_ARGS(FROM("room", ROOM), parley_apacket(p, 1))));
}
static void on_disconnect(parley_socket *s, const char *why) {
	struct parley_slice rooms[64];
	for (size_t i = 0, n = parley_socket_rooms(s, rooms, 64); i < n && i < 64; i++)
		tell(s, rooms[i], "gone", PARLEY_ARGS(FROM("why", parley_cstr(why))));
}
int main(int argc, char **argv) {
	static const struct parley_on events[] = {
		{"join", on_join}, {"leave", on_leave}, {"typing", on_typing}, {"message", on_message}, {0}};
	struct parley_options options = PARLEY_OPTIONS("127.0.0.1:3000");
	struct parley_namespace root = {"/", .authorize = authorize, .events = events, .on_disconnect = on_disconnect};
	if (argc > 1) options.listen = argv[1], options.set = (const char *const *)argv + 2;
	signal(SIGTERM, on_sigterm);
	int failed = parley_create(&server, &options) || parley_namespace(server, &root) || parley_run(server);
	if (failed) fprintf(stderr, "socketio_chat: %s\n", server ? parley_why(server) : "bad options");
	return parley_free(server), failed;
}
