/* deploy_options.c - what may be said of a function that is deployed. */
#include "deploy-tool/deploy_options.h"

#include "base/macros.h"

#define AT(field) offsetof(struct deploy_options, field)

const struct argument_row deploy_options[] = {
	{ "function", 0, ARGUMENT_TEXT, AT(function), "NAME", "the function's name; else the file's" },
	{ "replace-routes", 0, ARGUMENT_FLAG, AT(replace_routes), NULL,
	  "drop routes that are not named now" },
	{ "defaults", 0, ARGUMENT_FLAG, AT(defaults), NULL,
	  "begin with the default limits, not with those of the version before" },
	{ "source-fd", 0, ARGUMENT_LIST, AT(sources), "N:NAME",
	  "read open descriptor N as the source file NAME, instead of FILE... (repeatable)" },
	{ "route", 0, ARGUMENT_LIST, AT(routes), "[METHODS ]PATH",
	  "serve this path (repeatable); else /NAME" },
	{ "method", 0, ARGUMENT_LIST, AT(methods), "METHODS", "for these methods; else GET, HEAD, POST" },
	{ "entry", 0, ARGUMENT_TEXT, AT(entry), "SYMBOL", "the handler; else the file's name, else handle" },
	{ "env", 0, ARGUMENT_LIST, AT(env), "NAME=VALUE", "a variable for cfn_env() (repeatable)" },
	{ "smoke", 0, ARGUMENT_LIST, AT(smokes), "REQUEST=STATUS",
	  "'GET /x=200': what it must answer before it is active (repeatable); none: nothing" },
	{ "shared", 0, ARGUMENT_TEXT, AT(shared), "NAME[:ro]", "its shared folder" },
	{ "link", 0, ARGUMENT_TEXT, AT(link), "NAMES", "libraries, such as m,jansson,sqlite3,z; none: none" },
	{ "grant", 0, ARGUMENT_LIST, AT(grants), "unix:PATH",
	  "let it connect to this socket (repeatable); none: none" },
	{ "cors", 0, ARGUMENT_LIST, AT(origins), "ORIGIN",
	  "'https://host': whose pages may read its answers (repeatable); *: everybody's; none: none" },
};
const size_t deploy_n_options = ARRAY_SIZE(deploy_options);

const struct argument_row check_options[] = {
	{ "entry", 0, ARGUMENT_TEXT, AT(entry), "SYMBOL", "the handler; else the file's name, else handle" },
	{ "function", 0, ARGUMENT_TEXT, AT(function), "NAME", "the function's name; else the file's" },
	{ "link", 0, ARGUMENT_TEXT, AT(link), "NAMES", "libraries, such as m,jansson,sqlite3,z" },
};
const size_t check_n_options = ARRAY_SIZE(check_options);
