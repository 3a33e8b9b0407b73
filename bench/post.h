/* post.h - a client of POST /api/run over a connection that stays. */
#pragma once

#include "base/err.h"

/* Runs a source and reads the whole answer; anything but "accepted" is an error. */
int post_run(int fd, const char *language, const char *source, struct err *e);
