/* watchdog.c - the pings that a supervisor waits for: only while spawner and routers answer. */
#include "pool/watchdog.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/options.h"
#include "pool/routers.h"
#include "pool/supervisor.h"

/* A late look, and an answer that comes behind one, are no reason to be ended. */
enum { LOOKS_IN_TIME = 4 };

/* WATCHDOG_USEC, when WATCHDOG_PID names nobody else; what the pool starts must not take it for its own. */
static uint64_t
wanted_us(void)
{
	const char *pid_text = getenv("WATCHDOG_PID"), *usec_text = getenv("WATCHDOG_USEC");
	uint64_t pid, usec = 0;

	if (pid_text && (option_parse_number(pid_text, &pid) < 0 || pid != (uint64_t)getpid()))
		return 0;
	if (!usec_text || option_parse_number(usec_text, &usec) < 0)
		return 0;
	return usec;
}

/* NULL: everybody who was asked has answered, or has ended, which the master is told by another way. */
static const char *
who_is_silent(const struct master *m)
{
	if (m->watchdog.is_spawner_asked)
		return "the spawner";
	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].is_asked && router_is_serving(&m->routers[i]))
			return "a router";
	return NULL;
}

static void
ask(struct master *m)
{
	m->watchdog.is_spawner_asked = true;
	channel_send(&m->spawner_channel, MSG_ASK_ALIVE, NULL, 0, NULL, 0);
	for (size_t i = 0; i < m->n_routers; i++)
		m->routers[i].is_asked = router_is_serving(&m->routers[i]);
	routers_tell(m, MSG_ASK_COUNTERS, NULL, 0);
}

static void
look(void *context, void *owner)
{
	struct master *m = context;
	const char *silent = who_is_silent(m);

	(void)owner;
	timer_arm(&m->loop, &m->watchdog.timer, m->watchdog.period_us);
	if (!silent) {
		supervisor_notify("WATCHDOG=1");
		ask(m);
	} else if (!m->watchdog.is_late)
		log_line(LOG_WARNING, "watchdog: %s does not answer", silent);
	m->watchdog.is_late = silent != NULL;
}

void
watchdog_open(struct master *m)
{
	m->watchdog =
	    (struct watchdog){ .timer = { .fire = look }, .period_us = wanted_us() / LOOKS_IN_TIME };
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (m->watchdog.period_us > 0)
		look(m, NULL);
}

void
watchdog_spawner_lives(struct master *m)
{
	m->watchdog.is_spawner_asked = false;
}
