/* socketio_back_test.h - for tests of who comes back: what a client keeps for that, and what waits
 * for it. */
#ifndef PL_DIALECT_SOCKETIO_BACK_TEST_H
#define PL_DIALECT_SOCKETIO_BACK_TEST_H

#include "dialect/socketio_test.h"

struct ticket {
	char sid[256], pid[256], offset[256];
};

/* In, greeted, and with what it needs to come back. */
static inline struct client *come(struct rig *r, const char *name, struct ticket *t)
{
	struct client *c = sio_dial(r);
	sio_connect(c, name, "");
	sio_expect(c, "40{\"sid\":");
	client_value(c, "sid", t->sid);
	sio_pid(c, t->pid);
	t->offset[0] = '\0';
	sio_expect(c, "42[\"connected\"");
	return c;
}

/* The next event must be a message with this content; its offset is what the client would show. */
static inline void expect_said(struct client *c, const char *event, const char *content,
			       struct ticket *t)
{
	char begin[64], part[512];
	snprintf(begin, sizeof(begin), "42[\"%s\",{\"id\":\"", event);
	snprintf(part, sizeof(part), "\"content\":\"%s\"", content);
	sio_expect_with(c, begin, part);
	client_value(c, "id", t->offset);
	snprintf(part, sizeof(part), ",\"%s\"]", t->offset);
	assert_non_null(strstr(c->text, part));
}

static inline struct client *dial_again(struct rig *r, const char *name, const struct ticket *t)
{
	char more[800];
	int n = snprintf(more, sizeof(more), ",\"pid\":\"%s\"", t->pid);
	if (t->offset[0])
		snprintf(more + n, sizeof(more) - (size_t)n, ",\"offset\":\"%s\"", t->offset);
	struct client *c = sio_dial(r);
	sio_connect(c, name, more);
	return c;
}

static inline void expect_back(struct client *c, const struct ticket *t)
{
	char wanted[600];
	snprintf(wanted, sizeof(wanted), "40{\"sid\":\"%s\",\"pid\":\"%s\"}", t->sid, t->pid);
	sio_expect(c, wanted);
}

static inline void expect_new(struct client *c, struct ticket *t)
{
	char sid[256], pid[256];
	sio_expect(c, "40{\"sid\":");
	client_value(c, "sid", sid);
	sio_pid(c, pid);
	assert_string_not_equal(sid, t->sid);
	assert_string_not_equal(pid, t->pid);
	memcpy(t->sid, sid, sizeof(sid));
	memcpy(t->pid, pid, sizeof(pid));
	sio_expect(c, "42[\"connected\"");
}

static inline void tell(struct client *c, const char *content)
{
	char quoted[64];
	snprintf(quoted, sizeof(quoted), "\"%s\"", content);
	sio_tell(c, "lobby", quoted);
	sio_expect(c, "42[\"new-message\"");
	sio_expect_ack(c, "[{\"success\":true");
}

static inline void tell_bob(struct client *c, const char *content)
{
	char text[256];
	snprintf(text, sizeof(text),
		 "[\"private-message\",{\"targetUserId\":\"bob\",\"content\":\"%s\"}]", content);
	sio_ask(c, text, "[{\"success\":true");
}

/* Until its end was noticed. */
static inline void drop(struct client *c, struct client *witness)
{
	client_free(c);
	sio_expect(witness, "42[\"user-left\"");
}

static inline void expect_joined(struct client *c)
{
	sio_expect(c, "42[\"user-joined\"");
}

static inline void expect_pending(struct client *c, const char *first, const char *last,
				  char id[16])
{
	char part[64];
	assert_true(sio_hear_within(c, WAIT_MS));
	const char *at = strstr(c->text, "[\"pending-messages\",[{\"id\":\"");
	if (!at || strncmp(c->text, "42", 2) != 0)
		fail_msg("waited for pending-messages, heard %.300s", c->text);
	size_t n = (size_t)(at - c->text) - 2;
	assert_in_range(n, 1, 15);
	memcpy(id, c->text + 2, n);
	id[n] = '\0';
	snprintf(part, sizeof(part), "\"content\":\"%s\"", first);
	const char *begin = strstr(c->text, part);
	snprintf(part, sizeof(part), "\"content\":\"%s\"", last);
	const char *end = strstr(c->text, part);
	assert_true(begin && end && begin <= end);
}

#endif
