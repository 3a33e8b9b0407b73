/* control.h - cfn-deploy's questions to the pools that serve a registry.
 *
 * Each master listens on <registry>.run/<pid>.sock (SOCK_SEQPACKET).  One question, one answer, both one
 * JSON object in one message of at most CONTROL_MAX bytes; a question may carry one descriptor, an answer
 * carries none but those of invoke and listener.  A connection has one question open at a time.
 *
 *   {"command":"poke"}                     after every commit → {"ok":true,"generation":G,"pending":N}: N
 *                                          functions whose new version is not serving yet
 *   {"command":"vote","version":ID}        → {"ok":true} or {"ok":false,"error":"…"}; with "activation":
 *                                          {"number":N,"enabled":B,"key":HEX,"signature":HEX} as it will be
 *                                          signed, "load":false: about that alone
 *   {"command":"status"}                   → {"ok":true,"pid":…,"functions":[…],…}
 *   {"command":"restart","function":NAME}
 *   {"command":"copy","shared":NAME,"path":P,"direction":"in"|"out"|"list","max":BYTES} + descriptor
 *                                          with "ok":false, "missing":true: it is not there
 *   {"command":"invoke","version":ID,"explain":BOOL}
 *     → {"ok":true,"event":"ready","wall_ms":…,"stream_idle_ms":…,"body_max":…,"output_max":…}
 *       + the worker's requests, its output
 *     → {"ok":true,"event":"ended","cause":WORD,"how":"exit 0",…,"cpu_us":…,"memory_kb":…,
 *        "refused":[{"call":…,"n":…,"errno":…}],"n_refused":N}
 *
 * Invoke starts a worker of this version, active or not, for the asker alone; of its two answers the second
 * one ends the question.  A worker that does not get ready is one answer,
 * {"ok":false,"error":"…","refused":…} + its output; "busy":true: too many are running.  The worker is killed
 * when the asker hangs up; an asker that only shuts its direction down (control_end) still gets the second
 * answer.
 *
 *   {"command":"secret_key"}               → {"ok":true,"public":HEX}: secrets are sealed to it
 *   {"command":"rotate_sessions","epoch":E} a new secret for sessions, when E is the current one's or 0, else
 *                                          the one that is there is read → {"ok":true,"epoch":…,"before":…}
 *
 *   {"command":"crashes","function":NAME,"since":MS} → {"ok":true,"crashes":[…]}: the newest records, without
 *                                          what is long in them; with "id":MS this one, whole
 *   {"command":"uses","versions":[ID…]}    → {"ok":true,"used":[ID…]}: those that it serves or may start
 *
 * Two questions are a new pool's, of root or the pool's own user alone (pool/takeover.h):
 *
 *   {"command":"listener"}                 → {"ok":true,"address":TEXT,"made":BOOL} + the listening socket,
 *                                          and behind it that of metrics.listen, if it has one; with
 *                                          "ok":false, "stopping":true: it has no more use of them
 *   {"command":"drain","chain":true} + descriptor → {"ok":true}: it stops gracefully; connections between two
 *                                          requests go to the other end of that (pool/predecessors.h), and
 * with "chain" what the pools before it still give
 *
 * Every answer has "ok"; with false it has "error", one line for people.
 *
 * Whoever may ask may invoke every function: he may write the registry, so what a function does is his choice
 * anyway, where signatures are not required; where they are, what is not signed is not started.  He gets the
 * two ends that a router has, bytes in and out, and no seccomp listener. */
#pragma once
#include <jansson.h>
#include <sys/types.h>

#include "base/err.h"

enum {
	CONTROL_MAX = 56 * 1024,
	CONTROL_PATH_SIZE =
	    1100, /* of the socket's path; longer than sun_path, it is reached by its folder */
	CONTROL_POOLS_MAX = 32,
	CONTROL_FDS_MAX = 2, /* of one answer */
};

/* Master: makes <registry>.run/ (open to the group where the registry is, never to others) and listens,
 * non-blocking.  A descriptor or -errno; path gets the socket's path, for unlink at the end. */
int control_listen(const char *registry, char path[CONTROL_PATH_SIZE], struct err *e);

/* Master: receives one question on an accepted connection.  1, 0 at the end, -EAGAIN, -EBADMSG (not a
 * JSON object, too long).  *fd is the descriptor or -1. */
int control_receive(int sock, json_t **question, int *fd, struct err *e);

/* The answer and the descriptors stay the caller's.  -EMSGSIZE past CONTROL_MAX. */
int control_send(int sock, json_t *answer, const int *fds, size_t n_fds, struct err *e);

/* cfn-deploy: connects to every live pool of the registry (sockets of dead ones are removed).
 * The number of connections put into socks and pids, or -errno: a live pool that cannot be asked is an
 * error, for its vote would be missing.  Sockets of others than the registry's owner, root and the caller are
 * no pools: who may write the folder could answer in a pool's place. */
int control_connect(const char *registry, int socks[CONTROL_POOLS_MAX], pid_t pids[CONTROL_POOLS_MAX],
                    struct err *e);

/* cfn-deploy: asks and waits at most timeout_ms.  0 with *answer (the caller's), also when it says
 * "ok":false; -ETIMEDOUT, -ECONNRESET or another -errno when there is no answer. */
int control_ask(int sock, json_t *question, int fd, int timeout_ms, json_t **answer, struct err *e);

/* A question with several answers, or one with descriptors, and the next of them.  fds[i] is a descriptor
 * (CLOEXEC) or -1. Errors as control_ask. */
int control_question(int sock, json_t *question, int fd, struct err *e);
int control_next(int sock, int timeout_ms, json_t **answer, int fds[CONTROL_FDS_MAX], struct err *e);

/* cfn-deploy: says that nothing more is asked; what was asked ends, and is still answered. */
void control_end(int sock);
