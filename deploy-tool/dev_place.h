/* dev_place.h - where `cfn-deploy dev` works: a folder of its own, a port, a web server with a configuration.
 */
#pragma once
#include <sys/types.h>

#include "deploy-tool/dev_keeper.h"
#include "deploy-tool/tool.h"

enum { PLACE_PATH_SIZE = 96 }; /* so that a unix socket below it has a name that fits */

struct dev_server;
struct place {
	char folder[PLACE_PATH_SIZE]; /* empty: not made */
	char registry[PLACE_PATH_SIZE + 32], config[PLACE_PATH_SIZE + 32], pool[PLACE_PATH_SIZE + 32],
	    listen[PLACE_PATH_SIZE + 48], relay[PLACE_PATH_SIZE + 48], web[PLACE_PATH_SIZE + 32];
	const struct dev_server *server;
	char program[PLACE_PATH_SIZE + 32]; /* of the web server */
	unsigned port;
	int port_lock; /* -1 until it is chosen */
	uid_t uid;     /* of the web server */
	gid_t gid;
	const char *pool_argv[10], *web_argv[12];
	char pool_program[CONFIG_PATH_MAX];
};

/* Finds the web server (NULL: whichever is there) and the port (NULL: one that is free).  0 or an exit
 * status, already reported. */
int place_choose(struct place *p, const char *server, const char *port);

/* Makes the folder with everything that pool and web server need; config: a file that the pool's
 * configuration begins with, or NULL. */
int place_make(struct place *p, const char *config, struct err *e);

/* For the relay's socket, once it is there: the web server may connect. */
int place_admit(const struct place *p, struct err *e);

/* True once somebody listens at the port. */
bool place_answers(const struct place *p);

const char *place_server_name(const struct place *p);
