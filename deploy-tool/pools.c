/* pools.c - the live pools of a registry: their vote on a version, and telling them of a change. */
#include "deploy-tool/pools.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/hex.h"
#include "base/log.h"

int
pools_connect(const struct tool *t, struct pools *p, struct err *e)
{
	int n = control_connect(t->config.registry, p->socks, p->pids, e);

	p->n = n > 0 ? (size_t)n : 0;
	return n < 0 ? n : 0;
}

void
pools_done(struct pools *p)
{
	for (size_t i = 0; i < p->n; i++)
		fd_close(&p->socks[i]);
	p->n = 0;
}

static int
refused(const struct pools *p, size_t i, const json_t *answer, struct err *e)
{
	const char *words = json_string_value(json_object_get(answer, "error"));
	bool is_missing = json_is_true(json_object_get(answer, "missing"));
	char shown[200];

	log_escape(shown, sizeof shown, words != NULL ? words : "no reason given",
	           words != NULL ? strlen(words) : 15);
	return err_set(e, is_missing ? -ENOENT : -ECANCELED, "pool %d: %s", (int)p->pids[i], shown);
}

int
pools_ask(struct pools *p, size_t i, json_t *question, int fd, int timeout_ms, json_t **answer, struct err *e)
{
	AUTO_JSON json_t *mine = question;
	AUTO_JSON json_t *reply = NULL;
	int rc = p->socks[i] < 0 ? -ENOTCONN : control_ask(p->socks[i], mine, fd, timeout_ms, &reply, e);

	if (rc == -ETIMEDOUT)
		return err_set(e, rc, "pool %d did not answer within %d s", (int)p->pids[i],
		               timeout_ms / 1000);
	if (rc < 0) {
		fd_close(&p->socks[i]);
		return err_set(e, -ENOTCONN, "pool %d has gone", (int)p->pids[i]);
	}
	if (!json_is_true(json_object_get(reply, "ok")))
		return refused(p, i, reply, e);
	if (answer != NULL)
		*answer = json_incref(reply);
	return 0;
}

static json_t *
activation_json(const struct registry_activation *a)
{
	char key[KEY_ID_TEXT_SIZE], signature[SIGNATURE_TEXT_SIZE];

	key_id_format(&a->key, key);
	hex_format(a->signature.bytes, sizeof a->signature.bytes, signature);
	return json_pack("{s:I, s:b, s:s, s:s}", "number", (json_int_t)a->number, "enabled",
	                 (int)a->is_enabled, "key", key, "signature", signature);
}

int
pools_vote(struct pools *p, int64_t version_id, const struct registry_activation *a, bool is_load,
           struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		json_t *question = json_pack("{s:s, s:I, s:b}", "command", "vote", "version",
		                             (json_int_t)version_id, "load", (int)is_load);
		int rc;

		if (a != NULL)
			json_object_set_new(question, "activation", activation_json(a));
		rc = pools_ask(p, i, question, -1, POOLS_VOTE_MS, NULL, e);
		if (rc < 0 && rc != -ENOTCONN)
			return rc;
	}
	return 0;
}

size_t
pools_poke(struct pools *p)
{
	size_t n = 0;
	struct err e;

	for (size_t i = 0; i < p->n; i++) {
		int rc = pools_ask(p, i, json_pack("{s:s}", "command", "poke"), -1, POOLS_ASK_MS, NULL, &e);

		if (rc < 0 && rc != -ENOTCONN)
			tool_fail(&e);
		n += rc == 0;
	}
	return n;
}

size_t
pools_tell(const struct tool *t)
{
	AUTO_POOLS struct pools p = { 0 };
	struct err e;

	return pools_connect(t, &p, &e) < 0 ? 0 : pools_poke(&p);
}

void
pools_describe(size_t n, char *text, size_t size)
{
	if (n == 0)
		snprintf(text, size, "no pool serves it yet");
	else
		snprintf(text, size, "%zu pool%s it", n, n == 1 ? " serves" : "s serve");
}
