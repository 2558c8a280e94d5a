/*
 * load.h - what the parts of the load generator share.
 *
 * One thread, one epoll, connections to 127.0.0.1 only, every count bounded. A run goes through
 * the phases below; a mode (echo, fanout, ...) is a row of functions that say what a connection
 * does in them. Anything that goes wrong with the run itself ends the process with status 2.
 *
 *     load.c          options, phases, the loop
 *     load_conn.c     a connection: connect, upgrade, bytes in and out
 *     load_frame.c    WebSocket frames, the client's half
 *     load_modes.c    echo, fanout, idle, storm
 *     load_qrypt.c    durable messages in the QryptChat dialect
 *     load_bridge.c   one room, listeners of several dialects
 *     load_socketio.c how a Socket.IO client comes in, for the modes sio-...
 *     load_poll.c     Socket.IO by long-polling
 *     load_tokens.c   the people of these two
 *     load_measure.c  processor time and memory of the server, latencies
 *     load_report.c   the figures, for people or as JSON
 */
#ifndef PL_BENCH_LOAD_H
#define PL_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	LOAD_HOT_BYTES = 512 * 1024, /* one receive buffer for all connections */
	LOAD_HEAD_BYTES = 64,        /* of a long message's beginning that is remembered */
	LOAD_STAMP_BYTES = 16,       /* a send time in hex, at the start of a fan-out message */
	LOAD_FRAME_EXTRA = 14,       /* the longest head of a client's frame */
};

#define LOAD_SECOND 1000000000ull

struct load_options {
	uint64_t port, conns, publishers, size, depth, window, opening, rooms;
	uint64_t server_pid, server_core, cpu, rate; /* LOAD_NONE: not given */
	double seconds, warm;
	const char *path, *publish_path, *token_file, *dialects;
	bool raw, json;
};
#define LOAD_NONE UINT64_MAX

/* ---- measuring ---- */

/* 64 buckets for each power of two: a value is known to 1.6 %. */
struct load_latency {
	uint64_t bucket[64 * 60];
	uint64_t count, max;
};
void load_latency_add(struct load_latency *, uint64_t ns);
/* The value that a share of q (0..1) of all values does not exceed, in microseconds. */
double load_latency_us(const struct load_latency *, double q);

/* What the machine says at one moment; differences of two are what counts. Seconds and bytes. */
struct load_sample {
	uint64_t at_ns;
	double server_cpu, own_cpu, core_idle, core_steal;
	double rss, pss, private;
};
struct load_sample load_sample_take(const struct load_options *);
uint64_t load_now(void);

/* ---- a connection ---- */

enum load_state {
	LOAD_CLOSED,     /* no socket */
	LOAD_CONNECTING, /* counts among load->opening, */
	LOAD_UPGRADING,  /* and so does this: the request is sent, the answer not complete */
	LOAD_OPEN,       /* upgraded; the mode is still introducing itself */
	LOAD_READY,      /* takes part in the run */
};

struct load_bytes {
	char *at;
	size_t n, room;
};

struct load_conn {
	struct load *load;
	int fd;
	uint32_t id;
	enum load_state state;
	bool wants_out, is_publisher;
	uint64_t opened_ns;
	struct load_bytes kept; /* the beginning of an unfinished frame or HTTP answer */
	struct load_bytes out;  /* what the socket did not take yet */
	/* A long message of which only the beginning is remembered until its last byte is here. */
	uint64_t left, length;
	size_t head_bytes;
	char head[LOAD_HEAD_BYTES];
	/* Send times of the messages under way, a ring (echo). */
	uint64_t *times;
	uint32_t first, waiting;
};

void load_conn_open(struct load_conn *);
/* Closes with a reset, so that no port waits in TIME_WAIT. */
void load_conn_close(struct load_conn *);
/* The connection is of no more use: counted, told once or thrice, closed. */
void load_conn_fail(struct load_conn *, const char *why);
void load_conn_ready(struct load_conn *);
void load_conn_event(struct load_conn *, uint32_t events);
/* Sends n bytes; what the socket does not take is copied and sent later. */
void load_conn_send(struct load_conn *, const char *at, size_t n);
/* One masked text frame, or the bare bytes with --raw. */
void load_conn_say(struct load_conn *, const char *text, size_t n);

/* ---- frames ---- */

