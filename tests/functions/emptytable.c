/* emptytable.c - includes the interface and offers nothing. */
#include <cfn.h>
