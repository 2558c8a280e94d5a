/*
 * session.h - one client of a dialect, from its handshake to its end: who it is, when its token
 * expires, and what waits until it is known. What carries its words is behind a few functions: a
 * WebSocket of its own (session_conn.c), or something that a dialect brings.
 */
#ifndef PL_DIALECT_SESSION_H
#define PL_DIALECT_SESSION_H

#include "auth/auth.h"
#include "chat/hub.h"
#include "conn/conn.h"
#include "wire/json.h"

struct pl_session;

struct pl_gateway_options {
	uint32_t auth_deadline_ms; /* a connection that nobody signed in on is closed after this; 0:
				      never */
	uint32_t expiry_warning_ms; /* how long before its token expires a client is warned */
	bool provision;             /* a verified token of an unknown user makes that user */
	/* Native: frames that a connection may send in a window; 0: any number. */
	uint32_t native_messages, native_window_ms;
	bool realtime_single_session; /* a newer connection of a user and kind ends the older */
	bool realtime_push_init;      /* older clients hear INIT_DATA without asking */
	uint32_t realtime_history;    /* messages of a history */
	uint32_t socketio_typing_ms;  /* typing without another keystroke ends by itself */
	bool socketio_shows_rooms;    /* to an Admin UI */
	uint32_t socketio_recovery;   /* messages that a client is shown at most when it comes back;
					 0: it comes as a new one */
};

struct pl_custom_message;

/* What the dialects of a worker share. */
struct pl_gateway {
	struct pl_hub *hub;
	struct pl_auth *
		auth; /* one reference; exchanged on the worker's loop by a reload. NULL: no keys */
	struct pl_json_parser *messages, *tokens;
	const struct pl_gateway_options *options;
	struct pl_buf out; /* scratch of the reply that is being written */
	uint64_t next_id;
	const struct pl_custom_message *native_handlers; /* native.h; NULL: none */
	struct pl_uploads *uploads; /* upload.h; NULL: none. The owner's, not the gateway's */
	/* While somebody is told that signing in failed: why the token was refused; NULL: it was
	 * not. */
	const char *refusal;
};

/* worker: distinct for each gateway of the process. */
int pl_gateway_init(struct pl_gateway *, struct pl_hub *, const struct pl_gateway_options *,
		    uint32_t worker, size_t max_message) PL_MUST_CHECK;
void pl_gateway_fini(struct pl_gateway *);
/* Takes the reference. */
void pl_gateway_set_auth(struct pl_gateway *, struct pl_auth *);

/* What carries a session. */
struct pl_line_ops {
	/* Not on its way out. Not asked of who was not answered yet. */
	bool (*is_open)(const struct pl_session *);
	void (*send)(struct pl_session *, struct pl_slice text);
	/* What follows, follows later: pl_session_end is never called from inside. */
	void (*close)(struct pl_session *, uint16_t code, struct pl_slice reason);
	struct pl_ip (*from)(const struct pl_session *);
	uint64_t (*number)(const struct pl_session *); /* for logs */
	/*
	 * To who asked to come in (pl_session_ask): err 0: it may. False: it did not come in, and
	 * the line is not the session's any more, which leaves by itself.
	 */
	bool (*answer)(struct pl_session *, int err);
};

/* How a dialect speaks: what the common session asks of it. */
struct pl_dialect {
	const char *name;
	const struct pl_peer_ops *peer_ops;
	/* A whole message from the client. */
	void (*on_text)(struct pl_session *, struct pl_slice);
	/* The outcome of pl_session_sign_in. err 0: the peer is the user now. ref as given there.
	 */
	void (*on_signed_in)(struct pl_session *, struct pl_slice ref, bool was_asked, int err);
	/* The token runs out at this time; or (is_over) has: the connection is about to be closed.
	 */
	void (*on_expiry)(struct pl_session *, uint64_t expires_s, bool is_over);

	/* What follows may be left out. */
	size_t size; /* of its sessions, which begin with struct pl_session and are zeroed */
	const struct pl_line_ops *line; /* without it: a WebSocket */
	/* Where the handshake brings the token; at == NULL: nowhere. Without this: pl_token_find.
	 */
	struct pl_slice (*find_token)(const struct pl_request *, struct pl_arena *);
	/* The handshake is done and brought no token. */
	void (*on_no_token)(struct pl_session *);
	/* A token of the handshake is looked at before the upgrade: a bad one is answered with 401.
	 */
	bool asks_first;
	/*
	 * The peer is the user now, and the dialect has something to do before anybody is told so;
	 * it ends with pl_session_ready. Messages wait until then.
	 */
	void (*prepare)(struct pl_session *);
	/* Nobody signed in in time: the connection is about to be closed. */
	void (*on_deadline)(struct pl_session *);
	/* The connection is gone, or who was signed in is not any more; the peer still is who it
	 * was. May come more than once. */
	void (*on_end)(struct pl_session *);
	/* Messages that may wait while signing in, and their bytes; 0: 64, 256 KiB. */
	uint32_t waiting_max, waiting_bytes;
};

