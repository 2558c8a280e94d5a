/* sample_private.c - examples/private.c as an endpoint of the program: its callbacks, without its
 * main. */
#include "samples.h"

int sample_private_main(int argc, char **argv);
#define main sample_private_main
#include "../examples/private.c"
#undef main

struct parley_endpoint sample_private(void)
{
	struct parley_endpoint e = PARLEY_ENDPOINT("/ws/private");
	e.authenticate = authenticate;
	e.on_connect = on_connect;
	e.on_message = on_message;
	return e;
}
