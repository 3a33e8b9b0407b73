/* supervisor.h - what whoever started the pool sees of it: the process title, systemd's messages. */
#pragma once
#include <stdbool.h>

/* Before argv and environ are used by anybody else: the title takes their place. */
void title_init(int argc, char **argv);
void title_set(const char *text);

/* A datagram such as "READY=1" to NOTIFY_SOCKET, if there is one (sd_notify(3)).  Failure is no matter. */
void supervisor_notify(const char *text);
/* RELOADING=1, and since when: READY=1 ends it. */
void supervisor_notify_reloading(void);

/* Whether it keeps descriptors over a restart (FDSTORE of systemd.exec(5); our unit sets it for older
 * systemds). */
bool supervisor_keeps(void);
/* Gives it one to keep, by this name; forgets all of that name. */
void supervisor_keep(int fd, const char *name);
void supervisor_keep_no_more(const char *name);

/* One line to the system's log (/dev/log: a syslog daemon or the journal), lost when it does not take it at
 * once. priority: facility and level of syslog(3). */
void supervisor_syslog(int priority, const char *text);
