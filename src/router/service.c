/* service.c - what a function's requests take, by which it is packed or not.
 *
 * The time from a worker's being free to its answer says too much: on a machine whose processors are all
 * taken it is mostly waiting for one, and the more workers a function's requests are spread over, the longer
 * each of them seems to take, which would spread them further.  The CPU time is free of that but says nothing
 * of a function that sleeps or waits for a disk.  So the CPU time counts, and the other where it is many
 * times as much: then it cannot all be for want of a processor.
 *
 * No mean shows a request in a thousand that sleeps.  Its time is its own, but all that lie behind it in its
 * worker would sleep with it.  It is seen by a tick: a worker that has used no CPU time since the last one
 * does not wait for a processor, as long as the router itself gets one in time. */
#include "router/router.h"

enum { WALL_SHARE = 8, CPU_WEIGHT = 4, WALL_WEIGHT = 16 };

static void
approach(uint64_t *estimate, uint64_t sample, uint64_t weight)
{
	if (sample > *estimate)
		*estimate += (sample - *estimate) / weight;
	else
		*estimate -= (*estimate - sample) / weight;
}

static void
settle(struct pool *p)
{
	uint64_t wall = p->wall_ns / WALL_SHARE;

	p->service_ns = p->cpu_ns > wall ? p->cpu_ns : wall;
}

void
service_learn_wall(struct pool *p, uint64_t us, unsigned n)
{
	approach(&p->wall_ns, us * 1000 / n, WALL_WEIGHT);
	p->n_apart -= n < p->n_apart ? n : p->n_apart;
	settle(p);
}

void
service_learn_cpu(struct pool *p, uint64_t us, unsigned n)
{
	approach(&p->cpu_ns, us * 1000 / n, CPU_WEIGHT);
	settle(p);
}

void
service_slept(struct pool *p)
{
	p->n_apart = AWAKE_MAX;
}
