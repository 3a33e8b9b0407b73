/* post.h - a client of POST /api/run that keeps its connection. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* A connection to that port of 127.0.0.1, or an error. */
int post_open(uint16_t port, struct err *e);

/* Runs a source and reads the whole answer; anything but "accepted" is an error. */
int post_run(int fd, const char *language, const char *source, struct err *e);
