/* internal.h - what the files of this folder share. Not for other layers. */
#ifndef PL_FILES_INTERNAL_H
#define PL_FILES_INTERNAL_H

#include "files/files.h"

/*
 * An upload that somebody has open, or that has jobs. Its jobs run one at a time, so that what
 * follows `jobs` belongs to the thread that runs one.
 */
struct pl_upload_file {
	struct pl_uuid id;
	struct pl_upload_file *next_ready;
	struct pl_task *first, **last; /* jobs that wait */
	bool is_running;
	uint32_t opens;

	bool is_open;     /* offset is known */
	bool is_complete; /* it has its final name */
	int lost;         /* 0, or why nothing of it is believed any more */
	uint64_t offset;  /* so much is written and synced */
};

struct pl_files_dir {
	int fd; /* -1: not open yet */
	char *path;
	bool is_scratch;
	const struct pl_files_io *io;
	uint64_t keep_free;
	struct pl_log *log;
};

enum { PL_FILE_NAME = 32 + 5 + 1 };
void pl_file_name_of(const struct pl_uuid *, bool is_partial, char out[PL_FILE_NAME]);
/* False: none of ours. */
bool pl_file_name_read(const char *name, struct pl_file_found *out);

/* work.c: does the job. False: a part of it; run it again. f: NULL for reads and lists. */
bool pl_file_work(const struct pl_files_dir *, struct pl_upload_file *f, struct pl_file_job *);
/* None of it was done. */
void pl_file_job_fail(struct pl_file_job *, int err);
/* Gives back what a job that is not finished holds. */
void pl_file_job_drop(struct pl_file_job *);
/* PL_EIO, PL_ESTORE (no room), PL_ENOTFOUND from errno. */
int pl_file_error(int error);

/* sum.c: whether the data has the sum that it must have. PL_ECORRUPT, PL_ENOMEM. */
int pl_file_check_sum(const struct pl_file_piece *) PL_MUST_CHECK;
/* One more slice of the upload into job->sha256; PL_EAGAIN: there is more. */
int pl_file_sum_on(const struct pl_files_dir *, struct pl_file_job *) PL_MUST_CHECK;

/* disk.c: the directory, made if need be. PL_EIO, logged. */
int pl_files_dir_init(struct pl_files_dir *, const struct pl_files_options *) PL_MUST_CHECK;
int pl_files_dir_open(struct pl_files_dir *) PL_MUST_CHECK;
void pl_files_dir_close(struct pl_files_dir *);
/* list.c */
int pl_files_list(const struct pl_files_dir *, struct pl_file_job *) PL_MUST_CHECK;
int pl_files_wipe(const struct pl_files_dir *) PL_MUST_CHECK;

#endif
