/*
 * recovery.h - what is said to many sockets, how that is recorded, and how one that lost its line
 * comes back to it. Not for other layers.
 */
#ifndef PL_SOCKETIO_RECOVERY_H
#define PL_SOCKETIO_RECOVERY_H

#include "socketio/internal.h"

/* ---- publish.c ---- */

/* Where numbered publications come from: threads that are no worker's, then each worker. */
enum { PL_SIO_SOURCES = PL_BUS_NODES_MAX + 1, PL_SIO_FROM_HERE = PL_SIO_SOURCES };

/* An event for many. */
struct pl_sio_event {
	struct pl_slice packet, json; /* the text, and the array that it ends with */
	const struct pl_slice *attachments;
	uint32_t nattachments;
	bool is_volatile;
	uint32_t from;   /* a source; PL_SIO_FROM_HERE: it was not published */
	uint64_t number; /* of the source's publications; 0: none */
	struct pl_sio_target target;
};

/* What travels between workers, in the arena of a bus's event. */
enum pl_sio_what {
	PL_NOTE_EMIT,
	PL_NOTE_JOIN,
	PL_NOTE_LEAVE,
	PL_NOTE_DISCONNECT,
	PL_NOTE_ASK,  /* who keeps `pid` may give it away: see recovery.c */
	PL_NOTE_NONE, /* not here */
	PL_NOTE_GIVE, /* here it is */
};
struct pl_sio_note {
	enum pl_sio_what what;
	bool close; /* with a disconnect */
	struct pl_slice nsp, room, pid, offset;
	struct pl_sio_event event;
	uint64_t ticket, identity;        /* of who asks */
	const uint64_t *heard;            /* what the sender had heard of each source; or NULL */
	const struct pl_sio_given *given; /* of a PL_NOTE_GIVE, in the same arena */
};
/* All that they point to becomes the arena's. PL_ENOMEM. */
int pl_slices_copy(struct pl_arena *, const struct pl_slice *from, size_t n,
		   const struct pl_slice **out) PL_MUST_CHECK;
int pl_sio_event_copy(struct pl_arena *, const struct pl_sio_event *from,
		      struct pl_sio_event *to) PL_MUST_CHECK;
/* NULL: no memory. *out: the copy in it. */
struct pl_event *pl_note_event(const struct pl_sio_note *, struct pl_sio_note **out);
/* To all workers. from NULL: no worker's. PL_ENOMEM, PL_EBUSY. */
int pl_note_publish(struct pl_sio *, const struct pl_sio_note *,
		    struct pl_sio_site *from) PL_MUST_CHECK;
/* To one. Takes the event. */
int pl_note_send(struct pl_sio_site *from, uint32_t node, struct pl_event *) PL_MUST_CHECK;
/* Of this worker's next publication. */
uint64_t pl_sio_next_number(const struct pl_sio_site *);
/* To the sockets of the target on this worker; recorded where that is wanted. */
int pl_hall_tell(struct pl_sio_hall *, const struct pl_sio_event *) PL_MUST_CHECK;

/* ---- record.c: the events of a namespace for those who come back ---- */

struct pl_sio_record;
enum { OFFSET_MAX = 20, PID_LEN = 24 };

/* One event. Counted on its worker: hold and let go. */
struct pl_sio_kept {
	uint32_t refs, nattachments;
	uint64_t seq, at_ms; /* its number; 0: of another record */
	uint64_t number;     /* see struct pl_sio_event */
	uint32_t from;
	bool has_but;
	char but[SOCKET_ID];
	size_t bytes;
	struct pl_slice text, offset; /* the packet; the last argument in it */
	const struct pl_slice *attachments;
	struct pl_sio_target target;
};
struct pl_sio_kept *pl_kept_hold(struct pl_sio_kept *);
void pl_kept_let_go(struct pl_sio_kept *);
/* To one socket. Nobody has to look: a client that broke ends. */
int pl_emit_kept(parley_socket *, const struct pl_sio_kept *);
/* One whose text has an offset already, of another record. NULL: no memory. */
struct pl_sio_kept *pl_kept_copy(const struct pl_sio_event *, struct pl_slice offset);
/* The array of one that was made of e. */
struct pl_slice pl_kept_json(const struct pl_sio_kept *, const struct pl_sio_event *e);

int pl_record_new(size_t max, uint64_t keep_ms, struct pl_sio_record **out) PL_MUST_CHECK;
void pl_record_free(struct pl_sio_record *); /* NULL is fine */
void pl_record_clear(struct pl_sio_record *);
void pl_record_trim(struct pl_sio_record *, uint64_t now_ms);
/* The record's; valid until the next call. NULL: no memory. */
struct pl_sio_kept *pl_record_add(struct pl_sio_record *, const struct pl_sio_event *);
/* The number of the oldest event that is there; of the next one to come. */
uint64_t pl_record_first(const struct pl_sio_record *);
uint64_t pl_record_next(const struct pl_sio_record *);
/* NULL: not there. */
struct pl_sio_kept *pl_record_at(const struct pl_sio_record *, uint64_t seq);
/* Whether an offset is one of this record's, and its number. */
bool pl_record_read(const struct pl_sio_record *, struct pl_slice offset, uint64_t *seq);

