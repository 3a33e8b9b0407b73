/* badtable.c - a route without a handler. */
#include <cfn.h>

CFN_ROUTES({ "GET", "/nowhere", 0 });
