/* keys.h - inside of the module: rows of keys, each a field of a struct. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* All but texts and paths are a uint64_t. */
/* KEY_LOG: a path, "syslog", "syslog:PATH", "journal" or "journal:PATH". */
enum key_kind {
	KEY_TEXT,
	KEY_PATH,
	KEY_LOG,
	KEY_PATHS,
	KEY_NUMBER,
	KEY_DURATION,
	KEY_SIZE,
	KEY_OCTAL,
	KEY_CHOICE
};

struct key {
	const char *name;
	enum key_kind kind;
	size_t offset, size; /* size: of a text's array */
	uint64_t minimum, maximum;
	const char *const *choices; /* words, NULL-terminated; the value is the index of one */
};

#define KEY_ROW_TEXT(key, of_kind, type, field)                                                              \
	{                                                                                                    \
		.name = key, .kind = of_kind, .offset = offsetof(type, field),                               \
		.size = sizeof((type *)0)->field                                                             \
	}
#define KEY_ROW_NUMBER(key, of_kind, type, field, low, high)                                                 \
	{                                                                                                    \
		.name = key, .kind = of_kind, .offset = offsetof(type, field), .minimum = low,               \
		.maximum = high                                                                              \
	}
#define KEY_ROW_CHOICE(key, words, type, field)                                                              \
	{                                                                                                    \
		.name = key, .kind = KEY_CHOICE, .offset = offsetof(type, field), .choices = words           \
	}

/* -EINVAL names the key and what is wrong with its value. */
int key_set(void *object, const struct key *key, const char *text, struct err *e);

/* "NAME = VALUE". */
void key_print(const void *object, const struct key *key, int fd);
