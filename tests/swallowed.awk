# swallowed.awk - names the lines of bats files whose failure nobody would notice: bash ends a test neither at
# "! command" nor at the first half of "this && that", unless it is the last line of the test or of a function.

function judge(next_line)
{
	if (line != "" && next_line !~ /^\t*[})]/) {
		printf "%s: would fail unnoticed: %s\n", place, line
		n++
	}
	line = ""
}

FNR == 1 { judge("}") }
/^[ \t]*(#|$)/ { next }
{ judge($0) }
/^\t+(\[|not|grep|cmp|diff|expect|get|jq) ?.* && (\[|!|not|grep|cmp|diff|expect|get|jq)/ || /^\t+! [a-z]/ {
	if ($0 !~ /\|\|( |$)|(&&|\\)$/) {
		place = FILENAME ":" FNR
		line = $0
	}
}
END {
	judge("}")
	exit n > 0
}
