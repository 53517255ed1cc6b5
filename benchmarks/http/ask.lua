-- For wrk: asks the paths of a file in turn; each thread begins elsewhere, and elsewhere than in the run before: what
-- that asked would be remembered.
--
--     wrk … -s ask.lua URL -- PATHS [MILLISECONDS]
--
-- With a time, each connection waits about so long before each request, by chance and independently of the others
-- (exponentially), as readers do: then a rate is held, and the client takes next to nothing of the machine.
local threads = 0

function setup(thread)
   thread:set("begins", threads)
   threads = threads + 1
end

function init(args)
   paths = {}
   for line in io.lines(args[1]) do paths[#paths + 1] = line end
   at = os.time() * 7919 + begins * math.floor(#paths / 2)
   if args[2] then
      math.randomseed(begins + 1)
      function delay() return math.floor(-tonumber(args[2]) * math.log(1 - math.random()) + 0.5) end
   end
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
