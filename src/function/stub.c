/* stub.c - libcfn.so.1: the names that functions are linked against, with nothing behind them.  In a worker
 * its own definitions come first. */
#define X(name)                                                                                              \
	void name(void);                                                                                     \
	void name(void)                                                                                      \
	{                                                                                                    \
	}
#include "function/symbols.h"
