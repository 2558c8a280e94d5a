/*
 * admin.h - the namespace "/admin", which the published Admin UI of Socket.IO (@socket.io/admin-ui)
 * looks at a server through: who is connected, in which rooms, what is said; and what it may do.
 *
 * struct pl_sio_admin is what all workers share, struct pl_sio_admin_site a worker's share. A
 * worker tells what happens on it to the workers where an administrator is, and to nobody while
 * there is none.
 */
#ifndef PL_SOCKETIO_ADMIN_H
#define PL_SOCKETIO_ADMIN_H

#include "auth/hasher.h"
#include "socketio/socketio.h"

struct pl_sio_admin;
struct pl_sio_admin_site;

struct pl_sio_admin_options {
	const char *user, *password_hash; /* argon2id as text. Copied */
	bool is_readonly;                 /* nothing can be done, only seen */
	bool is_production;               /* counts alone: no sockets, no events */
	uint32_t sessions_max;            /* logins that are remembered */
};

/*
 * What is wrong with a name and a hash: one without the other, not a hash, a password that
 * everybody tries first. NULL: nothing; both may be NULL. Hashes: not on a loop.
 */
const char *pl_sio_admin_fault(const char *user, const char *password_hash);

/* Adds the namespace: before the first site. Must be without fault. PL_EEXISTS: it is there. */
int pl_sio_admin_new(struct pl_sio *, const struct pl_sio_admin_options *,
		     struct pl_sio_admin **out) PL_MUST_CHECK;
void pl_sio_admin_free(struct pl_sio_admin *); /* after pl_sio; NULL is fine */

/*
 * A worker's share, all of them before the threads start, in the order of the workers. The hasher
 * outlives them, and stops while the loops still turn.
 */
int pl_sio_admin_site_new(struct pl_sio_admin *, struct pl_loop *, struct pl_sio_site *,
			  struct pl_hasher *, struct pl_sio_admin_site **out) PL_MUST_CHECK;
/*
 * After the site's sockets are gone. What travels between the workers owns itself: the loops must
 * be turned, as rest.h says, before the first of these is freed. NULL is fine.
 */
void pl_sio_admin_site_free(struct pl_sio_admin_site *);

#endif
