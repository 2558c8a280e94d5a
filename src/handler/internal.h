/* internal.h - what the files of this folder share. Not for other layers. */
#ifndef PL_HANDLER_INTERNAL_H
#define PL_HANDLER_INTERNAL_H

#include "handler/fields.h"
#include "handler/handler.h"
#include "handler/public.h"

#include "base/ids.h"
#include "base/mem.h"
#include "chat/room.h"
#include "wire/utf8.h"
#include "wire/json.h"

#include <pthread.h>

enum {
	ROOMS_TOLD_MAX = 4096,   /* of one broadcast */
	REASON_MAX = 123,        /* of a close frame */
	DETAIL_MAX = 255,        /* of parley_fail */
	OBJECT_MAX = 16 << 20,   /* bytes of an object that is sent */
	SCRATCH_KEPT = 64 << 10, /* a larger scratch is given back after use */
};

/* The room of everybody. Not a name: nobody joins or leaves it by hand. */
#define EVERYBODY PL_S("")

/*
 * An endpoint as it was registered: one block with everything that was given, immutable. The
 * defaults are filled in.
 */
struct pl_handler {
	struct parley_endpoint def; /* its strings point into this block */
	uint32_t number;            /* in the order of registration */
	struct pl_ws_options ws;
	struct pl_slice *protocols;
	size_t nprotocols;
	struct pl_slice default_room; /* at == NULL: none */
};

struct pl_handlers {
	_Atomic(parley_server *) server; /* NULL: it is gone; see refs */
	char *prefix;                    /* NULL: none */
	pthread_mutex_t lock;            /* of the states of all requests, and of refs */
	uint32_t refs;                   /* the server's, and those of orphaned requests */
	/* Of its own, so that the keepers of the chat's are undisturbed; NULL without sites. */
	struct pl_bus *bus;
	struct pl_handler *all[256];
	size_t count;
	struct pl_handler_site *sites[PL_BUS_NODES_MAX];
	uint32_t nsites, nopen; /* ever made; not yet freed */
};

/* An endpoint on one worker: what its connections have in common. */
struct pl_hall {
	struct pl_endpoint port; /* ctx: this hall */
	const struct pl_handler *handler;
	struct pl_handler_site *site;
	struct pl_rooms rooms; /* all members are connections */
};

struct pl_handler_site {
	struct pl_handlers *handlers;
	struct pl_loop *loop;
	struct pl_bus_node node;
	_Atomic uintptr_t runs_on; /* the thread in a callback; 0: none */
	atomic_size_t waiting;     /* bytes of events that the bus took for this site */
	struct pl_ids ids;         /* of its connections */
	uint32_t stamp;            /* of the last broadcast to several rooms */
	struct pl_json_parser *messages, *tokens; /* tokens: NULL until the first one */
	struct pl_auth *auth;                     /* one reference; NULL: no keys */
	struct pl_arena identity;                 /* of the callback's tokens */
	struct pl_buf out;                        /* scratch of the object that is written */
	const parley_conn *failed;                /* whom parley_fail spoke of; NULL: nobody */
	char detail[DETAIL_MAX + 1];              /* what it said */
	const parley_conn *newcomer;              /* in its on_connect; NULL: nobody */
	const parley_request *request;            /* the newcomer's */
	struct pl_list asked;                     /* requests that nobody has answered, or whose
						     answer is on its way */
	uint32_t nasked;
	uint32_t nhalls;
	struct pl_hall halls[];
};

/* What few connections have. */
struct pl_extra {
	void *auth;
	void (*free_auth)(void *);
	parley_request *request; /* with keep_request; else NULL */
};

struct parley_conn {
	struct pl_member member;
	struct pl_conn *conn;
	struct pl_hall *hall;
	void *data;
	struct pl_extra *extra; /* NULL: nothing of it */
	uint32_t stamp;         /* the broadcast that reached it last */
	char id[PL_UUID_TEXT];
	uint8_t protocol; /* its number + 1; 0: none */
};

_Static_assert(sizeof(parley_conn) <= 96, "an idle connection is small");

/* endpoint.c */
/* With the lock held, which is released. The last reference frees. */
void pl_handlers_release(struct pl_handlers *);

/* site.c */
/* What the patterns are about: the path behind the prefix. at == NULL: it is not under it. */
struct pl_slice pl_handler_path(const struct pl_handlers *, struct pl_slice path);

/* request.c */
/* What was decoded of a request, so that it is decoded once. */
struct pl_request_memory {
	struct pl_arena arena;
	struct pl_request_memo *memos;
};

