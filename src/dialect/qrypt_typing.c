/* qrypt_typing.c - typing. Its table stands at the end. */
#include "dialect/qrypt_internal.h"

#include "wire/json_write.h"

static void start_typing(struct pl_session *s, struct pl_slice ref,
			 const struct pl_uuid *conversation)
{
	if (pl_typing_start(s->gateway->hub, &s->peer, conversation))
		pl_qrypt_fail(s, ref, &pl_qrypt_row("typing_start")->failed, 0);
	else
		pl_qrypt_reply_conversation(s, "typing_start", ref, conversation,
					    ",\"isTyping\":true");
}

static void may_type(struct pl_op *op)
{
	struct pl_session *s = pl_qrypt_answering(op, "typing_start");
	if (s)
		start_typing(s, pl_session_ref(op), &op->access.conversation);
	pl_session_done(op);
}

static int on_typing_start(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_qrypt_place p =
		pl_qrypt_read_place(s, ((const struct in_conversation *)in)->conversation);
	if (p.room.at || !pl_hub_has_joined(s->gateway->hub, &s->peer, &p.id))
		return pl_qrypt_ask_access(s, ref, &p, may_type);
	start_typing(s, ref, &p.id);
	return 0;
}

static void stop_typing(struct pl_session *s, struct pl_slice ref,
			const struct pl_uuid *conversation)
{
	pl_typing_stop(s->gateway->hub, &s->peer, conversation);
	pl_qrypt_reply_conversation(s, "typing_stop", ref, conversation, ",\"isTyping\":false");
}

static void may_stop(struct pl_op *op)
{
	struct pl_session *s = pl_qrypt_answering(op, "typing_stop");
	if (s)
		stop_typing(s, pl_session_ref(op), &op->access.conversation);
	pl_session_done(op);
}

static int on_typing_stop(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_qrypt_place p =
		pl_qrypt_read_place(s, ((const struct in_conversation *)in)->conversation);
	if (p.room.at || !pl_hub_has_joined(s->gateway->hub, &s->peer, &p.id))
		return pl_qrypt_ask_access(s, ref, &p, may_stop);
	stop_typing(s, ref, &p.id);
	return 0;
}

const struct pl_message_row pl_qrypt_typing[] = {
	{.name = "typing_start",
	 .who = PL_SIGNED_IN,
	 PL_IN(pl_qrypt_conversation_fields, struct in_conversation),
	 .handle = on_typing_start,
	 .denied = UNAUTHORIZED,
	 .missing = {"MISSING_CONVERSATION_ID", "Conversation ID is required"},
	 .failed = {"SERVER_ERROR", "Failed to start typing indicator"},
	 .reply = "`typing_start {conversationId, isTyping}`",
	 .others = "`typing_update {…, isTyping: true}`",
	 .doc = "Ends by itself (`typing.expiry`), when the connection leaves, and by "
		"`typing_stop`."},
	{.name = "typing_stop",
	 .who = PL_SIGNED_IN,
	 PL_IN(pl_qrypt_conversation_fields, struct in_conversation),
	 .handle = on_typing_stop,
	 .denied = UNAUTHORIZED,
	 .missing = {"MISSING_CONVERSATION_ID", "Conversation ID is required"},
	 .failed = {"SERVER_ERROR", "Failed to stop typing indicator"},
	 .reply = "`typing_stop {conversationId, isTyping}`",
	 .others = "`typing_update {…, isTyping: false}`",
	 .doc = "Stopping what was not begun is no error, and nobody hears of it."},
	{0},
};
