-- Facets
SET param_until = '1772708400123456789';
SET param_f0 = '5';
SET param_f1 = 'x';
SET param_f2 = 'http.route';
SET param_f3 = 'buy';
SET param_f4 = '01000000000000000000000000000001';
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772622000123456789';
SET param_limit = '6';
SELECT toString(service) AS value, uniqExact(trace_id) AS n FROM spans
WHERE project = {project:String}
  AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})
  AND trace_id IN (SELECT trace_id FROM (
    SELECT trace_id, min(start) AS first, sum(errors) AS failed
    FROM traces
    WHERE project = {project:String}
      AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) - INTERVAL 24 HOUR AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND trace_id IN (SELECT trace_id FROM spans WHERE project = {project:String}
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64}) AND (input_tokens >= 0 AND input_tokens > {f0:Int64}) AND NOT has(tags, {f1:String}) AND positionCaseInsensitiveUTF8(attributes[{f2:String}], {f3:String}) > 0 AND trace_id IN (unhex({f4:String})))
    GROUP BY trace_id
    HAVING first >= fromUnixTimestamp64Nano({from:Int64}) AND first < fromUnixTimestamp64Nano({to:Int64})))
GROUP BY value HAVING value != '' ORDER BY n DESC, value LIMIT {limit:UInt32};

-- Facets
SET param_until = '1772708400123456789';
SET param_f0 = 'shop';
SET param_f1 = 'till';
SET param_f2 = '5';
SET param_f3 = 'x';
SET param_f4 = 'http.route';
SET param_f5 = 'buy';
SET param_f6 = '01000000000000000000000000000001';
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772622000123456789';
SET param_limit = '6';
SELECT if(failed > 0, 'error', 'ok') AS value, count() AS n FROM (
    SELECT trace_id, min(start) AS first, sum(errors) AS failed
    FROM traces
    WHERE project = {project:String}
      AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) - INTERVAL 24 HOUR AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND trace_id IN (SELECT trace_id FROM spans WHERE project = {project:String}
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64}) AND service IN ({f0:String}, {f1:String}) AND (input_tokens >= 0 AND input_tokens > {f2:Int64}) AND NOT has(tags, {f3:String}) AND positionCaseInsensitiveUTF8(attributes[{f4:String}], {f5:String}) > 0 AND trace_id IN (unhex({f6:String})))
    GROUP BY trace_id
    HAVING first >= fromUnixTimestamp64Nano({from:Int64}) AND first < fromUnixTimestamp64Nano({to:Int64}))
GROUP BY value ORDER BY n DESC, value LIMIT {limit:UInt32};

-- Facets
SET param_until = '1772708400123456789';
SET param_f0 = 'shop';
SET param_f1 = 'till';
SET param_f2 = '5';
SET param_f3 = 'http.route';
SET param_f4 = 'buy';
SET param_f5 = '01000000000000000000000000000001';
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772622000123456789';
SET param_limit = '6';
SELECT toString(arrayJoin(tags)) AS value, uniqExact(trace_id) AS n FROM spans
WHERE project = {project:String}
  AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})
  AND trace_id IN (SELECT trace_id FROM (
    SELECT trace_id, min(start) AS first, sum(errors) AS failed
    FROM traces
    WHERE project = {project:String}
      AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) - INTERVAL 24 HOUR AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND trace_id IN (SELECT trace_id FROM spans WHERE project = {project:String}
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64}) AND service IN ({f0:String}, {f1:String}) AND (input_tokens >= 0 AND input_tokens > {f2:Int64}) AND positionCaseInsensitiveUTF8(attributes[{f3:String}], {f4:String}) > 0 AND trace_id IN (unhex({f5:String})))
    GROUP BY trace_id
    HAVING first >= fromUnixTimestamp64Nano({from:Int64}) AND first < fromUnixTimestamp64Nano({to:Int64})))
GROUP BY value HAVING value != '' ORDER BY n DESC, value LIMIT {limit:UInt32};

