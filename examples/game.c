/*
 * game.c - a lobby and any number of games, at ws://127.0.0.1:5173/api/ws/game.
 *
 * A room per game is all the state there is: the players are its members, and what one of them does
 * is told to all of them.
 */
#include <parley/parley.h>

#include <signal.h>
#include <stdio.h>

static parley_server *server;

static void on_sigterm(int number) { (void)number, parley_stop(server); }

/* Nobody can guess the game of others: a connection's id is random. Each may open several games. */
static struct parley_slice new_game(parley_conn *c, char *name, size_t size) {
	size_t games = (size_t)(uintptr_t)parley_conn_data(c) + 1;
	parley_conn_set_data(c, (void *)(uintptr_t)games);
	snprintf(name, size, "game-%.*s-%zu", PARLEY_FMT(parley_conn_id(c)), games);
	return parley_cstr(name);
}

static int create_game(parley_conn *c) {
	char name[64];
	struct parley_slice game = new_game(c, name, sizeof(name));
	int err = parley_join(c, game);
	return err ? err : parley_send_object(c, PARLEY_MSG("game-created", parley_kstr("gameId", game)));
}

static int join_game(parley_conn *c, struct parley_slice game) {
	struct parley_to others = parley_to_room(&game, false);
	int err = parley_join(c, game);
	if (err) return err;
	return parley_broadcast_object(c, PARLEY_MSG("player-joined", parley_kstr("playerId", parley_conn_id(c))),
				       &others);
}

/* The action is whatever the players agreed on: it is handed on as it is. */
static int play(parley_conn *c, struct parley_slice game, const parley_json *action) {
	struct parley_to everybody = parley_to_room(&game, true);
	return parley_broadcast_object(
		c,
		PARLEY_MSG("game-update", parley_kjson("action", action), parley_kstr("playerId", parley_conn_id(c))),
		&everybody);
}

static int on_connect(parley_conn *c) {
	int err = parley_join(c, PARLEY_S("lobby"));
	return err ? err : parley_send(c, PARLEY_S("{\"type\":\"joined-lobby\"}"));
}

static int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw, const parley_json *msg) {
	(void)kind, (void)raw;
	struct parley_slice game = parley_str(msg, "gameId");
	if (parley_is(msg, "type", "create-game")) return create_game(c);
	if (!parley_is(msg, "type", "join-game") && !parley_is(msg, "type", "game-action")) return 0;
	if (!game.len) return parley_fail(c, PARLEY_EINVAL, "no gameId given");
	return parley_is(msg, "type", "join-game") ? join_game(c, game) : play(c, game, parley_get(msg, "action"));
}

int main(int argc, char **argv) {
	struct parley_options options = PARLEY_OPTIONS(argc > 1 ? argv[1] : "127.0.0.1:5173");
	struct parley_endpoint game = PARLEY_ENDPOINT("/ws/game");
	options.prefix = "/api";
	game.heartbeat_ms = 10000;
	game.on_connect = on_connect;
	game.on_message = on_message;
	signal(SIGTERM, on_sigterm);
	int failed = parley_create(&server, &options) || parley_serve(server, &game) || parley_run(server);
	if (failed) fprintf(stderr, "game: %s\n", server ? parley_why(server) : "bad options");
	parley_free(server);
	return failed;
}
