/*
 * load_measure.c - what a run costs: processor time of the server and of the core it is pinned to,
 * memory of the server, and how long messages took.
 *
 * The kernel's own work for a socket may run in ksoftirqd, which no process is charged for; that is
 * why the time in which the server's core was not idle counts, beside the server's own.
 */
#include "load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t load_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * LOAD_SECOND + (uint64_t)t.tv_nsec;
}

/*
 * Values below 128 have a bucket each. A larger one loses its low bits until it lies in 64..127,
 * so that the buckets of one power of two follow those of the one before.
 */
static size_t bucket_of(uint64_t value)
{
	unsigned shift = value < 128 ? 0 : 57 - (unsigned)__builtin_clzll(value);
	return ((size_t)shift << 6) + (size_t)(value >> shift);
}

static uint64_t value_of(size_t bucket)
{
	size_t shift = bucket < 128 ? 0 : (bucket >> 6) - 1;
	return (uint64_t)(bucket - (shift << 6)) << shift;
}

void load_latency_add(struct load_latency *l, uint64_t ns)
{
	l->bucket[bucket_of(ns)]++;
	l->count++;
	if (ns > l->max)
		l->max = ns;
}

double load_latency_us(const struct load_latency *l, double q)
{
	uint64_t before = 0;
	uint64_t wanted = (uint64_t)(q * (double)l->count);
	for (size_t i = 0; i < sizeof l->bucket / sizeof *l->bucket; i++) {
		before += l->bucket[i];
		if (before > wanted)
			return (double)value_of(i) / 1e3;
	}
	return (double)l->max / 1e3;
}

/* Reads a file of /proc whole, as text. */
static bool slurp(const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size_t have = 0;
	ssize_t n = 1;
	while (have + 1 < room && (n = read(fd, out + have, room - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	out[have] = 0;
	return have > 0;
}

/* The i-th number (0: the first) after `at`, in a line of numbers. */
static double number_at(const char *at, int i)
{
	for (; i > 0; i--) {
		at += strspn(at, " ");
		at += strcspn(at, " \n");
	}
	return strtod(at, NULL);
}

/* User and system time of all threads of the process. */
static double process_cpu(uint64_t pid)
{
	char path[64], text[2048];
	snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
	const char *after = slurp(path, text, sizeof text) ? strrchr(text, ')') : NULL;
	if (!after)
		load_die("no process %llu", (unsigned long long)pid);
	/* ") S ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime" */
	double ticks = number_at(after + 1, 11) + number_at(after + 1, 12);
	return ticks / (double)sysconf(_SC_CLK_TCK);
}

static double kilobytes(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	return at ? strtod(at + strlen(name), NULL) * 1024 : 0;
}

static void process_memory(uint64_t pid, struct load_sample *s)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/%llu/smaps_rollup", (unsigned long long)pid);
	if (!slurp(path, text, sizeof text))
		return;
	s->rss = kilobytes(text, "\nRss:");
	s->pss = kilobytes(text, "\nPss:");
	s->private = kilobytes(text, "\nPrivate_Clean:") + kilobytes(text, "\nPrivate_Dirty:");
}

/* "cpuN user nice system idle iowait irq softirq steal ..." */
static void core_time(uint64_t core, struct load_sample *s)
{
	char name[32], text[16384];
	snprintf(name, sizeof name, "\ncpu%llu ", (unsigned long long)core);
	const char *at = slurp("/proc/stat", text, sizeof text) ? strstr(text, name) : NULL;
	if (!at)
		load_die("no core %llu", (unsigned long long)core);
	at += strlen(name);
	double hz = (double)sysconf(_SC_CLK_TCK);
	s->core_idle = (number_at(at, 3) + number_at(at, 4)) / hz;
	s->core_steal = number_at(at, 7) / hz;
}

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

struct load_sample load_sample_take(const struct load_options *o)
{
	struct load_sample s = {0};
	struct rusage own;
	if (o->server_pid != LOAD_NONE) {
		s.server_cpu = process_cpu(o->server_pid);
		process_memory(o->server_pid, &s);
	}
	if (o->server_core != LOAD_NONE)
		core_time(o->server_core, &s);
	getrusage(RUSAGE_SELF, &own);
	s.own_cpu = seconds_of(own.ru_utime) + seconds_of(own.ru_stime);
	s.at_ns = load_now();
	return s;
}