struct pl_session {
	struct pl_peer peer;
	union { /* NULL: the line is gone, operations may still come home */
		struct pl_conn *conn;
		void *line; /* theirs, where the dialect has line ops of its own */
	};
	struct pl_gateway *gateway;
	const struct pl_dialect *dialect;
	uint32_t refs; /* the connection's, and one per operation under way */
	bool is_signing_in, is_warned;
	bool is_asking;             /* the line waits for an answer: may it come in? */
	struct pl_request *request; /* of a WebSocket that is asking; else NULL */
	struct pl_op *preparing;    /* the sign-in that pl_session_ready ends; else NULL */
	struct pl_buf waiting;      /* messages that came while signing in: length, bytes */
	uint32_t nwaiting;
	struct pl_timer timer; /* the deadline to sign in; then the token's warning and end */
	uint64_t expires_s;
};

/*
 * For an endpoint's on_upgrade, on_message and on_close. A token that the handshake brings
 * (find_token) signs in without a word; messages wait for the
 * outcome.
 */
void pl_session_open(struct pl_conn *, const struct pl_request *, struct pl_gateway *,
		     const struct pl_dialect *);
/*
 * A session that has said and heard nothing yet, as large as those of this dialect and zeroed
 * behind struct pl_session, is one of it from now on: as if that request had opened it, and this
 * were its first message. Call it from on_text. A token of the request signs in, also where it did
 * so before; asks_first means nothing here.
 */
void pl_session_become(struct pl_session *, const struct pl_dialect *, const struct pl_request *,
		       struct pl_slice first);
void pl_session_message(struct pl_conn *, enum pl_ws_op, struct pl_slice);
void pl_session_close(struct pl_conn *, uint16_t code, struct pl_slice reason);

/* ---- for lines ---- */

/* NULL: no memory. */
struct pl_session *pl_session_new(void *line, struct pl_gateway *,
				  const struct pl_dialect *) PL_MUST_CHECK;
/* May it come in, with this token? The line's `answer` says so, perhaps at once; then
 * on_signed_in, if it came in. */
void pl_session_ask(struct pl_session *, struct pl_slice token);
/* It is there: the deadline to sign in begins, and a token signs in. */
void pl_session_begin(struct pl_session *, struct pl_slice token);
/* A whole message came. */
void pl_session_say(struct pl_session *, struct pl_slice text);
/* As pl_session_become, with the token of the handshake. */
void pl_session_turn_into(struct pl_session *, const struct pl_dialect *, struct pl_slice token,
			  struct pl_slice first);
/* The line is gone. The session may be too. */
void pl_session_end(struct pl_session *);

/* ---- for dialects ---- */

/* Somebody whom nobody vouches for, as the dialect invented it. 0: there is no deadline any more.
 */
int pl_session_be_guest(struct pl_session *, const struct pl_user *) PL_MUST_CHECK;
/*
 * Checks the token now, then finds the user in the store; on_signed_in follows, also for a bad
 * token. was_asked: a message asked for it, which is to be answered; ref is handed back.
 */
void pl_session_sign_in(struct pl_session *, struct pl_slice token, struct pl_slice ref,
			bool was_asked);
/* Once, after `prepare`. An error: nobody has signed in, and on_signed_in hears of it (before an
 * upgrade: 401, or 503 where it is not the client's mistake). */
void pl_session_ready(struct pl_session *, int err);
static inline bool pl_session_is_signed_in(const struct pl_session *s)
{
	return pl_peer_is_signed_in(&s->peer);
}

/*
 * An operation on behalf of this session, in the name of its user. on_done finds the session by
 * pl_session_of and must end with pl_session_done. The ref is copied; NULL: no memory.
 */
struct pl_op *pl_session_op(struct pl_session *, enum pl_op_kind, void (*on_done)(struct pl_op *),
			    struct pl_slice ref);
void pl_session_submit(struct pl_session *, struct pl_op *);
/* NULL when the connection is gone meanwhile. */
struct pl_session *pl_session_of(const struct pl_op *);
/* Whether who asked is still signed in; another one is not told what was not asked by him. */
bool pl_session_is_still(const struct pl_op *);
/* Also when the connection is gone. */
struct pl_hub *pl_session_hub(const struct pl_op *);
struct pl_slice pl_session_ref(const struct pl_op *);
/* Something of the caller's that goes with the operation. */
void pl_session_attach(struct pl_op *, void *);
void *pl_session_attached(const struct pl_op *);
/* Keeps another finished operation until this one is done: its answer waits for this one. */
void pl_session_hold(struct pl_op *, struct pl_op *held);
struct pl_op *pl_session_held(const struct pl_op *);
/* Frees the op, and the session with the last reference. */
void pl_session_done(struct pl_op *);

/* Ends the line, with a code of WebSockets. Nothing happens where there is none any more. */
void pl_session_close_line(struct pl_session *, uint16_t code, struct pl_slice reason);

/* The reply buffer, empty. Send it with pl_session_send. */
struct pl_buf *pl_session_out(struct pl_session *);
void pl_session_send(struct pl_session *, struct pl_buf *);

#endif
