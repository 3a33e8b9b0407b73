/* dev.h - what `cfn-deploy dev` has, and the loop that serves until its end. */
#pragma once
#include "deploy-tool/deploy_options.h"
#include "deploy-tool/dev_keeper.h"
#include "deploy-tool/dev_place.h"
#include "deploy-tool/dev_recorder.h"
#include "deploy-tool/dev_relay.h"
#include "deploy-tool/dev_show.h"
#include "deploy-tool/dev_units.h"
#include "deploy-tool/dev_watch.h"
#include "deploy-tool/limits.h"
#include "deploy-tool/tool.h"

enum { DEV_WORDS_MAX = 1 << 20 }; /* bytes of all diagnostics together */

struct dev_options {
	const char *port, *server, *record;
};

/* What is waited for, in the order of the array of poll(2); the relay's stand behind them. */
enum watched {
	WATCHED_SIGNALS,
	WATCHED_KEEPER,
	WATCHED_POOL,
	WATCHED_WEB,
	WATCHED_FILES,
	WATCHED_DEPLOY,
	WATCHED_OUTPUT,
	WATCHED
};

struct dev {
	struct tool *tool;
	struct dev_options options;
	struct deploy_options deploy;
	struct limits limits;
	struct argument_list paths;
	struct place place;
	struct keeper keeper;
	struct watch watch;
	struct units units;
	struct relay relay;
	struct recorder recorder;
	struct show show;
	struct buf page;
	int signals, pool_output, web_output;
	bool is_started, is_over;
	bool has_told_url;
	unsigned n_deployed;
	int exit_status;
	uint64_t since_us, renewed_us;
	const struct unit *swapping; /* deployed, and maybe not served yet */
	char *deployed;              /* what is said once it is */
	const char *base[8], *arguments[UNIT_ARGUMENTS_MAX + 1];
	size_t n_arguments;
	struct pollfd polls[WATCHED + RELAY_POLLS];
};

/* Serves until a signal, the end of the terminal, or a failure: an exit status, already reported. */
int dev_loop(struct dev *d);

/* For the relay: a page that was refused, an exchange that is to be recorded. */
void dev_refused(void *context, const char *method, const char *uri);
void dev_exchanged(void *context, const struct exchange_copy *x);
