/* supervisor.h - what whoever started the pool sees of it: the process title, systemd's messages. */
#pragma once

/* Before argv and environ are used by anybody else: the title takes their place. */
void title_init(int argc, char **argv);
void title_set(const char *text);

/* A datagram such as "READY=1" to NOTIFY_SOCKET, if there is one (sd_notify(3)).  Failure is no matter. */
void supervisor_notify(const char *text);

/* One line to the system's log (/dev/log: a syslog daemon or the journal), lost when it does not take it at
 * once. priority: facility and level of syslog(3). */
void supervisor_syslog(int priority, const char *text);
