/* tls.c - OpenSSL behind a BIO that reads from a slice and writes to a buffer. */
#include "net/tls.h"

#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <time.h>

struct pl_tls_context {
	atomic_uint refs;
	SSL_CTX *ssl;
	BIO_METHOD *bio;
	bool is_client, is_insecure;
};

struct pl_tls {
	SSL *ssl;
	struct pl_tls_context *context;
	/* Set for the length of a call only. */
	struct pl_slice *in;
	struct pl_buf *out;
	uint16_t key_updates; /* a flood of them is refused */
	bool is_broken;
};

enum { MAX_KEY_UPDATES = 64 };

/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *at, int n)
{
	struct pl_tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (!t->in || !t->in->len) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t take = (size_t)n < t->in->len ? (size_t)n : t->in->len;
	memcpy(at, t->in->at, take);
	t->in->at += take;
	t->in->len -= take;
	return (int)take;
}

static int bio_write(BIO *bio, const char *at, int n)
{
	struct pl_tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (!t->out || n < 0)
		return -1;
	pl_buf_put(t->out, at, (size_t)n);
	return t->out->err ? -1 : n;
}

static long bio_ctrl(BIO *bio, int cmd, long arg, void *p)
{
	(void)bio;
	(void)arg;
	(void)p;
	return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *new_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "parley");
	if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
	    BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- context ---- */

static void on_message(int is_write, int version, int type, const void *buf, size_t n, SSL *ssl,
		       void *arg)
{
	struct pl_tls *t = SSL_get_app_data(ssl);
	(void)version;
	(void)arg;
	if (t && !is_write && type == SSL3_RT_HANDSHAKE && n &&
	    *(const uint8_t *)buf == SSL3_MT_KEY_UPDATE && ++t->key_updates > MAX_KEY_UPDATES)
		t->is_broken = true;
}

static bool set_policy(SSL_CTX *ssl)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ssl,
				       SSL_SESS_CACHE_OFF); /* tickets only: no state of ours */
	SSL_CTX_set_max_early_data(ssl, 0);
	SSL_CTX_set_msg_callback(ssl, on_message);
	char groups[] = "X25519:P-256:P-384"; /* not const: the macro casts it away */
	return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
	       SSL_CTX_set1_groups_list(ssl, groups) == 1;
}

static struct pl_tls_context *new_context(const SSL_METHOD *method)
{
	struct pl_tls_context *c = PL_NEW(struct pl_tls_context);
	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->ssl = SSL_CTX_new(method);
	c->bio = new_bio_method();
	if (c->ssl && c->bio && set_policy(c->ssl))
		return c;
	pl_tls_context_release(c);
	return NULL;
}

static int refuse(struct pl_tls_context *c, struct pl_buf *why, const char *what, const char *file)
{
	char text[256];
	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	pl_buf_printf(why, "%s %s: %s", what, file, text);
	ERR_clear_error();
	pl_tls_context_release(c);
	return PL_ETLS;
}

int pl_tls_context_new(const char *certificate_file, const char *key_file, struct pl_buf *why,
		       struct pl_tls_context **out)
{
	ERR_clear_error();
	struct pl_tls_context *c = new_context(TLS_server_method());
	if (!c)
		return PL_ENOMEM;
	if (SSL_CTX_use_certificate_chain_file(c->ssl, certificate_file) != 1)
		return refuse(c, why, "certificate", certificate_file);
	if (SSL_CTX_use_PrivateKey_file(c->ssl, key_file, SSL_FILETYPE_PEM) != 1)
		return refuse(c, why, "key", key_file);
	if (SSL_CTX_check_private_key(c->ssl) != 1)
		return refuse(c, why, "key does not belong to the certificate:", key_file);
	*out = c;
	return 0;
}

