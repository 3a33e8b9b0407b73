/* control.h - cfn-deploy's questions to the pools that serve a registry.
 *
 * Each master listens on <registry>.run/<pid>.sock (SOCK_SEQPACKET).  One question, one answer, both one
 * JSON object in one message of at most CONTROL_MAX bytes; a question may carry one descriptor.  A
 * connection has one question open at a time.
 *
 *   {"command":"poke"}                     after every commit → {"ok":true,"generation":G,"pending":N}: N
 *                                          functions whose new version is not serving yet
 *   {"command":"vote","version":ID}        → {"ok":true} or {"ok":false,"error":"…"}
 *   {"command":"status"}                   → {"ok":true,"pid":…,"functions":[…],…}
 *   {"command":"restart","function":NAME}
 *   {"command":"copy","shared":NAME,"path":P,"direction":"in"|"out"|"list","max":BYTES} + descriptor
 *
 * Every answer has "ok"; with false it has "error", one line for people. */
#pragma once
#include <jansson.h>
#include <sys/types.h>

#include "base/err.h"

enum {
	CONTROL_MAX = 56 * 1024,
	CONTROL_PATH_SIZE =
	    1100, /* of the socket's path; longer than sun_path, it is reached by its folder */
	CONTROL_POOLS_MAX = 32,
};

/* Master: makes <registry>.run/ (open to the group where the registry is, never to others) and listens,
 * non-blocking.  A descriptor or -errno; path gets the socket's path, for unlink at the end. */
int control_listen(const char *registry, char path[CONTROL_PATH_SIZE], struct err *e);

/* Master: receives one question on an accepted connection.  1, 0 at the end, -EAGAIN, -EBADMSG (not a
 * JSON object, too long).  *fd is the descriptor or -1. */
int control_receive(int sock, json_t **question, int *fd, struct err *e);

/* The answer stays the caller's.  -EMSGSIZE past CONTROL_MAX. */
int control_send(int sock, json_t *answer, struct err *e);

/* cfn-deploy: connects to every live pool of the registry (sockets of dead ones are removed).
 * The number of connections put into socks and pids, or -errno: a live pool that cannot be asked is an
 * error, for its vote would be missing.  Sockets of others than the registry's owner, root and the caller are
 * no pools: who may write the folder could answer in a pool's place. */
int control_connect(const char *registry, int socks[CONTROL_POOLS_MAX], pid_t pids[CONTROL_POOLS_MAX],
                    struct err *e);

/* cfn-deploy: asks and waits at most timeout_ms.  0 with *answer (the caller's), also when it says
 * "ok":false; -ETIMEDOUT, -ECONNRESET or another -errno when there is no answer. */
int control_ask(int sock, json_t *question, int fd, int timeout_ms, json_t **answer, struct err *e);
