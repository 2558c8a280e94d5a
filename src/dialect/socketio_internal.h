/* socketio_internal.h - what the files of the Socket.IO dialect share. */
#ifndef PL_DIALECT_SOCKETIO_INTERNAL_H
#define PL_DIALECT_SOCKETIO_INTERNAL_H

#include "dialect/dispatch.h"
#include "dialect/socketio.h"

/* What a client may say, by noun: each table ends with {0} and stands in the file of its name. */
extern const struct pl_message_row pl_socketio_rooms[], pl_socketio_messages[],
	pl_socketio_presence[], pl_socketio_files[], pl_socketio_calls[];

#define PL_SOCKETIO_LIMITED(name) .has_limit = true, .limit = PL_LIMIT_##name
/* Words of an error that a client reads in {error: "..."}. */
#define PL_SOCKETIO_SAYS(text) \
	{                      \
		"error", text  \
	}

enum {
	PL_SOCKETIO_ROOM_MAX = 128, /* bytes of a room's name, or an id */
	PL_SOCKETIO_NAME_MAX = 1024,
	PL_SOCKETIO_TYPE_MAX = 64,
	PL_SOCKETIO_CLIENT_ID_MAX = 128,
	PL_SOCKETIO_STATUS_MAX = 32,
	PL_SOCKETIO_PIECES_MAX = 10, /* binary values in a message: clients take no more */
	PL_SOCKETIO_SID = 20,        /* characters of a socket's id */
	/* Of text in a list of messages, and in all that somebody missed: what is sent at once must
	 * not look like a slow reader. */
	PL_SOCKETIO_LIST_BYTES = 256 << 10,
	PL_SOCKETIO_MISSED_BYTES = 512 << 10,
};

/* A socket of the chat, or one that asks to be one. */
struct socketio {
	struct pl_session session;   /* first; its line is this struct */
	parley_handshake *asking;    /* until it is answered; else NULL */
	parley_socket *socket;       /* from on_connect to on_disconnect; else NULL */
	const parley_packet *packet; /* the event that is being handled; else NULL */
	struct arrival *arrival;     /* until it is told what it missed; see socketio_arrival.c */
	struct receipts *receipts;   /* what it may not have got yet; see socketio_pending.c */
	struct pl_uuid position;     /* what is not said after this, it is not told */
	struct pl_list joins;        /* struct join, see socketio_rooms.c */
	uint64_t news;               /* of presence, the last it was told */
	uint32_t creating;           /* joins under way that may make a room */
	bool is_dismissed;           /* before it was answered */
};

static inline struct socketio *pl_socketio_of(struct pl_session *s)
{
	return PL_CONTAINER(s, struct socketio, session);
}

static inline struct pl_slice pl_socketio_slice(struct parley_slice s)
{
	return pl_slice(s.at, s.len);
}

/* ---- socketio.c: events and acknowledgements. What handlers are given as `ref` is the
 * acknowledgement that the client waits for; empty: it waits for none, and nothing is sent. ---- */

/* {success: true ...}: the reply buffer, to be continued (PL_PUT(b, ",\"more\":1")) and sent. */
struct pl_buf *pl_socketio_begin_ack(struct pl_session *);
void pl_socketio_ack(struct pl_session *, struct pl_slice ref, struct pl_buf *);
/* The same of a buffer that begins with the array and holds one whole argument. */
void pl_socketio_acknowledge(struct pl_session *, struct pl_slice ref, struct pl_buf *);
/* {error: text} */
void pl_socketio_fail(struct pl_session *, struct pl_slice ref, const char *text);
/* ["event", : the reply buffer, to be continued with the arguments and sent. */
struct pl_buf *pl_socketio_begin(struct pl_session *, const char *event);
void pl_socketio_emit(struct pl_session *, struct pl_buf *);
/* The bytes that a value of the event that is being handled stands for; not binary: at == NULL.
 * Valid while it is. */
struct pl_slice pl_socketio_binary(struct pl_session *, const struct pl_json *value);
/* The session that an operation is to be answered on; NULL: nobody waits for it. */
struct pl_session *pl_socketio_answering(const struct pl_op *);

extern const struct pl_dialect pl_socketio_dialect, pl_socketio_plain_dialect;

/* ---- socketio_rows.c: nouns as this dialect writes them ---- */

/* As the claim had it, a string or a number. */
void pl_socketio_put_user_id(struct pl_buf *, const struct pl_user *);
/* {id, name} */
void pl_socketio_put_user(struct pl_buf *, const struct pl_user *);
/* 32 hexadecimal digits, in quotes */
void pl_socketio_put_id(struct pl_buf *, const struct pl_uuid *);
int pl_socketio_read_id(struct pl_slice, struct pl_uuid *) PL_MUST_CHECK;
/* The alias, else the id. */
void pl_socketio_put_room(struct pl_buf *, struct pl_slice alias, const struct pl_uuid *);

/* Binary values that travel beside the JSON. */
struct pl_socketio_pieces {
	struct pl_buf bytes;
	size_t end[PL_SOCKETIO_PIECES_MAX]; /* where each ends */
	uint32_t n;
};
void pl_socketio_pieces_init(struct pl_socketio_pieces *);
void pl_socketio_pieces_fini(struct pl_socketio_pieces *);
void pl_socketio_pieces_slices(const struct pl_socketio_pieces *,
			       struct pl_slice out[PL_SOCKETIO_PIECES_MAX]);

