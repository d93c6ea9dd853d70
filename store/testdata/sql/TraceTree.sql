-- traceRange
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000001';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id = unhex({trace:String});

-- TraceTree
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000001';
SET param_from = '1772620200123456789';
SET param_to = '1772620200123456789';
SET param_limit = '100000';
SELECT span_id, parent_span_id, start, duration_ns, operation, agent_name,
    if(operation = 'invoke_agent' AND agent_name = '', detail, '') AS told
FROM spans
WHERE project = {project:String} AND trace_id = unhex({trace:String})
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
ORDER BY start, span_id, inserted_at DESC, duration_ns DESC LIMIT 1 BY span_id LIMIT {limit:UInt32};

