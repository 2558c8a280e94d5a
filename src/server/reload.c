/* reload.c - new settings, keys and certificates for a server that runs: all of them, or none. */
#include "server/internal.h"

#include "base/mem.h"

struct visit {
	struct pl_task task;
	struct pl_site *site;
	struct pl_settings *settings; /* one reference each */
	struct pl_auth *auth;
};

static void adopt(struct pl_task *t)
{
	struct visit *v = PL_CONTAINER(t, struct visit, task);
	pl_site_adopt(v->site, v->settings, v->auth);
	pl_free(v);
}

static void visit_all(struct parley_server *s, struct pl_settings *settings, struct pl_auth *auth)
{
	for (uint32_t i = 0; i < s->nsites; i++) {
		struct visit *v = PL_NEW(struct visit);
		if (!v) {
			pl_log(s->log, PL_ERROR, "server", "worker %u was not told: out of memory",
			       i);
			continue;
		}
		*v = (struct visit){.task.run = adopt,
				    .site = &s->sites[i],
				    .settings = pl_settings_retain(settings),
				    .auth = auth ? pl_auth_retain(auth) : NULL};
		pl_loop_post(s->sites[i].worker.loop, &v->task);
	}
}

static void keep_what_has_its_size(struct pl_conn_options *next, const struct pl_conn_options *now)
{
	next->ws.compress = now->ws.compress;
	next->deflate = now->deflate;
	next->ws.compress_above = now->ws.compress_above;
	next->ws.max_message = now->ws.max_message;
}

int pl_server_reload(struct parley_server *s, const struct pl_config *next, struct pl_buf *why)
{
	struct pl_settings *settings = NULL;
	struct pl_auth *auth = NULL;
	struct pl_tls_context *tls = NULL;
	int err = pl_settings_new(next, s->settings, why, &settings);
	if (!err)
		err = pl_server_load_auth(s, next, why, &auth);
	if (!err)
		err = pl_server_load_tls(next, why, &tls);
	if (!err)
		err = pl_gate_set(s->gate, &settings->gate);
	if (err) {
		pl_settings_release(settings);
		pl_auth_release(auth);
		pl_tls_context_release(tls);
		return err;
	}
	keep_what_has_its_size(&settings->conn, &s->settings->conn);
	if (tls && s->tls.context)
		pl_tls_holder_set(&s->tls, tls);
	else
		pl_tls_context_release(tls);
	visit_all(s, settings, auth);
	pl_auth_release(auth);
	pl_settings_release(s->settings);
	s->settings = settings;
	return 0;
}
