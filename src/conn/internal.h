/* internal.h - what the files of this folder share. Not for other layers. */
#ifndef PL_CONN_INTERNAL_H
#define PL_CONN_INTERNAL_H

#include "conn/conn.h"
#include "conn/outq.h"
#include "wire/gzip.h"

/* Which words the connection is in, and what its deadline means. pl_conn_enter() changes it. */
enum pl_phase {
	PL_PH_HEAD, /* waits for (the rest of) a request head; deadline: give up */
	PL_PH_BODY, /* waits for the rest of a body; deadline: give up */
	PL_PH_OWED, /* a request was handed up, the answer is owed; nothing is read; no deadline */
	PL_PH_LEAVING, /* it goes to another worker at the end of the turn (move.c); nothing is
			  read and nobody here is told of it any more; no deadline */
	PL_PH_PIECES,  /* an answer is under way, its body comes in pieces (pieces.c); nothing is
			  read; deadline: break */
	PL_PH_OPEN,    /* WebSocket; deadline: see heartbeat.c */
	PL_PH_CLOSING, /* our close frame is queued or sent, the peer's is awaited; deadline: break
			*/
	PL_PH_LAST,    /* only what is queued still leaves, then FIN; deadline: break */
	PL_PH_LINGER, /* FIN is sent, the peer's is awaited so that nothing is lost; deadline: break
		       */
	PL_PH_DEAD,   /* off the loop, to be freed at the end of the turn */
};

/* Only while a request is unfinished or owed; most requests come whole and need none. */
struct pl_http_state {
	struct pl_buf in;   /* received and not used yet */
	struct pl_buf head; /* of the request whose body is being read */
	struct pl_buf body;
	struct pl_http_body decoder;
	uint64_t began_ms; /* when the head was whole */
};

/* Output on its way: borrowed from the worker's pool while something waits to be sent. */
struct pl_sendq {
	struct pl_sendq *next; /* in the pool */
	struct pl_conn *conn;  /* whose it is */
	struct pl_out out;
	struct pl_outq q;
};

/*
 * There are many of them, and most are idle WebSockets: what one has only for a while lies where
 * something else lies later. is_http says which member of the last union counts.
 */
struct pl_conn {
	struct pl_io io;
	struct pl_conns *set;
	struct pl_sendq *queue; /* NULL: nothing waits to be sent */
	struct pl_tls *tls;     /* NULL: plain */
	union {
		const struct pl_router *router; /* while it is HTTP */
		char *reason;                   /* a WebSocket's end, for on_close; NULL: none */
	};
	union {
		struct pl_http_parser parser;
		struct pl_move *move;     /* in PL_PH_LEAVING */
		struct pl_pieces *pieces; /* while in_pieces */
		struct pl_ws_reader ws;
	};
	union {
		/* Until the bytes behind an upgrade were read. NULL: no request is unfinished. */
		struct pl_http_state *http;
		struct {
			uint32_t active_tick; /* when it last said or pinged something */
			uint32_t beat_tick;   /* when the next ping is due */
		};
	};
	const struct pl_endpoint *endpoint; /* NULL between requests */
	void *user;
	struct pl_conn *next; /* in the set's list `settling` */
	struct pl_ip from;
	uint64_t id;
	uint32_t index;      /* in the set's arrays */
	uint32_t heard_tick; /* when the peer last gave a sign of life */
	uint16_t close_code; /* what on_close will say; 0: not known yet */
	int8_t fault;        /* of the reader; 0: none */
	uint8_t phase;
	uint8_t missed;      /* beats since its last pong */
	bool is_http : 1;    /* see above */
	bool is_ws : 1;      /* upgraded: on_close is due */
	bool deflate : 1;    /* negotiated */
	bool is_blocked : 1; /* the socket is full: EPOLLOUT is on */
	bool is_reading : 1; /* EPOLLIN is on */
	bool in_callback : 1;
	bool keep_alive : 1, is_head : 1; /* of the request that is owed an answer */
	bool is_upgrade : 1;              /* the request that is owed an answer is one */
	bool is_owed : 1;                 /* it broke while its answer was owed: on_close is due */
	bool is_settling : 1;             /* linked for the end of the turn */
	bool is_notified : 1;             /* TLS: close_notify is queued or sent */
	bool is_uncounted : 1;            /* `from` is a proxy of ours */
	bool is_proxied : 1;              /* `from` is who called a proxy of ours */
	bool is_watched : 1; /* a peer that hangs up does not want the answer any more */
	bool takes_gzip : 1; /* who asked */
	bool in_pieces : 1;  /* the source of a body is to be told when it is done */
	bool is_excused : 1; /* its arrival was given back to its caller */
	uint8_t moves : 2;   /* how often the request that is owed an answer changed its worker */
};

