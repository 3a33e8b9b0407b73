# swallowed.awk - names the lines of bats files whose failure nobody would notice: bash ends a test neither at
# "! command" nor at the first half of "this && that", unless it is the last line of the test or of a function.

# Without what is quoted, is another shell's, or is a condition of one command.
function bare(text)
{
	gsub(/\\./, "", text)
	gsub(/'[^']*'/, "", text)
	while (gsub(/\$?\([^()]*\)/, "", text))
		;
	gsub(/"[^"]*"/, "", text)
	gsub(/\[\[[^]]*\]\]/, "", text)
	sub(/(^| )#.*/, "", text)
	return text
}

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
/ && |^\t+! [a-z]/ {
	text = bare($0)
	if (text ~ /^\t*(! [a-z]|[^|]* && )/ && text !~ /\|\||(&&|\\) *$|[;{}]|^\t*(if|while|until|elif) |&& (return|continue|break|exit|exec)|^\t*[a-z]+=|\(/) {
		place = FILENAME ":" FNR
		line = $0
	}
}
END {
	judge("}")
	exit n > 0
}
