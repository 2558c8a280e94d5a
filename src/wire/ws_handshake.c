/* ws_handshake.c - the values of the opening handshake (RFC 6455 section 4), both ends. */
#include "wire/ws.h"

#include "base/id.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

bool pl_ws_has_token(struct pl_slice list, struct pl_slice token)
{
	while (list.at) {
		struct pl_slice one = pl_slice_cut(list, ',', &list);
		if (pl_slice_eq_nocase(pl_slice_trim(one), token))
			return true;
	}
	return false;
}

static bool is_base64(char c)
{
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return letter || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* 16 bytes in base64: 22 digits and two signs of padding. */
static bool is_key(struct pl_slice key)
{
	if (key.len != PL_WS_KEY_LEN || key.at[22] != '=' || key.at[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++)
		if (!is_base64(key.at[i]))
			return false;
	return true;
}

int pl_ws_request_check(const struct pl_ws_request *r)
{
	if (!pl_ws_has_token(r->upgrade, PL_S("websocket")) ||
	    !pl_ws_has_token(r->connection, PL_S("upgrade")))
		return 400;
	if (!pl_slice_is(r->version, "13"))
		return 426;
	return is_key(r->key) ? 101 : 400;
}

int pl_ws_accept_key(struct pl_slice key, char out[PL_WS_ACCEPT_LEN])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t joined[PL_WS_KEY_LEN + sizeof(guid) - 1];
	uint8_t digest[SHA_DIGEST_LENGTH];
	uint8_t text[PL_WS_ACCEPT_LEN + 1];
	if (key.len != PL_WS_KEY_LEN)
		return PL_EINVAL;
	memcpy(joined, key.at, PL_WS_KEY_LEN);
	memcpy(joined + PL_WS_KEY_LEN, guid, sizeof(guid) - 1);
	if (!SHA1(joined, sizeof(joined), digest))
		return PL_EIO;
	(void)EVP_EncodeBlock(text, digest, sizeof(digest));
	memcpy(out, text, PL_WS_ACCEPT_LEN);
	return 0;
}

bool pl_ws_pick_protocol(struct pl_slice offered, const struct pl_slice *ours, size_t count,
			 struct pl_slice *out)
{
	while (offered.at) {
		struct pl_slice one = pl_slice_trim(pl_slice_cut(offered, ',', &offered));
		for (size_t i = 0; i < count; i++) {
			if (one.len && pl_slice_eq(one, ours[i])) {
				*out = ours[i];
				return true;
			}
		}
	}
	return false;
}

static void put_field(struct pl_buf *out, struct pl_slice name, struct pl_slice value)
{
	if (!value.at)
		return;
	pl_buf_puts(out, name);
	pl_buf_puts(out, value);
	PL_PUT(out, "\r\n");
}

int pl_ws_answer(struct pl_buf *out, struct pl_slice key, struct pl_slice protocol,
		 struct pl_slice extensions)
{
	char accept[PL_WS_ACCEPT_LEN];
	int err = pl_ws_accept_key(key, accept);
	if (err)
		return err;
	PL_PUT(out, "HTTP/1.1 101 Switching Protocols\r\n"
		    "Upgrade: websocket\r\n"
		    "Connection: Upgrade\r\n");
	put_field(out, PL_S("Sec-WebSocket-Accept: "), pl_slice(accept, sizeof(accept)));
	put_field(out, PL_S("Sec-WebSocket-Protocol: "), protocol);
	put_field(out, PL_S("Sec-WebSocket-Extensions: "), extensions);
	PL_PUT(out, "\r\n");
	return out->err;
}

void pl_ws_new_key(char out[PL_WS_KEY_LEN])
{
	uint8_t nonce[16];
	uint8_t text[PL_WS_KEY_LEN + 1];
	pl_random_bytes(nonce, sizeof(nonce));
	(void)EVP_EncodeBlock(text, nonce, sizeof(nonce));
	memcpy(out, text, PL_WS_KEY_LEN);
}

int pl_ws_answer_check(struct pl_slice key, struct pl_slice upgrade, struct pl_slice connection,
		       struct pl_slice accept)
{
	char expected[PL_WS_ACCEPT_LEN];
	int err = pl_ws_accept_key(key, expected);
	if (err)
		return PL_EPROTO;
	if (!pl_slice_eq_nocase(pl_slice_trim(upgrade), PL_S("websocket")) ||
	    !pl_ws_has_token(connection, PL_S("upgrade")))
		return PL_EPROTO;
	return pl_slice_eq(pl_slice_trim(accept), pl_slice(expected, sizeof(expected))) ? 0
											: PL_EPROTO;
}
