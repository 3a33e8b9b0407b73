# summary.jq - figures ("ROUND NAME METRIC VALUE" lines) and rows (a table of text) as one document: medians with lowest
# and highest.  The parts of a ratio are of the same round.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def digits: . * 1000 | round / 1000;
def spread: if length == 0 then null else { median: (median | digits), low: (min | digits), high: (max | digits) } end;
def trimmed: gsub("^ +| +$"; "");

# The values of "NAME.METRIC" by round.
def values($all; $key): $key | split(".") as [$name, $metric] | $all[$name][$metric] // {};
def errors($all; $key): values($all; ($key | split(".")[0]) + ".errors") | add // 0;

def over($all; $a; $b):
	values($all; $a) as $x
	| if $b == "-" then [$x[]]
	  elif $b | test("^[0-9]+$") then [$x[] / ($b | tonumber)]
	  else values($all; $b) as $y | [$x | to_entries[] | select(($y[.key] // 0) > 0) | .value / $y[.key]]
	  end;

def is_met($goal):
	($goal | split(" ")) as [$sign, $text]
	| if $text == null then null
	  else ($text | tonumber) as $n
	  | if $sign == ">=" then . >= $n elif $sign == "<=" then . <= $n elif $sign == ">" then . > $n else . < $n end
	  end;

def row($all):
	split("|") | map(trimmed) as [$what, $a, $b, $goal] | over($all; $a; $b) | spread as $value
	| { what: $what, goal: $goal, value: $value,
	    errors: (errors($all; $a) + errors($all; $b) + (if $value == null then 1 else 0 end)),
	    is_met: (if $value == null then null else $value.median | is_met($goal) end) };

(reduce (inputs | select(length > 0) | split(" ")) as [$round, $name, $metric, $value]
	({}; .[$name][$metric][$round] = ($value | tonumber))) as $all
| { machine: $machine, rounds: $rounds, seconds: $seconds,
    rows: [$rows | split("\n")[] | select(length > 0 and (startswith("#") | not)) | row($all)],
    figures: ($all | map_values(map_values([.[]] | spread))),
    errors: ($all | map_values(.errors // {} | add // 0)) }
