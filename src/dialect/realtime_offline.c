/* realtime_offline.c - what a client finds when it comes: its chats, and how much came meanwhile;
 * and how it goes. Its table stands at the end. */
#include "dialect/realtime_internal.h"

#include "wire/json_write.h"

static void put_chat_id(struct pl_buf *b, const struct pl_session *s, const struct pl_chat_row *r)
{
	pl_realtime_put_chat_id(b, s->peer.user.username, r->other.username);
}

static void put_ids(struct pl_buf *b, const struct pl_session *s, const struct pl_op_chats *c,
		    bool of_people)
{
	bool is_first = true;
	for (size_t i = 0; i < c->nrows; i++) {
		const struct pl_conversation *r = &c->rows[i].conversation;
		if ((r->type == PL_DIRECT) != of_people)
			continue;
		if (!is_first)
			PL_PUT(b, ",");
		is_first = false;
		if (of_people)
			put_chat_id(b, s, &c->rows[i]);
		else
			pl_realtime_put_group_id(b, r->alias, &r->id);
	}
}

static void put_waiting(struct pl_buf *b, const struct pl_session *s, const struct pl_chat_row *r)
{
	bool is_direct = r->conversation.type == PL_DIRECT;
	PL_PUT(b, "{\"partitionKey\":");
	if (is_direct)
		put_chat_id(b, s, r);
	else
		pl_realtime_put_group_id(b, r->conversation.alias, &r->conversation.id);
	PL_PUT(b, ",\"count\":");
	pl_buf_put_u64(b, r->waiting);
	PL_PUT(b, ",\"messageType\":");
	pl_buf_puts(b, is_direct ? PL_S("\"ONE_TO_ONE\",\"from\":")
				 : PL_S("\"GROUP\",\"groupName\":"));
	pl_json_put_str(b, is_direct ? r->other.username : r->conversation.name);
	PL_PUT(b, "}");
}

static void put_init(struct pl_buf *b, const struct pl_session *s, const struct pl_op_chats *c)
{
	bool is_first = true;
	PL_PUT(b, "{\"type\":\"INIT_DATA\",\"chatIds\":[");
	put_ids(b, s, c, true);
	PL_PUT(b, "],\"groups\":[");
	put_ids(b, s, c, false);
	PL_PUT(b, "],\"offlineMessages\":[");
	for (size_t i = 0; i < c->nrows; i++) {
		if (!c->rows[i].waiting)
			continue;
		if (!is_first)
			PL_PUT(b, ",");
		is_first = false;
		put_waiting(b, s, &c->rows[i]);
	}
	PL_PUT(b, "]");
}

static void chats_listed(struct pl_op *op)
{
	struct pl_session *s = pl_realtime_answering(op);
	struct pl_slice ref = pl_session_ref(op);
	if (s && op->err) {
		pl_realtime_fail(s, ref, "Failed to load your chats. Please try again.");
	} else if (s) {
		struct pl_buf *b = pl_session_out(s);
		put_init(b, s, &op->chats);
		pl_realtime_end(s, ref, b);
	}
	pl_session_done(op);
}

int pl_realtime_send_init(struct pl_session *s, struct pl_slice ref)
{
	struct pl_op *op = pl_session_op(s, PL_OP_CHATS, chats_listed, ref);
	if (!op)
		return PL_ENOMEM;
	op->chats.user = s->peer.user.id;
	pl_session_submit(s, op);
	return 0;
}

static int on_init(struct pl_session *s, struct pl_slice ref, const void *in)
{
	(void)in;
	return pl_realtime_send_init(s, ref);
}

static void acknowledged(struct pl_op *op)
{
	struct pl_session *s = pl_realtime_answering(op);
	struct pl_slice ref = pl_session_ref(op);
	if (s && op->err)
		pl_realtime_fail(s, ref,
				 "Failed to acknowledge offline messages. Please try again.");
	else if (s)
		pl_realtime_say(s, "SUCCESS", ref, "Offline messages acknowledged.", PL_S(""), "");
	pl_session_done(op);
}

static int on_ack(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_op *op = pl_session_op(s, PL_OP_ATTEND, acknowledged, ref);
	(void)in;
	if (!op)
		return PL_ENOMEM;
	op->attend.user = s->peer.user.id;
	op->attend.what = PL_SAW;
	pl_session_submit(s, op);
	return 0;
}

static int on_disconnect(struct pl_session *s, struct pl_slice ref, const void *in)
{
	(void)in;
	pl_realtime_say(s, "INFO", ref, "You have been disconnected.", PL_S(""), "");
	if (s->conn)
		pl_conn_close(s->conn, 1000, PL_S("goodbye"));
	return 0;
}

const struct pl_message_row pl_realtime_offline[] = {
	{.name = "INIT_DATA",
	 .who = PL_SIGNED_IN,
	 .has_limit = true,
	 .limit = PL_LIMIT_HISTORY,
	 .handle = on_init,
	 .failed = {"ERROR", "Failed to load your chats. Please try again."},
	 .reply = "`INIT_DATA {chatIds, groups, offlineMessages}`",
	 .doc = "The user's chats and groups, and of each how many messages came while the user "
		"had no connection for chat: `{partitionKey, count, messageType, from | "
		"groupName}`."},
	{.name = "OFFLINE_MESSAGES_ACK",
	 .who = PL_SIGNED_IN,
	 .handle = on_ack,
	 .failed = {"ERROR", "Failed to acknowledge offline messages. Please try again."},
	 .reply = "`SUCCESS {msg}`: Offline messages acknowledged.",
	 .doc = "What was counted until now is counted no more."},
	{.name = "DISCONNECT",
	 .handle = on_disconnect,
	 .reply = "`INFO {msg}`, and closed with 1000",
	 .doc = "The client is about to close anyway."},
	{0},
};
