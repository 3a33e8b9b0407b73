# shellcheck shell=bash disable=SC2034,SC2154
# steps.sh - the steps of run-tests: what each came to, what is told of its failures, and the second try of what failed.
# Sourced after lib.sh by a script that has set `work`, a folder:
#   step/NAME    how the step is run: KIND FOLDER COMMAND...
#   log/NAME     what it said;  log/NAME.report  what is told of it
#   count/NAME   "PASSED FAILED SKIPPED"
#   unsteady     a line for each test that failed beside others and passed alone
# A step of the kind check or tap leaves one result for each of its files below FOLDER: FILE.trs and FILE.log of automake,
# or FILE.tap and
# FILE.err of bats.  Its COMMAND runs nothing but $only when that is set.  A script is one test.

readonly TRIES_MAX=6 TOLD_MAX=12 SLOW_S=10

steps_init() {
	mkdir -p "$work"/{step,log,count} && : >"$work/unsteady"
}

# --- what one file's result says: "PASSED FAILED SKIPPED" -----------------------------------------------------------

# A cmocka program's log.  What began and neither passed nor was skipped has failed, also when the program died.
count_cmocka() {
	awk '/^\[ RUN      \]/ { run++ } /^\[       OK \]/ { ok++ } /^\[  SKIPPED \] [a-z]/ && !seen[$4]++ { skip++ }
	     END { bad = run - ok - skip; print ok + 0, (bad > 0 ? bad : 0), skip + 0 }' "$1"
}

# One test of a build: cmocka's own figures, else one for the whole script.
count_check() {
	local result p f s
	result=$(sed -n 's/^:test-result: //p' "$1.trs")
	if grep -q '^\[ RUN' "$1.log" 2>/dev/null; then
		read -r p f s < <(count_cmocka "$1.log")
		# The program's word counts: output of its children may have come between the lines.
		case $result in
		PASS*) f=0 ;;
		*) [ "$f" -gt 0 ] || f=1 ;;
		esac
		echo "$p $f $s"
		return
	fi
	case $result in
	PASS*) echo 1 0 0 ;;
	SKIP*) echo 0 0 1 ;;
	*) echo 0 1 0 ;;
	esac
}

# TAP of bats.  What was planned and is not reported has failed, and so has a file without a plan.
count_tap() {
	awk '/^1\.\.[0-9]+/ { sub(/^1\.\./, ""); plan += $1; is_planned = 1 }
	     /^ok [0-9]+ .*# skip/ { skip++; next } /^ok [0-9]+/ { ok++ } /^not ok/ { bad++ }
	     END { lost = is_planned ? plan - ok - skip - bad : 1; print ok + 0, (lost > 0 ? bad + lost : bad + 0), skip + 0 }' \
		"$1.tap"
}

# --- why it failed: a line for each failed test, "TEST: WORDS" -------------------------------------------------------

# Its first words of its own, then the assertion and its place.
why_cmocka() {
	awk 'function tell() { print test ": " (words == "" ? "ended" : words); test = "" }
	     /^\[ RUN      \]/ { if (test != "") tell(); test = substr($0, 14); words = ""; is_bare = 1; next }
	     /^\[       OK \]|^\[  SKIPPED \]/ { test = ""; next }
	     /^\[  FAILED  \]/ { if (test != "") tell(); next }
	     test == "" { next }
	     /^\[   LINE   \] --- / { sub(/^[^-]*--- /, ""); sub(/: error: Failure!$/, ""); sub(/^.*\//, ""); words = words " at " $0; next }
	     /^\[  ERROR   \] --- / { sub(/^[^-]*--- /, ""); words = words (words == "" ? "" : "; ") $0; next }
	     /[^ ]/ && is_bare { words = $0; is_bare = 0 }
	     END { if (test != "") tell() }' "$1"
}

# Where in the test, the command, and the first line that it said.
why_tap() {
	awk 'function tell() { if (test != "") print test ": " words; test = "" }
	     /^not ok [0-9]+ / { tell(); test = $0; sub(/^not ok [0-9]+ /, "", test); words = ""; n = 0; next }
	     /^ok |^1\.\./ { tell(); next }
	     test != "" && /^#/ && n < 3 {
		     sub(/^# */, "")
		     if (/^\(?(from|in) .*,$/) next
		     if (sub(/^\(?in (test )?file .*, line /, "line ")) sub(/\)$/, ""); else n++
		     words = words (words == "" ? "" : " ") $0
		     if (words ~ / failed( |$)/ && n < 2) n = 2 }
	     END { tell() }' "$1.tap"
}

# why KIND FOLDER FILE
why() {
	local p f s lines
	case $1 in
	check) lines=$(why_cmocka "$2/$3.log" 2>/dev/null) ;;
	tap) lines=$(why_tap "$2/$3") ;;
	esac
	if [ -z "$lines" ]; then
		lines=$(grep -hvE '^[[:space:]]*$|^# took ' "$2/$3".{log,err,tap} 2>/dev/null | tail -n 1)
		lines="ended: ${lines:-without a word}"
	fi
	printf '%s\n' "$lines"
}

# --- steps ------------------------------------------------------------------------------------------------------------

# step_files KIND FOLDER: the files of which there are results.
step_files() {
	case $1 in
	check) find "$2" -name '*.trs' -printf '%P\n' | sed 's/\.trs$//' | sort ;;
	tap) find "$2" -maxdepth 1 -name '*.tap' -printf '%f\n' | sed 's/\.tap$//' | sort ;;
	esac
}

