/* sample_chat.c - examples/chat.c as an endpoint of the program: its callbacks, without its main.
 */
#include "samples.h"

int sample_chat_main(int argc, char **argv);
#define main sample_chat_main
#include "../examples/chat.c"
#undef main

struct parley_endpoint sample_chat(void)
{
	struct parley_endpoint e = PARLEY_ENDPOINT("/ws/chat");
	e.on_connect = on_connect;
	e.on_message = on_message;
	e.on_close = on_close;
	e.heartbeat_ms = 30000;
	e.compress = true;
	return e;
}
