/* cpp_write_passwd.cpp - file system protection: a stream that would append to /etc/passwd. */
#include "attempt.h"

#include <fstream>

int
main()
{
	std::ofstream file("/etc/passwd", std::ios::app);

	return file.is_open() ? escaped("open") : contained("%s", attempt_error());
}
