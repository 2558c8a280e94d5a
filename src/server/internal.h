/* internal.h - what a server is made of, for the files that start, change and end it. */
#ifndef PL_SERVER_INTERNAL_H
#define PL_SERVER_INTERNAL_H

#include "rest/rest.h"
#include "server/dialects.h"
#include "server/file_keeper.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/worker.h"
#include "socketio/admin.h"
#include "socketio/socketio.h"

#include <stdatomic.h>

enum { PL_MOUNTS_MAX = 32 };

/* What one worker serves: endpoints carry their worker's state, so each has its own tables. */
struct pl_site {
	struct pl_worker worker;
	struct parley_server *server;
	struct pl_settings *settings; /* one reference; exchanged on the worker's loop */
	struct pl_listen_point points[PL_LISTEN_MAX];
	struct pl_router routers[PL_LISTEN_MAX]; /* of each point */
	struct pl_finder {
		struct pl_site *site;
		bool takes_guests, is_for_all;
	} finders[PL_LISTEN_MAX];                        /* of each router */
	struct pl_route routes[16 + PL_REST_ROUTES_MAX]; /* of all of them */
	struct pl_handler_site *handlers;                /* NULL: no endpoints, no Socket.IO */
	struct pl_sio_site *sio;                         /* NULL: no Socket.IO */
	struct pl_sio_admin_site *admin;                 /* NULL: no Admin UI */
	struct pl_task goodbye;

	/* The chat, if there is one. */
	struct pl_hub hub;
	struct pl_gateway gateway;
	struct pl_uploads *uploads;
	struct pl_rest rest;
	struct pl_rest control; /* at the data directory's socket */
	struct pl_route control_routes[PL_REST_ROUTES_MAX];
	/* By row of the table: for all, and on listeners that take guests. */
	struct pl_endpoint dialects[PL_DIALECTS_MAX], for_guests[PL_DIALECTS_MAX];
	struct pl_ws_options habits[PL_DIALECTS_MAX];
	/* At "/" of listeners for everything; the second where they take guests. */
	struct pl_endpoint by_first_frame, by_first_frame_for_guests;
	bool has_hub, has_gateway;
};

/* A dialect at a path; pattern NULL: where nothing else fits. */
struct pl_mount {
	char *pattern;
	size_t dialect; /* row of the table */
};

/* What the caller's thread needs to drive a server, and others to reach it. See turn.c. */
struct pl_post;
struct pl_drive {
	int doorbell; /* eventfd; rung for a stop and for posts */
	int alarm;    /* timerfd: makes the timers of the loop readable; -1: not running */
	struct pl_io on_doorbell, on_alarm;
	struct pl_timer tick; /* while it drains: looks whether everybody has left */
	uint64_t alarm_ms;    /* what the alarm is set to; 0: nothing */
	uint64_t until_ms;    /* the end of patience with a drain */
	atomic_bool is_asked; /* to stop */
	bool is_turning, is_draining, is_run;
	pthread_mutex_t lock; /* of the rest */
	struct pl_post *posts, **last;
	uint32_t nposts;
	bool is_closed; /* nothing is taken any more */
};

enum pl_server_phase {
	PL_IS_NEW,     /* made; also after a start that failed */
	PL_IS_RUNNING, /* started, or draining */
	PL_HAS_ENDED   /* the workers stand still */
};

struct parley_server {
	const struct pl_config *config;
	struct pl_settings *settings;
	struct pl_log *log;
	struct pl_server_events events;
	char *prefix;
	bool is_chat, is_driven;
	uint32_t workers;
	_Atomic enum pl_server_phase phase;
	atomic_bool is_leaving, is_fatal;
	struct pl_drive drive;

	struct pl_handlers *handlers;
	struct pl_sio *sio;
	bool has_socketio;          /* the chat is its namespace "/" */
	struct pl_sio_admin *admin; /* from the first start on; NULL: there is none */
	struct pl_mount mounts[PL_MOUNTS_MAX];
	size_t nmounts;

