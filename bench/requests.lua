-- One kind of request for wrk: METHOD PATH BODY HEADER..., each header as `Name: value`.
-- `{n}` in the body becomes a text that no other request of this run has.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread", threads)
end

function init(arguments)
  method, path, template = arguments[1], arguments[2], arguments[3]
  headers, sent = {}, 0
  for index = 4, #arguments do
    local name, value = arguments[index]:match("^([^:]+): (.*)$")
    headers[name] = value
  end
  fixed = template == "" and wrk.format(method, path, headers) or nil
end

function request()
  if fixed then
    return fixed
  end
  sent = sent + 1
  return wrk.format(method, path, headers, (template:gsub("{n}", thread .. "x" .. sent)))
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  print(string.format('RESULT {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "failed": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status, failed))
end
