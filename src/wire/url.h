/*
 * url.h - the parts of a URL (RFC 3986), percent-decoding, query parameters and cookies. No I/O.
 *
 * Results point into the input, or into the arena where something had to be decoded: keep both.
 * Bytes that no text may contain (NUL, broken escapes) are refused, never passed on.
 */
#ifndef PL_WIRE_URL_H
#define PL_WIRE_URL_H

#include "base/arena.h"
#include "base/err.h"

enum {
	PL_QUERY_MAX_FIELDS = 64,
	PL_COOKIE_MAX_PAIRS = 128,
	PL_HOST_MAX = 255,
	PL_URL_MAX = 8192,
};

struct pl_authority {
	struct pl_slice host; /* of an IPv6 literal without the brackets */
	uint16_t port;        /* 0: none given */
	bool is_ipv6;
};

struct pl_url {
	bool is_tls;   /* wss, https */
	bool is_ws;    /* ws, wss */
	uint16_t port; /* given, or 80 or 443 */
	bool is_ipv6;
	struct pl_slice host;      /* where to connect: without brackets */
	struct pl_slice authority; /* for the Host header: as written */
	struct pl_slice path;      /* begins with '/' */
	struct pl_slice query;     /* at == NULL: none */
};

/* "host", "host:80", "[::1]:80". Names of letters, digits and "-._~" only; no user part; port 1 to
 * 65535. */
int pl_authority_parse(struct pl_slice, struct pl_authority *out) PL_MUST_CHECK;
/* ws, wss, http, https. No user part and no fragment. 0 or PL_EINVAL. */
int pl_url_parse(struct pl_slice, struct pl_url *out) PL_MUST_CHECK;
/* Cuts a target "/path?query"; *query has at == NULL when there is no '?'. */
void pl_target_cut(struct pl_slice target, struct pl_slice *path, struct pl_slice *query);

/* %XX, and '+' as a space if plus_is_space. 0, PL_EINVAL (broken escape, NUL) or PL_ENOMEM. */
int pl_percent_decode(struct pl_slice, bool plus_is_space, struct pl_arena *,
		      struct pl_slice *out) PL_MUST_CHECK;
/*
 * A whole path. PL_EINVAL also for "%2F" and for "." and ".." segments, however they are written:
 * what is left means the same file to everyone. PL_ENOMEM.
 */
int pl_path_decode(struct pl_slice path, struct pl_arena *, struct pl_slice *out) PL_MUST_CHECK;
/*
 * The first parameter of that name, decoded (a name without '=' has an empty value). PL_ENOTFOUND;
 * PL_EINVAL: its value or a name on the way is malformed; PL_ELIMIT: not among the first
 * PL_QUERY_MAX_FIELDS; PL_ENOMEM.
 */
int pl_query_get(struct pl_slice query, const char *name, struct pl_arena *,
		 struct pl_slice *out) PL_MUST_CHECK;
/*
 * The first cookie of that name (case counts) in the value of a Cookie header, without quotes
 * around it and not decoded. PL_ENOTFOUND, or PL_ELIMIT: not among the first PL_COOKIE_MAX_PAIRS.
 */
int pl_cookie_get(struct pl_slice header, const char *name, struct pl_slice *out) PL_MUST_CHECK;

#endif
