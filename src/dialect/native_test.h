/* native_test.h - for the tests of the native dialect: clients that are in, and their rooms. */
#ifndef PL_DIALECT_NATIVE_TEST_H
#define PL_DIALECT_NATIVE_TEST_H

#include "dialect/testing.h"

static inline void expect_closed(struct client *c, unsigned code, const char *reason)
{
	if (!client_hear_within(c, WAIT_MS) || c->op != 8)
		fail_msg("waited for a close, heard %.300s", c->text);
	assert_int_equal(c->close_code, code);
	assert_string_equal(c->text + 2, reason);
}

/* Before `connected`. */
static inline struct client *dial_native(struct rig *r, const char *name)
{
	char token[2048], path[2200];
	snprintf(path, sizeof(path), "/native?token=%s", token_for(name, 3600, token));
	struct client *c = client_dial_at(r, path, "");
	assert_true(client_is_upgraded(c));
	return c;
}

static inline struct client *native_of(struct rig *r, const char *name)
{
	struct client *c = dial_native(r, name);
	client_expect(c, "connected");
	return c;
}

static inline struct client *guest_of(struct rig *r)
{
	struct client *c = client_dial_at(r, "/guests", "");
	assert_true(client_is_upgraded(c));
	client_expect(c, "connected");
	return c;
}

static inline void join(struct client *c, const char *room)
{
	char text[512];
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"%s\"}", room);
	say(c, text);
	client_expect_with(c, "joined", room);
}

#endif
