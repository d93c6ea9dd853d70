-- Detections
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001';
SET param_from = '1772620200123456789';
SET param_to = '1774348200123456789';
SELECT trace_id, signal, count()
FROM
(
  SELECT trace_id, signal, probability FROM signals
  WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
    AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  ORDER BY project, toStartOfFiveMinutes(time), trace_id, span_id, signal, scored_at DESC
  LIMIT 1 BY trace_id, span_id, signal
)
WHERE probability >= 0.5
GROUP BY trace_id, signal ORDER BY trace_id, signal;

