/* clock.c - time, and its ISO 8601 form. */
#include "base/clock.h"

#include <time.h>

static uint64_t read_ms(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

uint64_t pl_now_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

uint64_t pl_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

static void digits(char *at, uint64_t value, int n)
{
	while (n--) {
		at[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Days since 1970 to a date, after Howard Hinnant's "chrono-compatible low-level date algorithms".
 */
void pl_iso_format(uint64_t wall_ms, char out[PL_ISO_TEXT])
{
	uint64_t seconds = wall_ms / 1000, second_of_day = seconds % 86400;
	uint64_t z = seconds / 86400 + 719468, era = z / 146097, day_of_era = z % 146097;
	uint64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint64_t shifted = (5 * day_of_year + 2) / 153; /* March is 0 */
	uint64_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
	uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
	uint64_t year = year_of_era + era * 400 + (month <= 2);

	memcpy(out, "0000-00-00T00:00:00.000Z", PL_ISO_TEXT);
	digits(out, year, 4);
	digits(out + 5, month, 2);
	digits(out + 8, day, 2);
	digits(out + 11, second_of_day / 3600, 2);
	digits(out + 14, second_of_day / 60 % 60, 2);
	digits(out + 17, second_of_day % 60, 2);
	digits(out + 20, wall_ms % 1000, 3);
}
