/* internal.h - what a server is made of, for the files that start, change and end it. */
#ifndef PL_SERVER_INTERNAL_H
#define PL_SERVER_INTERNAL_H

#include "dialect/qrypt.h"
#include "rest/rest.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/worker.h"

#include <stdatomic.h>

/* What one worker serves: endpoints carry their worker's state, so each has its own tables. */
struct pl_site {
	struct pl_worker worker;
	struct pl_hub hub;
	struct pl_gateway gateway;
	struct pl_endpoint qrypt;
	struct pl_rest rest;
	struct pl_route routes[8 + PL_REST_ROUTES_MAX];
	struct pl_router by_path;  /* listeners for everything */
	struct pl_router by_qrypt; /* listeners of one dialect: all paths are its own */
	struct pl_listen_point points[PL_LISTEN_MAX];
	struct pl_settings *settings; /* one reference; exchanged on the worker's loop */
	bool has_hub, has_gateway;
};

struct pl_server {
	const struct pl_config *config; /* while it starts */
	struct pl_settings *settings;
	struct pl_log *log;
	struct pl_server_events events;
	struct pl_gate *gate;
	struct pl_bus *bus;
	struct pl_store *store;
	struct pl_metrics store_metrics;
	struct pl_tls_holder tls;
	/* Of each listener: descriptor, address, certificate; and what is spoken there. */
	struct pl_listen_point bound[PL_LISTEN_MAX];
	enum pl_speaks speaks[PL_LISTEN_MAX];
	size_t nbound;
	struct pl_site *sites;
	uint32_t nsites;
	/* What the REST routes look at: the sets and hubs of all sites, and the store's set. */
	struct pl_rest_shared rest;
	const struct pl_metrics **sets;
	struct pl_hub **hubs;
	atomic_bool is_leaving;
};

/* Binds what the configuration lists; what is wrong goes to why. Ends as pl_server_unbind says. */
int pl_server_bind(struct pl_server *, struct pl_buf *why) PL_MUST_CHECK;
/* Closes what is bound, also after a failure in the middle; a Unix socket's name goes with it. */
void pl_server_unbind(struct pl_server *);

#endif