/* Deadlines are kept in ticks, in one dense array: the sweep reads nothing else. */
enum { PL_TICK = 100 /* ms */, PL_NO_DEADLINE = 0 };
enum { PL_SLOWEST = 16 /* bytes in a millisecond that a reader of an answer must take */ };

struct pl_conns {
	struct pl_loop *loop;
	struct pl_gate *gate;
	const struct pl_conn_options *options;
	struct pl_metrics *metrics;
	struct pl_log *log;
	struct pl_conn **at; /* dense: at[i]->index == i */
	uint32_t *due;       /* due[i]: the tick of at[i]'s deadline, PL_NO_DEADLINE: none */
	uint32_t count, cap;
	uint64_t born_ms, next_id;
	struct pl_timer sweep;
	struct pl_reap reap;
	struct pl_conn *settling; /* dead, over, or to be resumed at the end of the turn */
	struct pl_slab slab;
	struct pl_sendq *pool;
	uint32_t pooled;
	char *plain; /* PL_HOT_BYTES: decrypted input; NULL until the first TLS connection */
	struct pl_buf cipher; /* scratch of one call */
	struct pl_buf head;   /* the same: of an answer */
	struct pl_deflater *deflater;
	struct pl_gzipper *gzipper;
	struct pl_inflater *inflater;
	const struct pl_router *routers; /* where connections of other workers go on */
	size_t nrouters;
	bool is_draining;
	bool is_over;     /* it is being freed */
	bool is_settling; /* `reap` is linked */
};

/* conns.c */
uint32_t pl_conns_tick(const struct pl_conns *);
void pl_conn_set_deadline(struct pl_conn *, uint32_t ms); /* 0: none */
int pl_conns_insert(struct pl_conns *, struct pl_conn *) PL_MUST_CHECK;
void pl_conns_remove(struct pl_conn *);

/* What holds for its WebSocket. */
static inline const struct pl_ws_options *pl_conn_ws(const struct pl_conn *c)
{
	return c->endpoint && c->endpoint->ws ? c->endpoint->ws : &c->set->options->ws;
}

static inline struct pl_ws_limits pl_ws_limits_of(const struct pl_conn *c)
{
	const struct pl_ws_options *o = pl_conn_ws(c);
	return (struct pl_ws_limits){.max_message = o->max_message,
				     .max_frames = o->max_frames,
				     .from_client = true,
				     .deflate = c->deflate};
}

/* The compressor and the decompressor, made when the first connection needs them. */
bool pl_conns_can_deflate(struct pl_conns *);

/* conn.c */
/* What to be woken for. */
uint32_t pl_conn_interest(const struct pl_conn *);
void pl_conn_enter(struct pl_conn *, enum pl_phase, uint32_t deadline_ms);
void pl_conn_read_on(struct pl_conn *, bool);
/* On or off, as the phase and the backlog want it. */
void pl_conn_read_as_due(struct pl_conn *);
/* ms, and what the bytes that wait need at the slowest speed that we put up with. */
uint32_t pl_conn_time_to_leave(const struct pl_conn *, uint32_t ms);
/* Off the loop at once, without a word; on_close as due, with `code`. */
void pl_conn_break(struct pl_conn *, uint16_t code, struct pl_slice reason);
/* No more input; FIN after what is queued. */
void pl_conn_finish(struct pl_conn *);
/* pl_http_resume at the end of the turn, when callbacks may run again. */
void pl_conn_resume_later(struct pl_conn *);
/* Whether more of the peer's words may be taken: what he was told has left, or nearly. */
bool pl_conn_may_read(const struct pl_conn *);
/*
 * The request that is owed its answer waits for long: who hangs up, also with half of a connection,
 * has gone (on_close with code 0). Else he is answered all the same.
 */
