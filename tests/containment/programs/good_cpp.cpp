/* good_cpp.cpp - the C++ library: containers, strings, exceptions, pointers. */
#include "attempt.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

int
main()
{
	std::vector<int> numbers(1000);
	std::map<std::string, int> sums;
	std::ostringstream text;
	bool is_caught = false;

	std::iota(numbers.rbegin(), numbers.rend(), 0);
	std::sort(numbers.begin(), numbers.end());
	for (int n : numbers)
		sums["k" + std::to_string(n % 7)] += n;
	try {
		(void)std::stoi("none");
	} catch (const std::invalid_argument &) {
		is_caught = true;
	}
	text << sums.size() << ' ' << *std::make_unique<int>(numbers.back());
	if (!is_caught || text.str() != "7 999")
		return broken("%s", text.str().c_str());
	return works("%s", text.str().c_str());
}
