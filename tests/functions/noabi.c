/* noabi.c - a shared object that is no function. */
int handle(void *, void *);
int
handle(void *req, void *res)
{
	return req == res;
}
