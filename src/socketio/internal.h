/* internal.h - what the files of this folder share. Not for other layers. */
#ifndef PL_SOCKETIO_INTERNAL_H
#define PL_SOCKETIO_INTERNAL_H

#include "socketio/socketio.h"
#include "handler/public.h"

#include "base/id.h"
#include "base/ids.h"
#include "base/map.h"
#include "base/mem.h"
#include "chat/room.h"
#include "socketio/args.h"
#include "wire/json.h"
#include "wire/socketio.h"

#include <pthread.h>

enum {
	SOCKET_ID = 20,                 /* characters of a socket's id, as the original has */
	ROOMS_TOLD_MAX = 2000,          /* of one target, and as many exceptions */
	SOCKETS_EACH = 256,             /* namespaces that one client is in, or asks for */
	NAMESPACES_MAX = 64,            /* that are defined */
	ENGINES_MAX = 16,               /* bare ones */
	PACKET_MAX = 16 << 20,          /* bytes of a text that is sent */
	SCRATCH_KEPT = 64 << 10,        /* a larger scratch is given back after use */
	AUTH_MAX = 64 << 10,            /* bytes of what a client says of itself */
	ASSEMBLY_MS = 10000,            /* for the attachments of a packet to come */
	ASSEMBLY_TIMES_MAX_PAYLOAD = 4, /* and so many bytes of them */
};

/* The room of everybody in a namespace. Not a name: nobody joins or leaves it by hand. */
#define EVERYBODY PL_S("")

/* ---- what was registered: each one block, immutable; the defaults are filled in ---- */

/* A namespace, or a pattern of them. */
struct pl_sio_def {
	struct parley_namespace nsp; /* its strings point into this block */
	struct pl_slice name;
	bool is_pattern, is_house, has_own_recovery;
	void (*on_pong)(parley_socket *);
	/* Events by name: an open table of indexes + 1, at most half full. */
	uint16_t *index;
	uint32_t mask;
};

/* The Socket.IO server, or a bare engine, at a path. */
struct pl_sio_path {
	struct pl_slice path; /* with a slash at the end */
	struct pl_eio_options eio;
	struct parley_socketio server; /* strings point into this block */
	struct parley_engineio bare;   /* of a bare one */
};

struct pl_sio {
	_Atomic(parley_server *) server; /* NULL: it is gone; see refs */
	struct pl_handlers *handlers;    /* whose callback runs */
	pthread_mutex_t lock;            /* of the states of all errands, of refs and `published` */
	uint64_t published;              /* by threads that are no worker's */
	uint64_t seed[2];                /* of identities */
	uint32_t refs;                   /* the server's, and those of orphaned errands */
	struct pl_bus *bus;              /* NULL without sites */
	struct pl_sio_path *path;        /* NULL: no Socket.IO */
	struct pl_sio_bundle *bundle;    /* NULL: not served, or no site yet */
	struct pl_sio_path *engines[ENGINES_MAX];
	size_t nengines;
	struct pl_sio_def *defs[NAMESPACES_MAX];
	size_t ndefs;
	bool keeps_requests; /* for a client's whole life */
	struct pl_sio_site *sites[PL_BUS_NODES_MAX];
	uint32_t nsites, nopen; /* ever made; not yet freed */
};

/* ---- a worker ---- */

/*
 * A namespace on one worker. One that was defined by its name is there as long as the site; one
 * that fits a pattern while somebody uses it.
 */
struct pl_sio_hall {
	struct pl_sio_site *site;
	const struct pl_sio_def *def;
	struct pl_slice name;
	struct pl_rooms rooms;        /* all members are sockets */
	void *ctx;                    /* of house namespaces */
	uint64_t next_ack;            /* ids count per namespace, as the original's */
	struct pl_sio_record *record; /* NULL: nobody comes back */
	uint32_t users;               /* sockets, handshakes, sessions */
	char text[];                  /* the name */
};

/* A bare engine on one worker. */
struct pl_sio_bare {
	struct pl_sio_site *site;
	const struct pl_sio_path *path;
	struct pl_eios *eios;
};

