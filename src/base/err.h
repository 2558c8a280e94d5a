/*
 * err.h - the one list of errors. Functions that can fail return 0 or a
 * negative enum pl_err; out-parameters are untouched on failure.
 */
#ifndef PL_BASE_ERR_H
#define PL_BASE_ERR_H

#define PL_MUST_CHECK __attribute__((warn_unused_result))

#define PL_ERR_MAP(X)                                   \
	X(ENOMEM, -1, "out of memory")                  \
	X(EINVAL, -2, "invalid argument")               \
	X(ESTATE, -3, "not allowed in this state")      \
	X(ECLOSED, -4, "connection is closed")          \
	X(EBUSY, -5, "peer is not reading fast enough") \
	X(ETOOBIG, -6, "exceeds the limit")             \
	X(EADDR, -7, "cannot listen on that address")   \
	X(ETLS, -8, "TLS configuration rejected")       \
	X(ESTORE, -9, "storage failed")                 \
	X(EDENIED, -10, "not permitted")                \
	X(ENOTFOUND, -11, "not found")                  \
	X(EEXISTS, -12, "already exists")               \
	X(EIO, -13, "input/output error")               \
	X(EPROTO, -14, "protocol violation")            \
	X(ELIMIT, -15, "too many")                      \
	X(EAGAIN, -16, "not now")                       \
	X(EEXPIRED, -17, "expired")                     \
	X(ELOCKED, -18, "in use by another process")    \
	X(ECORRUPT, -19, "data is damaged")

enum pl_err {
	PL_OK = 0,
#define X(name, value, text) PL_##name = (value),
	PL_ERR_MAP(X)
#undef X
};

/* A short English sentence, never NULL. Safe from any thread. */
const char *pl_strerror(int err);

#endif