/* A handshake that is looked at, and the answer to it. */
struct parley_request {
	struct pl_handlers *handlers; /* NULL: one that is only shown, and so is `handler` */
	const struct pl_handler *handler;
	const _Atomic(parley_server *) *server; /* who reads it */
	void *user;
	struct pl_hall *hall;          /* NULL: orphaned, its worker is gone */
	struct pl_conn *conn;          /* who waits for the answer; NULL: nobody (any more) */
	const struct pl_request *seen; /* NULL: there was no memory to keep it */
	struct pl_request *kept;       /* NULL: `seen` is somebody else's */
	struct pl_request_memory own, *memory; /* memory: own, also of a const request */
	char addr[48];
	uint8_t state;            /* see request.c */
	_Atomic bool is_answered; /* the first answer counts */
	struct pl_list node;      /* in the site's `asked` */
	struct pl_timer deadline;
	struct pl_task task;
	void *auth;
	void (*free_auth)(void *);
	uint16_t code; /* 0: accepted */
	uint8_t reason_len;
	char reason[REASON_MAX];
};
/* Valid while `seen` is. */
void pl_request_init(parley_request *, struct pl_hall *, struct pl_conn *,
		     const struct pl_request *seen);
void pl_request_fini(parley_request *);
/* A copy that stands for itself; pl_request_free. NULL: no memory. */
parley_request *pl_request_copy(const parley_request *);
/* NULL is fine. */
void pl_request_free(parley_request *);
/* Answers the handshake that is owed an answer. */
void pl_request_refuse(struct pl_conn *, unsigned status, struct pl_slice text);
/* Asks `authenticate`; the connection is answered now or later. */
void pl_request_ask(struct pl_hall *, struct pl_conn *, const struct pl_request *);
/* The client left while its answer was owed. NULL is fine. */
void pl_request_lost(parley_request *);
/* All that are left, at the end: the unanswered ones become orphans. */
void pl_requests_end(struct pl_handler_site *);

/* line.c: upgrades and calls on_connect, or answers with 503. Takes auth in any case. */
void pl_line_begin(struct pl_conn *, parley_request *, void *auth, void (*free_auth)(void *));
/* The callbacks of pl_endpoint. */
void pl_line_on_upgrade(struct pl_conn *, const struct pl_request *);
void pl_line_on_message(struct pl_conn *, enum pl_ws_op, struct pl_slice);
void pl_line_on_ping(struct pl_conn *, struct pl_slice);
void pl_line_on_pong(struct pl_conn *, struct pl_slice);
void pl_line_on_close(struct pl_conn *, uint16_t code, struct pl_slice reason);
/* The first of the client's list that the endpoint has: its number + 1; 0: none. */
uint8_t pl_line_protocol(const struct pl_handler *, const struct pl_request *);
struct pl_slice pl_line_protocol_name(const struct pl_handler *, uint8_t protocol);

/* send.c: a code that may be sent in a close frame; else 1011. */
uint16_t pl_close_code(uint16_t code);

/* rooms.c */
/* Whom a broadcast is for: rooms by name, or those that `own` is in. */
struct pl_audience {
	const parley_conn *own; /* NULL: `rooms` */
	const struct parley_slice *rooms;
	size_t n; /* places; rooms + i or seats of `own` */
};
/* at == NULL: nobody. */
struct pl_slice pl_audience_room(const struct pl_audience *, size_t i);

/* One message for the members of some rooms of one worker: each hears it once. */
struct pl_telling {
	struct pl_hall *hall;
	struct pl_shared shared;
	const parley_conn *but; /* NULL: all */
	uint32_t stamp;         /* 0: one room only */
	int err;
};
void pl_tell_begin(struct pl_telling *, struct pl_hall *, size_t nrooms, enum pl_ws_op,
		   struct pl_slice data);
void pl_tell_room(struct pl_telling *, struct pl_slice room);
/* 0 or PL_ENOMEM. */
int pl_tell_end(struct pl_telling *) PL_MUST_CHECK;

/* publish.c */
void pl_handler_on_event(struct pl_bus_node *, struct pl_event *);
/* Whether other workers can be told so much. PL_ETOOBIG. */
int pl_publish_check(struct pl_slice data) PL_MUST_CHECK;
/* To the audience on all workers but `from` (NULL: on all). PL_ENOMEM, PL_ETOOBIG; PL_EBUSY: a
 * worker has too much to hear already. */
int pl_publish_rooms(struct pl_handlers *, const struct pl_handler *, const struct pl_audience *,
		     enum pl_ws_op, struct pl_slice data,
		     const struct pl_handler_site *from) PL_MUST_CHECK;

/* text.c: bytes to UTF-8; each run that is no character becomes U+FFFD. */
/* Escaped as inside a JSON string. */
void pl_text_put(struct pl_buf *, struct pl_slice);
/* As much as max bytes take, in whole characters. */
struct pl_slice pl_text_cut(struct pl_slice, char *out, size_t max);

/* json_out.c */
/* In the site's scratch. *out is valid until the next one, or pl_object_done. */
int pl_object_make(struct pl_handler_site *, const struct parley_field *,
		   struct pl_slice *out) PL_MUST_CHECK;
void pl_object_done(struct pl_handler_site *);

#endif
