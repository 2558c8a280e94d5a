/* realtime_test.h - for the tests of the chat+presence dialect: clients of either family, and what
 * they say. */
#ifndef PL_DIALECT_REALTIME_TEST_H
#define PL_DIALECT_REALTIME_TEST_H

#include "dialect/testing.h"

static inline void sayf(struct client *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static inline void sayf(struct client *c, const char *format, ...)
{
	char text[8192];
	va_list more;
	va_start(more, format);
	int n = vsnprintf(text, sizeof(text), format, more);
	va_end(more);
	assert_in_range(n, 1, sizeof(text) - 1);
	say(c, text);
}

static inline void expect_msg(struct client *c, const char *type, const char *msg)
{
	char text[1024];
	snprintf(text, sizeof(text), "{\"type\":\"%s\",\"msg\":\"%s\"}", type, msg);
	expect_text(c, text);
}

static inline void expect_error(struct client *c, const char *msg)
{
	expect_msg(c, "ERROR", msg);
}

static inline struct client *dial(struct rig *r, const char *path)
{
	struct client *c = client_dial_at(r, path, "");
	assert_true(client_is_upgraded(c));
	return c;
}

static inline void auth(struct client *c, const char *name)
{
	char token[2048];
	sayf(c, "{\"type\":\"AUTH\",\"token\":\"%s\"}", token_for(name, 3600, token));
}

static inline struct client *client_at(struct rig *r, const char *path, const char *name)
{
	struct client *c = dial(r, path);
	auth(c, name);
	client_expect_with(c, "SUCCESS", name);
	return c;
}

static inline struct client *new_of(struct rig *r, const char *name)
{
	return client_at(r, "/rt", name);
}

static inline struct client *old_at(struct rig *r, const char *path, const char *name)
{
	char token[2048], target[2200];
	snprintf(target, sizeof(target), "%s?authToken=%s", path, token_for(name, 3600, token));
	return dial(r, target);
}

static inline struct client *old_of(struct rig *r, const char *name)
{
	return old_at(r, "/rt", name);
}

static inline void chat(struct client *c, const char *from, const char *to, const char *text)
{
	sayf(c,
	     "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"%s\",\"to\":\"%s\",\"content\":\"%s\","
	     "\"chatId\":\"x\"}",
	     from, to, text);
}

static inline void group_chat(struct client *c, const char *from, const char *group,
			      const char *text)
{
	sayf(c, "{\"type\":\"GROUP_CHAT\",\"from\":\"%s\",\"groupId\":\"%s\",\"content\":\"%s\"}",
	     from, group, text);
}

static inline void member(struct client *c, const char *type, const char *group, const char *name)
{
	sayf(c, "{\"type\":\"%s\",\"groupId\":\"%s\",\"username\":\"%s\"}", type, group, name);
}

/* A round trip through the store. */
static inline void sync_with(struct client *c)
{
	say(c, "{\"type\":\"OFFLINE_MESSAGES_ACK\"}");
	expect_msg(c, "SUCCESS", "Offline messages acknowledged.");
}

static inline void free_all(struct rig *r, struct client *a, struct client *b, struct client *c)
{
	struct client *all[] = {a, b, c};
	for (size_t i = 0; i < 3; i++)
		if (all[i])
			client_free(all[i]);
	rig_end(r);
}

#endif
