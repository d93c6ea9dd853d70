-- joinRecords
SET param_project = 'default';
SET param_log_from = '1772613000123456789';
SET param_log_to = '1772625600123456789';
SET param_limit = '500001';
SELECT trace_id, span_id, time, operation, response_id, call_id, turn, sequence, has_input, has_output, arrayMap(w -> toString(w), warnings)
FROM fragments WHERE project = {project:String}
        AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
        AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64}) AND span_id = toFixedString('', 8)
  AND (has_input = 1 OR has_output = 1 OR notEmpty(fragments.warnings) OR turn != '' AND response_id != '')
ORDER BY time, seq LIMIT {limit:UInt32};

-- joinRecords
SET param_project = 'default';
SET param_log_from = '1772613000123456789';
SET param_log_to = '1772625600123456789';
SET param_limit = '500001';
SELECT trace_id, span_id, parent_span_id, start, duration_ns, operation, request_model, response_model, response_id, tool_call_id, dialect,
    usage_rollup, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens
FROM spans
WHERE project = {project:String}
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64}) AND trace_id IN
  (
    SELECT trace_id FROM fragments WHERE project = {project:String}
        AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
        AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64}) AND span_id = toFixedString('', 8) AND trace_id != toFixedString('', 16)
    UNION ALL SELECT trace_id FROM spans WHERE project = {project:String}
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64}) AND dialect IN ('claude-code')
      AND (response_id IN (SELECT response_id FROM fragments WHERE project = {project:String}
        AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
        AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64}) AND trace_id = toFixedString('', 16) AND response_id != '')
        OR tool_call_id IN (SELECT call_id FROM fragments WHERE project = {project:String}
        AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
        AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64}) AND trace_id = toFixedString('', 16) AND call_id != ''))
  )
ORDER BY start, span_id, inserted_at DESC, duration_ns DESC LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32};

-- Instrumentations
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772622000123456789';
SET param_log_from = '1772613000123456789';
SET param_log_to = '1772625600123456789';
SET param_limit = '201';
SELECT service, service_namespace, dialect, scope_name, scope_version, count(), countIf(calls),
  countIf(asks AND input), countIf(asks), countIf(answers AND output), countIf(answers),
  countIf(calls AND named), countIf(calls AND outcome = 0 AND counted), countIf(calls AND outcome = 0),
  countIf(calls AND counted AND usage_rollup = 0 AND priced), countIf(calls AND counted AND usage_rollup = 0),
  arraySort(groupUniqArrayIf(16)(toString(dialect_version), dialect_version != '')), min(start), max(start)
FROM
(
  SELECT spans.trace_id AS trace_id, spans.span_id AS span_id, start, outcome, usage_rollup,
    service, service_namespace, dialect, dialect_version, scope_name, scope_version, operation,
    operation IN ('chat', 'text_completion', 'generate_content', 'embeddings', 'rerank') AS calls,
    operation IN ('chat', 'text_completion', 'generate_content') AS says,
    says AND (input OR outcome = 0) AS asks,
    says AND (output OR outcome = 0 AND NOT hasAny(finish_reasons, ['length', 'content_filter'])) AS answers,
    input_tokens >= 0 OR output_tokens >= 0 AS counted,
    request_model != '' OR response_model != '' AS named,
    cost_currency != '' AS priced,
    spans.has_input = 1 OR records.told_input = 1 AS input,
    spans.has_output = 1 OR records.told_output = 1 AS output,
    records.told_input = 1 OR records.told_output = 1 AS told,
    arrayConcat(arrayMap(w -> toString(w), spans.warnings), records.doubts) AS doubts
  FROM spans LEFT ANY JOIN
  (
    SELECT trace_id, span_id, max(has_input) AS told_input, max(has_output) AS told_output,
      arrayFilter(w -> w != 'content_missing', groupUniqArrayArray(arrayMap(w -> toString(w), warnings))) AS doubts
    FROM 
    (
      SELECT trace_id, span_id, has_input, has_output, warnings FROM fragments WHERE project = {project:String}
        AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
        AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64}) AND span_id != toFixedString('', 8)
      UNION ALL SELECT toFixedString(unhex(told[1]), 16), toFixedString(unhex(told[2]), 8), toUInt8(told[3]), toUInt8(told[4]), splitByChar('+', told[5])
      FROM (SELECT splitByChar('-', arrayJoin(splitByChar(',', '01000000000000000000000000000003-0100000000000001-0-1-'))) AS told)
    )
    WHERE has_input = 1 OR has_output = 1 OR notEmpty(warnings)
    GROUP BY trace_id, span_id
  ) AS records ON spans.trace_id = records.trace_id AND spans.span_id = records.span_id
  WHERE project = {project:String}
    AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({to:Int64})
    AND dialect != ''
)
GROUP BY service, service_namespace, dialect, scope_name, scope_version
ORDER BY greatest(countIf(asks AND NOT input) / greatest(countIf(asks), 1), countIf(answers AND NOT output) / greatest(countIf(answers), 1)) DESC,
  count() DESC, service, service_namespace, dialect, scope_name, scope_version
