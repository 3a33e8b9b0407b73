/* load.c - an artifact becomes a function: its symbols, its interface's version, its routes. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "function/bounds.h"
#include "function/exports.h"
#include "function/loaded.h"

enum { MANGLED_SIZE = 320 };

/* Functions must find us and not the stub behind the same names; a worker that was linked without its list of
 * exports would otherwise serve empty answers. */
static int
check_exports(struct err *e)
{
	for (size_t i = 0; i < function_n_exports; i++)
		if (dlsym(RTLD_DEFAULT, function_exports[i].name) != (void *)function_exports[i].function)
			return err_set(e, -EPROTO, "this program does not export %s",
			               function_exports[i].name);
	return 0;
}

static int
check_abi(void *artifact, struct err *e)
{
	const int *abi = dlsym(artifact, "cfn_abi");

	if (!abi)
		return err_set(e, -EPROTO, "no cfn_abi: it does not include <cfn.h>");
	if (*abi != CFN_ABI)
		return err_set(e, -EPROTO, "made for version %d of <cfn.h>, this is version %d", *abi,
		               CFN_ABI);
	return 0;
}

/* The name that a C++ compiler gives to such a handler without CFN_C: Itanium C++ ABI, section 5.1. */
static bool
is_mangled(void *artifact, const char *entry)
{
	char name[MANGLED_SIZE];
	int n = snprintf(name, sizeof name, "_Z%zu%sP11cfn_requestP12cfn_response", strlen(entry), entry);

	return n < MANGLED_SIZE && dlsym(artifact, name);
}

static int
find_entry(struct function *f, const char *entry, struct err *e)
{
	f->handler = (cfn_handler *)dlsym(f->artifact, entry);
	f->n_handlers = 1;
	if (f->handler)
		return 0;
	if (is_mangled(f->artifact, entry))
		return err_set(e, -ENOENT, "handler '%s' has a C++ name: write CFN_C before it", entry);
	return err_set(e, -ENOENT, "no handler '%s': it is missing, static or hidden", entry);
}

static int
find_routes(struct function *f, struct err *e)
{
	const struct cfn_route *row = dlsym(f->artifact, "cfn_routes");

	f->routes = row;
	for (; row && row->path; row++) {
		if (++f->n_handlers > FUNCTION_ROUTES_MAX)
			return err_set(e, -E2BIG, "more than %d routes", FUNCTION_ROUTES_MAX);
		if (!row->methods || !row->handler)
			return err_set(e, -EINVAL, "route '%s' has no %s", row->path,
			               row->methods ? "handler" : "methods");
	}
	if (f->n_handlers == 0)
		return err_set(e, -ENOENT, "neither routes (CFN_ROUTES) nor the name of a handler");
	return 0;
}

static int
load(struct function *f, const char *path, const char *entry, struct err *e)
{
	int rc = check_exports(e);

	if (rc < 0)
		return rc;
	f->artifact = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!f->artifact)
		return err_set(e, -ENOEXEC, "%s", dlerror());
	rc = check_abi(f->artifact, e);
	if (rc == 0)
		rc = *entry ? find_entry(f, entry, e) : find_routes(f, e);
	/* Printed lines reach the log when they end, not when a buffer is full. */
	if (rc == 0)
		setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	return rc;
}

int
function_load(const char *path, const char *entry, struct function **f, struct err *e)
{
	struct function *loaded = calloc(1, sizeof *loaded);
	int rc;

	if (!loaded)
		return err_set(e, ENOMEM, "load");
	rc = exchange_init(&loaded->exchange);
	rc = rc < 0 ? err_set(e, ENOMEM, "load") : load(loaded, path, entry, e);
	if (rc < 0) {
		exchange_done(&loaded->exchange);
		free(loaded);
		return rc;
	}
	loaded->fini = (void (*)(void))dlsym(loaded->artifact, "cfn_fini");
	*f = loaded;
	return 0;
}

int
function_start(struct function *f, struct err *e)
{
	int (*init)(void) = (int (*)(void))dlsym(f->artifact, "cfn_init");
	int rc = init ? init() : 0;

	return rc < 0 ? err_set(e, -ECANCELED, "cfn_init refused: it returned %d", rc) : 0;
}

/* The artifact stays mapped: its threads may still run, and the process ends soon. */
void
function_unload(struct function *f)
{
	if (f->fini)
		f->fini();
	exchange_done(&f->exchange);
	free(f);
}

size_t
function_n_routes(const struct function *f)
{
	return f->routes ? f->n_handlers : 0;
}

void
function_route(const struct function *f, size_t i, const char **methods, const char **path)
{
	*methods = f->routes[i].methods;
	*path = f->routes[i].path;
}