/* ---- track.c: sockets that may come back ---- */

/*
 * Of a socket in a namespace with recovery, as long as it is there and for a while after. In the
 * site's table by its pid.
 */
struct pl_sio_track {
	char pid[PID_LEN], id[SOCKET_ID];
	struct pl_sio_hall *hall; /* one use of it, while the socket is gone */
	parley_socket *socket;    /* NULL: gone */
	uint64_t identity;        /* who it was; 0: nobody said */
	/* Numbers of the record: the first event that it may have heard since it last came, the
	 * first that it has not heard since it left; the last that was sent to it, 0: none. */
	uint64_t born, left, last;
	/* What was replayed when it last came, and what its offset was then. */
	struct pl_sio_kept **carried;
	uint32_t ncarried;
	uint8_t pongs; /* since then: with the second it has had all of that */
	uint8_t start_len;
	char start[OFFSET_MAX];
	/* While it is gone. */
	bool is_gone;
	struct pl_timer timer;
	void *data;
	void (*free_data)(void *);
	struct pl_slice *rooms; /* one block */
	size_t nrooms;
};
/* Events, each held. */
struct pl_sio_missed {
	struct pl_sio_kept **at;
	uint32_t n, cap;
	size_t bytes;
};
/* A new one. NULL: no memory. */
struct pl_sio_track *pl_track_new(struct pl_sio_hall *, uint64_t identity);
/* NULL: not here. */
struct pl_sio_track *pl_track_find(struct pl_sio_site *, struct pl_slice pid);
/* NULL is fine. */
void pl_track_free(struct pl_sio_track *);
/* Its socket is in this very moment leaving its rooms. Whether it may come back. */
void pl_track_leave(struct pl_sio_track *, bool may_return);
/* One that comes from another worker, in parts: its names; its rooms; what it is to be told, which
 * is taken; from now on it is gone, and its data is set by whoever made it. NULL: no memory. */
struct pl_sio_track *pl_track_adopt(struct pl_sio_hall *, struct pl_slice pid, uint64_t identity,
				    const char *id);
int pl_track_set_rooms(struct pl_sio_track *, const struct pl_slice *rooms, size_t n) PL_MUST_CHECK;
void pl_track_carry(struct pl_sio_track *, struct pl_slice offset, struct pl_sio_missed *);
void pl_track_rest(struct pl_sio_track *);
/* Its socket is this one from now on, which has its data. */
void pl_track_come(struct pl_sio_track *, parley_socket *);
/*
 * What it missed, if its client had heard everything up to this offset (at == NULL: nothing).
 * PL_ENOTFOUND: that cannot be told any more; PL_ELIMIT: too much; PL_ENOMEM.
 */
int pl_track_missed(const struct pl_sio_track *, struct pl_slice offset,
		    struct pl_sio_missed *out) PL_MUST_CHECK;
/* And what was published after what another worker had heard. */
int pl_track_add_later(const struct pl_sio_track *, const uint64_t *heard,
		       struct pl_sio_missed *out) PL_MUST_CHECK;
int pl_missed_add(struct pl_sio_missed *, struct pl_sio_kept *) PL_MUST_CHECK;
void pl_missed_fini(struct pl_sio_missed *);
/* An event was sent to it. Of a socket without one: nothing. */
void pl_track_sent(parley_socket *, uint64_t seq);
void pl_track_on_pong(parley_socket *);
/* At the end of the site: those that are gone. */
void pl_tracks_free(struct pl_sio_site *);

/* ---- recovery.c: the way back ---- */

/* A track that goes to another worker, in the arena of a bus's event. */
struct pl_sio_given {
	char id[SOCKET_ID];
	const struct pl_slice *rooms;
	size_t nrooms;
	void *data;
	void (*free_data)(void *);
	struct pl_sio_event *events; /* that it missed */
	struct pl_slice *offsets;    /* theirs */
	uint32_t nevents;
};

/* A client that was let in has a pid: pl_handshake_settle follows, now or later. */
void pl_recovery_begin(parley_handshake *);
void pl_recovery_hear(struct pl_sio_site *, struct pl_event *, const struct pl_sio_note *);
/* More was heard: what waited for it goes on. */
void pl_recovery_go_on(struct pl_sio_site *);
void pl_recovery_end(struct pl_sio_site *);

#endif
