-- What each client of bench/http_load.py asks for, and one line of JSON at the end.
local users = tonumber(os.getenv("COPG_BENCH_USERS"))

function request() return wrk.format("GET", "/users/" .. math.random(users)) end

function done(summary, latency)
  local errors = {}
  for kind, count in pairs(summary.errors) do
    if count > 0 then errors[#errors + 1] = string.format('"%s": %d', kind, count) end
  end
  io.write(string.format('{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "errors": {%s}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), table.concat(errors, ", ")))
end
