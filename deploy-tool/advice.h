/* advice.h - what to do about a system call that a function was refused.  Pure. */
#pragma once

/* One sentence, or "" where we know none. */
const char *advice_for(const char *call);
