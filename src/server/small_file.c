/* small_file.c - secrets in files of their own. */
#include "server/config.h"

#include "base/file.h"

#include <sys/stat.h>

int pl_config_read_secret(const char *path, struct pl_buf *out)
{
	uint32_t mode = 0;
	int err = pl_file_read(path, out, &mode);
	if (!err && (mode & S_IROTH))
		err = PL_EDENIED;
	while (!err && out->len && strchr("\r\n", out->at[out->len - 1]))
		out->len--;
	return err;
}
