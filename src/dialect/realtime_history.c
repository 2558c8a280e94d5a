/*
 * realtime_history.c - what was said, to somebody or in a group. Its table stands at the end.
 *
 * A history is asked for as a whole: it is loaded in pages, from the newest backwards, until there
 * is no more or it is enough. Then, of one person, the keeper of its presence is asked.
 */
#include "dialect/realtime_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json_write.h"

enum { PAGE = 200, PAGES_MAX = 64, ENOUGH_BYTES = 256 * 1024 };

/* Owns its operations; lies in the arena of the first. */
struct history {
	struct pl_list node; /* of those that wait for an answer of the keeper; else alone */
	uint64_t number;
	struct pl_op *place; /* the conversation: DIRECT or OPEN_ROOM */
	struct pl_op *pages[PAGES_MAX];
	size_t npages;
	uint32_t left;
	size_t bytes;
	struct pl_slice named; /* how the client calls it */
};

static void end_history(struct history *h)
{
	pl_list_remove(&h->node);
	for (size_t i = 0; i < h->npages; i++)
		pl_session_done(h->pages[i]);
	pl_session_done(h->place); /* and with it h */
}

void pl_realtime_forget_histories(struct pl_session *s)
{
	struct pl_list *all = &pl_realtime_of(s)->asking;
	while (all->next && !pl_list_empty(all))
		end_history(PL_CONTAINER(all->next, struct history, node));
}

/* ---- the answer ---- */

static bool is_direct(const struct history *h)
{
	return h->place->kind == PL_OP_DIRECT;
}

/* Strangers are not told whether somebody is there, nor when they were: as on the other socket. */
static bool is_with_friend(const struct history *h)
{
	return is_direct(h) && !pl_uuid_is_nil(&h->place->direct.found.id);
}

static void put_message(struct pl_buf *b, const struct history *h, const struct pl_message *m)
{
	const struct pl_op_direct *d = &h->place->direct;
	PL_PUT(b, "{\"messageId\":");
	pl_json_put_uuid(b, &m->id);
	PL_PUT(b, ",\"from\":");
	pl_json_put_str(b, m->sender.username);
	if (is_direct(h)) {
		bool is_mine = pl_uuid_eq(&m->sender.id, &d->me.id);
		PL_PUT(b, ",\"to\":");
		pl_json_put_str(b, is_mine ? d->other.username : d->me.username);
	}
	PL_PUT(b, ",\"text\":");
	pl_json_put_str(b, m->content);
	PL_PUT(b, ",\"content\":");
	pl_json_put_str(b, m->content);
	pl_buf_puts(b, is_direct(h) ? PL_S(",\"chatId\":") : PL_S(",\"groupId\":"));
	pl_json_put_str(b, h->named);
	PL_PUT(b, ",\"timestamp\":");
	pl_json_put_iso(b, m->created_ms);
	PL_PUT(b, "}");
}

/* The newest that are few enough and short enough; at least one. */
static size_t count_shown(const struct history *h, const struct pl_op_page *p, size_t *bytes,
			  size_t *left)
{
	size_t n = 0;
	(void)h;
	while (n < p->nmessages && *left) {
		size_t len = p->messages[p->nmessages - 1 - n].content.len;
		if (*bytes && *bytes + len > ENOUGH_BYTES) {
			*left = 0;
			break;
		}
		*bytes += len + 1;
		(*left)--;
		n++;
	}
	return n;
}

static void put_messages(struct pl_buf *b, const struct history *h, uint32_t max)
{
	size_t shown[PAGES_MAX], bytes = 0, left = max;
	bool is_first = true;
	for (size_t i = 0; i < h->npages; i++)
		shown[i] = count_shown(h, &h->pages[i]->page, &bytes, &left);
	for (size_t i = h->npages; i-- > 0;) {
		const struct pl_op_page *p = &h->pages[i]->page;
		for (size_t k = p->nmessages - shown[i]; k < p->nmessages; k++) {
			if (!is_first)
				PL_PUT(b, ",");
			is_first = false;
			put_message(b, h, &p->messages[k]);
		}
	}
}

static void reply(struct pl_session *s, const struct history *h, bool is_online)
{
	struct pl_slice ref = pl_session_ref(h->place);
	struct pl_buf *b = pl_session_out(s);
	pl_buf_puts(b, is_direct(h) ? PL_S("{\"type\":\"ONE_TO_ONE_CHAT_HISTORY\",\"messages\":[")
				    : PL_S("{\"type\":\"GROUP_CHAT_HISTORY\",\"messages\":["));
	put_messages(b, h, s->gateway->options->realtime_history);
	PL_PUT(b, "]");
	if (is_direct(h)) {
		PL_PUT(b, ",\"isOnline\":");
		pl_json_put_bool(b, is_online);
		PL_PUT(b, ",\"lastSeenTime\":");
		uint64_t seen_ms = is_with_friend(h) ? h->place->direct.other_seen_ms : 0;
		pl_json_put_iso(b, is_online ? pl_wall_ms() : seen_ms);
	}
	pl_buf_puts(b, is_direct(h) ? PL_S(",\"chatId\":") : PL_S(",\"groupId\":"));
	pl_json_put_str(b, h->named);
	pl_realtime_end(s, ref, b);
}

