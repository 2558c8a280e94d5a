/*
 * tls.h - TLS 1.2 and 1.3 (OpenSSL) as a transformation of bytes: no descriptor, no waiting.
 *
 * Ciphertext that came in is fed, plaintext is read out; plaintext is written, ciphertext is
 * appended to a buffer that the caller sends like any other output. So TLS has the same loop,
 * the same flush and the same back-pressure as plain connections, and between two calls a session
 * holds no data of ours except an unfinished record.
 */
#ifndef PL_NET_TLS_H
#define PL_NET_TLS_H

#include "base/buf.h"
#include "base/slice.h"

#include <sys/types.h>

/* Certificate and key, ready for use. Shared by all workers, refcounted, immutable. */
struct pl_tls_context;
/* Errors are told in `why` (a sentence with the file's name). PL_ETLS, PL_ENOMEM. */
int pl_tls_context_new(const char *certificate_file, const char *key_file, struct pl_buf *why,
		       struct pl_tls_context **out) PL_MUST_CHECK;
/* For clients: verifies the server's certificate against the system's store unless `insecure`. */
int pl_tls_context_client(bool insecure, struct pl_tls_context **out) PL_MUST_CHECK;
struct pl_tls_context *pl_tls_context_retain(struct pl_tls_context *);
void pl_tls_context_release(struct pl_tls_context *); /* NULL is fine */
/* Days until the certificate expires (negative: it has). */
int pl_tls_context_days_left(const struct pl_tls_context *);

/* One connection's session. Not thread-safe. */
struct pl_tls;
/* server_name: for clients (SNI and verification), else NULL. */
int pl_tls_new(struct pl_tls_context *, const char *server_name, struct pl_tls **out) PL_MUST_CHECK;
void pl_tls_free(struct pl_tls *); /* NULL is fine */

/*
 * Decrypts: takes ciphertext from `in` (advancing it; all is taken when it returns 0) and puts
 * plaintext at `at`. Returns the bytes put, 0 when all of `in` is used up, PL_ECLOSED when the peer
 * closed its side properly, PL_EPROTO for anything else that is final. What the protocol itself has
 * to say (handshake, alerts, key updates) is appended to `out`, also on error. Call until it
 * returns <= 0.
 */
ssize_t pl_tls_read(struct pl_tls *, struct pl_slice *in, char *at, size_t n, struct pl_buf *out);
/* Encrypts; the records are appended to `out`. PL_ESTATE before the handshake is done. */
int pl_tls_write(struct pl_tls *, struct pl_slice plain, struct pl_buf *out) PL_MUST_CHECK;
bool pl_tls_is_ready(const struct pl_tls *);
/* A client's first words. */
int pl_tls_start(struct pl_tls *, struct pl_buf *out) PL_MUST_CHECK;
/* Appends close_notify. Not after an error. */
void pl_tls_shutdown(struct pl_tls *, struct pl_buf *out);

#endif
