/* decimal.c - a number as digits. */
#include "base/decimal.h"

size_t
decimal_write(char to[DECIMAL_MAX], uint64_t n)
{
	size_t length = 1;

	for (uint64_t rest = n; rest >= 10; rest /= 10)
		length++;
	for (size_t at = length; at > 0; n /= 10)
		to[--at] = (char)('0' + n % 10);
	return length;
}
