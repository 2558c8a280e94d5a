/*
 * address.h - where to listen, and who is calling.
 */
#ifndef PL_NET_ADDRESS_H
#define PL_NET_ADDRESS_H

#include "base/err.h"
#include "base/slice.h"

#include <sys/socket.h>

/* An IP address in its 16-byte form; IPv4 as ::ffff:a.b.c.d. All zero: a Unix socket. */
struct pl_ip {
	uint8_t b[16];
};

enum { PL_ADDRESS_TEXT = 128 };

struct pl_address {
	struct sockaddr_storage at;
	socklen_t len;
};

/*
 * "127.0.0.1:8080", "[::1]:8080", ":8080" (every IPv4 and IPv6 address), "unix:/path". No names:
 * what a server listens on must not depend on a resolver. 0 or PL_EINVAL.
 */
int pl_address_parse(struct pl_slice, struct pl_address *out) PL_MUST_CHECK;
/* The same form back, NUL-terminated; for a bound port 0 give the address from getsockname. */
void pl_address_format(const struct pl_address *, char out[PL_ADDRESS_TEXT]);

struct pl_ip pl_ip_of(const struct sockaddr_storage *);
/* Numeric text, NUL-terminated; "unix" for a Unix socket. */
void pl_ip_format(const struct pl_ip *, char out[PL_ADDRESS_TEXT]);
/* What a limit counts as one caller: an IPv4 address, an IPv6 /64, all Unix sockets together. */
struct pl_ip pl_ip_site(struct pl_ip);
/* A numeric address without port. 0 or PL_EINVAL. */
int pl_ip_parse(struct pl_slice, struct pl_ip *out) PL_MUST_CHECK;
bool pl_ip_is_local(const struct pl_ip *); /* Unix socket */

#endif
