/* engineio_internal.h - what the engineio*.c files share. Not for others. */
#ifndef PL_CONN_ENGINEIO_INTERNAL_H
#define PL_CONN_ENGINEIO_INTERNAL_H

#include "base/map.h"
#include "conn/engineio.h"
#include "conn/internal.h"

/* 128 random bits and 16 of the worker, base64url. */
enum { PL_EIO_SID_BYTES = 18, PL_EIO_SID_TEXT = 24, PL_EIO_WORKERS_MAX = 4096 };

enum pl_eio_state {
	PL_EIO_NEW,     /* the handshake is not answered yet; what is sent waits */
	PL_EIO_IS_OPEN, /* in to_ping or to_pong */
	PL_EIO_LEAVING, /* over for its user; its last packets wait in `leaving` for a poll */
	PL_EIO_OVER,    /* in no list; freed at the end of the turn */
};

/*
 * Who asks, as far as a request tells; hashes under the set's own key, 0: not said. A session is
 * bound to what its handshake told, see engineio_origin.c.
 */
struct pl_eio_principal {
	uint64_t origin, authorization, cookie;
};

/* What only a session has that polls, or whose WebSocket has not been accepted yet. */
struct pl_eio_polling {
	struct pl_eio *session;
	struct pl_list answer;  /* in the set's `answers`: what is queued leaves with this turn */
	struct pl_list probing; /* in the set's `probing` while there is a probe */
	uint64_t probe_due_ms;
	struct pl_conn *get;   /* the poll that hangs; NULL: none */
	struct pl_conn *probe; /* the WebSocket that wants to take over; NULL: none */
	struct pl_buf queue;   /* packets, as a payload */
	uint64_t posted_ms;    /* when the last post was there as a whole */
	struct pl_eio_principal principal;
	struct pl_ip site; /* whose place it holds at the gate */
	int32_t cors;      /* of `get` */
	bool is_counted;   /* it holds one */
	bool has_goodbye;  /* the last packet is queued */
	bool is_probed;    /* `3probe` was said: polls are not kept hanging */
};

/*
 * Invariant: a connection's user is this session iff it is its line, get or probe. So whoever lets
 * go of one, takes himself off there first.
 */
struct pl_eio {
	struct pl_eios *set;
	struct pl_conn *line;           /* the WebSocket that carries it; NULL: none (any more) */
	struct pl_eio_polling *polling; /* NULL: a WebSocket carries it */
	void *user;
	struct pl_list beat; /* in a list of the set, see the states */
	uint64_t due_ms;     /* when its turn in that list comes */
	struct pl_eio *next; /* in the set's `ended` */
	uint64_t number;
	struct pl_ip from;
	char sid[PL_EIO_SID_TEXT];
	uint16_t close_code; /* of a close that came before the WebSocket was accepted */
	uint8_t state;
	uint8_t transport;
	uint8_t reason;
	bool is_opened : 1;   /* on_open said yes: on_close is due */
	bool is_ended : 1;    /* linked in `ended` */
	bool is_base64 : 1;   /* takes no binary frames */
	bool is_secure : 1;   /* began over TLS */
	bool awaits_pong : 1; /* in to_pong */
	bool was_heard : 1;   /* said something since the ping */
	bool was_extended : 1;
};

/*
 * Each list is in the order of what is due, because all that enters it waits equally long: nothing
 * is sorted, and a timer looks at the heads only.
 */
struct pl_eios {
	struct pl_loop *loop;
	struct pl_gate *gate;
	const struct pl_eio_options *o;
	const struct pl_eio_ops *ops;
	void *ctx;
	struct pl_endpoint endpoint;
	struct pl_ws_options ws;
	struct pl_map sids; /* of all that are NEW, OPEN or LEAVING */
	struct pl_list to_ping, to_pong, leaving;
	struct pl_list probing; /* of pl_eio_polling */
	struct pl_list answers; /* of pl_eio_polling */
	struct pl_timer clock;
	struct pl_task answer;
	struct pl_reap reap;
	struct pl_eio *ended;
	uint64_t seed[2];
	struct pl_conns *const *siblings; /* by the number of their worker */
	uint32_t nsiblings;
	uint64_t last_number;
	size_t nopen, npolling;
	uint32_t worker;
	bool is_draining, is_answering, is_reaping, any_origin;
};

/* engineio_set.c */
void pl_eios_count_polling(struct pl_eios *, int more);
bool pl_eio_has_transport(const struct pl_eios *, enum pl_eio_transport);
/* True: the session is another worker's, where the connection is now. */
bool pl_eio_forward(const struct pl_eios *, struct pl_conn *, const struct pl_request *,
		    struct pl_slice sid);

