-- traceRange
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000003';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id = unhex({trace:String});

-- Span
SET param_project = 'default';
SET param_trace = '01000000000000000000000000000003';
SET param_from = '1772618400123456789';
SET param_to = '1772618400123456789';
SET param_span = '0100000000000001';
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
  AND span_id = unhex({span:String})
ORDER BY start, inserted_at DESC, duration_ns DESC LIMIT 1;

-- fragments
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000003';
SET param_from = '1772614800123456789';
SET param_to = '1772622000123456789';
SET param_span = '0100000000000001';
SET param_limit = '11';
SELECT trace_id, span_id, time, operation, response_id, call_id, turn, sequence, has_input, has_output, refs, detail FROM fragments
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
  AND ({span:String} = '' OR span_id IN (toFixedString(unhex({span:String}), 8), toFixedString('', 8)))
ORDER BY time, seq LIMIT {limit:UInt32};

-- heads
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000003';
SET param_from = '1772618400123456789';
SET param_to = '1772618400123456789';
SET param_limit = '100001';
SELECT trace_id, span_id, parent_span_id, start, duration_ns, operation, request_model, response_model, response_id, tool_call_id, dialect,
    usage_rollup, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens
FROM spans
WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
ORDER BY start, span_id, inserted_at DESC, duration_ns DESC LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32};

-- contentBodies
SET param_project = 'default';
SET param_days = '[\'2026-03-04\']';
SET param_hashes = '700e8738a6f5fe7aa52b3760590778aa';
SELECT hash, body FROM contents
WHERE project = {project:String} AND day IN {days:Array(Date)}
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16))
UNION ALL
SELECT hash, body FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND empty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

