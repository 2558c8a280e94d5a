/* file.h - a whole small file: configuration, secrets, what is served as it lies there. Blocks for
 * as long as the disk does. */
#ifndef PL_BASE_FILE_H
#define PL_BASE_FILE_H

#include "base/buf.h"

/* A regular file of at most buf->max bytes. 0, PL_ENOTFOUND, PL_EDENIED, PL_ETOOBIG, PL_EIO,
 * PL_ENOMEM. *mode may be NULL. Any thread. */
int pl_file_read(const char *path, struct pl_buf *, uint32_t *mode) PL_MUST_CHECK;

#endif
