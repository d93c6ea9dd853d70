-- traceRange
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000001';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id = unhex({trace:String});

-- RawSpan
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000001';
SET param_from = '1772620200123456789';
SET param_to = '1772620200123456789';
SET param_span = '0100000000000001';
SELECT dialect, parent_span_id, name, kind, start, duration_ns, refs, raw, resource, scope
FROM spans
WHERE project = {project:String} AND trace_id = unhex({trace:String})
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND span_id = unhex({span:String})
ORDER BY start, inserted_at DESC, duration_ns DESC LIMIT 1;

-- RawSpan
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001';
SET param_from = '1772616600123456789';
SET param_to = '1772623800123456789';
SET param_span = '0100000000000001';
SET param_limit = '11';
SELECT trace_id, span_id, time, operation, response_id, call_id, turn, sequence, seq, refs, raw, resource, scope FROM fragments
WHERE project = {project:String}
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND time BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
  AND ({span:String} = '' OR span_id IN (toFixedString(unhex({span:String}), 8), toFixedString('', 8)))
UNION ALL SELECT trace_id, span_id, time, '', '', '', '', 0, seq, refs, raw, resource, scope FROM logs
WHERE project = {project:String}
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND time BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16)) AND span_id = unhex({span:String})
ORDER BY time, seq LIMIT {limit:UInt32};

