-- traceRange
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000002';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id = unhex({trace:String});

-- Trace
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000002';
SET param_from = '1772620200123456789';
SET param_to = '1772620200123456789';
SET param_limit = '100001';
SELECT span_id, parent_span_id, name, kind, start, duration_ns, status,
    service, service_namespace, service_version, service_instance, environment, language,
    scope_name, scope_version, dialect, dialect_version,
    operation, provider, framework, request_model, response_model, response_id, finish_reasons,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, usage_rollup, usage_rule,
    toString(cost), cost_currency, cost_source, cost_unknown, cost_parts, fingerprint_model, fingerprint_system, fingerprint_tools, fingerprint_params, ttft_ns,
    agent_name, workflow, conversation, user, prompt_name, prompt_version, tool_name, tool_call_id, error_type, tags,
    mapKeys(attributes), mapValues(attributes), input_messages, output_messages, has_input, has_output, input_preview, output_preview, refs, detail
FROM spans
WHERE project = {project:String} AND trace_id = unhex({trace:String})
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
ORDER BY start, span_id, inserted_at DESC, duration_ns DESC LIMIT 1 BY span_id LIMIT {limit:UInt32};

-- fragments
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000002';
SET param_from = '1772616600123456789';
SET param_to = '1772623800123456789';
SET param_span = '';
SET param_limit = '11';
SELECT trace_id, span_id, time, operation, response_id, call_id, turn, sequence, has_input, has_output, refs, detail FROM fragments
WHERE project = {project:String}
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND time BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
  AND ({span:String} = '' OR span_id IN (toFixedString(unhex({span:String}), 8), toFixedString('', 8)))
ORDER BY time, seq LIMIT {limit:UInt32};

-- contentBodies
SET param_project = 'default';
SET param_days = '[\'2026-03-04\']';
SET param_hashes = '19a319e331b24a53119b049737f0513e,80457c8dc0699c26ae3f7085a625fee6,ebdd7b80aa4838dc4585af7f7d47b643';
SELECT hash, body FROM contents
WHERE project = {project:String} AND day IN {days:Array(Date)}
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16))
UNION ALL
SELECT hash, body FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND empty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

-- summaries
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000002';
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

-- previews
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000002';
SET param_from = '1772616600123456789';
SET param_to = '1772623801623456789';
SET param_limit = '2000';
SELECT trace_id, span_id, time, operation, response_id, call_id, turn, sequence, has_input, has_output, refs, detail FROM fragments
WHERE project = {project:String}
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND time BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16)) AND notEmpty(refs)
ORDER BY time, seq LIMIT {limit:UInt32};

-- contentBodies
SET param_project = 'default';
SET param_days = '[\'2026-03-04\']';
SET param_hashes = '19a319e331b24a53119b049737f0513e,80457c8dc0699c26ae3f7085a625fee6,ebdd7b80aa4838dc4585af7f7d47b643';
SELECT hash, body FROM contents
WHERE project = {project:String} AND day IN {days:Array(Date)}
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16))
UNION ALL
SELECT hash, body FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND empty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

