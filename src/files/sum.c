/* sum.c - checksums: of a piece before it is written, of the whole as it lies on the disk. */
#include "files/internal.h"

#include "base/mem.h"

#include <errno.h>
#include <openssl/evp.h>
#include <zlib.h>

/* So much of one upload is read before the next job has its turn, and by so much at a time. */
enum { SLICE_BYTES = 8 << 20, READ_BYTES = 128 << 10 };

static bool crc_fits(const struct pl_file_piece *p)
{
	uLong sum = crc32_z(0, (const Bytef *)p->data.at, p->data.len);
	uint32_t want = (uint32_t)p->digest[0] << 24 | (uint32_t)p->digest[1] << 16 |
			(uint32_t)p->digest[2] << 8 | p->digest[3];
	return sum == want;
}

int pl_file_check_sum(const struct pl_file_piece *p)
{
	uint8_t sum[PL_FILES_SHA256];
	if (p->sum == PL_FILE_NO_SUM)
		return 0;
	if (p->sum == PL_FILE_CRC32)
		return crc_fits(p) ? 0 : PL_ECORRUPT;
	if (EVP_Digest(p->data.at, p->data.len, sum, NULL, EVP_sha256(), NULL) != 1)
		return PL_ENOMEM;
	return memcmp(sum, p->digest, sizeof(sum)) ? PL_ECORRUPT : 0;
}

static int begin(struct pl_file_job *j)
{
	if (!j->summer)
		j->summer = EVP_MD_CTX_new();
	return j->summer && EVP_DigestInit_ex(j->summer, EVP_sha256(), NULL) == 1 ? 0 : PL_ENOMEM;
}

static int read_on(const struct pl_files_dir *d, struct pl_file_job *j, char *room)
{
	uint64_t left = j->size - j->summed;
	size_t want = left < READ_BYTES ? (size_t)left : READ_BYTES;
	ssize_t n = d->io->pread(j->fd, room, want, (off_t)j->summed);
	if (n < 0)
		return errno == EINTR ? 0 : PL_EIO;
	if (!n)
		return PL_ECORRUPT;
	j->summed += (uint64_t)n;
	return EVP_DigestUpdate(j->summer, room, (size_t)n) == 1 ? 0 : PL_ENOMEM;
}

static int end(struct pl_file_job *j)
{
	uint8_t sum[PL_FILES_SHA256];
	if (EVP_DigestFinal_ex(j->summer, sum, NULL) != 1)
		return PL_ENOMEM;
	if (j->has_sha256 && memcmp(sum, j->sha256, sizeof(sum)) != 0)
		return PL_ECORRUPT;
	memcpy(j->sha256, sum, sizeof(sum));
	return 0;
}

int pl_file_sum_on(const struct pl_files_dir *d, struct pl_file_job *j)
{
	uint64_t stop = j->size - j->summed < SLICE_BYTES ? j->size : j->summed + SLICE_BYTES;
	int err = j->summed ? 0 : begin(j);
	char *room = err ? NULL : pl_alloc(READ_BYTES);
	if (!room)
		return PL_ENOMEM;
	while (!err && j->summed < stop)
		err = read_on(d, j, room);
	pl_free(room);
	if (err)
		return err;
	return j->summed < j->size ? PL_EAGAIN : end(j);
}
