/*
 * json_mend.h - JSON that JavaScript makes and takes, and UTF-8 cannot say: halves of surrogate
 * pairs, as of an emoji that was cut in two. Each becomes U+FFFD.
 */
#ifndef PL_WIRE_JSON_MEND_H
#define PL_WIRE_JSON_MEND_H

#include "base/buf.h"

/*
 * True: there was such a half, and `out`, empty before, holds the text with "\ufffd" in the place
 * of each, as long as before; or out->err is set. False: `out` is as it was. The text may be
 * anything: what is no JSON stays none.
 */
bool pl_json_mend(struct pl_slice text, struct pl_buf *out);

#endif
