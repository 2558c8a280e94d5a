/*
 * load_socketio.c - a Socket.IO client over a WebSocket, around what `echo`, `fanout` and `idle`
 * do.
 *
 * A client enters the namespace "/", then the room "all" unless it publishes, and from then on the
 * mode has it; the server's pings are answered all the time. An acknowledgement always has the same
 * number: no server looks at it.
 */
#include "load.h"

#include <string.h>

#define JOIN "420[\"join\",\"all\"]"

static bool begins(const char *at, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(at, with, strlen(with)) == 0;
}

static void coming_in(struct load_conn *c, const char *at, size_t n)
{
	if (begins(at, n, "0{"))
		load_conn_say(c, "40", 2);
	else if (begins(at, n, "40") && c->load->mode->is_joining && !c->is_publisher)
		load_conn_say(c, JOIN, sizeof JOIN - 1);
	else if (begins(at, n, "40") || begins(at, n, "430["))
		load_conn_ready(c);
	else
		load_conn_fail(c, "not the greeting of a Socket.IO server");
}

bool load_socketio_takes(struct load_conn *c, const char *at, size_t have, size_t length)
{
	if (length == 1 && at[0] == '2') {
		load_conn_say(c, "3", 1);
		return true;
	}
	if (c->state == LOAD_READY)
		return false;
	coming_in(c, at, have);
	return true;
}
