/* sample_game.c - examples/game.c as an endpoint of the program: its callbacks, without its main.
 */
#include "samples.h"

int sample_game_main(int argc, char **argv);
#define main sample_game_main
#include "../examples/game.c"
#undef main

struct parley_endpoint sample_game(void)
{
	struct parley_endpoint e = PARLEY_ENDPOINT("/ws/game");
	e.on_connect = on_connect;
	e.on_message = on_message;
	e.heartbeat_ms = 10000;
	return e;
}
