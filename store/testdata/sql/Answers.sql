-- rangeOf
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001,01000000000000000000000000000002';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16));

-- Answers
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001,01000000000000000000000000000002';
SET param_from = '1772620200123456789';
SET param_to = '1772620200123456789';
SET param_limit = '20001';
SELECT trace_id, span_id, parent_span_id, name, kind, start, duration_ns, status,
    service, service_namespace, service_version, service_instance, environment, language,
    scope_name, scope_version, dialect, dialect_version,
    operation, provider, framework, request_model, response_model, response_id, finish_reasons,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, usage_rollup, usage_rule,
    toString(cost), cost_currency, cost_source, cost_unknown, cost_parts, fingerprint_model, fingerprint_system, fingerprint_tools, fingerprint_params, ttft_ns,
    agent_name, workflow, conversation, user, prompt_name, prompt_version, tool_name, tool_call_id, error_type, tags,
    mapKeys(attributes), mapValues(attributes), input_messages, output_messages, has_input, has_output, input_preview, output_preview, refs, detail
FROM spans
WHERE project = {project:String}
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
  AND operation IN ('chat', 'text_completion', 'generate_content', 'invoke_agent', 'retrieval', 'rerank', 'execute_tool')
ORDER BY trace_id, start, span_id, inserted_at DESC, duration_ns DESC LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32};

-- previews
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000001,01000000000000000000000000000002';
SET param_from = '1772616600123456789';
SET param_to = '1772623800123456789';
SET param_limit = '20001';
SELECT trace_id, span_id, time, operation, response_id, call_id, turn, sequence, has_input, has_output, refs, detail FROM fragments
WHERE project = {project:String}
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND time BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16)) AND notEmpty(refs)
ORDER BY time, seq LIMIT {limit:UInt32};

-- listChildren
SET param_project = 'default';
SET param_days = '[\'2026-03-04\']';
SET param_hashes = '00e9055eb44857e28f2a8173f63fc6e0,66643e41d2fad1e5ab29a51169392e6a,7f1faec99b085fc5cfd9973efe796014,9c93f0e15297987b537c7543631466e7,a64cb09c59d7f5a5db681ee389937f2f,b561542ce3fe1fac4b129aade7fc9500';
SELECT hash, children FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND notEmpty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

-- contentBodies
SET param_project = 'default';
SET param_days = '[\'2026-03-04\']';
SET param_hashes = '1474966f8739969177f3dcc23cd0122e,19a319e331b24a53119b049737f0513e,80457c8dc0699c26ae3f7085a625fee6,ebdd7b80aa4838dc4585af7f7d47b643,9a9a439db303c3dc5e08708ba1d65282,6e8af3a5b58a5b145aff07529bc2edd5,ff86b8ad7c9356c8df2366d26c1301b5,a5165f001a0c9bb5eba59066627b4807,a702082a2642e5b57dde42d9eb5a4278,00e2d13d31bd480fc31c2b423a8d7c50,d61c2185f83d46e200dd9951d17428d8,bff5095ff969e8be77fe4769b94bb33a,e7463376cd9b111e8fb64c0df14b62fc,3e367add982a533766ac92d86490f928,52d42a242d6f800ce8c82afd96770e8e,30e5d5e8338c6b65b3996050131a56bb,a42ef8cfbca82887577c1d15db003f37,4cdc55135aa3c9263ca45b657628b428,1ce2da705c91cd800cb87144228156bc,ffcb3fc74fddc9cd4b33ef2556ca00e9,10ef7329681f2608e5cb47cd29427b7f,a0c6b38d7c8e1094d8401dfa1cb3caa4,2ed4cf0fb40790f2258c311f15db60d7,d9342e277a0667befa9fcaf95c7d2b64,9885225c99ed75a456dcccc253546e28,3782490c2b8b9bd2bba2413ecdbfd2f3';
SELECT hash, body FROM contents
WHERE project = {project:String} AND day IN {days:Array(Date)}
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16))
UNION ALL
SELECT hash, body FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND empty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