LIMIT {limit:UInt32};

-- Instrumentations
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772622000123456789';
SET param_log_from = '1772613000123456789';
SET param_log_to = '1772625600123456789';
SET param_limit = '4000';
SELECT service, service_namespace, dialect, scope_name, scope_version, code, spans, first.1, first.2, first.3, last.1, last.2, last.3
FROM
(
  SELECT service, service_namespace, dialect, scope_name, scope_version, code, count() AS spans, min((start, trace_id, span_id)) AS first, max((start, trace_id, span_id)) AS last
  FROM
  (
    SELECT service, service_namespace, dialect, scope_name, scope_version, trace_id, span_id, start, arrayJoin(arrayDistinct(arrayConcat(
      arrayFilter(w -> w != 'content_missing' OR NOT (says AND told AND (input OR NOT asks) AND (output OR NOT answers)), doubts),
      if(asks AND NOT input OR answers AND NOT output, ['content_missing'], []),
      if(calls AND outcome = 0 AND NOT counted, ['tokens_missing'], []),
      if(calls AND NOT named, ['model_missing'], []),
      if(calls AND counted AND usage_rollup = 0 AND NOT priced, ['cost_unknown'], []),
      if(operation = '', ['unread'], []),
      if(usage_rollup = 1 AND counted, ['usage_repeated'], [])))) AS code
    FROM
    (
  SELECT spans.trace_id AS trace_id, spans.span_id AS span_id, start, outcome, usage_rollup,
    service, service_namespace, dialect, dialect_version, scope_name, scope_version, operation,
    operation IN ('chat', 'text_completion', 'generate_content', 'embeddings', 'rerank') AS calls,
    operation IN ('chat', 'text_completion', 'generate_content') AS says,
    says AND (input OR outcome = 0) AS asks,
    says AND (output OR outcome = 0 AND NOT hasAny(finish_reasons, ['length', 'content_filter'])) AS answers,
    input_tokens >= 0 OR output_tokens >= 0 AS counted,
    request_model != '' OR response_model != '' AS named,
    cost_currency != '' AS priced,
    spans.has_input = 1 OR records.told_input = 1 AS input,
    spans.has_output = 1 OR records.told_output = 1 AS output,
    records.told_input = 1 OR records.told_output = 1 AS told,
    arrayConcat(arrayMap(w -> toString(w), spans.warnings), records.doubts) AS doubts
  FROM spans LEFT ANY JOIN
  (
    SELECT trace_id, span_id, max(has_input) AS told_input, max(has_output) AS told_output,
      arrayFilter(w -> w != 'content_missing', groupUniqArrayArray(arrayMap(w -> toString(w), warnings))) AS doubts
    FROM 
    (
      SELECT trace_id, span_id, has_input, has_output, warnings FROM fragments WHERE project = {project:String}
        AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
        AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64}) AND span_id != toFixedString('', 8)
      UNION ALL SELECT toFixedString(unhex(told[1]), 16), toFixedString(unhex(told[2]), 8), toUInt8(told[3]), toUInt8(told[4]), splitByChar('+', told[5])
      FROM (SELECT splitByChar('-', arrayJoin(splitByChar(',', '01000000000000000000000000000003-0100000000000001-0-1-'))) AS told)
    )
    WHERE has_input = 1 OR has_output = 1 OR notEmpty(warnings)
    GROUP BY trace_id, span_id
  ) AS records ON spans.trace_id = records.trace_id AND spans.span_id = records.span_id
  WHERE project = {project:String}
    AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({to:Int64})
    AND dialect != ''
    )
  )
  GROUP BY service, service_namespace, dialect, scope_name, scope_version, code
)
ORDER BY spans DESC, service, service_namespace, dialect, scope_name, scope_version, code LIMIT {limit:UInt32};

-- Instrumentations
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772622000123456789';
SET param_limit = '201';
SELECT service, service_namespace, dialect, scope_name, scope_version, spans, first.1, first.2, first.3, last.1, last.2, last.3
FROM
(
  SELECT service, service_namespace, dialect, scope_name, scope_version, count() AS spans, min((start, trace_id, span_id)) AS first, max((start, trace_id, span_id)) AS last
  FROM spans
  WHERE project = {project:String}
    AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({to:Int64})
    AND dialect = '' AND arrayExists(k -> match(k, '(^|[._-])(llm|gen_?ai|openai|anthropic|(prompt|completion|input|output)_tokens)([._-]|$)'), attributes.keys)
  GROUP BY service, service_namespace, dialect, scope_name, scope_version
)
ORDER BY spans DESC, service, service_namespace, dialect, scope_name, scope_version LIMIT {limit:UInt32};

