/* http.h - what the clients of the benches share: a connection, and where an answer ends. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A connection to that port of 127.0.0.1, or an error. */
int http_open(uint16_t port, struct err *e);

/* How long an answer is whose head is here; 0: its head is not here yet, or says no length. */
size_t http_answer_size(const char *text);