/* ---- the keeper ---- */

bool pl_realtime_history_told(struct pl_session *s, const struct pl_event *e)
{
	struct realtime *r = pl_realtime_of(s);
	uint64_t number;
	if (!r->asking.next || e->ref.len != sizeof(number))
		return false;
	memcpy(&number, e->ref.at, sizeof(number));
	PL_LIST_EACH (it, &r->asking) {
		struct history *h = PL_CONTAINER(it, struct history, node);
		if (h->number != number)
			continue;
		reply(s, h, e->on);
		end_history(h);
		return true;
	}
	return false;
}

static void finish(struct pl_session *s, struct history *h)
{
	struct realtime *r = pl_realtime_of(s);
	if (!r->asking.next)
		pl_list_init(&r->asking);
	h->number = ++r->asked;
	if (is_with_friend(h) &&
	    !pl_presence_ask(s->gateway->hub, &s->peer, &h->place->direct.other.id,
			     pl_slice(&h->number, sizeof(h->number)))) {
		pl_list_append(&r->asking, &h->node);
		return;
	}
	reply(s, h, false);
	end_history(h);
}

/* ---- pages ---- */

static const char failed_direct[] = "Failed to retrieve chat history. Please try again.";
static const char failed_group[] = "Failed to retrieve group chat history.";

static void fail(struct pl_session *s, struct history *h, int err)
{
	struct pl_slice ref = pl_session_ref(h->place);
	if (is_direct(h))
		pl_realtime_fail(s, ref, failed_direct);
	else
		pl_realtime_fail_group(s, ref, err, h->named, failed_group);
	end_history(h);
}

static void page_loaded(struct pl_op *);

static int load_page(struct pl_session *s, struct history *h, const struct pl_uuid *conversation)
{
	const struct pl_op_page *last = h->npages ? &h->pages[h->npages - 1]->page : NULL;
	struct pl_op *op = pl_session_op(s, PL_OP_PAGE, page_loaded, (struct pl_slice){NULL, 0});
	if (!op)
		return PL_ENOMEM;
	pl_session_attach(op, h);
	op->page.user = s->peer.user.id;
	op->page.conversation = *conversation;
	op->page.in_group = !is_direct(h);
	op->page.limit = h->left < PAGE ? h->left : PAGE;
	if (last)
		op->page.before = last->messages[0].id;
	pl_session_submit(s, op);
	return 0;
}

static void take(struct history *h, struct pl_op *op)
{
	const struct pl_op_page *p = &op->page;
	h->pages[h->npages++] = op;
	h->left -= (uint32_t)p->nmessages < h->left ? (uint32_t)p->nmessages : h->left;
	for (size_t i = 0; i < p->nmessages; i++)
		h->bytes += p->messages[i].content.len;
}

static void page_loaded(struct pl_op *op)
{
	struct history *h = pl_session_attached(op);
	struct pl_session *s = pl_realtime_answering(op);
	int err = op->err;
	if (!s || err) {
		pl_session_done(op);
		if (s)
			fail(s, h, err);
		else
			end_history(h);
		return;
	}
	take(h, op);
	bool is_all = !op->page.has_more || !op->page.nmessages || !h->left ||
		      h->bytes >= ENOUGH_BYTES || h->npages == PAGES_MAX;
	if (is_all)
		finish(s, h);
	else if (load_page(s, h, &op->page.conversation))
		fail(s, h, PL_ENOMEM);
}

/* Takes the place. */
static void begin(struct pl_session *s, struct pl_op *place, const struct pl_uuid *conversation,
		  struct pl_slice named)
{
	struct history *h = pl_arena_alloc(&place->arena, sizeof(*h));
	if (!h) {
		pl_realtime_fail(s, pl_session_ref(place),
				 place->kind == PL_OP_DIRECT ? failed_direct : failed_group);
		pl_session_done(place);
		return;
	}
	pl_list_init(&h->node);
	h->place = place;
	h->named = named;
	h->left = s->gateway->options->realtime_history;
	if (pl_uuid_is_nil(conversation))
		finish(s, h);
	else if (load_page(s, h, conversation))
		fail(s, h, PL_ENOMEM);
}

/* ---- of one person ---- */

struct in_direct {
	struct pl_slice from, to, chat;
};

