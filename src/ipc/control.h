/* control.h - cfn-deploy's questions to the pools that serve a registry.
 *
 * Each master listens on <registry>.run/<pid>.sock (SOCK_SEQPACKET).  One question, one answer, both one
 * JSON object in one message of at most CONTROL_MAX bytes; a question may carry one descriptor.
 *
 *   {"command":"poke"}                                          after every commit
 *   {"command":"vote","version":ID}                             → {"ok":true} or {"ok":false,"error":"…"}
 *   {"command":"status"}                                        → {"ok":true,"pid":…,"functions":[…],…}
 *   {"command":"restart","function":NAME}
 *   {"command":"copy","shared":NAME,"path":P,"direction":"in"|"out"|"list","max":BYTES} + descriptor
 *
 * Every answer has "ok"; with false it has "error", one line for people. */
#pragma once
#include <jansson.h>

#include "base/err.h"

enum { CONTROL_MAX = 56 * 1024, CONTROL_PATH_SIZE = 108, CONTROL_POOLS_MAX = 32 };

/* Master: makes <registry>.run/ (2770 style: as the registry's folder allows, never for others) and listens.
 * A descriptor or -errno; path gets the socket's path, for unlink at the end. */
int control_listen(const char *registry, char path[CONTROL_PATH_SIZE], struct err *e);

/* Master: receives one question on an accepted connection.  1, 0 at the end, -errno.
 * *fd is the descriptor or -1. */
int control_receive(int sock, json_t **question, int *fd, struct err *e);
int control_send(int sock, json_t *answer, struct err *e);

/* cfn-deploy: connects to every live pool of the registry (sockets of dead ones are removed).
 * The number of connections put into socks and pids, or -errno. */
int control_connect(const char *registry, int socks[CONTROL_POOLS_MAX], pid_t pids[CONTROL_POOLS_MAX],
                    struct err *e);

/* cfn-deploy: asks and waits at most timeout_ms.  0 with *answer (the caller's), also when it says
 * "ok":false; -errno when there is no answer. */
int control_ask(int sock, json_t *question, int fd, int timeout_ms, json_t **answer, struct err *e);
