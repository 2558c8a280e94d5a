/*
 * call.h - a call between two users, and what is said about it. Sound and pictures go past us:
 * what we carry is what the two need to find each other.
 */
#ifndef PL_MODEL_CALL_H
#define PL_MODEL_CALL_H

#include "model/model.h"

enum pl_call_what {
	/* said by one of the two, told to the other */
	PL_CALL_OFFER,      /* media, body: the offer; keys */
	PL_CALL_ANSWER,     /* body: the answer; keys */
	PL_CALL_DECLINE,    /* not now; also busy */
	PL_CALL_BUSY,       /* in another call */
	PL_CALL_END,        /* hung up */
	PL_CALL_CANDIDATE,  /* body: a way to reach who says it */
	PL_CALL_SDP_OFFER,  /* body: a new offer in the same call */
	PL_CALL_SDP_ANSWER, /* body: the answer to that */
	PL_CALL_ROTATE,     /* keys: new ones; number */
	PL_CALL_ROTATED,    /* keys: the answer to that; number */
	/* told to who said one of these: what became of it */
	PL_CALL_REPLY,
	/* between the keeper of a call and the keepers of its users' presence, see chat/call.h */
	PL_CALL_ENTER, /* the event's `on`: the user is called, else it calls */
	PL_CALL_ENTERED,
	PL_CALL_LEAVE,
	PL_CALL_LEFT,
	PL_CALL_GONE,
	PL_CALL__COUNT
};

/* Why a call ended that nobody hung up. */
enum pl_call_why {
	PL_CALL_NO_REASON,
	PL_CALL_TIMEOUT,   /* nobody answered in time, or it lasted longer than any call may */
	PL_CALL_ELSEWHERE, /* another device of the same user answered or declined */
	PL_CALL_LOST       /* the other user's last device is gone */
};

enum {
	PL_CALL_BODY_MAX = 64 * 1024,
	PL_CALL_CANDIDATE_MAX = 8 * 1024,
	PL_CALL_KEY_MAX = 16 * 1024,
	PL_CALL_MEDIA_MAX = 32
};

/* Who said it is the event's actor. */
struct pl_call_news {
	struct pl_uuid id;
	uint64_t began_ms; /* Unix time */
	enum pl_call_what what;
	enum pl_call_what asked; /* of a reply */
	enum pl_call_why why;
	int err;                 /* of a reply: see pl_call_say; of ENTERED */
	struct pl_user to;       /* who hears it; of a reply: the other of the two, or nil */
	struct pl_slice media;   /* "voice", "video", or what else the caller calls it */
	struct pl_slice body;    /* JSON, as its author wrote it */
	struct pl_slice keys[2]; /* JSON, the same; of a call whose ends exchange keys */
	int64_t number;
	bool has_keys; /* the call is one of those */
	bool has_duration;
	uint64_t duration_s;
	struct pl_slice ice; /* JSON: relays that this one may use; at == NULL: none */
	struct pl_slice ref; /* the asker's own, comes back with the reply */
	bool is_asked_for;   /* the reply is wanted also where nothing went wrong */
	uint32_t node;       /* where the asker is */
};

/* The id as clients see it, "call-<Unix time in ms>-<32 hex digits>". */
enum { PL_CALL_TEXT_MAX = 64 };
struct pl_slice pl_call_format(const struct pl_uuid *, uint64_t began_ms,
			       char room[PL_CALL_TEXT_MAX]);
/* That, or the bare id in the form of a UUID. PL_EINVAL. */
int pl_call_parse(struct pl_slice, struct pl_uuid *out) PL_MUST_CHECK;

#endif
