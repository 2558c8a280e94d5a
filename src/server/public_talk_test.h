/* public_talk_test.h - for the tests of servers that serve: an endpoint that tells what happened to
 * it. */
#ifndef PL_SERVER_PUBLIC_TALK_TEST_H
#define PL_SERVER_PUBLIC_TALK_TEST_H

#include "server/testing.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>

struct watch {
	atomic_int opened, closed, freed;
	atomic_int last_code;
	_Atomic(parley_request *) pending;
	atomic_bool is_slow;
	atomic_int hears; /* 1: found on this worker, 2: not */
};

static inline int on_connect(parley_conn *c)
{
	struct watch *w = parley_conn_user(c);
	atomic_fetch_add(&w->opened, 1);
	return parley_send(c, parley_conn_id(c));
}

/* "join X", "all X", "in ROOM X", "find ID"; everything else comes back. */
static inline int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
			     const parley_json *json)
{
	(void)json;
	if (kind == PARLEY_TEXT && raw.len > 5 && !memcmp(raw.at, "join ", 5)) {
		int err = parley_join(c, parley_slice(raw.at + 5, raw.len - 5));
		return err ? err : parley_send(c, PARLEY_S("joined"));
	}
	if (kind == PARLEY_TEXT && raw.len > 4 && !memcmp(raw.at, "all ", 4))
		return parley_broadcast(c, parley_slice(raw.at + 4, raw.len - 4),
					&(struct parley_to){.include_self = true});
	if (kind == PARLEY_TEXT && raw.len == 5 + 36 && !memcmp(raw.at, "find ", 5)) {
		parley_conn *found =
			parley_find(parley_conn_server(c), parley_slice(raw.at + 5, 36));
		return parley_send(c, found ? PARLEY_S("here") : PARLEY_S("elsewhere"));
	}
	return kind == PARLEY_TEXT ? parley_send(c, raw) : parley_send_binary(c, raw);
}

static inline void on_close(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	struct watch *w = parley_conn_user(c);
	(void)reason;
	atomic_store(&w->last_code, code);
	atomic_fetch_add(&w->closed, 1);
	/* What is said in the end must hurt nobody. */
	(void)parley_broadcast(c, PARLEY_S("bye"), NULL);
}

static inline void on_authenticate(parley_request *q, void *user)
{
	struct watch *w = user;
	atomic_store(&w->pending, q);
}

static inline struct parley_endpoint endpoint_for(struct watch *w, const char *pattern)
{
	struct parley_endpoint e = PARLEY_ENDPOINT(pattern);
	e.user = w;
	e.on_connect = on_connect;
	e.on_message = on_message;
	e.on_close = on_close;
	return e;
}

/* As ws_open, and what on_connect sends: the id. */
static inline int enter(uint16_t port, const char *path, char id[64])
{
	int fd = ws_open(port, path);
	assert_int_equal(ws_get(fd, id, 64), 1);
	assert_int_equal(strlen(id), 36);
	return fd;
}

#endif
