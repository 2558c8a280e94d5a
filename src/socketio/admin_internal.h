/* admin_internal.h - what the files of the admin namespace share. Not for others. */
#ifndef PL_SOCKETIO_ADMIN_INTERNAL_H
#define PL_SOCKETIO_ADMIN_INTERNAL_H

#include "socketio/admin.h"

#include <pthread.h>

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

#endif
