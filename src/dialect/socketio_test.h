/* socketio_test.h - for the tests of the Socket.IO dialect: clients over a WebSocket that answer
 * pings by themselves and speak packets of Socket.IO. */
#ifndef PL_DIALECT_SOCKETIO_TEST_H
#define PL_DIALECT_SOCKETIO_TEST_H

#include "dialect/testing.h"

static inline struct client *sio_dial(struct rig *r)
{
	struct client *c = client_dial_at(r, "/socket.io/?EIO=4&transport=websocket", "");
	assert_true(client_is_upgraded(c));
	assert_true(client_hear_within(c, WAIT_MS));
	assert_int_equal(strncmp(c->text, "0{\"sid\":", 8), 0);
	return c;
}

/* The next packet that is no ping; false: none within that time. */
static inline bool sio_hear_within(struct client *c, uint64_t ms)
{
	for (uint64_t end = pl_now_ms() + ms;;) {
		uint64_t now = pl_now_ms();
		if (!client_hear_within(c, end > now ? end - now : 0))
			return false;
		if (c->op != PL_WS_TEXT || strcmp(c->text, "2") != 0)
			return true;
		say(c, "3");
	}
}

static inline void sio_hear(struct client *c, const char *wanted)
{
	if (!sio_hear_within(c, WAIT_MS))
		fail_msg("waited for %s, heard %s", wanted, c->op ? "nothing" : "the end");
}

/* It begins so. */
static inline void sio_expect(struct client *c, const char *begin)
{
	sio_hear(c, begin);
	if (strncmp(c->text, begin, strlen(begin)) != 0)
		fail_msg("waited for %s, heard %.600s", begin, c->text);
}

static inline void sio_expect_with(struct client *c, const char *begin, const char *part)
{
	sio_expect(c, begin);
	if (!strstr(c->text, part))
		fail_msg("no %s in %.900s", part, c->text);
}

static inline void sio_expect_silence(struct client *c)
{
	if (sio_hear_within(c, 60))
		fail_msg("should have heard nothing, heard %.300s", c->text);
	assert_int_not_equal(c->op, 0);
}

/* more: members of the auth besides the token, as ,"pid":"..." */
static inline void sio_connect_with(struct client *c, const char *token, const char *more)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), "40{\"token\":\"%s\"%s}", token, more);
	assert_in_range(n, 1, sizeof(text) - 1);
	say(c, text);
}

static inline void sio_connect(struct client *c, const char *name, const char *more)
{
	char token[2048];
	sio_connect_with(c, token_for(name, 3600, token), more);
}

/* In, and greeted. */
static inline struct client *sio_of(struct rig *r, const char *name)
{
	struct client *c = sio_dial(r);
	sio_connect(c, name, "");
	sio_expect(c, "40{\"sid\":");
	sio_expect(c, "42[\"connected\",{\"sessionId\":\"");
	return c;
}

/* An event with an acknowledgement, whose answer must begin so: `42<id>[...]`, `43<id>[...`. */
static inline void sio_say(struct client *c, const char *json)
{
	size_t max = strlen(json) + 32;
	char *text = malloc(max);
	assert_non_null(text);
	snprintf(text, max, "42%u%s", ++c->asked, json);
	say(c, text);
	free(text);
}

static inline void sio_expect_ack(struct client *c, const char *begin)
{
	char text[4096];
	snprintf(text, sizeof(text), "43%u%s", c->asked, begin);
	sio_expect(c, text);
}

static inline void sio_ask(struct client *c, const char *json, const char *begin)
{
	sio_say(c, json);
	sio_expect_ack(c, begin);
}

static inline void sio_join(struct client *c, const char *room)
{
	char text[512];
	snprintf(text, sizeof(text), "[\"join-room\",\"%s\"]", room);
	sio_ask(c, text, "[{\"success\":true,\"room\":{\"id\":");
}

/* Says it without waiting for anything. */
static inline void sio_tell(struct client *c, const char *room, const char *content)
{
	char text[4096];
	snprintf(text, sizeof(text), "[\"message\",{\"roomId\":\"%s\",\"content\":%s}]", room,
		 content);
	sio_say(c, text);
}

/* The pid of the last packet heard, `40{"sid":...,"pid":...}`. */
static inline void sio_pid(struct client *c, char out[256])
{
	client_value(c, "pid", out);
}

#endif
