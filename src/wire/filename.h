/*
 * filename.h - names and types of files as people and browsers may see them: what a client says of
 * its file, made harmless, and the header that goes with it. Pure.
 */
#ifndef PL_WIRE_FILENAME_H
#define PL_WIRE_FILENAME_H

#include "base/buf.h"

enum { PL_FILENAME_MAX = 255, PL_MEDIA_TYPE_MAX = 127 };

/*
 * The last part of a path, with '_' for what a name may not show: control characters, what turns
 * the direction of the text around it, and '"', '\\', '/', ':', '*', '?', '<', '>', '|', which some
 * system gives a meaning. A name of nothing but dots, and an empty one, is "file". Appends at most
 * PL_FILENAME_MAX bytes. PL_EINVAL: not UTF-8; PL_ETOOBIG: longer.
 */
int pl_filename_clean(struct pl_slice name, struct pl_buf *out) PL_MUST_CHECK;

/* attachment; filename="..."; filename*=UTF-8''... (RFC 6266, RFC 5987) for a clean name. */
void pl_filename_disposition(struct pl_slice name, struct pl_buf *out);

/* "type/subtype" in lower case, without parameters; anything else: application/octet-stream. */
void pl_media_type_clean(struct pl_slice, char out[PL_MEDIA_TYPE_MAX + 1]);
/* Whether the type is meant: by its name, by "image/" and a star, or by stars alone. */
bool pl_media_type_fits(struct pl_slice type, struct pl_slice pattern);
/* What a browser may be told that the bytes are, when anybody may have sent them: the type where it
 * is one that runs no script, else application/octet-stream. */
struct pl_slice pl_media_type_safe(struct pl_slice type);

#endif
