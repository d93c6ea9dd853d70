-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'larder';
SET param_project = 'default';
SET param_limit = '11';
SELECT hash FROM contents
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND hasAllTokens(body, {words:String})
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'larder';
SET param_project = 'default';
SET param_limit = '11';
SET param_hits = '3782490c2b8b9bd2bba2413ecdbfd2f3,80457c8dc0699c26ae3f7085a625fee6';
SELECT hash FROM chunks
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND notEmpty(children)
  AND arrayExists(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), children)
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'larder';
SET param_project = 'default';
SET param_limit = '11';
SET param_hits = '9c93f0e15297987b537c7543631466e7';
SELECT hash FROM chunks
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND notEmpty(children)
  AND arrayExists(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), children)
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- namelessHits
SET param_log_from = '1772614800123456789';
SET param_log_until = '1772712000123456789';
SET param_hits = '3782490c2b8b9bd2bba2413ecdbfd2f3,80457c8dc0699c26ae3f7085a625fee6,9c93f0e15297987b537c7543631466e7';
SET param_project = 'default';
SELECT count(), countIf(trace_id = toFixedString('', 16)) FROM fragments
WHERE project = {project:String} AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
  AND span_id = toFixedString('', 8)
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})));

-- ListTraces
SET param_log_from = '1772614800123456789';
SET param_log_until = '1772712000123456789';
SET param_hits = '3782490c2b8b9bd2bba2413ecdbfd2f3,80457c8dc0699c26ae3f7085a625fee6,9c93f0e15297987b537c7543631466e7';
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
  AND trace_id IN (SELECT trace_id FROM
  (
    SELECT trace_id, refs FROM spans WHERE project = {project:String}
      AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))
    UNION ALL SELECT trace_id, refs FROM fragments WHERE project = {project:String}
      AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))
  ))
GROUP BY trace_id
HAVING first >= fromUnixTimestamp64Nano({from:Int64})
   AND (first, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
ORDER BY first DESC, trace_id DESC LIMIT {limit:UInt32};

-- rangeOf
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000002,01000000000000000000000000000001';
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16));

-- summaries
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000002,01000000000000000000000000000001';
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

-- SearchContents
SET param_log_from = '1772614800123456789';
SET param_log_until = '1772712000123456789';
SET param_hits = '3782490c2b8b9bd2bba2413ecdbfd2f3,80457c8dc0699c26ae3f7085a625fee6,9c93f0e15297987b537c7543631466e7';
SET param_project = 'default';
SET param_traces = '01000000000000000000000000000002,01000000000000000000000000000001';
SET param_from = '1772620200123456789';
SET param_to = '1772620201623456789';
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

-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'larder';
SET param_project = 'default';
SET param_limit = '11';
SELECT hash FROM contents
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND hasAllTokens(body, {words:String})
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'larder';
SET param_project = 'default';
SET param_limit = '11';
SET param_hits = '3782490c2b8b9bd2bba2413ecdbfd2f3,80457c8dc0699c26ae3f7085a625fee6';
SELECT hash FROM chunks
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND notEmpty(children)
  AND arrayExists(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), children)
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- contentHits
SET param_first = '2026-03-04';
SET param_last = '2026-03-05';
SET param_words = 'larder';
SET param_project = 'default';
SET param_limit = '11';
SET param_hits = '9c93f0e15297987b537c7543631466e7';
SELECT hash FROM chunks
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND notEmpty(children)
  AND arrayExists(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), children)
LIMIT 1 BY hash LIMIT {limit:UInt32};

-- namelessHits
SET param_log_from = '1772613000123456789';
SET param_log_until = '1772708400123456789';
SET param_hits = '3782490c2b8b9bd2bba2413ecdbfd2f3,80457c8dc0699c26ae3f7085a625fee6,9c93f0e15297987b537c7543631466e7';
SET param_project = 'default';
SELECT count(), countIf(trace_id = toFixedString('', 16)) FROM fragments
WHERE project = {project:String} AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
  AND span_id = toFixedString('', 8)
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})));

-- ListTraces
SET param_log_from = '1772613000123456789';
SET param_log_until = '1772708400123456789';
SET param_hits = '3782490c2b8b9bd2bba2413ecdbfd2f3,80457c8dc0699c26ae3f7085a625fee6,9c93f0e15297987b537c7543631466e7';
SET param_until = '1772704800123456789';
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772618400123456789';
SET param_before = '00000000000000000000000000000000';
SET param_limit = '49';
SELECT trace_id, min(start) AS first
FROM traces
WHERE project = {project:String}
  AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND trace_id IN (SELECT trace_id FROM
  (
    SELECT trace_id, refs FROM spans WHERE project = {project:String}
      AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))
    UNION ALL SELECT trace_id, refs FROM fragments WHERE project = {project:String}
      AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))
  ))
GROUP BY trace_id
HAVING first >= fromUnixTimestamp64Nano({from:Int64})
   AND (first, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
ORDER BY first DESC, trace_id DESC LIMIT {limit:UInt32};

-- listChildren
SET param_project = 'default';
SET param_days = '[\'2026-03-03\',\'2026-03-04\',\'2026-03-05\']';
SET param_hashes = '80457c8dc0699c26ae3f7085a625fee6,9c93f0e15297987b537c7543631466e7';
SELECT hash, children FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND notEmpty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

-- listChildren
SET param_project = 'default';
SET param_days = '[\'2026-03-03\',\'2026-03-04\',\'2026-03-05\']';
SET param_hashes = '3782490c2b8b9bd2bba2413ecdbfd2f3';
SELECT hash, children FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND notEmpty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

-- snippets
SET param_project = 'default';
SET param_first = '2026-03-03';
SET param_last = '2026-03-05';
SET param_words = 'larder';
SET param_hits = '80457c8dc0699c26ae3f7085a625fee6,3782490c2b8b9bd2bba2413ecdbfd2f3';
SELECT hash FROM contents
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND hasAllTokens(body, {words:String})
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16));

-- contentBodies
SET param_project = 'default';
SET param_days = '[\'2026-03-03\',\'2026-03-04\',\'2026-03-05\']';
SET param_hashes = '80457c8dc0699c26ae3f7085a625fee6,3782490c2b8b9bd2bba2413ecdbfd2f3';
SELECT hash, body FROM contents
WHERE project = {project:String} AND day IN {days:Array(Date)}
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16))
UNION ALL
SELECT hash, body FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND empty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16));

