/* run.c - finds an attempt by its name and runs it. */

/* 0, or -1 when there is none of this name. */
static int
attempt_run(const char *name)
{
	attempt_name = name;
	for (size_t i = 0; i < sizeof attempts_made / sizeof *attempts_made; i++)
		if (strcmp(attempts_made[i].name, name) == 0) {
			attempts_made[i].run();
			return 0;
		}
#ifdef __cplusplus
	return -1;
#else
	return call_run(name);
#endif
}
