/* qrypt_in.c - what a QryptChat client may say: the tables of the files around it, one after the
 * other. */
#include "dialect/qrypt_internal.h"

static const struct pl_message_row *const tables[] = {
	pl_qrypt_auth,      pl_qrypt_conversations,   pl_qrypt_messages,
	pl_qrypt_history,   pl_qrypt_typing,          pl_qrypt_groups,
	pl_qrypt_call_rows, pl_qrypt_keyed_call_rows, NULL,
};

const struct pl_message_row *pl_qrypt_find(struct pl_slice name)
{
	return pl_dispatch_find(tables, name);
}

static const char introduction[] =
	"# The QryptChat dialect\n\n"
	"<!-- Made by `parley docs qryptchat` from the tables of the sources: `make docs`. -->\n\n"
	"JSON over one WebSocket, at `/ws` on every listener, and at `/`:\n\n"
	"```json\n"
	"{\"type\": \"send_message\", \"payload\": {}, "
	"\"requestId\": \"1\", \"timestamp\": \"2025-08-24T07:16:08.123Z\"}\n"
	"```\n\n"
	"All four must be there. An answer carries the `requestId` of its request; what nobody "
	"asked for carries one of its own. A failed request is answered with `error` `{error, "
	"code, requestId}`: the connection stays open. What cannot be read as a message is "
	"`INVALID_MESSAGE`, a type that is not in the table `UNKNOWN_MESSAGE_TYPE`, a field that "
	"is too long or of another type `INVALID_DATA`, a conversation that the user is no member "
	"of `ACCESS_DENIED`. `RATE_LIMITED` says in `retry_after_ms` when to come back.\n\n"
	"A token may also come with the handshake: `Authorization: Bearer`, `?token=`, or the "
	"cookie `sb-access-token`. Then nothing is said about it, and messages wait until it "
	"is checked. Before a token runs out an `auth_error` with code `TOKEN_EXPIRING` is "
	"sent; a fresh `auth` keeps the connection, else it is closed with 1008.\n\n"
	"Without being asked a client hears `message_received`, `typing_update` and "
	"`message_read` of the conversations it joined, `user_online` and `user_offline` of their "
	"members, `conversation_created` for new conversations of its user, and what is said in "
	"its "
	"calls. A connection that "
	"is closed with 1013 read too slowly: reconnect and load what was missed.\n\n"
	"## Messages\n\n";

void pl_qrypt_document(struct pl_buf *out)
{
	pl_buf_put(out, introduction, sizeof(introduction) - 1);
	pl_dispatch_document(tables, out);
}
