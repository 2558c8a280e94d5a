/* admin.c - the admin namespace: its composition, and an administrator from the way in to the way
 * out. */
#include "socketio/admin_internal.h"
#include "socketio/internal.h"

#include "base/clock.h"

#include <openssl/crypto.h>
#include <unistd.h>

enum { SAY_MAX = 512, TRIES_KEYS = 4096 };

/* ---- an administrator ---- */

static void say_session(struct pl_admin *a)
{
	struct pl_buf b;
	if (!a->has_session)
		return;
	pl_buf_init(&b, SAY_MAX);
	PL_PUT(&b, "[\"session\",\"");
	pl_buf_put(&b, a->session, sizeof(a->session));
	PL_PUT(&b, "\"]");
	if (!b.err)
		pl_admin_say(a, pl_buf_slice(&b));
	pl_buf_fini(&b);
}

static void say_config(struct pl_admin *a)
{
	const struct pl_sio_admin *admin = a->site->admin;
	struct pl_buf b;
	pl_buf_init(&b, SAY_MAX);
	PL_PUT(&b, "[\"config\",{\"supportedFeatures\":[");
	if (!admin->is_readonly)
		PL_PUT(&b, "\"EMIT\",\"JOIN\",\"LEAVE\",\"DISCONNECT\","
			   "\"MJOIN\",\"MLEAVE\",\"MDISCONNECT\",");
	PL_PUT(&b, "\"AGGREGATED_EVENTS\"");
	if (!admin->is_production)
		PL_PUT(&b, ",\"ALL_EVENTS\"");
	PL_PUT(&b, "]}]");
	if (!b.err)
		pl_admin_say(a, pl_buf_slice(&b));
	pl_buf_fini(&b);
}

static void on_tick(struct pl_timer *t)
{
	struct pl_sio_admin_site *s = PL_CONTAINER(t, struct pl_sio_admin_site, tick);
	pl_timer_set(s->loop, &s->tick, PL_ADMIN_TICK_MS);
	pl_admin_gather(s);
}

static int on_connect(parley_socket *socket)
{
	struct pl_admin *a = parley_socket_data(socket);
	struct pl_sio_admin_site *s = a->site;
	a->socket = socket;
	/* Before the reply, as the original does. The page begins to listen when it is connected
	 * and does not hear that, so that it would ask for the password again: hence once more. */
	say_session(a);
	pl_socket_hello(socket);
	say_session(a);
	OPENSSL_cleanse(a->session, sizeof(a->session));
	say_config(a);
	pl_list_append(&s->here, &a->node);
	s->nhere++;
	atomic_fetch_add(&s->admin->present[s->index], 1);
	if (!pl_timer_is_set(&s->tick))
		pl_timer_set(s->loop, &s->tick, PL_ADMIN_TICK_MS);
	pl_admin_gather(s);
	return 0;
}

static void on_disconnect(parley_socket *socket, const char *reason)
{
	struct pl_admin *a = parley_socket_data(socket);
	struct pl_sio_admin_site *s = a->site;
	(void)reason;
	if (pl_list_empty(&a->node))
		return;
	pl_list_remove(&a->node);
	pl_admin_feed_forget(a);
	s->nhere--;
	atomic_fetch_sub(&s->admin->present[s->index], 1);
	if (s->nhere)
		return;
	pl_timer_stop(&s->tick);
	s->has_last = false;
}

/* ---- all workers ---- */

static int add_namespace(struct pl_sio_admin *a)
{
	const char *why = NULL;
	const struct pl_sio_house house = {.nsp = {.name = PL_ADMIN_NAMESPACE_NAME,
						   .user = a,
						   .authorize = pl_admin_authorize,
						   .on_connect = on_connect,
						   .events = pl_admin_actions,
						   .on_disconnect = on_disconnect}};
	return pl_sio_add_house(a->sio, &house, &why);
}

int pl_sio_admin_new(struct pl_sio *sio, const struct pl_sio_admin_options *o,
		     struct pl_sio_admin **out)
{
	struct pl_sio_admin *a = PL_NEW(struct pl_sio_admin);
	size_t n = strlen(o->password_hash);
	if (!a || n >= sizeof(a->hash)) {
		pl_free(a);
		return a ? PL_EINVAL : PL_ENOMEM;
	}
	a->sio = sio;
	a->is_readonly = o->is_readonly;
	a->is_production = o->is_production;
	a->born_ms = pl_now_ms();
	memcpy(a->hash, o->password_hash, n + 1);
	if (gethostname(a->host, sizeof(a->host) - 1))
		a->host[0] = '\0';
	int err = pl_admin_sessions_init(&a->sessions, o->sessions_max);
	if (!err && !(a->user = pl_strdup(o->user)))
		err = PL_ENOMEM;
	if (!err)
		err = pl_limiter_new(PL_ADMIN_TRIES, PL_ADMIN_TRIES, TRIES_KEYS, &a->tries);
	if (!err)
		err = add_namespace(a);
	if (err)
		pl_sio_admin_free(a);
	else
		*out = a;
	return err;
}

void pl_sio_admin_free(struct pl_sio_admin *a)
{
	if (!a)
		return;
	pl_admin_sessions_fini(&a->sessions);
	pl_limiter_free(a->tries);
	OPENSSL_cleanse(a->hash, sizeof(a->hash));
	pl_free(a->user);
	pl_free(a);
}

int pl_sio_admin_site_new(struct pl_sio_admin *a, struct pl_loop *loop, struct pl_sio_site *sio,
			  struct pl_hasher *hasher, struct pl_sio_admin_site **out)
{
	struct pl_sio_admin_site *s = PL_NEW(struct pl_sio_admin_site);
	if (!s)
		return PL_ENOMEM;
	s->admin = a;
	s->index = a->nsites;
	s->loop = loop;
	s->sio = sio;
	s->hasher = hasher;
	pl_list_init(&s->here);
	pl_timer_init(&s->tick, on_tick);
	pl_admin_feed_init(s);
	pl_sio_site_set_ctx(sio, PL_ADMIN_NAMESPACE_NAME, s);
	a->sites[a->nsites++] = s;
	a->nopen++;
	*out = s;
	return 0;
}

void pl_sio_admin_site_free(struct pl_sio_admin_site *s)
{
	if (!s)
		return;
	pl_timer_stop(&s->tick);
	pl_admin_feed_fini(s);
	/* A server whose start failed may start again. */
	if (!--s->admin->nopen)
		s->admin->nsites = 0;
	pl_free(s);
}