struct pl_sio_site {
	struct pl_sio *sio;
	struct pl_loop *loop;
	struct pl_handler_site *callbacks;
	struct pl_bus_node node;
	atomic_size_t waiting; /* bytes of events that the bus took for this site */
	struct pl_eios *eios;  /* NULL: no Socket.IO */
	struct pl_endpoint bundle;
	struct pl_map halls;                     /* by name */
	struct pl_ids ids;                       /* of sockets */
	uint32_t stamp;                          /* of the last walk over several rooms */
	struct pl_json_parser *messages, *auths; /* auths: NULL until one is needed */
	struct pl_buf out;                       /* scratch of what is written */
	struct pl_list asked;                    /* errands that have not come home */
	uint32_t nasked;
	parley_socket *leaving; /* disconnected by us; they end with the turn */
	struct pl_reap reap;
	bool is_reaping; /* reap is asked for */
	bool is_attached;
	bool is_closed;                /* nobody comes in any more */
	const parley_socket *newcomer; /* in its on_connect; NULL: nobody */
	struct pl_sio_shown *shown;    /* the newcomer's request; NULL: nobody asked for it */
	uint64_t serial;               /* of the last socket */
	const struct pl_sio_watch *watch;
	struct pl_sio_counts counts;
	struct pl_ids tracks;                 /* by pid */
	uint32_t ngone;                       /* of those that are gone */
	uint64_t heard[PL_BUS_NODES_MAX + 1]; /* the last publication of each source */
	struct pl_list fetching;              /* handshakes that ask other workers */
	uint64_t ticket;                      /* of the last of them */
	struct pl_sio_waiting *deferred;      /* see recovery.c */
	uint32_t nbares;
	struct pl_sio_bare bares[];
};

/* ---- a client: one Engine.IO session ---- */

struct pl_sio_request;

/* A packet whose attachments have not all come. */
struct pl_sio_assembly {
	struct pl_timer deadline;
	struct pl_sio_client *client;
	struct pl_sio_head head; /* its slices point into `text` */
	struct pl_buf bytes;     /* of all attachments, one behind the other */
	uint32_t have;
	uint32_t lens[PL_SIO_ATTACHMENTS_MAX];
	char text[];
};

struct pl_sio_client {
	struct pl_eio *eio; /* NULL: it has ended */
	struct pl_sio_site *site;
	parley_socket *sockets;
	parley_handshake *asking;
	struct pl_sio_assembly *assembly; /* NULL: none under way */
	struct pl_sio_request *request;   /* that it began with; NULL: not kept any more */
	struct pl_timer connect;          /* for a namespace to be joined */
	uint16_t nsockets;                /* with those that ask */
	bool is_extended;                 /* the timer has waited for an answer once */
	bool is_refused;                  /* see pl_client_refuse */
};

_Static_assert(sizeof(struct pl_sio_client) <= 96, "an idle client is small");

enum pl_sio_state {
	PL_SIO_COMING,    /* on_connect has not been called; in no list of a client's yet */
	PL_SIO_CONNECTED, /* in its client's list */
	PL_SIO_LEFT       /* on its way out: nothing is sent any more */
};

struct parley_socket {
	struct pl_member member;
	struct pl_sio_client *client; /* NULL: it has left */
	struct pl_sio_hall *hall;
	parley_socket *next; /* of its client's, or of those that are leaving */
	void *data;
	void (*free_data)(void *);
	struct pl_sio_extra *extra; /* NULL: nothing of it */
	uint64_t serial;            /* unique on its worker: a number that outlives it */
	uint32_t stamp;             /* the walk that reached it last */
	uint8_t state;              /* enum pl_sio_state */
	bool is_recovered, is_held, was_welcomed, was_greeted;
	char id[SOCKET_ID];
};

_Static_assert(sizeof(parley_socket) <= 128, "an idle socket is small");

/* ---- errand.c: answered once, by any thread, and then home to the worker ---- */

struct pl_errand {
	struct pl_task task;
	struct pl_list node; /* in the site's `asked` */
	struct pl_sio *sio;
	struct pl_sio_site *site;           /* NULL: orphaned, its worker is gone */
	uint8_t state;                      /* see errand.c */
	_Atomic bool is_answered;           /* the first answer counts */
	void (*finish)(struct pl_errand *); /* on the worker: takes the answer, frees it */
	void (*orphan)(struct pl_errand *); /* on the worker, under the lock: forgets the worker */
	void (*drop)(struct pl_errand *);   /* any thread, after `orphan`: frees it */
};
/* Zeroed but for the functions. is_held: a callback will be given it, pl_errand_let_go follows;
 * else an answer posts it home at once. PL_ELIMIT: too many are away. */