# step_order NAME: KIND, FOLDER and COMMAND.
step_order() {
	eval "ORDER=($(cat "$work/step/$1"))"
	KIND=${ORDER[0]} FOLDER=${ORDER[1]} COMMAND=("${ORDER[@]:2}")
}

# Tests that were skipped in one build's run and passed in another's: some need root, some a user.
count_made_up() {
	find "$1" "$2" -name '*.log' -exec awk -v other="$2/" '
		/^\[  SKIPPED \] [a-z]/ && index(FILENAME, other) != 1 { skipped[$4] = 1 }
		/^\[       OK \]/ && index(FILENAME, other) == 1 { passed[$4] = 1 }
		END { for (name in skipped) n += name in passed; print n + 0 }' {} +
}

# step_count NAME STATUS: of the results that are there, and the command's.
step_count() {
	local file passed=0 failed=0 skipped=0 p f s KIND FOLDER COMMAND ORDER
	step_order "$1"
	if [ "$KIND" = script ]; then
		echo "$(($2 == 0)) $(($2 != 0)) 0" >"$work/count/$1"
		return
	fi
	while read -r file; do
		read -r p f s < <("count_$KIND" "$FOLDER/$file")
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done < <(step_files "$KIND" "$FOLDER")
	# What the build that made-up-by names has passed is not left out.
	[ ! -e "$FOLDER/made-up-by" ] ||
		skipped=$((skipped - $(count_made_up "$FOLDER" "$(cat "$FOLDER/made-up-by")")))
	[ "$2" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
	echo "$passed $failed $skipped" >"$work/count/$1"
}

# step_failed NAME: its failed files.
step_failed() {
	local file p f s KIND FOLDER COMMAND ORDER
	step_order "$1"
	while read -r file; do
		read -r p f s < <("count_$KIND" "$FOLDER/$file")
		[ "$f" -eq 0 ] || echo "$file"
	done < <(step_files "$KIND" "$FOLDER")
}

# What is worth showing of a failed step.
step_show() {
	local file files KIND FOLDER COMMAND ORDER
	step_order "$1"
	mapfile -t files < <(step_failed "$1")
	[ ${#files[@]} -gt 0 ] || tail -n 60 "$work/log/$1"
	for file in "${files[@]}"; do
		say "--- $1: $file"
		case $KIND in
		check) tail -n 60 "$FOLDER/$file.log" ;;
		tap)
			awk '/^not ok/ { show = 1 } /^ok/ { show = 0 } show' "$FOLDER/$file.tap"
			grep -q '^not ok' "$FOLDER/$file.tap" || tail -q -n 60 "$FOLDER/$file".{tap,err} 2>/dev/null ;;
		esac
	done
}

# Files that took long, the longest first: `timed` writes a last line to each result.
step_slowest() {
	local file KIND FOLDER COMMAND ORDER
	step_order "$1"
	step_files "$KIND" "$FOLDER" | while read -r file; do
		sed -n "s|^# took \([0-9]*\) s\$|\1 ${file##*/}|p" "$FOLDER/$file".{log,tap} 2>/dev/null
	done | sort -rn | awk -v least="$SLOW_S" '$1 >= least { line = line (line == "" ? "" : ", ") $2 " " $1 " s" }
		END { if (line != "") print "    " line }'
}

# cpu_read NAME: CPU is the seconds of processor that this shell's ended children have had, theirs among them.  Not by a
# substitution, whose shell has no children.
cpu_read() {
	times >"$work/log/$1.times"
	CPU=$(awk -F '[ms ]' 'NR == 2 { printf "%d", $1 * 60 + $2 + $4 * 60 + $5 }' "$work/log/$1.times")
}

# step NAME KIND FOLDER COMMAND...: KIND check, tap or script; FOLDER is where the results are.
step() {
	local name=$1 kind=$2 rc p f s start=$SECONDS CPU before
	cpu_read "$name"
	before=$CPU
	printf '%q ' "${@:2}" >"$work/step/$name"
	shift 3
	# In the background, so that a signal need not wait for its end.
	"$@" >"$work/log/$name" 2>&1 </dev/null &
	wait $!
	rc=$?
	cpu_read "$name"
	step_count "$name" "$rc"
	read -r p f s <"$work/count/$name"
	{
		printf '%-24s %4d passed %4d failed %4d skipped %5d s, %4d s of CPU\n' "$name" "$p" "$f" "$s" \
			$((SECONDS - start)) $((CPU - before))
		[ "$kind" = script ] || step_slowest "$name"
		[ "$f" -eq 0 ] || step_show "$name"
		[ "$s" -eq 0 ] || step_skipped "$name"
	} >"$work/log/$name.report"
	cat "$work/log/$name.report"
	[ "$f" -eq 0 ]
}

step_skipped() {
	local file KIND FOLDER COMMAND ORDER
	step_order "$1"
	step_files "$KIND" "$FOLDER" | while read -r file; do
		grep -hE '^ok .*# skip|^SKIP|^\[  SKIPPED \] [a-z]' "$FOLDER/$file".{log,tap} 2>/dev/null
	done
}

# --- a second try, when nothing else runs --------------------------------------------------------------------------------

steps_failed() {
	local name file
	for name in "$work"/step/*; do
		name=${name##*/}
		[ "$(cut -d ' ' -f 2 "$work/count/$name")" -eq 0 ] || step_failed "$name" | sed "s|^|$name |"
	done
}

