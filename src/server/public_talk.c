/* public_talk.c - what any thread may say to a server that runs, and what its callbacks ask it
 * (parley.h). */
#include "server/internal.h"

#include "base/clock.h"

static struct pl_slice ours(struct parley_slice s)
{
	return pl_slice(s.at, s.len);
}

const char *parley_strerror(int err)
{
	return pl_strerror(err);
}

const char *parley_version(void)
{
	return PARLEY_VERSION;
}

int64_t parley_now_ms(void)
{
	return (int64_t)pl_wall_ms();
}

static int publish(parley_server *s, const char *pattern, struct parley_slice room,
		   enum parley_kind kind, struct parley_slice data)
{
	if (!s || !pattern)
		return PARLEY_EINVAL;
	if (!pl_server_is_running(s))
		return PARLEY_ESTATE;
	return pl_handlers_publish(s->handlers, pattern, ours(room), kind, ours(data));
}

int parley_publish(parley_server *s, const char *pattern, struct parley_slice room,
		   struct parley_slice text)
{
	return publish(s, pattern, room, PARLEY_TEXT, text);
}

int parley_publish_binary(parley_server *s, const char *pattern, struct parley_slice room,
			  struct parley_slice data)
{
	return publish(s, pattern, room, PARLEY_BINARY, data);
}

int parley_publish_object(parley_server *s, const char *pattern, struct parley_slice room,
			  const struct parley_field *fields)
{
	if (!s || !pattern)
		return PARLEY_EINVAL;
	if (!pl_server_is_running(s))
		return PARLEY_ESTATE;
	return pl_handlers_publish_object(s->handlers, pattern, ours(room), fields);
}

int parley_send_to(parley_server *s, struct parley_slice id, struct parley_slice text)
{
	if (!s)
		return PARLEY_EINVAL;
	return pl_server_is_running(s) ? pl_handlers_send_to(s->handlers, ours(id), ours(text))
				       : PARLEY_ESTATE;
}

int parley_kick(parley_server *s, struct parley_slice id, uint16_t code, const char *reason)
{
	if (!s)
		return PARLEY_EINVAL;
	return pl_server_is_running(s) ? pl_handlers_kick(s->handlers, ours(id), code, reason)
				       : PARLEY_ESTATE;
}

parley_conn *parley_find(parley_server *s, struct parley_slice id)
{
	struct pl_handler_site *here = s ? pl_handlers_here(s->handlers) : NULL;
	return here ? pl_handler_site_conn(here, ours(id)) : NULL;
}

int parley_verify_token(parley_server *s, struct parley_slice token, struct parley_identity *out)
{
	struct pl_handler_site *here = s ? pl_handlers_here(s->handlers) : NULL;
	if (!s || !out)
		return PARLEY_EINVAL;
	return here ? pl_handler_site_verify(here, ours(token), out) : PARLEY_ESTATE;
}