int pl_errand_begin(struct pl_errand *, struct pl_sio_site *, bool is_held) PL_MUST_CHECK;
/* [any thread] Whether this is the first answer. Then fill it in and call pl_errand_answer. */
bool pl_errand_claim(struct pl_errand *);
void pl_errand_answer(struct pl_errand *); /* [any thread] it is not the caller's any more */
/* After the callback. True: it was answered, and the caller finishes it. */
bool pl_errand_let_go(struct pl_errand *);
void pl_errands_end(struct pl_sio_site *);

/* ---- definition.c ---- */

/* With the lock held, which is released. The last reference frees. */
void pl_sio_release(struct pl_sio *);
/* NULL: it stands in no table. */
const struct parley_on *pl_sio_event(const struct pl_sio_def *, struct pl_slice name);

/* ---- hall.c ---- */

void pl_sio_halls_init(struct pl_sio_site *);
int pl_sio_halls_open(struct pl_sio_site *) PL_MUST_CHECK;
void pl_sio_halls_fini(struct pl_sio_site *);
/* One that is there; NULL: none. */
struct pl_sio_hall *pl_sio_hall_find(const struct pl_sio_site *, struct pl_slice name);
/* One more user. PL_ENOTFOUND: no such namespace; PL_ELIMIT, PL_ENOMEM. */
int pl_sio_hall_enter(struct pl_sio_site *, struct pl_slice name,
		      struct pl_sio_hall **out) PL_MUST_CHECK;
void pl_sio_hall_leave(struct pl_sio_hall *);

/* ---- site.c ---- */

uintptr_t pl_sio_enter(struct pl_sio_site *);
void pl_sio_leave(struct pl_sio_site *, uintptr_t before);
/* In a callback: its worker's share; else NULL. */
struct pl_sio_site *pl_sio_here(struct pl_sio *);
/* After the scratch was used. */
void pl_sio_written(struct pl_sio_site *);

/* ---- client.c ---- */

extern const struct pl_eio_ops pl_client_ops;
/* What it said may not be: the engine closes, reason "forced close". */
void pl_client_break(struct pl_sio_client *);
/* As what the original does where a packet does not fit the state: "forced server close". */
void pl_client_refuse(struct pl_sio_client *);
/* NULL: not joined. */
parley_socket *pl_client_socket(const struct pl_sio_client *, struct pl_slice nsp);
/* All its sockets end, and what it asked for is owed to nobody. */
void pl_client_end(struct pl_sio_client *, const char *reason);
/* After its first on_connect: unless somebody may want it later. */
void pl_client_forget_request(struct pl_sio_client *);
void pl_client_add(struct pl_sio_client *, parley_socket *);
void pl_client_remove(struct pl_sio_client *, parley_socket *);

/* ---- request.c: the request that a client began with ---- */

/* Packed; it may outlive its client. */
struct pl_sio_request {
	_Atomic uint32_t refs;
	uint32_t nheaders;
	struct pl_ip from;
	uint32_t lens[]; /* see request.c */
};
/* As a program is shown it. */
struct pl_sio_shown {
	parley_request *request;
	struct pl_request *unpacked;
	struct pl_sio_request *packed; /* NULL: nobody kept it, it says nothing */
};
/* NULL: no memory. */
struct pl_sio_request *pl_sio_request_new(const struct pl_eio *, const struct pl_request *);
struct pl_sio_request *pl_sio_request_retain(struct pl_sio_request *); /* NULL is fine */
void pl_sio_request_release(struct pl_sio_request *);                  /* NULL is fine */
/* Its slices point into what is packed. pl_free it. NULL: no memory. */
struct pl_request *pl_sio_request_unpack(const struct pl_sio_request *);
/* For a namespace's program; takes its own reference. NULL: no memory. */
struct pl_sio_shown *pl_sio_request_show(struct pl_sio_request *, const struct pl_sio_hall *);
void pl_sio_request_hide(struct pl_sio_shown *); /* NULL is fine */

/* ---- incoming.c ---- */

void pl_sio_hear(struct pl_eio *, enum pl_ws_op kind, struct pl_slice data);

/* ---- assembly.c ---- */

/* A packet whose attachments are to come. PL_ENOMEM. */
int pl_assembly_begin(struct pl_sio_client *, struct pl_slice text,
		      const struct pl_sio_head *) PL_MUST_CHECK;
/* PL_ETOOBIG, PL_ENOMEM. */
int pl_assembly_add(struct pl_sio_assembly *, struct pl_slice bytes) PL_MUST_CHECK;
bool pl_assembly_is_whole(const struct pl_sio_assembly *);
void pl_assembly_slices(const struct pl_sio_assembly *,
			struct pl_slice out[PL_SIO_ATTACHMENTS_MAX]);
