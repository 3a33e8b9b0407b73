/* spawn.h - commands as a bench runs them without us. */
#pragma once

_Noreturn void give_up(const char *what, const char *why);

/* Runs a command to its end, its output to nowhere. */
void spawn(const char *const *argv);

/* Runs a program in bubblewrap with as much isolation as a box has: namespaces, the same paths read-only, a
 * /tmp of its own, and this seccomp program, of which only the descriptor is given. */
void spawn_isolated(const char *program, int filter);
