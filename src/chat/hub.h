/*
 * hub.h - the domain as one worker sees it: its rooms, the presence it keeps, who is typing, and
 * the ways to the store and to the other workers.
 *
 * Threads     A hub belongs to its worker's loop. pl_hub_finish runs on the store's threads.
 * Access      Whether a user may do something in a conversation is decided in one place, inside the
 *             store's transaction; a peer that sits in a conversation's room passed that check.
 */
#ifndef PL_CHAT_HUB_H
#define PL_CHAT_HUB_H

#include "base/map.h"
#include "bus/bus.h"
#include "chat/limits.h"
#include "chat/peer.h"
#include "chat/room.h"
#include "store/store.h"

struct pl_chat_options {
	uint32_t
		presence_grace_ms; /* how long after the last device left a user counts as online */
	uint32_t typing_expiry_ms; /* typing without a new sign of it ends by itself */
	uint32_t page_max;         /* messages of a page */
	size_t rooms_max;          /* topics with a listener, per worker */
	size_t online_max;         /* users whose presence one worker keeps */
	bool rooms_open;           /* a room that is asked for and not there is made */
	uint32_t open_rooms_max;   /* that there may be then; 0: any number */
	uint32_t ring_ms;          /* how long a call rings */
	uint32_t call_max_ms;      /* how long it may last */
	uint32_t calls_per_user;   /* at once */
	size_t calls_max;          /* kept by one worker */
	struct pl_ice *ice;        /* relays for media; NULL: none */
};

/* A port: what a user may reach others through, as JSON. Called on any worker's loop. */
struct pl_ice {
	int (*put)(struct pl_ice *, const struct pl_uuid *user, struct pl_buf *);
};

struct pl_hub {
	struct pl_loop *loop;
	struct pl_bus *bus;
	struct pl_bus_node node;
	struct pl_store *store;
	struct pl_limits *limits;
	const struct pl_chat_options *options;
	struct pl_metrics *metrics;
	struct pl_log *log;
	struct pl_rooms rooms;
	struct pl_map online;  /* user id -> struct online, see presence.c */
	struct pl_map rosters; /* topic -> struct roster, see roster.c */
	struct pl_map awaited; /* topic -> struct waiting_room, see roster_wait.c */
	struct pl_map calls;   /* id -> struct call, see call_keeper.c */
	struct pl_map callers; /* user id -> struct caller, see call_user.c */
	struct pl_list early;
	/* Of rosters: numbered here, kept here by node, heard here by node. */
	uint64_t changes, changes_kept[PL_BUS_NODES_MAX], changes_heard[PL_BUS_NODES_MAX];
	/* The user of this peer has lost the right to be here: its session ends now, whatever it
	 * speaks. Set once, by whoever makes the peers; it must not leave from inside. */
	void (*on_dismiss)(struct pl_peer *, const struct pl_event *why);
	bool is_stopped;
};

/* Attaches to the bus. store may be set later, before the first operation. */
int pl_hub_init(struct pl_hub *, struct pl_loop *, struct pl_bus *, struct pl_limits *,
		const struct pl_chat_options *) PL_MUST_CHECK;
/*
 * The end is near: from now on nothing is published and every operation comes home with PL_ESTORE,
 * so that a loop that is turned on only empties itself. Before the store is freed.
 */
void pl_hub_stop(struct pl_hub *);
/* After the loop has stopped and all peers have left. */
void pl_hub_fini(struct pl_hub *);

/* ---- peers ---- */

void pl_peer_init(struct pl_peer *, const struct pl_peer_ops *, uint64_t id);
/*
 * The peer is this user from now on: it hears the user's topic, and the user is online. As the same
 * user again: nothing changes but the names. As another one: the caller lets it leave first.
 */
int pl_hub_enter(struct pl_hub *, struct pl_peer *, const struct pl_op_sign_in *) PL_MUST_CHECK;
/*
 * The peer is a guest from now on: id and names are what the caller invented for it. It hears no
 * user's topic and is not online. PL_ENOMEM.
 */
int pl_hub_enter_guest(struct pl_hub *, struct pl_peer *, const struct pl_user *) PL_MUST_CHECK;
/* Leaves all rooms, stops typing, and the user may go offline. Twice is fine. */
void pl_hub_leave(struct pl_hub *, struct pl_peer *);
static inline bool pl_peer_is_signed_in(const struct pl_peer *p)
{
	return !pl_uuid_is_nil(&p->user.id);
}

/* Sits down in a conversation's room. The caller has an answer of the store that allows it. */
int pl_hub_join(struct pl_hub *, struct pl_peer *,
		const struct pl_uuid *conversation) PL_MUST_CHECK;
/*
 * As pl_hub_join, and it is on the room's roster: the others hear of it (PL_EV_ROSTER), also when
 * it sat there already, and then the peer is told who sits there (PL_EV_MEMBERS, with this ref),
 * unless ref.at is NULL. Leaving is told by itself.
 */
