/* native_internal.h - what the files of the native dialect share. */
#ifndef PL_DIALECT_NATIVE_INTERNAL_H
#define PL_DIALECT_NATIVE_INTERNAL_H

#include "dialect/dispatch.h"
#include "dialect/native.h"

/* What a client may say, by noun: each table ends with {0} and stands in the file of its name. */
extern const struct pl_message_row pl_native_rooms[], pl_native_messages[];

enum { PL_NATIVE_ROOM_MAX = 128, PL_NATIVE_TEXT_MAX = 64 << 20 };

struct native {
	struct pl_session session; /* first */
	struct pl_map rooms; /* name, as the client says it -> struct joined, see native_rooms.c */
	uint32_t asking;     /* questions for a room by its name that are under way */
	uint32_t creating;   /* joins under way that may make a room */
	uint64_t window_ms;  /* when the window of the rate rule began */
	uint32_t said;       /* frames since then */
	bool has_row;        /* a guest who said something: the store knows it */
};

static inline struct native *pl_native_of(struct pl_session *s)
{
	return PL_CONTAINER(s, struct native, session);
}

/* native.c */
extern const struct pl_dialect pl_native_dialect, pl_native_guest_dialect;
/* Whether that is a message of this dialect, or of the application's own. */
bool pl_native_knows(const struct pl_session *, struct pl_slice type);
void pl_native_fail(struct pl_session *, struct pl_slice error);

/* native_auth.c */
struct pl_slice pl_native_find_token(const struct pl_request *, struct pl_arena *);
void pl_native_on_signed_in(struct pl_session *, struct pl_slice ref, bool was_asked, int err);
void pl_native_on_expiry(struct pl_session *, uint64_t expires_s, bool is_over);
void pl_native_refuse(struct pl_session *);
void pl_native_welcome_guest(struct pl_session *);
/* A guest is written down before the first message of it is: both are kept in this order. */
int pl_native_write_down(struct native *) PL_MUST_CHECK;

/* native_rooms.c */
/* The conversation that the client joined by this name and sits in; NULL: none, or a join is still
 * under way. */
const struct pl_uuid *pl_native_joined(struct native *, struct pl_slice name);
/*
 * The op is submitted at once, or behind the questions that are under way: then as the answer to
 * one for this room, if that is there.
 */
int pl_native_submit_behind(struct pl_session *, struct pl_slice name,
			    struct pl_op *) PL_MUST_CHECK;
void pl_native_forget_rooms(struct pl_session *);

/* native_out.c */
extern const struct pl_peer_ops pl_native_peer_ops;

#endif
