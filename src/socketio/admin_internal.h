/* admin_internal.h - what the files of the admin namespace share. Not for others. */
#ifndef PL_SOCKETIO_ADMIN_INTERNAL_H
#define PL_SOCKETIO_ADMIN_INTERNAL_H

#include "socketio/admin.h"

#include "base/buf.h"
#include "base/limiter.h"
#include "base/list.h"
#include "base/map.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	PL_ADMINS_MAX = 16, /* of one worker, with those that are logging in */
	PL_ADMIN_TICK_MS = 2000,
	PL_ADMIN_TRIES = 10,                /* wrong logins per minute and address */
	PL_ADMIN_BATCH_MAX = 256 << 10,     /* bytes of what a worker tells at once */
	PL_ADMIN_BATCHES_MAX = 16,          /* of one worker that were not read yet */
	PL_ADMIN_LENGTH = sizeof(uint32_t), /* before an event in a batch */
	PL_ADMIN_EVENT_MAX = 16 << 10,      /* bytes of an event that are shown */
	PL_ADMIN_LISTED_MAX = 2000,         /* sockets of a list */
	PL_ADMIN_NAMESPACES_MAX = 256,
	PL_ADMIN_ROOMS_MAX = 256, /* of a socket that are shown */
	PL_ADMIN_REASONS = PL_EIO_SHUTTING_DOWN + 1,
	PL_ADMIN_PACKET_MAX = PL_ADMIN_BATCH_MAX + 1024,
	PL_ADMIN_LATER_MAX = 1 << 20, /* bytes of pointers */
};

#define PL_ADMIN_NAMESPACE_NAME "/admin"
#define PL_ADMIN_NAMESPACE      PL_S(PL_ADMIN_NAMESPACE_NAME)

/* ---- admin_sessions.c: who logged in before and comes back ---- */

enum {
	PL_ADMIN_SESSION_TEXT = 32, /* 128 random bits in hexadecimal */
	PL_ADMIN_SESSION_MS = 24 * 3600 * 1000,
};

struct pl_admin_session {
	char id[PL_ADMIN_SESSION_TEXT];
	uint64_t until_ms;
};

/* Shared by the workers. */
struct pl_admin_sessions {
	pthread_mutex_t lock;
	struct pl_admin_session *at; /* a ring: the oldest at `first` */
	uint32_t first, n, max;
};

int pl_admin_sessions_init(struct pl_admin_sessions *, uint32_t max) PL_MUST_CHECK;
void pl_admin_sessions_fini(struct pl_admin_sessions *);
/* [any thread] A new one, for 24 hours; the oldest makes room. False: none are kept. */
bool pl_admin_sessions_add(struct pl_admin_sessions *, uint64_t now_ms,
			   char out[PL_ADMIN_SESSION_TEXT]);
/* [any thread] In a time that tells nothing about the ids. */
bool pl_admin_sessions_has(struct pl_admin_sessions *, struct pl_slice id, uint64_t now_ms);

/* ---- admin_json.c: clients and sockets as objects ---- */

/* How a client came: kept, as JSON, from its handshake to its end. */
struct pl_admin_handshake {
	uint64_t number; /* of its session */
	uint32_t len;
	char json[];
};
/* NULL: no memory. What proves who somebody is (cookies, tokens) is not in it. */
struct pl_admin_handshake *pl_admin_handshake_new(const struct pl_eio *, const struct pl_request *,
						  uint64_t wall_ms);
struct pl_admin_rooms {
	struct parley_slice at[PL_ADMIN_ROOMS_MAX];
	size_t n;
};
/* As many as fit, its own id first. */
void pl_admin_rooms_of(const parley_socket *, struct pl_admin_rooms *out);
struct pl_slice pl_admin_transport(const parley_socket *);
/* {"id":...}; handshake may be NULL: it is not known any more. */
void pl_admin_put_socket(struct pl_buf *, parley_socket *, const struct pl_admin_handshake *);

/* ---- the feed: what happens, from the worker where it does to those who look on ---- */

/* What happened on one worker in one turn; immutable once it was sent. */
struct pl_admin_batch {
	atomic_uint refs;
	struct pl_sio_admin *admin;
	uint32_t from;        /* the worker */
	uint32_t dropped;     /* events before these that nobody hears of */
	uint64_t number;      /* of this worker's, from 1 */
	struct pl_buf events; /* each its length in PL_ADMIN_LENGTH bytes, then ["name",...] */
};
void pl_admin_batch_release(struct pl_admin_batch *); /* any thread */

