-- ListTraces
SET param_until = '1772708400123456789';
SET param_f0 = 'shop';
SET param_f1 = 'till';
SET param_f2 = '5';
SET param_f3 = 'x';
SET param_f4 = 'http.route';
SET param_f5 = 'buy';
SET param_f6 = '01000000000000000000000000000001';
SET param_project = 'default';
SET param_from = '1772618400123456789';
SET param_to = '1772622000123456789';
SET param_before = '00000000000000000000000000000000';
SET param_limit = '51';
SELECT trace_id, min(start) AS first
FROM traces
WHERE project = {project:String}
  AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND trace_id IN (SELECT trace_id FROM spans WHERE project = {project:String}
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64}) AND service IN ({f0:String}, {f1:String}) AND (input_tokens >= 0 AND input_tokens > {f2:Int64}) AND NOT has(tags, {f3:String}) AND positionCaseInsensitiveUTF8(attributes[{f4:String}], {f5:String}) > 0 AND trace_id IN (unhex({f6:String})))
GROUP BY trace_id
HAVING first >= fromUnixTimestamp64Nano({from:Int64})
   AND (first, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
ORDER BY first DESC, trace_id DESC LIMIT {limit:UInt32};

-- rangeOf
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16));

-- summaries
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001';
SET param_from = '1772620200123456789';
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

-- ListTraces
SET param_until = '1772704800123456789';
SET param_f0 = 'shop';
SET param_f1 = 'till';
SET param_f2 = '5';
SET param_f3 = 'x';
SET param_f4 = 'http.route';
SET param_f5 = 'buy';
SET param_f6 = '01000000000000000000000000000001';
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772618400123456789';
SET param_before = '00000000000000000000000000000000';
SET param_limit = '50';
SELECT trace_id, min(start) AS first
FROM traces
WHERE project = {project:String}
  AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND trace_id IN (SELECT trace_id FROM spans WHERE project = {project:String}
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64}) AND service IN ({f0:String}, {f1:String}) AND (input_tokens >= 0 AND input_tokens > {f2:Int64}) AND NOT has(tags, {f3:String}) AND positionCaseInsensitiveUTF8(attributes[{f4:String}], {f5:String}) > 0 AND trace_id IN (unhex({f6:String})))
GROUP BY trace_id
HAVING first >= fromUnixTimestamp64Nano({from:Int64})
   AND (first, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
ORDER BY first DESC, trace_id DESC LIMIT {limit:UInt32};

-- usages
SET param_project = 'default';
SET param_from = '1772620200123456789';
SET param_to = '1772620201623456789';
SET param_places = '1772620200-01000000000000000000000000000001';
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
SET param_traces = '01000000000000000000000000000001';
SET param_from = '1772616600123456789';
SET param_to = '1772623801623456789';
SET param_limit = '20001';
SELECT trace_id, span_id, time, operation, response_id, call_id, turn, sequence, has_input, has_output, detail FROM fragments
WHERE project = {project:String}
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND time BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
ORDER BY time, seq LIMIT {limit:UInt32};