/* Writes a masked, final frame; out has room for n + LOAD_FRAME_EXTRA. Returns its length. */
size_t load_frame_write(char *out, int opcode, const char *text, size_t n);
/* What a byte of a payload becomes at its place: for patching a frame that is already masked. */
char load_frame_mask(char byte, size_t place);
/* Where the payload begins in a frame of load_frame_write. */
size_t load_frame_head(size_t payload);

struct load_head {
	uint64_t length;
	int opcode;
	bool is_final;
};
/* Bytes of the head of a server's frame; 0: not complete, -1: not a frame a server may send. */
ssize_t load_head_read(const char *at, size_t n, struct load_head *);

/* ---- people ---- */

enum { LOAD_TOKEN_MAX = 2048 };

struct load_tokens {
	char **at;
	char *text;
	uint32_t count;
};
void load_tokens_read(struct load_tokens *, const char *path);
void load_tokens_free(struct load_tokens *);

/* ---- a run ---- */

/* What stands around the --size bytes of a message; NULL: nothing. */
struct load_wrap {
	const char *before, *after;
};

struct load_mode {
	const char *name, *unit, *doc, *path, *publish_path;
	struct load_wrap said, heard;
	size_t need; /* payload bytes that on_message wants to see (all, if there are fewer) */
	bool is_reopening; /* connections come and go from the first moment to the last */
	bool is_still;     /* nothing is sent: the run ends when all are connected */
	bool is_joining;   /* Socket.IO: who listens enters a room first */
	uint32_t each;     /* connections of one of --conns; 0: one */
	/* Instead of `path`: writes where this one connects, returns its length. */
	size_t (*path_of)(const struct load_conn *, char *out, size_t room);
	void (*prepare)(struct load *);
	void (*finish)(struct load *);       /* frees what `own` points to, not itself */
	void (*on_open)(struct load_conn *); /* NULL: the server speaks first */
	void (*on_ready)(struct load_conn *);
	/* Instead of an upgrade and frames: takes one answer off the bytes; 0: it is not whole. */
	size_t (*on_bytes)(struct load_conn *, const char *at, size_t n);
	/* Before on_message, which gets what this does not take. */
	bool (*takes)(struct load_conn *, const char *at, size_t have, size_t length);
	/* at: the first `have` bytes of a message whose `length` bytes have all arrived. */
	void (*on_message)(struct load_conn *, const char *at, size_t have, size_t length);
	void (*on_burst)(struct load_conn *); /* all messages of one read were given */
	void (*on_start)(struct load *);      /* all are ready; not with --rate */
	void (*on_turn)(struct load *);       /* once per turn while loading; not with --rate */
	void (*fire)(struct load *, uint64_t due_ns); /* one message of a --rate run */
};
/* All rows, ended by one without a name. */
extern const struct load_mode load_modes[];
extern const struct load_mode load_qrypt_mode, load_bridge_mode, load_poll_mode;
/* `takes` of the Socket.IO modes: comes in, answers pings. */
bool load_socketio_takes(struct load_conn *, const char *at, size_t have, size_t length);

enum load_phase { LOAD_CONNECT, LOAD_SETTLE, LOAD_WARM, LOAD_MEASURE, LOAD_END };

struct load {
	struct load_options o;
	const struct load_mode *mode;
	void *own; /* the mode's */
	struct load_conn *conns;
	uint32_t total, next, opening, ready, closed;
	int epoll;
	enum load_phase phase;
	char *hot;
	uint64_t now;       /* when the read that is being worked on returned */
	uint32_t burst;     /* messages of this read that want an answer */
	char *frames;       /* frame_count copies of the one message, back to back */
	size_t frame_bytes; /* of one copy */
	size_t frame_count;
	uint64_t scheduled, started_ns, progress_ns;
	struct {
		uint64_t done, sent, received, lost, bad, errors;
	} n;
	struct load_latency latency;
};

void load_report(const struct load *, const struct load_sample *before,
		 const struct load_sample *from, const struct load_sample *to);
_Noreturn void load_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Zeroed; never NULL. */
void *load_alloc(size_t count, size_t size);
/* Fails the run rather than the caller. Doubles its room as needed, up to 64 MiB. */
void load_bytes_add(struct load_bytes *, const char *at, size_t n);
void load_bytes_drop(struct load_bytes *);

#endif
