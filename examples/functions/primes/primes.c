/* primes.c - work for the processor: how many primes are there up to n?  GET /primes?n=1000000
 *
 * It takes the same memory for every n, a piece of the sieve after the other, and the more time the larger n
 * is: what is too much for the function's limit on CPU time (--cpu-time) ends as a 504 with the cause
 * cpu_time_limit, and costs nobody else anything. */
#include <cfn.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum { PIECE = 1 << 18, MAX_ROOT = 1 << 20 };
static const long max_n = (long)MAX_ROOT * MAX_ROOT - 1;

/* Odd numbers alone: the byte i stands for 2 * i + 1. */
struct sieve {
	uint32_t primes[82025]; /* as many odd ones as there are below MAX_ROOT */
	long n_primes;
	unsigned char small[MAX_ROOT / 2], piece[PIECE];
};

/* The primes that cross out, Eratosthenes' way. */
static void
find_small(struct sieve *s, long n)
{
	for (long i = 1; (2 * i + 1) * (2 * i + 1) <= n; i++) {
		if (s->small[i])
			continue;
		s->primes[s->n_primes++] = (uint32_t)(2 * i + 1);
		for (long k = 2 * i * (i + 1); k < MAX_ROOT / 2; k += 2 * i + 1)
			s->small[k] = 1;
	}
}

/* How many primes are among the size bytes from begin on. */
static long
count_piece(struct sieve *s, long begin, long size)
{
	long count = size;

	memset(s->piece, 0, (size_t)size);
	for (long i = 0; i < s->n_primes; i++) {
		long p = s->primes[i], first = p * p / 2;

		if (first >= begin + size)
			break;
		if (first < begin)
			first += (begin - first + p - 1) / p * p;
		for (long k = first - begin; k < size; k += p)
			s->piece[k] = 1;
	}
	for (long k = 0; k < size; k++)
		count -= s->piece[k];
	return count;
}

static long
count_primes(struct sieve *s, long n)
{
	long end = (n + 1) / 2, count = 0;

	find_small(s, n);
	for (long begin = 0; begin < end; begin += PIECE)
		count += count_piece(s, begin, end - begin < PIECE ? end - begin : PIECE);
	/* 1, which is none, has stood for 2. */
	return n < 2 ? 0 : count;
}

static int
primes(cfn_request *req, cfn_response *res)
{
	long n = 1000 * 1000, count;
	int rc = cfn_query_int(req, "n", 0, max_n, &n);
	clock_t start = clock();
	struct sieve *s;

	if (rc < 0 && rc != -ENOENT)
		return cfn_error(res, 400, "n is a number from 0 to %ld.", max_n);
	/* Zeroed, gone with the request, and NULL when there is no more: cfn_alloc has a limit of its own. */
	s = cfn_alloc(req, sizeof *s);
	if (!s)
		return cfn_error(res, 507, "There is not enough memory.");
	count = count_primes(s, n);
	cfn_log(req, CFN_INFO, "n = %ld took %ld ms", n, (long)((clock() - start) * 1000 / CLOCKS_PER_SEC));
	return cfn_send(res, 200, "application/json", "{\"n\":%ld,\"primes\":%ld}\n", n, count);
}

CFN_ROUTES({ "GET", "/primes", primes });