void pl_conn_watch(struct pl_conn *);
/* What on_close will say; the first one counts. And: at the end of this turn. */
void pl_conn_note_end(struct pl_conn *, uint16_t code, struct pl_slice reason);
void pl_conn_tell_closed(struct pl_conn *, uint16_t code, struct pl_slice reason);

/* out.c */
void pl_conns_free_pool(struct pl_conns *);
/* Queue bytes. 0, or a negative error after which the connection is already broken. */
int pl_conn_put(struct pl_conn *, const void *at, size_t n);
int pl_conn_put2(struct pl_conn *, struct pl_slice head, struct pl_slice rest);
int pl_conn_put_frame(struct pl_conn *, struct pl_frame *);
void pl_conn_put_cipher(struct pl_conn *, struct pl_slice);
static inline size_t pl_conn_unsent(const struct pl_conn *c)
{
	return c->queue ? c->queue->q.bytes : 0;
}
void pl_conn_drop_output(struct pl_conn *);

/* http_conn.c, ws_conn.c: use all of the n bytes at `at` (or keep a copy of what is left). */
void pl_http_input(struct pl_conn *, char *at, size_t n);
void pl_http_fini(struct pl_conn *);
bool pl_http_has_begun(const struct pl_conn *); /* a request that is not whole yet */
/* Goes on with what was kept: the answer was given, or the earlier answers have left. After an
 * upgrade these are frames. */
void pl_http_resume(struct pl_conn *);
void pl_http_deadline(struct pl_conn *);
/* Goes on with a connection that came from another worker: its request first, then what was kept.
 */
void pl_http_adopt(struct pl_conn *, const struct pl_request *);
/* request.c: a copy, with the body. */
struct pl_request *pl_request_keep_whole(const struct pl_request *);

/* The next request: it may have begun already. */
void pl_http_enter_head(struct pl_conn *);

/* answer.c: a short page for what went wrong; and no further words. */
void pl_http_refuse(struct pl_conn *, unsigned status);
void pl_http_refuse_and_close(struct pl_conn *, unsigned status);
/* The head of an answer, in a buffer of the set until the next call; nothing else happens. */
int pl_answer_head(struct pl_conn *, struct pl_http_reply *, uint64_t length,
		   struct pl_buf **head) PL_MUST_CHECK;
/* All of it is queued: on to the next request, or to the end. */
void pl_answer_end(struct pl_conn *);

/* pieces.c: something left; the end of a turn; the source is done with. */
void pl_pieces_sent(struct pl_conn *);
void pl_pieces_resume(struct pl_conn *);
void pl_pieces_end(struct pl_conn *, bool is_whole);

/* move.c: at the end of the turn; and when it breaks before that. */
void pl_conn_depart(struct pl_conn *);
void pl_conn_cancel_move(struct pl_conn *);
void pl_ws_input(struct pl_conn *, char *at, size_t n);

/* heartbeat.c: the clock begins; it is set anew when the options changed. */
void pl_ws_start_clock(struct pl_conn *);
void pl_ws_set_clock(struct pl_conn *);
void pl_ws_deadline(struct pl_conn *);

/* forwarded.c: whom the gate counts it for. Not our proxies: all their callers would be one. */
struct pl_ip pl_conn_site(const struct pl_conn *);
/* It belongs to a session that was counted when it began: a client that polls over a connection per
 * request is not one that floods. */
void pl_conn_excuse(struct pl_conn *);
bool pl_conn_is_proxy(const struct pl_conn_options *, const struct pl_ip *from);
/* The caller instead of the proxy. PL_ELIMIT: he has too many connections. */
int pl_conn_see_through_proxy(struct pl_conn *, const struct pl_http_request *) PL_MUST_CHECK;

/* upgrade.c: 101, or the status to refuse a handshake with. */
unsigned pl_upgrade_check(const struct pl_conn *, const struct pl_http_request *);

/* origin.c */
bool pl_origin_allowed(const struct pl_conn_options *, const struct pl_http_request *);

#endif
