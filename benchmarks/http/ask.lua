-- For wrk: asks the paths of a file in turn; each thread begins elsewhere.
--
--     wrk … -s ask.lua URL -- PATHS
local threads = 0

function setup(thread)
   thread:set("begins", threads)
   threads = threads + 1
end

function init(args)
   paths, at = {}, begins * 7919
   for line in io.lines(args[1]) do paths[#paths + 1] = line end
end

function request()
   at = at + 1
   return wrk.format("GET", paths[at % #paths + 1])
end

function done(summary, latency)
   local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
   io.write(string.format("asked %d rate %.0f p50 %.2f p99 %.2f wrong %d late %d\n", summary.requests,
      summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000, wrong,
      summary.errors.timeout))
end