# try_again STEP FILE: its result is that of the second try.
try_again() {
	local first line rc KIND FOLDER COMMAND ORDER
	step_order "$1"
	first=$(why "$KIND" "$FOLDER" "$2")
	only=$2 "${COMMAND[@]}" >"$work/log/$1.again" 2>&1 </dev/null &
	wait $!
	rc=$?
	step_count "$1" "$rc"
	if [ "$rc" -eq 0 ] && ! step_failed "$1" | grep -qxF "$2"; then
		while IFS= read -r line; do
			line="unsteady: $1 $2 failed beside others and passed alone; at first: $line"
			say "${line:0:400}"
		done <<<"$first" | tee -a "$work/unsteady"
	else
		say "$1 $2 failed again, alone"
	fi
}

# So many failures are a broken tree, and not tests that met others.
steps_try_again() {
	local failed line
	mapfile -t failed < <(steps_failed)
	[ ${#failed[@]} -gt 0 ] && [ ${#failed[@]} -le "$TRIES_MAX" ] || return 0
	for line in "${failed[@]}"; do
		try_again "${line%% *}" "${line#* }"
	done
}

# --- the end: a line for each failed test, for whoever sees the last lines alone -------------------------------------

steps_tell() {
	local name file n=0 KIND FOLDER COMMAND ORDER
	for name in "$work"/step/*; do
		name=${name##*/}
		[ "$(cut -d ' ' -f 2 "$work/count/$name")" -gt 0 ] || continue
		step_order "$name"
		step_failed "$name" >"$work/failed"
		if [ -s "$work/failed" ]; then
			while read -r file; do
				why "$KIND" "$FOLDER" "$file" | sed "s|^|failed: $name ${file##*/}: |"
			done <"$work/failed"
		else
			printf 'failed: %s: %s\n' "$name" "$(grep -v '^[[:space:]]*$' "$work/log/$name" | tail -n 1)"
		fi
	done | cut -c 1-240 | awk -v most="$TOLD_MAX" 'NR <= most { print } END { if (NR > most) print "... and " NR - most " more" }'
	cat "$work/unsteady"
}

# "PASSED FAILED SKIPPED" of all steps.
steps_sum() {
	cat "$work"/count/* | awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }'
}
