/*
 * dialects.h - the table of the chat dialects that this build speaks, and where each is found.
 * A new dialect is a row here.
 */
#ifndef PL_SERVER_DIALECTS_H
#define PL_SERVER_DIALECTS_H

#include "conn/endpoint.h"
#include "server/config.h"

enum { PL_DIALECTS_MAX = 8 };

struct pl_dialect_row {
	const char *name; /* of parley_mount */
	enum pl_speaks speaks;
	/* Its prototype; the copy's ctx is the worker's struct pl_gateway. NULL: it is no WebSocket
	 * endpoint. */
	const struct pl_endpoint *endpoint;
	const struct pl_endpoint *guests; /* the same on listeners that take guests; or NULL */
	/* Habits of its WebSockets; NULL: those of all. */
	struct pl_ws_options (*options)(const struct pl_config *);
	/* In the program: its path on every listener, and on those for everything; or NULL. */
	const char *path, *path_of_all;
};

extern const struct pl_dialect_row pl_dialects[];
extern const size_t pl_dialect_count;

/* The row, or pl_dialect_count: there is none. */
size_t pl_dialect_named(const char *name);
size_t pl_dialect_spoken(enum pl_speaks);

#endif
