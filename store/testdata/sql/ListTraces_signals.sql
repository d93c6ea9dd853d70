-- ListTraces
SET param_until = '1772708400123456789';
SET param_f0 = 'refusal';
SET param_f1 = 'full';
SET param_f2 = 'partial';
SET param_f3 = 'grounding';
SET param_f4 = 'supported';
SET param_f5 = 'grounding';
SET param_f6 = '0.8';
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
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64}) AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM signals WHERE project = {project:String} AND signal = {f0:String}
      AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
      GROUP BY trace_id, span_id HAVING argMax(label, scored_at) IN ({f1:String}, {f2:String})) AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM signals WHERE project = {project:String} AND signal = {f3:String}
      AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
      GROUP BY trace_id, span_id HAVING argMax(label, scored_at) != {f4:String}) AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM signals WHERE project = {project:String} AND signal = {f5:String}
      AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
      GROUP BY trace_id, span_id HAVING argMax(probability, scored_at) > {f6:Float64}))
GROUP BY trace_id
HAVING first >= fromUnixTimestamp64Nano({from:Int64})
   AND (first, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
ORDER BY first DESC, trace_id DESC LIMIT {limit:UInt32};

-- ListTraces
SET param_until = '1772704800123456789';
SET param_f0 = 'refusal';
SET param_f1 = 'full';
SET param_f2 = 'partial';
SET param_f3 = 'grounding';
SET param_f4 = 'supported';
SET param_f5 = 'grounding';
SET param_f6 = '0.8';
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772618400123456789';
SET param_before = '00000000000000000000000000000000';
SET param_limit = '51';
SELECT trace_id, min(start) AS first
FROM traces
WHERE project = {project:String}
  AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND trace_id IN (SELECT trace_id FROM spans WHERE project = {project:String}
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64}) AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM signals WHERE project = {project:String} AND signal = {f0:String}
      AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
      GROUP BY trace_id, span_id HAVING argMax(label, scored_at) IN ({f1:String}, {f2:String})) AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM signals WHERE project = {project:String} AND signal = {f3:String}
      AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
      GROUP BY trace_id, span_id HAVING argMax(label, scored_at) != {f4:String}) AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM signals WHERE project = {project:String} AND signal = {f5:String}
      AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
      GROUP BY trace_id, span_id HAVING argMax(probability, scored_at) > {f6:Float64}))
GROUP BY trace_id
HAVING first >= fromUnixTimestamp64Nano({from:Int64})
   AND (first, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
ORDER BY first DESC, trace_id DESC LIMIT {limit:UInt32};

