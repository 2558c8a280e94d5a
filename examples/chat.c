/* chat.c - talk in rooms, at ws://127.0.0.1:5173/api/ws/chat. docs/embedding.md takes it apart. */
#include <parley/parley.h>
#include <signal.h>
#include <stdio.h>
#define IS(name)    parley_is(msg, "type", name)
#define NAME(key)   parley_kjson(#key, parley_get(msg, "username"))
#define TEXT(key)   parley_kjson(#key, parley_get(msg, parley_get(msg, "text") ? "text" : "message"))
#define ME(key)     parley_kstr(key, parley_conn_id(c))
#define NOW         parley_kint("timestamp", parley_now_ms())
#define TO(to, ...) parley_broadcast_object(c, PARLEY_MSG(__VA_ARGS__), to)
static parley_server *server;
static void on_sigterm(int number) { (void)number, parley_stop(server); }
static int on_connect(parley_conn *c) { return parley_send_object(c, PARLEY_MSG("connected", ME("id"), NOW)); }
static int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw, const parley_json *msg) {
	struct parley_slice room = parley_str(msg, "room").len ? parley_str(msg, "room") : PARLEY_S("chat");
	int joins = IS("join") || IS("join-room"), err = joins ? parley_join(c, room) : 0;
	struct parley_to all = parley_to_all(true), here = parley_to_room(&room, !joins);
	if (joins) return err ? err : TO(&here, "user-joined", NAME(username), parley_kstr("room", room));
	if (IS("leave")) TO(&here, "user-left", NAME(username), parley_kstr("room", room));
	if (IS("leave") || IS("leave-room")) return parley_leave(c, room);
	if (IS("chat")) return TO(&all, "message", NAME(from), TEXT(text), NOW);
	if (IS("typing")) return TO(NULL, "typing", NAME(username));
	if (IS("message")) return TO(&here, "chat-message", NAME(from), NAME(username), TEXT(text), TEXT(message), NOW);
	return kind == PARLEY_TEXT ? parley_broadcast(c, raw, &all) : 0;
}
static void on_close(parley_conn *c, uint16_t code, struct parley_slice reason) {
	(void)code, (void)reason, TO(NULL, "user-left", ME("userId"));
}

int main(int argc, char **argv) {
	struct parley_options options = PARLEY_OPTIONS(argc > 1 ? argv[1] : "127.0.0.1:5173");
	struct parley_endpoint chat = PARLEY_ENDPOINT("/api/ws/chat");
	chat.on_connect = on_connect, chat.on_message = on_message, chat.on_close = on_close;
	chat.heartbeat_ms = 30000, chat.compress = true;
	signal(SIGTERM, on_sigterm);
	int failed = parley_create(&server, &options) || parley_serve(server, &chat) || parley_run(server);
	if (failed) fprintf(stderr, "chat: %s\n", server ? parley_why(server) : "bad options");
	parley_free(server);
	return failed;
}
