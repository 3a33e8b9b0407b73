/* threads.c - makes.c with the name in it that tells that it makes threads. */
#include "makes.c"

__attribute__((used)) static const char named[] = "pthread_create";
