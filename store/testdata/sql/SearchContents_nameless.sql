-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'shelf';
SET param_project = 'default';
SET param_limit = '11';
SELECT hash FROM contents
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND hasAllTokens(body, {words:String})
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'shelf';
SET param_project = 'default';
SET param_limit = '11';
SET param_hits = '700e8738a6f5fe7aa52b3760590778aa';
SELECT hash FROM chunks
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND notEmpty(children)
  AND arrayExists(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), children)
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- namelessHits
SET param_log_from = '1772614800123456789';
SET param_log_until = '1772712000123456789';
SET param_hits = '700e8738a6f5fe7aa52b3760590778aa';
SET param_project = 'default';
SELECT count(), countIf(trace_id = toFixedString('', 16)) FROM fragments
WHERE project = {project:String} AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
  AND span_id = toFixedString('', 8)
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})));

-- ListTraces
SET param_log_from = '1772614800123456789';
SET param_log_until = '1772712000123456789';
SET param_hits = '700e8738a6f5fe7aa52b3760590778aa';
SET param_until = '1772708400123456789';
SET param_project = 'default';
SET param_from = '1772618400123456789';
SET param_to = '1772622000123456789';
SET param_before = '00000000000000000000000000000000';
SET param_limit = '51';
SELECT trace_id, min(start) AS first
FROM traces
WHERE project = {project:String}
  AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND (trace_id IN (SELECT trace_id FROM
  (
    SELECT trace_id, refs FROM spans WHERE project = {project:String}
      AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))
    UNION ALL SELECT trace_id, refs FROM fragments WHERE project = {project:String}
      AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))
  ))
  OR trace_id IN
  (
    SELECT trace_id FROM spans WHERE project = {project:String}
      AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})
      AND dialect IN ('claude-code') AND (response_id IN (
        SELECT arrayJoin([response_id, call_id]) AS id FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String}))) AND length(id) >= 20
        UNION ALL SELECT response_id FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64}) AND length(response_id) >= 20 AND turn IN
          (SELECT turn FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64}) AND turn != ''
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String}))))) OR tool_call_id IN (
        SELECT arrayJoin([response_id, call_id]) AS id FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String}))) AND length(id) >= 20
        UNION ALL SELECT response_id FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64}) AND length(response_id) >= 20 AND turn IN
          (SELECT turn FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64}) AND turn != ''
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String}))))))
  ))
GROUP BY trace_id
HAVING first >= fromUnixTimestamp64Nano({from:Int64})
   AND (first, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
ORDER BY first DESC, trace_id DESC LIMIT {limit:UInt32};

-- rangeOf
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000003';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16));

-- summaries
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000003';
SET param_from = '1772618400123456789';
SET param_to = '1772618400123456789';
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

-- SearchContents
SET param_log_from = '1772614800123456789';
SET param_log_until = '1772712000123456789';
SET param_hits = '700e8738a6f5fe7aa52b3760590778aa';
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000003';
SET param_from = '1772618400123456789';
SET param_to = '1772618401623456789';
SELECT trace_id, span_id, if(spanned, start, at) AS began, name, service, found
FROM
(
  SELECT trace_id, span_id, at, arrayFilter(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), refs) AS found FROM
  (
    SELECT trace_id, span_id, start AS at, refs FROM spans WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
      AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
    UNION ALL SELECT trace_id, span_id, time AS at, refs FROM fragments WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
      AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_until:Int64}) AND span_id != toFixedString('', 8)
  )
  WHERE notEmpty(found)
) AS held
LEFT JOIN
(
  SELECT trace_id, span_id, start, toString(name) AS name, toString(service) AS service, 1 AS spanned FROM spans
  WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
    AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
) AS heads USING (trace_id, span_id)
ORDER BY began, span_id LIMIT 1 BY trace_id;

-- namelessHold
SET param_log_from = '1772614800123456789';
SET param_log_until = '1772712000123456789';
SET param_hits = '700e8738a6f5fe7aa52b3760590778aa';
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000003';
SET param_from = '1772614800123456789';
SET param_to = '1772622001623456789';
SET param_limit = '10';
SELECT trace_id, span_id, time, operation, response_id, call_id, turn, sequence, arrayFilter(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), refs) FROM fragments
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
    ))) AND span_id = toFixedString('', 8)
ORDER BY time, seq LIMIT {limit:UInt32};

