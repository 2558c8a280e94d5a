/*
 * log.c - format on the caller's stack, queue in a ring under a mutex, write from a thread.
 *
 * Invariants:  head - tail <= RING bytes are queued;  a line is queued whole or not at all.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { RING = 1 << 18, LINE = 2048, MESSAGE = 1024 };

struct pl_log {
	int fd;
	_Atomic int level;
	bool readable, closing;
	void (*line)(void *ctx, enum pl_log_level, const char *text);
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t writer;
	uint64_t head, tail, dropped;
	char ring[RING];
};

struct line {
	char at[LINE];
	size_t len;
};

static const char *const level_names[] = {"debug", "info", "warn", "error", "info"};

static void put(struct line *l, const char *at, size_t n)
{
	size_t room = sizeof(l->at) - l->len;
	n = n < room ? n : room;
	memcpy(l->at + l->len, at, n);
	l->len += n;
}

/* U+0080-009F, U+200E/F, U+2028-202E, U+2066-2069 in UTF-8. */
static size_t hidden_length(const uint8_t *p, size_t n)
{
	if (n >= 2 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
		return 2;
	if (n < 3 || p[0] != 0xe2)
		return 0;
	bool in_80 =
		p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae));
	bool in_81 = p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
	return in_80 || in_81 ? 3 : 0;
}

static void put_escaped(struct line *l, const char *s, size_t n, bool json)
{
	char hex[8];
	for (size_t i = 0; i < n && l->len + 16 < sizeof(l->at); i++) {
		uint8_t c = (uint8_t)s[i];
		size_t hidden = hidden_length((const uint8_t *)s + i, n - i);
		if (c < 0x20 || c == 0x7f || hidden) {
			put(l, hex,
			    (size_t)snprintf(hex, sizeof(hex), json ? "\\u%04x" : "\\x%02x", c));
			i += hidden ? hidden - 1 : 0;
		} else {
			if (json && (c == '"' || c == '\\'))
				put(l, "\\", 1);
			put(l, s + i, 1);
		}
	}
}

/* For a callback: the level as a byte, the words, and the newline that ends them in the ring. */
static void format_bare(struct line *l, enum pl_log_level level, const char *who, const char *text,
			size_t n)
{
	put(l, &(char){(char)('0' + (int)level)}, 1);
	put(l, who, strlen(who));
	put(l, ": ", 2);
	put_escaped(l, text, n, false);
	put(l, "\n", 1);
}

static void format_line(struct line *l, bool readable, enum pl_log_level level, const char *who,
			const char *text, size_t n)
{
	char when[PL_ISO_TEXT], head[128];
	pl_iso_format(pl_wall_ms(), when);
	int len = readable ? snprintf(head, sizeof(head), "%.12s %-5s %-7s ", when + 11,
				      level_names[level], who)
			   : snprintf(head, sizeof(head),
				      "{\"time\":\"%.24s\",\"level\":\"%s\",\"component\":\"%s\","
				      "\"message\":\"",
				      when, level_names[level], who);
	put(l, head, (size_t)len);
	put_escaped(l, text, n, !readable);
	if (!readable)
		put(l, "\"}", 2);
	put(l, "\n", 1);
}

static void format(struct line *l, const struct pl_log *log, enum pl_log_level level,
		   const char *who, const char *text, size_t n)
{
	if (log->line)
		format_bare(l, level, who, text, n);
	else
		format_line(l, log->readable, level, who, text, n);
}

static void enqueue(struct pl_log *log, const struct line *l)
{
	if (RING - (log->head - log->tail) < l->len) {
		log->dropped++;
		return;
	}
	for (size_t done = 0; done < l->len;) {
		size_t at = (size_t)(log->head % RING), room = RING - at;
		size_t n = l->len - done < room ? l->len - done : room;
		memcpy(log->ring + at, l->at + done, n);
		log->head += n;
		done += n;
	}
	pthread_cond_signal(&log->more);
}