/* ---- one administrator ---- */

enum pl_admin_view {
	PL_ADMIN_BLIND,   /* has no list of sockets, and hears of nothing until it is asked for */
	PL_ADMIN_WAITING, /* for the list: what happens meanwhile is in `later` */
	PL_ADMIN_SEEING   /* has the list, and hears what changes */
};

struct pl_admin {
	struct pl_list node; /* in its site's `here`; by itself before it came and after it left */
	struct pl_sio_admin_site *site;
	parley_socket *socket;
	enum pl_admin_view view;
	bool had_list; /* some time */
	bool has_session;
	char session[PL_ADMIN_SESSION_TEXT];
	struct pl_buf later; /* struct pl_admin_batch *, a reference each */
};

/* What all workers share. */
struct pl_sio_admin {
	struct pl_sio *sio;
	char *user, hash[PL_PASSWORD_HASH];
	bool is_readonly, is_production;
	struct pl_limiter *tries;
	struct pl_admin_sessions sessions;
	struct pl_sio_admin_site *sites[PL_BUS_NODES_MAX];
	uint32_t nsites, nopen;                /* in this start; not yet freed */
	atomic_uint present[PL_BUS_NODES_MAX]; /* administrators, by worker */
	atomic_uint unread[PL_BUS_NODES_MAX];  /* batches, by the worker that made them */
	char host[256];
	uint64_t born_ms;
};

/* What a worker has counted since it began, and the sum over all. */
struct pl_admin_counts {
	struct pl_sio_counts traffic;
	uint64_t opened, closed[PL_ADMIN_REASONS];
	uint64_t clients, polling; /* now */
};

struct pl_sio_admin_site {
	struct pl_sio_admin *admin;
	uint32_t index;
	struct pl_loop *loop;
	struct pl_sio_site *sio;
	struct pl_hasher *hasher;

	/* What happens here. */
	struct pl_sio_watch brief, full; /* without and with an administrator */
	bool is_watching;
	struct pl_map handshakes; /* of open sessions, by their number */
	uint64_t opened, closed[PL_ADMIN_REASONS];
	struct pl_admin_batch *open; /* that is being filled; NULL: nothing happened */
	uint64_t batches;            /* that were sent */
	uint32_t dropped;            /* since the last one */
	struct pl_task ship;
	bool is_shipping; /* `ship` is posted */

	/* Who looks on from here. */
	struct pl_list here;
	uint32_t nhere, nlogins;
	struct pl_timer tick;
	bool is_gathering;
	bool has_last;
	struct pl_admin_counts last; /* as the administrators here were told */
	struct pl_buf packet;        /* scratch */
};

/* admin_login.c */
void pl_admin_authorize(parley_handshake *, void *admin);
/* admin_actions.c */
extern const struct parley_on pl_admin_actions[];

/* admin_feed.c */
void pl_admin_feed_init(struct pl_sio_admin_site *);
void pl_admin_feed_fini(struct pl_sio_admin_site *);
/* From now on until nobody looks on. */
void pl_admin_feed_begin(struct pl_sio_admin_site *);
const struct pl_admin_handshake *pl_admin_handshake_of(const struct pl_sio_admin_site *,
						       parley_socket *);

/* admin_batch.c */
/* The one that the next event goes into, or NULL: nobody wants it, or it is dropped. */
struct pl_admin_batch *pl_admin_batch_of(struct pl_sio_admin_site *);
void pl_admin_on_ship(struct pl_task *);
/* Nobody hears of so many events. */
void pl_admin_count_dropped(struct pl_sio_admin_site *, uint32_t n);
/* What happened so far is on its way: what happens later has a higher number. */
uint64_t pl_admin_feed_cut(struct pl_sio_admin_site *);
/* An administrator has his list, in which what happened up to `numbers`, by worker, is included. */
void pl_admin_feed_resume(struct pl_admin *, const uint64_t *numbers);
/* The batches that wait for a list are let go. */
void pl_admin_feed_forget(struct pl_admin *);
/* One event to one administrator: ["name",...]. */
void pl_admin_say(struct pl_admin *, struct pl_slice json);
/* Whether he reads too slowly to be told more than he must. */
bool pl_admin_is_slow(const struct pl_admin *);

/* admin_gather.c: asks all workers; then server_stats to all here, and all_sockets to those who
 * have no list. One at a time; nothing is done while one is under way. */
void pl_admin_gather(struct pl_sio_admin_site *);

#endif
