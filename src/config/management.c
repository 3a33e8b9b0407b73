/* management.c - the keys of [management]. */
#include "config/management.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "config/keys.h"
#include "config/run.h"

static const char *const switches[] = { "off", "on", NULL };

static const struct key keys[] = {
	KEY_ROW_CHOICE("enabled", switches, struct config_management, is_enabled),
	KEY_ROW_TEXT("path", KEY_TEXT, struct config_management, path),
	KEY_ROW_TEXT("key", KEY_PATH, struct config_management, key),
	KEY_ROW_NUMBER("max_body", KEY_SIZE, struct config_management, max_body, 1024, MANAGE_BODY_MAX),
	KEY_ROW_NUMBER("concurrent", KEY_NUMBER, struct config_management, concurrent, 1,
	               MANAGE_CONCURRENT_MAX),
};

void
config_management_init(struct config_management *m)
{
	*m = (struct config_management){ .path = "/mgnt", .max_body = MANAGE_BODY_MAX / 2, .concurrent = 2 };
}

int
config_management_set(struct config_management *m, const char *name, const char *value, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return key_set(m, &keys[i], value, e);
	return err_set(e, -EINVAL, "unknown key '%.64s' in [management]", name);
}

int
config_management_check(const struct config_management *m, struct err *e)
{
	if (!config_is_path(m->path))
		return err_set(e, -EINVAL,
		               "path: '%.64s' does not look like /mgnt: segments of A-Z, a-z, 0-9, '_', '.', "
		               "'~' and '-'",
		               m->path);
	return 0;
}

void
config_management_print(const struct config_management *m, int fd)
{
	dprintf(fd, "[management]\n");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		key_print(m, &keys[i], fd);
}

bool
config_management_reserves(const struct config_management *m, const char *pattern)
{
	return m->is_enabled && config_path_has(m->path, pattern);
}