void pl_log(struct pl_log *log, enum pl_log_level level, const char *who, const char *fmt, ...)
{
	if (!log || (int)level < atomic_load_explicit(&log->level, memory_order_relaxed))
		return;
	char text[MESSAGE];
	struct line l = {.len = 0};
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	format(&l, log, level, who, text, len);
	pthread_mutex_lock(&log->lock);
	enqueue(log, &l);
	pthread_mutex_unlock(&log->lock);
}

static void report_dropped(struct pl_log *log)
{
	struct line l = {.len = 0};
	char text[64];
	int n = snprintf(text, sizeof(text), "%llu lines dropped: the reader of the log is slow",
			 (unsigned long long)log->dropped);
	format(&l, log, PL_WARN, "log", text, (size_t)n);
	log->dropped = 0;
	enqueue(log, &l);
}

/* Called with the lock; gives it up while writing. Returns false when the reader is gone. */
static bool write_some(struct pl_log *log)
{
	size_t at = (size_t)(log->tail % RING);
	size_t n = (size_t)(log->head - log->tail);
	if (n > RING - at)
		n = RING - at;
	pthread_mutex_unlock(&log->lock);
	ssize_t done = write(log->fd, log->ring + at, n);
	bool later = done < 0 && (errno == EAGAIN || errno == EINTR);
	if (later)
		poll(&(struct pollfd){.fd = log->fd, .events = POLLOUT}, 1, 100);
	pthread_mutex_lock(&log->lock);
	if (done > 0)
		log->tail += (uint64_t)done;
	return done > 0 || later;
}

/* As write_some, for one line. */
static void hand_over(struct pl_log *log)
{
	struct line l = {.len = 0};
	char c;
	/* A line is queued whole, and escaped: the first newline is its end. */
	while ((c = log->ring[log->tail++ % RING]) != '\n')
		put(&l, &c, 1);
	l.at[l.len < LINE ? l.len : LINE - 1] = '\0';
	pthread_mutex_unlock(&log->lock);
	log->line(log->ctx, (enum pl_log_level)(l.at[0] - '0'), l.at + 1);
	pthread_mutex_lock(&log->lock);
}

static void *write_lines(void *arg)
{
	struct pl_log *log = arg;
	uint64_t give_up = 0;
	pthread_mutex_lock(&log->lock);
	for (;;) {
		while (log->head == log->tail && !log->closing)
			pthread_cond_wait(&log->more, &log->lock);
		if (log->closing && !give_up)
			give_up = pl_now_ms() + 1000;
		if (log->head == log->tail || (give_up && pl_now_ms() > give_up))
			break;
		if (log->line)
			hand_over(log);
		else if (!write_some(log))
			log->tail = log->head; /* nobody will ever read it */
		if (log->dropped && log->head - log->tail < RING / 2)
			report_dropped(log);
	}
	pthread_mutex_unlock(&log->lock);
	return NULL;
}

int pl_log_new(const struct pl_log_options *o, struct pl_log **out)
{
	struct pl_log *log = PL_NEW(struct pl_log);
	if (!log)
		return PL_ENOMEM;
	log->fd = o->fd;
	log->readable = o->readable;
	log->line = o->line;
	log->ctx = o->ctx;
	atomic_init(&log->level, (int)o->level);
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->more, NULL);
	if (pl_thread_start(&log->writer, write_lines, log)) {
		pthread_cond_destroy(&log->more);
		pthread_mutex_destroy(&log->lock);
		pl_free(log);
		return PL_ENOMEM;
	}
	*out = log;
	return 0;
}

void pl_log_free(struct pl_log *log)
{
	if (!log)
		return;
	pthread_mutex_lock(&log->lock);
	log->closing = true;
	pthread_cond_signal(&log->more);
	pthread_mutex_unlock(&log->lock);
	pthread_join(log->writer, NULL);
	pthread_cond_destroy(&log->more);
	pthread_mutex_destroy(&log->lock);
	pl_free(log);
}

void pl_log_set_level(struct pl_log *log, enum pl_log_level level)
{
	atomic_store(&log->level, (int)level);
}
