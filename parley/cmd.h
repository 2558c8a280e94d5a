/* cmd.h - the sub-commands, one file each. */
#ifndef PARLEY_CMD_H
#define PARLEY_CMD_H

#include "command.h"

extern const struct command cmd_backup, cmd_chat, cmd_check, cmd_docs, cmd_hash, cmd_help,
	cmd_serve, cmd_token, cmd_user, cmd_verify, cmd_version;

/* Also "--help", "-h" and "--version". NULL when there is none. */
const struct command *find_command(const char *name);

#endif
