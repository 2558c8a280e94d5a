/*
 * socketio_pid.c - what a client shows to be recovered: nothing about it is kept here, also not
 * over a restart.
 *
 *     socket's id, 20 characters │ position, 16 bytes │ MAC, 16 bytes
 *                                └────── base64url, 43 characters ───┘
 *
 * The MAC is over the user too: without the right token a pid is worth nothing.
 */
#include "dialect/socketio_internal.h"

#include "auth/mac.h"
#include "wire/base64url.h"

enum { MAC = 16, SEALED = sizeof(struct pl_uuid) + MAC };

static const char purpose[] = "parley socketio pid 1";

static int mac_of(const uint8_t key[PL_SECRET_BYTES], struct pl_slice sid,
		  const struct pl_uuid *user, const struct pl_uuid *position,
		  uint8_t out[PL_MAC_BYTES])
{
	char text[sizeof(purpose) + PL_SOCKETIO_SID + 2 * sizeof(struct pl_uuid)], *at = text;
	memcpy(at, purpose, sizeof(purpose));
	at += sizeof(purpose);
	memcpy(at, sid.at, PL_SOCKETIO_SID);
	at += PL_SOCKETIO_SID;
	memcpy(at, user->b, sizeof(user->b));
	at += sizeof(user->b);
	memcpy(at, position->b, sizeof(position->b));
	return pl_mac(pl_slice(key, PL_SECRET_BYTES), pl_slice(text, sizeof(text)), out);
}

int pl_socketio_pid_write(const uint8_t key[PL_SECRET_BYTES], struct pl_slice sid,
			  const struct pl_uuid *user, const struct pl_uuid *position,
			  char out[PL_SOCKETIO_PID])
{
	uint8_t mac[PL_MAC_BYTES], sealed[SEALED];
	struct pl_buf b;
	int err = mac_of(key, sid, user, position, mac);
	if (err)
		return err;
	memcpy(sealed, position->b, sizeof(position->b));
	memcpy(sealed + sizeof(position->b), mac, MAC);
	pl_buf_init(&b, PL_SOCKETIO_PID);
	pl_buf_puts(&b, sid);
	pl_base64url_encode(&b, pl_slice(sealed, sizeof(sealed)));
	err = b.err;
	if (!err)
		memcpy(out, b.at, PL_SOCKETIO_PID);
	pl_buf_fini(&b);
	return err;
}

int pl_socketio_pid_read(const uint8_t key[PL_SECRET_BYTES], struct pl_slice pid,
			 const struct pl_uuid *user, struct pl_slice *sid, struct pl_uuid *position)
{
	uint8_t mac[PL_MAC_BYTES], sealed[SEALED];
	struct pl_uuid from;
	size_t n = 0;
	if (pid.len != PL_SOCKETIO_PID)
		return PL_EINVAL;
	struct pl_slice id = pl_slice(pid.at, PL_SOCKETIO_SID);
	struct pl_slice rest = pl_slice(pid.at + id.len, pid.len - id.len);
	if (pl_base64url_decode(rest, sealed, sizeof(sealed), &n) || n != sizeof(sealed))
		return PL_EINVAL;
	memcpy(from.b, sealed, sizeof(from.b));
	int err = mac_of(key, id, user, &from, mac);
	if (err)
		return err;
	if (!pl_mac_eq(mac, sealed + sizeof(from.b), MAC))
		return PL_EINVAL;
	*sid = id;
	*position = from;
	return 0;
}