-- heads
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000003';
SET param_from = '1772618400123456789';
SET param_to = '1772618401623456789';
SET param_limit = '100001';
SELECT trace_id, span_id, parent_span_id, start, duration_ns, operation, request_model, response_model, response_id, tool_call_id, dialect,
    usage_rollup, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens
FROM spans
WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
ORDER BY start, span_id, inserted_at DESC, duration_ns DESC LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32};

-- namelessHold
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000003';
SET param_from = '1772618400123456789';
SET param_to = '1772618401623456789';
SET param_spans = '0100000000000001';
SELECT trace_id, span_id, start, toString(name), toString(service) FROM spans
WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND span_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {spans:String}))), 8))
ORDER BY start, inserted_at DESC, duration_ns DESC LIMIT 1 BY trace_id, span_id;

-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'shelf';
SET param_project = 'default';
SET param_limit = '11';
SELECT hash FROM contents
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND hasAllTokens(body, {words:String})
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'shelf';
SET param_project = 'default';
SET param_limit = '11';
SET param_hits = '700e8738a6f5fe7aa52b3760590778aa';
SELECT hash FROM chunks
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND notEmpty(children)
  AND arrayExists(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), children)
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- namelessHits
SET param_log_from = '1772613000123456789';
SET param_log_until = '1772708400123456789';
SET param_hits = '700e8738a6f5fe7aa52b3760590778aa';
SET param_project = 'default';
SELECT count(), countIf(trace_id = toFixedString('', 16)) FROM fragments
WHERE project = {project:String} AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
  AND span_id = toFixedString('', 8)
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})));

-- ListTraces
SET param_log_from = '1772613000123456789';
SET param_log_until = '1772708400123456789';
SET param_hits = '700e8738a6f5fe7aa52b3760590778aa';
SET param_until = '1772704800123456789';
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772618400123456789';
SET param_before = '00000000000000000000000000000000';
SET param_limit = '50';
SELECT trace_id, min(start) AS first
FROM traces
WHERE project = {project:String}
  AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND (trace_id IN (SELECT trace_id FROM
  (
    SELECT trace_id, refs FROM spans WHERE project = {project:String}
      AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))
    UNION ALL SELECT trace_id, refs FROM fragments WHERE project = {project:String}
      AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))
  ))
  OR trace_id IN
  (
    SELECT trace_id FROM spans WHERE project = {project:String}
      AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})
      AND dialect IN ('claude-code') AND (response_id IN (
        SELECT arrayJoin([response_id, call_id]) AS id FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String}))) AND length(id) >= 20
        UNION ALL SELECT response_id FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64}) AND length(response_id) >= 20 AND turn IN
          (SELECT turn FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64}) AND turn != ''
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String}))))) OR tool_call_id IN (
        SELECT arrayJoin([response_id, call_id]) AS id FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String}))) AND length(id) >= 20
        UNION ALL SELECT response_id FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64}) AND length(response_id) >= 20 AND turn IN
          (SELECT turn FROM fragments WHERE project = {project:String} AND trace_id = toFixedString('', 16) AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64}) AND turn != ''
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String}))))))
  ))
GROUP BY trace_id
HAVING first >= fromUnixTimestamp64Nano({from:Int64})
   AND (first, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
ORDER BY first DESC, trace_id DESC LIMIT {limit:UInt32};

-- listChildren
SET param_project = 'default';
SET param_days = '[\'2026-03-03\',\'2026-03-04\',\'2026-03-05\']';
SET param_hashes = '700e8738a6f5fe7aa52b3760590778aa';
SELECT hash, children FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND notEmpty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

-- snippets
SET param_project = 'default';
SET param_first = '2026-03-03';
SET param_last = '2026-03-05';
SET param_words = 'shelf';
SET param_hits = '700e8738a6f5fe7aa52b3760590778aa';
SELECT hash FROM contents
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND hasAllTokens(body, {words:String})
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16));

-- contentBodies
SET param_project = 'default';
SET param_days = '[\'2026-03-03\',\'2026-03-04\',\'2026-03-05\']';
SET param_hashes = '700e8738a6f5fe7aa52b3760590778aa';
SELECT hash, body FROM contents
WHERE project = {project:String} AND day IN {days:Array(Date)}
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16))
UNION ALL
SELECT hash, body FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND empty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