void pl_assembly_free(struct pl_sio_assembly *); /* NULL is fine */

/* What callbacks are shown of a packet. */
struct parley_packet {
	struct pl_sio_in in;
	parley_socket *socket;
	bool has_id;
	bool *is_acked;
	uint64_t id;
};

/* ---- handshake.c ---- */

struct pl_sio_track;
struct pl_sio_missed;

enum { PID_MAX = 64 };

struct parley_handshake {
	struct pl_errand errand;
	struct pl_sio_client *client; /* NULL: it is owed nothing any more */
	parley_handshake *next;       /* of its client's */
	struct pl_sio_hall *hall;     /* NULL: not used any more */
	const struct pl_sio_def *def;
	struct pl_slice name;          /* of the namespace */
	struct pl_sio_shown *shown;    /* its request */
	const struct pl_json *auth;    /* NULL: it said nothing */
	struct pl_json_parser *parser; /* that holds auth; NULL: the site's */
	struct pl_timer deadline;
	void *data;
	void (*free_data)(void *);
	struct pl_buf error; /* what is said to one that is denied */
	bool is_denied, is_recovered, is_held, has_id;
	uint8_t pid_len;
	char id[SOCKET_ID], pid[PID_MAX];
	uint64_t identity; /* 0: nobody said */
	/* While it asks other workers. */
	struct pl_list fetching; /* in the site's */
	uint64_t ticket;
	uint32_t awaited; /* workers that have not answered */
	char text[];      /* the name */
};

/* A CONNECT: the client is let in, refused, or its answer is awaited. auth: of the site's `auths`,
 * or NULL. */
void pl_handshake_ask(struct pl_sio_client *, struct pl_slice nsp, const struct pl_json *auth);
bool pl_handshake_is_asking(const struct pl_sio_client *, struct pl_slice nsp);
/* The client left while its answers were owed. */
void pl_handshakes_lost(struct pl_sio_client *);
/* What it said is its own from now on: the next one is read by another parser. Before the site
 * reads another one. */
void pl_handshake_keep_auth(parley_handshake *);
/* It was let in, and is whom the track is about; NULL: somebody new. Frees the
 * handshake. */
void pl_handshake_settle(parley_handshake *, struct pl_sio_track *, struct pl_sio_missed *missed);
/* It was let in, but there is no room. */
void pl_handshake_fail(struct pl_sio_client *, struct pl_slice nsp);

/* ---- socket.c ---- */

/* Whom to make of a handshake. */
struct pl_sio_birth {
	void *data;
	void (*free_data)(void *);
	const char *id;      /* NULL: a new one */
	struct pl_slice pid; /* at == NULL: none */
	bool is_recovered, is_held;
	struct pl_sio_shown *shown; /* NULL: made if somebody asks */
	uint64_t identity;
	struct pl_sio_track *track;   /* who comes back; NULL: somebody new */
	struct pl_slice offset;       /* of who comes back */
	struct pl_sio_missed *missed; /* and what it gets first */
};
/* Lets it in: CONNECT reply, on_connect. Takes data in any case, and the use of the hall. A failure
 * is told to the client. */
void pl_socket_begin(struct pl_sio_client *, struct pl_sio_hall *, const struct pl_sio_birth *);
/* It hears nothing any more, on_disconnect is called, and it is freed. */
/* may_return: its line broke. */
void pl_socket_end(parley_socket *, const char *reason, bool may_return);
/* Of the 64 characters of base64url; random. */
void pl_random_text(char *out, size_t n);
/* Those that were disconnected by us end. */
void pl_sockets_leave(struct pl_sio_site *);
void pl_socket_hear(parley_socket *, const parley_packet *);
/* NULL: not here. */
parley_socket *pl_sio_site_socket(struct pl_sio_site *, struct pl_slice id);

/* ---- extra.c ---- */

struct pl_sio_wait;
struct pl_sio_extra {
	struct pl_sio_wait *waits, **last_wait; /* answers awaited, the oldest first */
	uint32_t nwaits;
	struct pl_sio_request *kept; /* with keep_request */
	struct pl_sio_shown *shown;  /* of it; NULL: nobody asked yet */
	struct pl_sio_track *track;  /* with recovery */
	char *pid;                   /* of a house namespace; NULL: none */
};
/* NULL: no memory. */
struct pl_sio_extra *pl_extra_of(parley_socket *);
void pl_extra_free(struct pl_sio_extra *); /* NULL is fine */
int pl_extra_set_pid(parley_socket *, struct pl_slice pid) PL_MUST_CHECK;
struct pl_slice pl_extra_pid(const parley_socket *); /* at == NULL: none */
/* It was told: a house's is not needed any more, and most have nothing else here. */
void pl_extra_drop_pid(parley_socket *);
int pl_extra_keep_request(parley_socket *, struct pl_sio_request *) PL_MUST_CHECK;
/* NULL: not kept, or no memory. */
const parley_request *pl_extra_request(const parley_socket *);