/* A message of a room, or of two people (other: for whom it is; nil: of a room), with this content.
 * pieces NULL: binary values stand in it as data: URLs. */
void pl_socketio_put_message(struct pl_buf *, const struct pl_message *, struct pl_slice content,
			     struct pl_slice alias, const struct pl_user *other,
			     struct pl_socketio_pieces *);
/* ["new-message" or "private-message", message, offset if with_offset] */
void pl_socketio_put_news(struct pl_buf *, const struct pl_message *, struct pl_slice content,
			  struct pl_slice alias, const struct pl_user *other, bool with_offset,
			  struct pl_socketio_pieces *);

/* ---- socketio_content.c ---- */

/* What is said, into the op's arena. type at == NULL: text. PL_EINVAL: nothing is said, or too many
 * binary values; PL_ENOMEM. */
int pl_socketio_read_content(struct pl_session *, const struct pl_json *content,
			     struct pl_slice type, struct pl_op *) PL_MUST_CHECK;
void pl_socketio_put_content(struct pl_buf *, const struct pl_message *, struct pl_slice content,
			     struct pl_socketio_pieces *);
/* The type of a message, as it was given. */
void pl_socketio_put_type(struct pl_buf *, const struct pl_message *);

/* ---- socketio_auth.c: who it is ---- */

extern const struct pl_line_ops pl_socketio_line;
void pl_socketio_authorize(parley_handshake *, void *user);

/* ---- socketio_arrival.c: from the token to the first word ---- */

/* Reads what the client says of an earlier connection. PL_ENOMEM. */
int pl_socketio_arrival_new(struct socketio *, const parley_handshake *) PL_MUST_CHECK;
void pl_socketio_arrival_free(struct socketio *);
void pl_socketio_prepare(struct pl_session *);
/* Before it is let in: its id and pid. An error: it cannot be. */
int pl_socketio_restore(struct socketio *) PL_MUST_CHECK;
/* It is in: what it missed, and what waits. */
int pl_socketio_arrive(struct socketio *) PL_MUST_CHECK;
/* A message that comes while it is not in yet. */
void pl_socketio_hold(struct socketio *, const struct pl_event *);
/* In this conversation it hears what is said, from now on. */
int pl_socketio_sit(struct pl_session *, const struct pl_conversation *) PL_MUST_CHECK;

/* ---- socketio_recovery.c: what was missed since the line broke ---- */

/* An event of the user: another socket with the same id came. */
void pl_socketio_on_takeover(struct pl_session *, const struct pl_event *);

/* ---- socketio_pid.c: what a client shows to be recovered ---- */

enum { PL_SOCKETIO_PID = 63 };
/* Written by whoever has the key: this socket, of this user, was told all that was said up to this
 * position. */
int pl_socketio_pid_write(const uint8_t key[PL_SECRET_BYTES], struct pl_slice sid,
			  const struct pl_uuid *user, const struct pl_uuid *position,
			  char out[PL_SOCKETIO_PID]) PL_MUST_CHECK;
/* PL_EINVAL: not ours, or another user's. sid: a slice of the pid. */
int pl_socketio_pid_read(const uint8_t key[PL_SECRET_BYTES], struct pl_slice pid,
			 const struct pl_uuid *user, struct pl_slice *sid,
			 struct pl_uuid *position) PL_MUST_CHECK;

/* ---- socketio_pending.c: what was said to the user alone, until it is known to have been received
 * ---- */

/* Takes the op, a PL_OP_PENDING that came home: tells of what it found. */
void pl_socketio_pend(struct socketio *, struct pl_op *);
/* This one was told just now. */
void pl_socketio_told(struct socketio *, const struct pl_uuid *message);
void pl_socketio_on_pong(parley_socket *);
void pl_socketio_forget_receipts(struct socketio *);

/* ---- socketio_rooms.c ---- */

void pl_socketio_forget_joins(struct pl_session *);
/* Who sits in the room that is being joined: the ids in `members`, an array. */
void pl_socketio_members_came(struct pl_session *, struct pl_slice ref, struct pl_slice members);
/* It is in this room no more. */
void pl_socketio_left(struct pl_session *, const struct pl_uuid *conversation);

/* ---- socketio_mirror.c: rooms as the Admin UI sees them ---- */

/* It is in: all that it sits in. */
void pl_socketio_show_rooms(struct socketio *);
void pl_socketio_show_room(struct socketio *, const struct pl_conversation *);
/* Before it stands up. */
void pl_socketio_hide_room(struct socketio *, const struct pl_uuid *conversation);

/* ---- socketio_messages.c ---- */

/* Whether whom a message was for was there to hear it. */
void pl_socketio_delivered(struct pl_session *, const struct pl_event *answer);

/* ---- socketio_calls.c ---- */

/* What the other says in a call, as an event; nothing where these clients do not hear of it. */
void pl_socketio_put_call(const struct pl_event *, struct pl_buf *);
/* To who said something in a call: what became of it. */
void pl_socketio_on_call_reply(struct pl_session *, const struct pl_call_news *);

/* ---- socketio_out.c ---- */

extern const struct pl_peer_ops pl_socketio_ops, pl_socketio_plain_ops;
/* Whether stored events are told with their offset. */
bool pl_socketio_has_offsets(const struct pl_session *);

#endif
