/* primes.c - work for the processor: how many primes are there up to n?  GET /primes?n=1000000 */
#include <cfn.h>
#include <errno.h>
#include <time.h>

enum { MOST = 50 * 1000 * 1000 };

/* Eratosthenes, odd numbers only: sieve[i] stands for 2 * i + 1. */
static long
count_primes(unsigned char *sieve, long n)
{
	long size = (n + 1) / 2, count = n >= 2;

	for (long i = 1; i < size; i++) {
		if (sieve[i])
			continue;
		count++;
		/* From the square on; i <= 7071 here, or the square is past the end. */
		for (long k = 2 * i * (i + 1); i <= 7071 && k < size; k += 2 * i + 1)
			sieve[k] = 1;
	}
	return count;
}

int
primes(cfn_request *req, cfn_response *res)
{
	long n = 1000 * 1000, count;
	int rc = cfn_query_int(req, "n", 0, MOST, &n);
	clock_t start = clock();
	unsigned char *sieve;

	if (rc < 0 && rc != -ENOENT)
		return cfn_error(res, 400, "n is a number from 0 to %d.", MOST);
	/* Zeroed, freed with the request, and NULL when there is no more: cfn_alloc has a limit of its own.
	 */
	sieve = cfn_alloc(req, (size_t)(n + 1) / 2 + 1);
	if (!sieve)
		return cfn_error(res, 507, "Not enough memory for n = %ld.", n);
	count = count_primes(sieve, n);
	cfn_log(req, CFN_INFO, "n = %ld took %ld ms", n, (long)((clock() - start) * 1000 / CLOCKS_PER_SEC));
	return cfn_send(res, 200, "application/json", "{\"n\":%ld,\"primes\":%ld}\n", n, count);
}
