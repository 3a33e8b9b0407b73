# plot.jq - a document of summary.jq as a chart (SVG): $chart is latency_c16, latency_c64 or scaling.  Both scales are
# logarithmic where a factor is what counts.
def colours: ["#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#16a085", "#7f8c8d", "#d35400", "#2c3e50", "#b03a8c", "#6b8e23", "#5d6d7e"];
def log: if . > 0 then log10 else 0 end;

# Lines: [{name, points: [[label, value]...]}], of medians.
def latency($suffix):
	[.figures | to_entries[] | select((.key | endswith($suffix)) and (.key | startswith("scale_") | not) and .value.p50)
	 | { name: .key[:-($suffix | length)],
	     points: [(["p50", .value.p50], ["p90", .value.p90], ["p99", .value.p99], ["p99.9", .value.p999]) | [.[0], .[1].median / 1000]] }];
def scaling:
	.figures as $f
	| [("cfn", "bare64", "php", "kore") as $peer
	   | { name: $peer, points: [("1", "4", "16", "64", "256") as $c | select($f["scale_\($peer)_c\($c)"].rps) | [$c, $f["scale_\($peer)_c\($c)"].rps.median]] }
	   | select(.points | length > 0)];

def svg($lines; $title; $unit; $xtitle):
	([$lines[].points[][1] | log] | [(min // 0 | floor), (max // 1 | ceil)]) as [$low, $high]
	| ($lines[0].points // [] | map(.[0])) as $labels
	| def x($i): 70 + $i * 420 / ([($labels | length) - 1, 1] | max) | round;
	  def y($v): 350 - (($v | log) - $low) * 300 / ([$high - $low, 1] | max) | round;
	"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 400\" font-family=\"sans-serif\" font-size=\"11\">",
	"<rect width=\"640\" height=\"400\" fill=\"#fff\"/>",
	"<text x=\"70\" y=\"25\" font-size=\"14\">\($title)</text>",
	"<text x=\"280\" y=\"390\" text-anchor=\"middle\">\($xtitle)</text>",
	(range($low; $high + 1) as $p | pow(10; $p) as $v
	 | "<path d=\"M70 \(y($v))H490\" stroke=\"#ddd\"/><text x=\"64\" y=\"\(y($v) + 4)\" text-anchor=\"end\">\($v) \($unit)</text>"),
	(range($labels | length) as $i | "<text x=\"\(x($i))\" y=\"368\" text-anchor=\"middle\">\($labels[$i])</text>"),
	(range($lines | length) as $n | $lines[$n] as $line | colours[$n % (colours | length)] as $colour
	 | "<polyline fill=\"none\" stroke=\"\($colour)\" stroke-width=\"2\" points=\"\([$line.points | to_entries[] | "\(x(.key)),\(y(.value[1]))"] | join(" "))\"/>",
	   "<path d=\"M505 \(50 + 16 * $n)h18\" stroke=\"\($colour)\" stroke-width=\"2\"/><text x=\"528\" y=\"\(54 + 16 * $n)\">\($line.name)</text>"),
	"</svg>";

if $chart == "scaling" then svg(scaling; "Requests a second by connections"; ""; "connections")
else svg(latency($chart[7:]); "Latency, \($chart[9:]) connections"; "ms"; "share of the requests that took no longer") end
