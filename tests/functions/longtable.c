/* longtable.c - a table with one row too many. */
#define LONGER
#include "fulltable.c"
