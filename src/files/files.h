/*
 * files.h - a directory of files under random names, and the threads that write, sync, check, read
 * and remove them. Nothing of it runs on a loop.
 *
 * A file is known by its id, 128 random bits, and is called so in the directory: ".part" behind it
 * while it is written, without when it is complete. A caller makes a job, submits it and gets it
 * back on its own loop. Jobs on one upload run one at a time, in order of submission, whichever
 * workers they come from; reads of complete files run beside them.
 *
 * What is said to be written is on disk: the file was synced after its bytes, the directory after
 * its name. After a sync that failed nothing of the upload is believed any more: every job on it
 * fails with PL_EIO, as long as anybody has it open, and it is to be deleted.
 */
#ifndef PL_FILES_FILES_H
#define PL_FILES_FILES_H

#include "base/id.h"
#include "loop/loop.h"

struct pl_files;
struct pl_files_io;

enum { PL_FILES_THREADS_MAX = 64, PL_FILES_SHA256 = 32, PL_FILES_LIST = 1000 };

struct pl_files_options {
	const char *path; /* of the directory; made with mode 0700 where it is missing */
	/* It is made for the first job, with the directory that it is in, and removed at the end;
	 * whatever lay there is removed first. */
	bool is_scratch;
	uint32_t threads;   /* 0: 3. One of them is kept for reads, if there are two */
	uint32_t jobs_max;  /* that wait; 0: 4,096 */
	size_t bytes_max;   /* of their pieces and reads; 0: 64 MiB */
	uint64_t keep_free; /* bytes of the disk that are left alone */
	struct pl_log *log;
	const struct pl_files_io *io; /* NULL: the system's. For tests */
};

/* PL_EIO: no such directory, and none can be made; the reason is logged. PL_ENOMEM. */
int pl_files_new(const struct pl_files_options *, struct pl_files **out) PL_MUST_CHECK;
/* Waits for what is under way; what only waits goes home with PL_ECLOSED. Twice is fine. */
void pl_files_stop(struct pl_files *);
/* Stops. Jobs still come home: their loops must outlive this. NULL is fine. */
void pl_files_free(struct pl_files *);

enum pl_file_job_kind {
	/*
	 * An upload of `size` bytes goes on at `offset`, which somebody knows to be on disk: what
	 * lies behind it is cut off. At 0 the file is made. Where it is open already, nothing is
	 * done. out: offset, where it stands. PL_ENOTFOUND, PL_ECORRUPT: the bytes are not there.
	 * Success is to be followed by pl_files_leave.
	 */
	PL_FILE_OPEN,
	/* To an open upload: the pieces, as long as each begins where the one before ended; then
	 * one sync. out: each piece's err; offset. PL_EIO: it is lost. PL_ESTATE: not open. */
	PL_FILE_APPEND,
	/*
	 * The bytes are read again and summed, and where the sum is the expected one the upload
	 * gets its name. Again is fine. out: sha256. PL_ECORRUPT: another sum; PL_ESTATE: not all
	 * there.
	 */
	PL_FILE_FINISH,
	/* Whatever there is of it, or (only_part) what is not complete; an open upload is lost.
	 * PL_EIO. */
	PL_FILE_DELETE,
	/* `len` bytes at `offset` of a complete file into `at`. PL_ENOTFOUND; PL_ECORRUPT: it is
	 * shorter. */
	PL_FILE_READ,
	/* out: the next ids of the directory, in any order; none: that was all. */
	PL_FILE_LIST,
};

enum pl_file_sum { PL_FILE_NO_SUM, PL_FILE_CRC32, PL_FILE_SHA256_SUM };

struct pl_file_piece {
	uint64_t offset;
	struct pl_slice data;            /* lives as long as the job */
	enum pl_file_sum sum;            /* that the data must have: */
	uint8_t digest[PL_FILES_SHA256]; /* CRC-32: 4 bytes, the highest first */

	/* 0; PL_ESTATE: not where the upload stands; PL_ECORRUPT: another sum; PL_ETOOBIG: behind
	 * its size; PL_ESTORE: no room on the disk; PL_EIO: it is lost. */
	int err;
};

struct pl_file_found {
	struct pl_uuid id;
	bool is_partial;
};

struct pl_file_job {
	struct pl_task task;                   /* how it travels; ours while we have the job */
	struct pl_loop *home;                  /* where on_done runs */
	void (*on_done)(struct pl_file_job *); /* owns the job again */
	void *owner;                           /* the caller's */
	enum pl_file_job_kind kind;
	struct pl_uuid id;
	bool only_part;
	uint64_t size, offset;
	struct pl_file_piece *pieces; /* the caller's */
	size_t npieces;
	bool has_sha256; /* expected */
	uint8_t sha256[PL_FILES_SHA256];
	char *at; /* the caller's */
	size_t len;
	struct pl_file_found *found; /* ours, until the job is freed or submitted again */
	size_t nfound;

	int err; /* as above; PL_ECLOSED: stopped */

	/* private: */
	uint64_t summed;
	int fd;
	void *summer, *dir;
};

/* Zeroed. NULL: no memory. */
struct pl_file_job *pl_file_job_new(enum pl_file_job_kind, struct pl_loop *home,
				    void (*on_done)(struct pl_file_job *), void *owner);
void pl_file_job_free(struct pl_file_job *); /* NULL is fine */
/* [any thread] Takes the job. PL_EBUSY: too much waits; PL_ECLOSED: stopped; PL_ENOMEM. Then it
 * stays the caller's. */
int pl_files_submit(struct pl_files *, struct pl_file_job *) PL_MUST_CHECK;
/* [any thread] Undoes one PL_FILE_OPEN. Jobs that wait still run. */
void pl_files_leave(struct pl_files *, const struct pl_uuid *id);

/* What the threads ask of the system; as the calls of that name, -1 and errno. */
struct pl_files_io {
	/* Below the directory only, never through a link. */
	int (*open)(int dir, const char *name, int flags);
	ssize_t (*pwrite)(int fd, const void *, size_t, off_t);
	ssize_t (*pread)(int fd, void *, size_t, off_t);
	int (*truncate)(int fd, off_t);
	int (*sync)(int fd);
	int (*rename)(int dir, const char *from, const char *to);
	int (*unlink)(int dir, const char *name);
	/* Bytes that are free for us. */
	int (*room)(int dir, uint64_t *bytes);
};
extern const struct pl_files_io pl_files_system;

#endif
