/* date.c - the date of an answer: RFC 9110 section 5.6.7. */
#include <stdio.h>
#include <time.h>

#include "http/http.h"

/* Not by strftime(3): a function may have set another locale. */
void
http_date_format(int64_t seconds, char text[HTTP_DATE_SIZE])
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t t = seconds >= 0 && seconds <= HTTP_DATE_MAX ? seconds : 0;
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(text, HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday],
	         (unsigned)tm.tm_mday % 100, months[tm.tm_mon], (unsigned)(tm.tm_year + 1900) % 10000,
	         (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