	/* From here on: only while it runs. */
	struct pl_gate *gate;
	struct pl_tls_holder tls;
	/* Of each listener: descriptor, address, certificate; and what is spoken there. */
	struct pl_listen_point bound[PL_LISTEN_MAX];
	enum pl_speaks speaks[PL_LISTEN_MAX];
	bool takes_guests[PL_LISTEN_MAX];
	size_t nbound;
	bool has_control; /* the last of them is the data directory's socket */
	struct pl_site *sites;
	uint32_t nsites;
	struct pl_conns **conns; /* of all sites, for connections that move between them */
	atomic_uint ngoodbyes;   /* sites that have not said it yet */

	/* The chat, if there is one. */
	bool has_chat;
	struct pl_bus *bus;
	struct pl_store *store;
	struct pl_metrics store_metrics;
	struct pl_hasher *hasher; /* NULL: no accounts, no Admin UI */
	struct pl_files *files;
	struct pl_file_keeper file_keeper;
	/* What the REST routes look at: the sets and hubs of all sites, and the store's set. */
	struct pl_rest_shared rest;
	const struct pl_metrics **sets;
	struct pl_hub **hubs;

	/* The library's own, see public.c. */
	struct pl_config *own_config;
	struct pl_log *own_log;
	struct pl_log_to *own_log_to;
	struct pl_buf why; /* NUL-terminated, or empty */
};

/* listeners.c: binds what the configuration lists; what is wrong goes to why. Ends as
 * pl_server_unbind says. */
int pl_server_bind(struct parley_server *, struct pl_buf *why) PL_MUST_CHECK;
/* Closes what is bound, also after a failure in the middle; a Unix socket's name goes with it. */
void pl_server_unbind(struct parley_server *);

/* site.c: zeroed before. Without its thread; a failed one must be freed too. auth: NULL: no keys.
 */
int pl_site_init(struct pl_site *, struct parley_server *, uint32_t index,
		 struct pl_auth *auth) PL_MUST_CHECK;
/* On the site's loop: the new settings (takes the reference) and keys (as well; NULL: none). */
void pl_site_adopt(struct pl_site *, struct pl_settings *, struct pl_auth *);
/* Closes its connections; every on_close has been called then. */
void pl_site_close(struct pl_site *);
void pl_site_fini(struct pl_site *);

/* public.c: the last failure's words are replaced; returns what the embedder is told. */
int pl_server_because(struct parley_server *, int err, const char *why);

/* admin_ui.c: what the configuration says of it; reasons go to why. */
int pl_server_make_admin(struct parley_server *, struct pl_buf *why) PL_MUST_CHECK;
/* For pl_rest_shared: an event to everybody in "/". */
int pl_server_broadcast(void *server, struct pl_slice event, const struct pl_json *data);

/* socketio.c: the chat's namespace, where it is wanted. Before the sites. */
int pl_server_add_socketio(struct parley_server *, struct pl_buf *why) PL_MUST_CHECK;

/* server.c: the certificate that the configuration names, or NULL; reasons go to why. */
int pl_server_load_tls(const struct pl_config *, struct pl_buf *why,
		       struct pl_tls_context **out) PL_MUST_CHECK;
/* The keys that tokens are verified with: NULL when nothing needs any. One reference. */
int pl_server_load_auth(const struct parley_server *, const struct pl_config *, struct pl_buf *why,
			struct pl_auth **out) PL_MUST_CHECK;
/* Waits for the threads. They do not start again. */
void pl_server_stop_workers(struct parley_server *);

/* turn.c: */
int pl_drive_init(struct pl_drive *) PL_MUST_CHECK;
void pl_drive_fini(struct pl_drive *);
/* Ties it to the first worker's loop. Untied by pl_drive_detach, also after a failure. */
int pl_drive_attach(struct parley_server *) PL_MUST_CHECK;
void pl_drive_detach(struct parley_server *);
/* Takes no more posts, and runs what was taken. */
void pl_drive_close(struct parley_server *);

#endif
