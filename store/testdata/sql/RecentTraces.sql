-- RecentTraces
SET param_f0 = 'shop';
SET param_project = 'default';
SET param_since = '1772620200123456789';
SET param_after = '01000000000000000000000000000001';
SET param_limit = '5';
SELECT trace_id, max(inserted_at) AS stored FROM spans
WHERE project = {project:String} AND inserted_at >= fromUnixTimestamp64Nano({since:Int64})
  AND service IN ({f0:String})
GROUP BY trace_id
HAVING (stored, trace_id) > (fromUnixTimestamp64Nano({since:Int64}), toFixedString(unhex({after:String}), 16))
ORDER BY stored, trace_id LIMIT {limit:UInt32};

-- rangeOf
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001,01000000000000000000000000000002,01000000000000000000000000000003';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16));

-- summaries
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001,01000000000000000000000000000002,01000000000000000000000000000003';
SET param_from = '1772618400123456789';
SET param_to = '1772620200123456789';
SELECT trace_id, min(start), max(end), min(root), sum(spans), sum(genai_spans), sum(errors), sum(warnings),
    arraySort(groupUniqArrayArray(services)), arraySort(groupUniqArrayArray(operations)), arraySort(groupUniqArrayArray(models)),
    arraySort(groupUniqArrayArray(agents)), arraySort(groupUniqArrayArray(tools)), arraySort(groupUniqArrayArray(prompt_versions)),
    max(environment), max(conversation), max(user),
    sum(input_tokens), sum(input_known), sum(output_tokens), sum(output_known), sum(cache_read_tokens), sum(cache_read_known),
    sum(cache_write_tokens), sum(cache_write_known), sum(reasoning_tokens), sum(reasoning_known),
    toString(sum(cost)), max(cost_currency), sum(unpriced), min(input_preview).2, max(output_preview).2
FROM traces
WHERE project = {project:String}
  AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
GROUP BY trace_id;

-- usages
SET param_project = 'default';
SET param_from = '1772618400123456789';
SET param_to = '1772620201623456789';
SET param_places = '1772620200-01000000000000000000000000000001,1772620200-01000000000000000000000000000002,1772618400-01000000000000000000000000000003';
SET param_limit = '20001';
SELECT trace_id, span_id, parent_span_id, start, duration_ns, operation, request_model, response_model, response_id, tool_call_id, dialect,
    usage_rollup, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
    toString(cost), cost_currency, outcome, has_input, has_output, finish_reasons, warnings
FROM spans
WHERE project = {project:String}
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND (toStartOfFiveMinutes(start), trace_id) IN
  (
    SELECT toDateTime(toUInt32(splitByChar('-', place)[1]), 'UTC'), toFixedString(unhex(splitByChar('-', place)[2]), 16)
    FROM (SELECT arrayJoin(splitByChar(',', {places:String})) AS place)
  )
ORDER BY start, span_id, inserted_at DESC, duration_ns DESC LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32};

-- doubts
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001,01000000000000000000000000000002,01000000000000000000000000000003';
SET param_from = '1772614800123456789';
SET param_to = '1772623801623456789';
SET param_limit = '20001';
SELECT trace_id, span_id, time, operation, response_id, call_id, turn, sequence, has_input, has_output, detail FROM fragments
WHERE project = {project:String}
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND time BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND (trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16)) OR trace_id = toFixedString('', 16) AND (response_id IN (
      SELECT arrayJoin(arrayFilter(x -> length(x) >= 20, [response_id, tool_call_id])) FROM spans
      WHERE project = {project:String} AND dialect IN ('claude-code') AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
        AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
        AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})) OR call_id IN (
      SELECT arrayJoin(arrayFilter(x -> length(x) >= 20, [response_id, tool_call_id])) FROM spans
      WHERE project = {project:String} AND dialect IN ('claude-code') AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
        AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
        AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})) OR turn IN
    (
      SELECT turn FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND turn != ''
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND time BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
        AND response_id IN (
      SELECT arrayJoin(arrayFilter(x -> length(x) >= 20, [response_id, tool_call_id])) FROM spans
      WHERE project = {project:String} AND dialect IN ('claude-code') AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
        AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
        AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64}))
    )))
ORDER BY time, seq LIMIT {limit:UInt32};