int pl_tls_context_client(bool insecure, struct pl_tls_context **out)
{
	struct pl_tls_context *c = new_context(TLS_client_method());
	if (!c)
		return PL_ENOMEM;
	c->is_client = true;
	c->is_insecure = insecure;
	SSL_CTX_set_verify(c->ssl, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_default_verify_paths(c->ssl);
	*out = c;
	return 0;
}

struct pl_tls_context *pl_tls_context_retain(struct pl_tls_context *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void pl_tls_context_release(struct pl_tls_context *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	SSL_CTX_free(c->ssl);
	BIO_meth_free(c->bio);
	pl_free(c);
}

int pl_tls_context_days_left(const struct pl_tls_context *c)
{
	int days = 0, seconds = 0;
	X509 *x = SSL_CTX_get0_certificate(c->ssl);
	if (x)
		ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x));
	return days;
}

/* ---- session ---- */

static bool name_the_server(SSL *ssl, const char *name, bool insecure)
{
	if (!name)
		return true;
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	if (!insecure && !X509_VERIFY_PARAM_set1_ip_asc(param, name) && !SSL_set1_host(ssl, name))
		return false;
	/* What SSL_set_tlsext_host_name does, without its cast. */
	return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
			(void *)(uintptr_t)name) == 1;
}

int pl_tls_new(struct pl_tls_context *c, const char *server_name, struct pl_tls **out)
{
	struct pl_tls *t = PL_NEW(struct pl_tls);
	if (!t)
		return PL_ENOMEM;
	BIO *bio = BIO_new(c->bio);
	t->ssl = SSL_new(c->ssl);
	if (!bio || !t->ssl || !name_the_server(t->ssl, server_name, c->is_insecure)) {
		BIO_free(bio);
		SSL_free(t->ssl);
		pl_free(t);
		ERR_clear_error();
		return PL_ENOMEM;
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	if (c->is_client)
		SSL_set_connect_state(t->ssl);
	else
		SSL_set_accept_state(t->ssl);
	t->context = pl_tls_context_retain(c);
	*out = t;
	return 0;
}

void pl_tls_free(struct pl_tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	pl_tls_context_release(t->context);
	pl_free(t);
}

bool pl_tls_is_ready(const struct pl_tls *t)
{
	return SSL_is_init_finished(t->ssl);
}

static int verdict(struct pl_tls *t, int result)
{
	int error = SSL_get_error(t->ssl, result);
	ERR_clear_error();
	if (t->is_broken)
		return PL_EPROTO;
	if (error == SSL_ERROR_WANT_READ)
		return 0;
	t->is_broken = error != SSL_ERROR_ZERO_RETURN;
	return t->is_broken ? PL_EPROTO : PL_ECLOSED;
}

ssize_t pl_tls_read(struct pl_tls *t, struct pl_slice *in, char *at, size_t n, struct pl_buf *out)
{
	if (t->is_broken)
		return PL_EPROTO;
	t->in = in;
	t->out = out;
	ERR_clear_error();
	int got = SSL_read(t->ssl, at, n < INT32_MAX ? (int)n : INT32_MAX);
	int err = got > 0 && !t->is_broken ? 0 : verdict(t, got);
	t->in = NULL;
	t->out = NULL;
	return err ? err : got > 0 ? got : 0;
}

int pl_tls_write(struct pl_tls *t, struct pl_slice plain, struct pl_buf *out)
{
	if (t->is_broken)
		return PL_EPROTO;
	if (!pl_tls_is_ready(t))
		return PL_ESTATE;
	t->out = out;
	ERR_clear_error();
	while (plain.len && !t->is_broken) {
		int piece = plain.len < 1 << 30 ? (int)plain.len : 1 << 30;
		int done = SSL_write(t->ssl, plain.at, piece);
		if (done <= 0) {
			ERR_clear_error();
			t->is_broken = true;
			break;
		}
		plain.at += done;
		plain.len -= (size_t)done;
	}
	t->out = NULL;
	return t->is_broken ? PL_EPROTO : 0;
}

int pl_tls_start(struct pl_tls *t, struct pl_buf *out)
{
	t->out = out;
	ERR_clear_error();
	int done = SSL_do_handshake(t->ssl);
	int err = done == 1 ? 0 : verdict(t, done);
	t->out = NULL;
	return err;
}

void pl_tls_shutdown(struct pl_tls *t, struct pl_buf *out)
{
	if (t->is_broken || !pl_tls_is_ready(t))
		return;
	t->out = out;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
	t->out = NULL;
}
