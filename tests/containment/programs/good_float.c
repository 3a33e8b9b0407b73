/* good_float.c - floating point and libm. */
#include "attempt.h"

#include <math.h>

int
main(void)
{
	volatile double two = 2, sum = 0;

	for (int i = 1; i <= 100000; i++)
		sum += 1.0 / ((double)i * i);
	if (fabs(sqrt(two) - 1.4142135623730951) > 1e-15 || fabs(sqrt(6 * sum) - 3.14158) > 1e-4 ||
	    !isnan(nan("")))
		return broken("%.6f", sqrt(6 * sum));
	return works("%.6f", sqrt(6 * sum));
}