int pl_hub_sit(struct pl_hub *, struct pl_peer *, const struct pl_conversation *,
	       struct pl_slice ref) PL_MUST_CHECK;
/* To who is on the room's roster already: only the second half of it, nobody else is told. */
int pl_hub_look_around(struct pl_hub *, struct pl_peer *, const struct pl_conversation *,
		       struct pl_slice ref) PL_MUST_CHECK;
/* Also ends typing there. */
void pl_hub_unjoin(struct pl_hub *, struct pl_peer *, const struct pl_uuid *conversation);
bool pl_hub_has_joined(const struct pl_hub *, const struct pl_peer *,
		       const struct pl_uuid *conversation);

/* The conversation with this alias on whose roster the peer is; false: there is none. */
bool pl_hub_sits_in(const struct pl_peer *, struct pl_slice alias, struct pl_uuid *conversation);

/* ---- what is said ---- */

/* Takes the op, always: where the store is full or gone it comes home with an error. */
void pl_hub_submit(struct pl_hub *, struct pl_op *);
/* The store's finish(): publishes what a committed operation means, ctx is the bus. */
void pl_hub_finish(void *bus, struct pl_op *);
/* Takes the reference. Without memory nobody hears it, which is logged. */
void pl_hub_publish(struct pl_hub *, struct pl_event *);

/*
 * Typing in a conversation that the peer may write to. Others hear when it begins and when it ends:
 * by stop, by leaving, by expiry. Repeated starts only extend it.
 */
int pl_typing_start(struct pl_hub *, struct pl_peer *,
		    const struct pl_uuid *conversation) PL_MUST_CHECK;
/* The same with an expiry of its own, not the options'. */
int pl_typing_start_for(struct pl_hub *, struct pl_peer *, const struct pl_uuid *conversation,
			uint32_t expiry_ms) PL_MUST_CHECK;
void pl_typing_stop(struct pl_hub *, struct pl_peer *, const struct pl_uuid *conversation);
void pl_typing_stop_all(struct pl_hub *, struct pl_peer *);

/* The user is a member of these too from now on (presence is told there). */
void pl_presence_joined(struct pl_hub *, const struct pl_uuid *user,
			const struct pl_uuid *conversations, size_t n);

/* roster.c, for hub.c: the peer has just sat down; it is about to leave one room, or all. */
int pl_roster_sit(struct pl_hub *, struct pl_peer *, const struct pl_conversation *,
		  struct pl_slice ref) PL_MUST_CHECK;
int pl_roster_look(struct pl_hub *, struct pl_peer *, const struct pl_conversation *,
		   struct pl_slice ref) PL_MUST_CHECK;
void pl_roster_stand_up(struct pl_hub *, struct pl_peer *, const struct pl_uuid *conversation);
void pl_roster_leave(struct pl_hub *, struct pl_peer *);
void pl_roster_on_event(struct pl_hub *, struct pl_event *);
void pl_roster_fini(struct pl_hub *);

/* roster_wait.c, for roster.c and hub.c. PL_ENOMEM. */
int pl_roster_wait(struct pl_hub *, struct pl_peer *, struct pl_slice topic,
		   uint64_t change) PL_MUST_CHECK;
/* The peer leaves the room: it is not told any more. */
void pl_roster_wait_no_more(struct pl_hub *, struct pl_peer *, struct pl_slice topic);
/* A change, before it is delivered to others; and after that, who can be answered now. */
void pl_roster_hold(struct pl_hub *, struct pl_event *);
void pl_roster_answer(struct pl_hub *);
void pl_roster_members_came(struct pl_hub *, struct pl_event *);
void pl_roster_wait_fini(struct pl_hub *);

/*
 * How the user is, for all its connections, until the last one has gone; others hear of it. Whoever
 * is signed in is online at first. PL_ENOMEM, also after pl_hub_stop.
 */
int pl_presence_set(struct pl_hub *, const struct pl_peer *, enum pl_status) PL_MUST_CHECK;

/*
 * Whether this user is online: the answer is pushed to the peer, which is signed in, as
 * PL_EV_ANSWER with this ref. PL_ENOMEM, also after pl_hub_stop: there will be none.
 */
int pl_presence_ask(struct pl_hub *, const struct pl_peer *, const struct pl_uuid *user,
		    struct pl_slice ref) PL_MUST_CHECK;

/* presence.c, for hub.c: a session of the user began or ended here. Without memory it has not
 * begun: the keeper counts, and must not count down what was never counted up. */
int pl_presence_began(struct pl_hub *, const struct pl_user *user,
		      const struct pl_uuid *conversations, size_t n) PL_MUST_CHECK;
void pl_presence_ended(struct pl_hub *, const struct pl_peer *);
void pl_presence_on_event(struct pl_hub *, struct pl_event *);
/* For call_user.c, at the keeper: whether the user is here; as others may know. */
bool pl_presence_is_here(const struct pl_hub *, const struct pl_uuid *user, bool to_others);
void pl_presence_fini(struct pl_hub *);

#endif
