-- traceRange
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000001';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id = unhex({trace:String});

-- Signals
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000001';
SET param_from = '1772620200123456789';
SET param_to = '1772620200123456789';
SET param_span = '0100000000000001';
SET param_limit = '20001';
SELECT span_id, signal, analyzer, version, score, probability, label, evidence, scored_at
FROM signals
WHERE project = {project:String} AND trace_id = unhex({trace:String})
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND ({span:String} = '' OR span_id = unhex({span:String}))
ORDER BY time, span_id, signal, scored_at DESC LIMIT 1 BY span_id, signal LIMIT {limit:UInt32};

