-- report.lua - wrk's figures as one line: requests, microseconds, answers that were not 2xx or 3xx, failed
-- connections and reads, and in microseconds what half of the requests took, and 90, 99 and 99.9 percent.
-- An argument is the file of a JSON body to send.
init = function(args)
	if args[1] and args[1] ~= "" then
		local file = assert(io.open(args[1]))
		wrk.method = "POST"
		wrk.headers["Content-Type"] = "application/json"
		wrk.body = file:read("*a")
		file:close()
	end
end

done = function(summary, latency)
	local e = summary.errors
	io.write(string.format("RESULT %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration, e.status,
		e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(90),
		latency:percentile(99), latency:percentile(99.9)))
end
