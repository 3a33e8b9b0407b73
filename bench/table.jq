# table.jq - a document of summary.jq as tables for people.
def range: if . == null then "-" elif .low == .high then "\(.median)" else "\(.median) (\(.low)-\(.high))" end;
def verdict: if .errors > 0 then "FAILED, errors: \(.errors)" elif .is_met == null then "" elif .is_met then "met" else "missed" end;
def ms: . / 1000 | . * 1000 | round / 1000;

.figures as $f | .errors as $errors
| "", "\(.machine); \(.rounds) rounds of \(.seconds) s", "",
"| what | measured (low-high) | goal | |", "|---|---|---|---|",
(.rows[] | "| \(.what) | \(if .errors > 0 then "-" else .value | range end) | \(.goal) | \(verdict) |"), "",
"| peer and connections | requests/s (low-high) | p50 ms | p90 | p99 | p99.9 | errors |", "|---|---|---|---|---|---|---|",
($f | to_entries[] | select(.value.rps) | "| \(.key) | \(.value.rps | "\(.median | round) (\(.low | round)-\(.high | round))") | \([.value.p50, .value.p90, .value.p99, .value.p999] | map(.median | ms | tostring) | join(" | ")) | \($errors[.key]) |"), "",
"| of a request to hello | system calls | context switches | CPU us | calls by name |", "|---|---|---|---|---|",
("router_c1", "worker_c1", "router_c16", "worker_c16" | . as $name | $f[$name] // {} | "| \($name) | \(.calls // null | range) | \(.switches // null | range) | \(.cpu_us // null | range) | \([to_entries[] | select((.key | startswith("call_")) and .value.median >= 0.01) | "\(.key[5:]) \(.value.median)"] | join(", ")) |"), "",
"| a sandbox at its start: part | stage | us, median |", "|---|---|---|",
($f.stage // {} | to_entries[] | (.key | split(":")) as [$n, $part, $stage] | "| \($part) | \($stage | gsub("_"; " ")) | \(.value | range) |")
