/* chains.h - both audit chains, read and checked: the registry's rows, the pool's log, what one knows of the
 * other. */
#pragma once
#include "audit/walk.h"
#include "deploy-tool/tool.h"

enum {
	CHAINS_KEPT_MAX = 10000, /* newest entries of a chain that are kept to be shown */
	CHAINS_FAULTS_MAX = 20,  /* that are kept as texts; all are counted */
	CHAINS_FAULT_SIZE = 512,
	CHAINS_NOTE_SIZE = CONFIG_PATH_MAX + 128,
};

enum chain_name { CHAIN_REGISTRY, CHAIN_POOL, CHAINS };

struct chain {
	bool is_read;
	uint64_t first, last, n; /* numbers, and how many entries there are; 0: none */
	struct audit_record *kept;
	size_t n_wanted, n_allocated; /* entries that --function and --since let through */
	char note[CHAINS_NOTE_SIZE];  /* why it is not read, or who signed it */
};

/* What the pool saw of the registry. */
struct sighting {
	uint64_t entry, row;
	int64_t time_ms;
	struct digest hash;
};

struct chains {
	/* What is wanted */
	const char *function; /* NULL: any */
	int64_t since_ms;
	const char *key; /* file; NULL: the one beside the log */
	/* What there is */
	struct chain chain[CHAINS];
	size_t n_faults;
	char faults[CHAINS_FAULTS_MAX][CHAINS_FAULT_SIZE];
	struct sighting *sightings;
	size_t n_sightings, n_sightings_allocated;
	bool is_denied; /* the pool's log is not for this user to read */
	bool has_no_memory;
};

extern const char *const chain_words[CHAINS]; /* "registry", "pool" */

/* Reads and checks both; the pool's log first, so that the registry has at least what the pool saw.  Faults
 * are no errors of this.  0 or an exit status, already reported. */
int chains_read(struct tool *t, struct chains *c);
void chains_done(struct chains *c);
#define AUTO_CHAINS __attribute__((cleanup(chains_done)))

/* Entry i of those that are kept, oldest first, and how many there are. */
size_t chain_n_kept(const struct chain *chain);
const struct audit_record *chain_kept(const struct chain *chain, size_t i);
