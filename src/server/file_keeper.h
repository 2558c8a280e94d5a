/*
 * file_keeper.h - the directory of files and the store agree: unfinished uploads that stand still
 * are removed, and after a start the parts that no row is there for.
 *
 * Lives on the first worker's loop. A complete file is never removed: without its row (an older
 * database was put back) it stays where it is, and that is logged.
 */
#ifndef PL_SERVER_FILE_KEEPER_H
#define PL_SERVER_FILE_KEEPER_H

#include "chat/hub.h"
#include "files/files.h"

struct pl_file_keeper {
	struct pl_hub *hub;
	struct pl_files *files;
	uint64_t expiry_ms; /* may change, on the loop */
	struct pl_timer tick;
	struct pl_file_job *list; /* the directory, while it is swept; else NULL */
	size_t removed, strangers;
	bool is_busy; /* expiring */
};

/* Before the loop's thread starts. Once, and not to be moved. sweeps: the directory may hold what
 * an earlier process left. */
void pl_file_keeper_start(struct pl_file_keeper *, struct pl_hub *, struct pl_files *,
			  uint64_t expiry_ms, bool sweeps);
/* After the loop has taken what came home. Zeroed is fine. */
void pl_file_keeper_fini(struct pl_file_keeper *);

#endif