/* engineio.c */
/* The end of a turn: on_close as due, and frees. */
void pl_eios_reap(struct pl_reap *);
/* In state NEW; *out is untouched on failure. PL_ELIMIT, PL_ENOMEM. */
int pl_eio_new(struct pl_eios *, struct pl_conn *, const struct pl_eio_query *,
	       struct pl_eio **out) PL_MUST_CHECK;
/* With it from now on: its heartbeat begins. */
void pl_eio_open(struct pl_eio *);
/* NULL: none of that name here. */
struct pl_eio *pl_eio_find(struct pl_eios *, struct pl_slice sid);
/*
 * Over at once: a poll that hangs is answered with what is queued and `last` (CLOSE or NOOP), a
 * WebSocket closed. on_close at the end of the turn. Nothing happens if it is over already.
 */
void pl_eio_end(struct pl_eio *, enum pl_eio_reason, enum pl_eio_type last);
/* Of one that is LEAVING: whether what is queued now is the last of it. */
bool pl_eio_say_goodbye(struct pl_eio *);
/* Nobody hears of it any more: its last packets were fetched, or its handshake was refused. */
void pl_eio_gone(struct pl_eio *);
/* The open packet of this session. */
void pl_eio_put_hello(struct pl_buf *, const struct pl_eio *);
struct pl_eio_polling *pl_eio_polling_new(struct pl_eio *);
void pl_eio_polling_free(struct pl_eio *);

/* engineio_beat.c */
void pl_eios_on_clock(struct pl_timer *);
/* What is due by now happens now: a request must not meet a session whose time was up. */
void pl_eios_catch_up(struct pl_eios *);
void pl_eio_beat_begin(struct pl_eio *);
void pl_eio_beat_pong(struct pl_eio *);
/* Into `leaving`. */
void pl_eio_beat_leave(struct pl_eio *);
void pl_eio_probe_begin(struct pl_eio_polling *);

/* engineio_in.c: a packet from the client. */
void pl_eio_take(struct pl_eio *, const struct pl_eio_packet *);
/* A whole payload of them, to its end or the session's. */
void pl_eio_take_payload(struct pl_eio *, struct pl_slice payload);

/* engineio_out.c */
/* Any packet; what pl_eio_send says. */
int pl_eio_say(struct pl_eio *, const struct pl_eio_packet *);
void pl_eios_on_answer(struct pl_task *);
/* The poll that hangs, if there is one, gets what is queued, or a noop. */
void pl_eio_answer(struct pl_eio *);
/* Whether the poll is there to be answered: it may have gone in this very turn. */
bool pl_eio_has_poll(const struct pl_eio *);
/* Everything that is queued, onto the WebSocket. */
void pl_eio_move_queue(struct pl_eio *, struct pl_eio_polling *from);

/* engineio_origin.c */
enum { PL_EIO_NO_CORS = -1, PL_EIO_ANY_ORIGIN = -2 }; /* else a row of options->origins */
struct pl_eio_asker {
	struct pl_eio_principal principal;
	int32_t cors;
	bool is_foreign;   /* a page that may not come */
	bool is_malformed; /* more than one Origin */
};
void pl_eio_asker_read(const struct pl_eios *, const struct pl_http_request *,
		       struct pl_eio_asker *out);
/* Whether this is who shook hands. Learns what the handshake did not tell. */
bool pl_eio_is_bound(struct pl_eio *, const struct pl_conn *, const struct pl_eio_asker *,
		     bool is_upgrade);
/* Answers, with the headers of CORS. type NULL: no body. */
void pl_eio_reply(struct pl_eios *, struct pl_conn *, int32_t cors, unsigned status,
		  const char *type, struct pl_slice body);
void pl_eio_preflight(struct pl_eios *, struct pl_conn *, const struct pl_http_request *,
		      int32_t cors);

/* engineio_http.c, engineio_ws.c */
void pl_eio_on_request(struct pl_conn *, const struct pl_request *);
void pl_eio_on_too_large(struct pl_conn *, const struct pl_request *);
void pl_eio_on_upgrade(struct pl_conn *, const struct pl_request *);
void pl_eio_on_ws_message(struct pl_conn *, enum pl_ws_op, struct pl_slice);
void pl_eio_on_conn_close(struct pl_conn *, uint16_t code, struct pl_slice reason);
void pl_eio_drop_probe(struct pl_eio *);

#endif
