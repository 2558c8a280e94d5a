/*
 * admin_login.c - who may come into the admin namespace: whoever shows the id of a session, or the
 * name and the password. The password is hashed on the hasher's thread, whatever the name was.
 *
 *     CONNECT ──► session known? ──► in
 *             ──► tries left? ──► hasher ──► fits ──► in, with a new session
 */
#include "socketio/admin_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

struct login {
	parley_handshake *handshake;
	struct pl_sio_admin_site *site;
	bool is_user; /* the name is right */
	char from[PL_ADDRESS_TEXT];
};

static void let_in(struct pl_sio_admin_site *s, parley_handshake *h, bool with_session)
{
	struct pl_admin *a = PL_NEW(struct pl_admin);
	if (!a) {
		parley_deny(h, "out of memory", NULL);
		return;
	}
	a->site = s;
	pl_list_init(&a->node);
	a->has_session =
		with_session && pl_admin_sessions_add(&s->admin->sessions, pl_now_ms(), a->session);
	pl_handshake_hold(h);
	parley_admit(h, a, pl_free);
}

/* ---- name and password ---- */

static struct pl_slice text_of(const parley_json *auth, const char *key)
{
	struct parley_slice s = parley_str(auth, key);
	return pl_slice(s.at, s.len);
}

/* In a time that tells nothing of the name. */
static bool is_same(struct pl_slice given, const char *wanted)
{
	uint8_t a[32], b[32];
	return EVP_Digest(given.at, given.len, a, NULL, EVP_sha256(), NULL) == 1 &&
	       EVP_Digest(wanted, strlen(wanted), b, NULL, EVP_sha256(), NULL) == 1 &&
	       !CRYPTO_memcmp(a, b, sizeof(a));
}

static void on_checked(struct pl_hash_job *job)
{
	struct login *l = job->owner;
	struct pl_sio_admin_site *s = l->site;
	bool fits = !job->err && l->is_user;
	s->nlogins--;
	pl_metric_add(pl_loop_metrics(s->loop), fits ? PL_M_LOGINS : PL_M_LOGINS_REFUSED, 1);
	pl_log(pl_loop_log(s->loop), fits ? PL_INFO : PL_WARN, "admin", "login from %s: %s",
	       l->from, fits ? "welcome" : "refused");
	if (fits)
		let_in(s, l->handshake, true);
	else
		parley_deny(l->handshake, "invalid credentials", NULL);
	pl_hash_job_free(job);
	pl_free(l);
}

static void refuse(parley_handshake *h, struct login *l, struct pl_hash_job *job, const char *why)
{
	pl_hash_job_free(job);
	pl_free(l);
	parley_deny(h, why, NULL);
}

static void check(struct pl_sio_admin_site *s, parley_handshake *h, struct pl_slice user,
		  struct pl_slice password)
{
	struct login *l = PL_NEW(struct login);
	struct pl_hash_job *job = l ? pl_hash_job_new(s->loop, on_checked, l) : NULL;
	if (!job) {
		refuse(h, l, job, "out of memory");
		return;
	}
	*l = (struct login){.handshake = h, .site = s, .is_user = is_same(user, s->admin->user)};
	pl_ip_format(pl_eio_from(pl_handshake_engine(h)), l->from);
	job->is_check = true;
	memcpy(job->hash, s->admin->hash, sizeof(job->hash));
	if (pl_hash_job_set_password(job, password))
		refuse(h, l, job, "invalid credentials");
	else if (pl_hasher_submit(s->hasher, job))
		refuse(h, l, job, "too many people are signing in: try again");
	else
		s->nlogins++;
}

/* ---- who asks ---- */

static bool may_try(struct pl_sio_admin_site *s, parley_handshake *h)
{
	struct pl_ip site = pl_ip_site(*pl_eio_from(pl_handshake_engine(h)));
	return !pl_limiter_take(s->admin->tries, pl_slice(site.b, sizeof(site.b)), 1, pl_now_ms(),
				NULL);
}

void pl_admin_authorize(parley_handshake *h, void *admin)
{
	struct pl_sio_admin_site *s = pl_handshake_ctx(h);
	const parley_json *auth = parley_handshake_auth(h);
	struct pl_slice user = text_of(auth, "username"), password = text_of(auth, "password");
	(void)admin;
	if (!pl_handshake_engine(h))
		parley_deny(h, "gone", NULL);
	else if (s->nhere + s->nlogins >= PL_ADMINS_MAX)
		parley_deny(h, "too many administrators", NULL);
	else if (pl_admin_sessions_has(&s->admin->sessions, text_of(auth, "sessionId"),
				       pl_now_ms()))
		let_in(s, h, false);
	else if (!may_try(s, h))
		parley_deny(h, "too many attempts: try again in a minute", NULL);
	else if (!user.at || !password.at)
		parley_deny(h, "invalid credentials", NULL);
	else
		check(s, h, user, password);
}
