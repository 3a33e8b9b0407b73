/* deployment.h - one function on its way from files to the active version. */
#pragma once
#include "deploy-tool/artifact.h"
#include "deploy-tool/deploy_options.h"
#include "deploy-tool/pools.h"
#include "deploy-tool/signing.h"
#include "deploy-tool/tool.h"
#include "deploy-tool/trial.h"

struct deployment {
	struct tool *tool;
	struct deploy_options options;
	struct limits limits;
	struct argument_list rest; /* its files */
	int folder;                /* where their paths begin: AT_FDCWD */
	const char *shown;         /* what stands before them when they are named */
	bool is_declared; /* by a manifest: nothing of the version before is kept, no path leads out */
	char prefix[128]; /* of what is wrong: "cfn.ini: [function hello]: ", or empty */
	struct artifact artifact;
	char *archive; /* its files as they are kept */
	size_t archive_size;
	struct function_policy policy;
	struct trial trial;
	struct routes routes;
	bool routes_from_options;
	bool has_previous;
	bool is_finished; /* the active version is already what was asked for */
	struct registry_version previous, version;
	struct pools pools;
	struct signing signing;
	const struct registry_activation *activation; /* NULL: it is not signed */
	int64_t version_id;
	bool is_new;
	char source_name[256], author[AUDIT_NAME_SIZE];
};

/* What it goes through, in this order. */
enum deployment_part {
	DEPLOYMENT_READ,    /* its files, once; no registry is needed */
	DEPLOYMENT_SETTLE,  /* what is kept of the version before, under what is said now */
	DEPLOYMENT_PREPARE, /* the place of the trial load, which gets ready meanwhile */
	DEPLOYMENT_COMPILE, /* and the check of what comes out */
	DEPLOYMENT_TRY,     /* trial load, and which routes it has */
	DEPLOYMENT_ADD,     /* its row, which is not active */
	DEPLOYMENT_VOTE,    /* signed, approved of and loaded by the pools */
	DEPLOYMENT_ACTIVATE,
};

/* NULL, already reported. */
struct deployment *deployment_new(struct tool *t);
void deployment_free(struct deployment **d);
#define AUTO_DEPLOYMENT __attribute__((cleanup(deployment_free))) struct deployment

/* Everything from the one to the other, as far as is_finished.  0 or an exit status, already reported. */
int deployment_walk(struct deployment *d, enum deployment_part first, enum deployment_part last);