static const struct pl_field direct_fields[] = {
	PL_REALTIME_FROM(struct in_direct),
	PL_FIELD(struct in_direct, to, "to", PL_STR, PL_REQUIRED, PL_REALTIME_NAME_MAX,
		 "the other's username"),
	PL_FIELD(struct in_direct, chat, "chatId", PL_STR, PL_REQUIRED, PL_REALTIME_ID_MAX,
		 "comes back as it is"),
	{0},
};

static void pair_found(struct pl_op *op)
{
	struct pl_session *s = pl_realtime_answering(op);
	if (s && !op->err) {
		begin(s, op, &op->direct.found.id, *(struct pl_slice *)pl_session_attached(op));
		return;
	}
	if (s)
		pl_realtime_fail_meeting(s, pl_session_ref(op), op->err, op->direct.to,
					 failed_direct);
	pl_session_done(op);
}

static int fill_direct(struct pl_op *op, const struct in_direct *m)
{
	struct pl_slice pair[2], *chat = pl_arena_alloc(&op->arena, sizeof(*chat));
	pl_realtime_read_chat_id(m->chat, m->from, m->to, pair);
	if (!chat || pl_arena_copy(&op->arena, m->chat, chat) ||
	    pl_arena_copy(&op->arena, m->to, &op->direct.to) ||
	    pl_arena_copy(&op->arena, pair[0], &op->direct.pair[0]) ||
	    pl_arena_copy(&op->arena, pair[1], &op->direct.pair[1]))
		return PL_ENOMEM;
	pl_session_attach(op, chat);
	return 0;
}

static int on_direct(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_direct *m = in;
	if (!pl_realtime_is_me(s, ref, m->from))
		return 0;
	if (!pl_realtime_is_name(m->to)) {
		pl_realtime_fail_meeting(s, ref, PL_ENOTFOUND, m->to, "");
		return 0;
	}
	struct pl_op *op = pl_session_op(s, PL_OP_DIRECT, pair_found, ref);
	int err = op ? fill_direct(op, m) : PL_ENOMEM;
	if (!err) {
		op->direct.user = s->peer.user.id;
		pl_session_submit(s, op);
	} else if (op) {
		pl_session_done(op);
	}
	return err;
}

/* ---- of a group ---- */

struct in_group {
	struct pl_slice group;
};

static const struct pl_field group_fields[] = {
	PL_FIELD(struct in_group, group, "groupId", PL_STR, PL_REQUIRED, PL_REALTIME_GROUP_MAX,
		 "a group's number, the name of a room, or id of a conversation"),
	{0},
};

/* Through the writer, like what was said just before: so that it is in there. */
static void group_found(struct pl_op *op)
{
	const struct pl_op_open_room *o = &op->open_room;
	struct pl_session *s = pl_realtime_answering(op);
	if (s && !op->err) {
		begin(s, op, &o->found.id, o->name);
		return;
	}
	if (s)
		pl_realtime_fail_group(s, pl_session_ref(op),
				       op->err == PL_EDENIED ? PL_ENOTFOUND : op->err, o->name,
				       failed_group);
	pl_session_done(op);
}

static int on_group(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_group *m = in;
	struct pl_op *op = pl_session_op(s, PL_OP_OPEN_ROOM, group_found, ref);
	if (!op || pl_arena_copy(&op->arena, m->group, &op->open_room.name)) {
		if (op)
			pl_session_done(op);
		return PL_ENOMEM;
	}
	op->open_room.user = s->peer.user.id;
	pl_session_submit(s, op);
	return 0;
}

const struct pl_message_row pl_realtime_history[] = {
	{.name = "GET_ONE_TO_ONE_HISTORY",
	 .who = PL_SIGNED_IN,
	 .has_limit = true,
	 .limit = PL_LIMIT_HISTORY,
	 PL_IN(direct_fields, struct in_direct),
	 .handle = on_direct,
	 .missing = {"ERROR", "From username, to username, and chat ID are required."},
	 .failed = {"ERROR", failed_direct},
	 .reply = "`ONE_TO_ONE_CHAT_HISTORY {messages, isOnline, lastSeenTime, chatId}`",
	 .doc = "Oldest first, each `{messageId, from, to, text, content, chatId, timestamp}`. "
		"Where there is no chat, isOnline is false and lastSeenTime null. "
		"Errors as for ONE_TO_ONE_CHAT."},
	{.name = "GET_GROUP_CHAT_HISTORY",
	 .who = PL_SIGNED_IN,
	 .has_limit = true,
	 .limit = PL_LIMIT_HISTORY,
	 PL_IN(group_fields, struct in_group),
	 .handle = on_group,
	 .missing = {"ERROR", "Group ID is required."},
	 .failed = {"ERROR", failed_group},
	 .reply = "`GROUP_CHAT_HISTORY {messages, groupId}`",
	 .doc = "Members only. Oldest first, each `{messageId, from, text, content, groupId, "
		"timestamp}`. Errors as for GROUP_CHAT."},
	{0},
};