/* ---- ack.c ---- */

/* An answer that came in. */
void pl_ack_hear(parley_socket *, const parley_packet *);
/* Nobody will answer any more. */
void pl_acks_end(parley_socket *);

/* ---- parcel.c ---- */

struct pl_sio_parcel {
	struct pl_slice json; /* the array */
	uint32_t n;
	struct pl_slice attachments[];
};
int pl_parcel_make(struct pl_slice json, const struct pl_slice *attachments, uint32_t n,
		   struct pl_sio_parcel **out) PL_MUST_CHECK;
/* Errors as of pl_sio_args_put. */
int pl_parcel_new(struct pl_slice event, const struct parley_field *args,
		  struct pl_sio_parcel **out) PL_MUST_CHECK;
void pl_parcel_free(struct pl_sio_parcel *); /* NULL is fine */

/* ---- emit.c ---- */

/* CONNECT, DISCONNECT, CONNECT_ERROR. */
void pl_emit_control(struct pl_sio_client *, enum pl_sio_type, struct pl_slice nsp,
		     struct pl_slice json);
/* A packet that was written; the bytes of attachments are the caller's. */
struct pl_sio_packet {
	struct pl_slice text, json; /* whole; its array */
	struct pl_sio_attached attached;
};
/* Into the buffer, which is emptied first: EVENT, or ACK where event.at == NULL. The head is
 * changed if there are attachments. Errors as of pl_sio_args_put. */
int pl_packet_write(struct pl_buf *, struct pl_sio_head *, struct pl_slice event,
		    const struct parley_field *args, struct pl_sio_packet *out) PL_MUST_CHECK;
/* To one socket; its namespace is set. */
int pl_emit_packet(parley_socket *, struct pl_sio_head *, struct pl_slice event,
		   const struct parley_field *args) PL_MUST_CHECK;
/* Nobody has to look: a client that broke ends. */
int pl_emit_parcel(parley_socket *, struct pl_sio_head *, const struct pl_sio_parcel *);
int pl_emit_json(parley_socket *, struct pl_sio_head *, struct pl_slice json,
		 const struct pl_slice *attachments, uint32_t n);
int pl_sio_shared_init(struct pl_sio_shared *, struct pl_slice packet, struct pl_slice json,
		       const struct pl_slice *attachments, uint32_t n,
		       bool is_volatile) PL_MUST_CHECK;

/* ---- rooms.c ---- */

/* Whom something is for, on one worker. */
struct pl_sio_target {
	const struct pl_slice *rooms, *except; /* nrooms 0: everybody */
	size_t nrooms, nexcept;
	const parley_socket *but; /* NULL: none */
};
/* Each that fits, once. `visit` must not join, leave or end any. */
void pl_target_each(struct pl_sio_hall *, const struct pl_sio_target *,
		    void (*visit)(parley_socket *, void *ctx), void *ctx);
/* The same, collected first, so that `visit` may do what it likes. Returns how many; PL_ENOMEM. */
int pl_target_visit(struct pl_sio_hall *, const struct pl_sio_target *,
		    void (*visit)(parley_socket *, void *ctx), void *ctx) PL_MUST_CHECK;

/* ---- publish.c: see recovery.h ---- */

void pl_sio_on_event(struct pl_bus_node *, struct pl_event *);

/* ---- bundle.c: the stock client's files ---- */

/* dir: where they are; NULL: in the usual places. */
int pl_bundle_new(const char *dir, struct pl_sio_bundle **out) PL_MUST_CHECK;
void pl_bundle_free(struct pl_sio_bundle *); /* NULL is fine */
/* Whether a file is called so. */
bool pl_bundle_has(struct pl_slice name);
/* ctx: the site. */
extern const struct pl_endpoint pl_bundle_endpoint;

/* ---- bare.c ---- */

int pl_bare_open(struct pl_sio_bare *, struct pl_sio_site *, const struct pl_sio_path *,
		 uint32_t worker, struct pl_conns *) PL_MUST_CHECK;

#endif
