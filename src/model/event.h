/*
 * event.h - something that happened, told to everybody who listens. Built once, immutable from
 * the moment it is published, shared by workers through its reference count.
 */
#ifndef PL_MODEL_EVENT_H
#define PL_MODEL_EVENT_H

#include "base/arena.h"
#include "model/call.h"
#include "model/model.h"

#include <stdatomic.h>

enum pl_event_kind {
	PL_EV_MESSAGE,      /* message; durable */
	PL_EV_TYPING,       /* on: has begun, else has stopped; volatile */
	PL_EV_PRESENCE,     /* on: came online (status: how), else went offline */
	PL_EV_STATUS,       /* status: of somebody who is online and stays so */
	PL_EV_READ,         /* read: a member's read position moved */
	PL_EV_CONVERSATION, /* conversation, participants: was created */
	PL_EV_SESSION, /* to a user's keeper of presence: on: a session began, else `origin` ended
			*/
	PL_EV_JOINED,  /* to a user's keeper of presence: is now a member of participants[]
			  (conversations) */
	PL_EV_SET_STATUS, /* to a user's keeper of presence: status, from now on */
	PL_EV_RAW,  /* payload: bytes for an application topic, or said in a room and not kept */
	PL_EV_SEAT, /* to a room's keeper of the roster: on: `origin` sat down there, else it stood
		       up */
	PL_EV_ROSTER,   /* on: the actor sat down in the room, else stood up; see chat/roster.c */
	PL_EV_CROWD,    /* on: the first of the actor's connections sat down in the room, else the
			   last one stood up; from the room's keeper, in one order for all */
	PL_EV_MEMBERS,  /* to `only`: who sits in the room */
	PL_EV_MEMBER,   /* on: the actor is a member of participants[] (conversations) from now on,
			   else no more. `conversation`: where it is told too, nil: nowhere */
	PL_EV_ASK,      /* to a user's keeper of presence: is the actor online? */
	PL_EV_ANSWER,   /* to `only`, who asked: on: it is. status: how; offline also while it is
			   only not known to have gone for good */
	PL_EV_TAKEOVER, /* since wall_ms the peer `origin` stands for the user, of those that have
			   the same `ref` */
	PL_EV_DISMISS,  /* payload: why the actor's sessions end now */
	PL_EV_CALL,     /* call: what was said about one; not stored, and never dropped silently */
	PL_EV__COUNT
};

/*
 * Where an event is heard: bytes, compared as such. A conversation's topic and a user's topic are
 * made by the functions below; application topics begin with 'a'.
 */
enum { PL_TOPIC_ID_LEN = 17 };
struct pl_topic_id {
	char at[PL_TOPIC_ID_LEN];
};
struct pl_topic_id pl_topic_conversation(const struct pl_uuid *);
struct pl_topic_id pl_topic_user(const struct pl_uuid *);
static inline struct pl_slice pl_topic_slice(const struct pl_topic_id *t)
{
	return pl_slice(t->at, sizeof(t->at));
}

/* One connection in a room. */
struct pl_sitter {
	struct pl_uuid user;
	struct pl_slice name; /* the display name, else the username */
	struct pl_slice subject;
	bool subject_is_number;
	bool is_another; /* of a user who stands before it already */
};

struct pl_event {
	_Atomic uint32_t refs;
	enum pl_event_kind kind;
	bool is_volatile;
	uint64_t origin; /* the peer that caused it and was answered already; 0: none */
	uint64_t only;   /* nobody else hears it; 0: everybody does */
	uint64_t wall_ms;
	struct pl_slice *topics; /* where it is heard */
	size_t ntopics;
	struct pl_uuid conversation;
	struct pl_slice alias; /* of the conversation: in messages, rosters, and what is not kept */
	struct pl_user actor;
	bool on;
	enum pl_status status;
	union {
		struct {
			struct pl_message message;
			struct pl_slice *copies; /* per recipient: content for copy_users[i] */
			struct pl_uuid *copy_users;
			size_t ncopies;
			struct pl_user other; /* direct: id and username of whom it is for; nil */
		};
		struct {
			struct pl_uuid message_id;
			uint64_t seq;
		} read;
		struct {
			struct pl_conversation created;
			struct pl_uuid *participants;
			struct pl_slice *usernames; /* of a conversation's; else NULL */
			size_t nparticipants;
		};
		struct {
			struct pl_slice payload;
			uint8_t payload_kind;
		};
		struct pl_call_news *call;
		struct {                     /* of seats, members, questions, takeovers */
			struct pl_slice ref; /* the asker's own, comes back with the members */
			uint32_t node;       /* where the asker is */
			uint64_t change;     /* the number of the seat's change there */
			uint64_t *shown;     /* by node: the last change that the members show */
			struct pl_sitter *sitters;
			size_t nsitters;
		};
	};
	struct pl_arena arena; /* what the slices point into */
};

/* One reference, zeroed, an arena of at most 16 MiB. NULL: no memory. */
struct pl_event *pl_event_new(enum pl_event_kind);
struct pl_event *pl_event_retain(struct pl_event *); /* any thread */
/* The same for who was only given it to look at. */
struct pl_event *pl_event_keep(const struct pl_event *);
void pl_event_release(struct pl_event *); /* any thread; NULL is fine */
/* Before it is published: adds a topic (copied). */
int pl_event_address(struct pl_event *, struct pl_slice topic) PL_MUST_CHECK;
int pl_event_set_actor(struct pl_event *, const struct pl_user *) PL_MUST_CHECK;
int pl_event_set_message(struct pl_event *, const struct pl_message *) PL_MUST_CHECK;

/* Copies all strings of a noun into an arena; ids and numbers as they are. */
int pl_user_copy(struct pl_arena *, const struct pl_user *, struct pl_user *out) PL_MUST_CHECK;

#endif
