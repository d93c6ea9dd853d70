-- AnswerTraces
SET param_project = 'default';
SET param_from = '1772616600123456789';
SET param_to = '1772622000123456789';
SET param_after = '01000000000000000000000000000000';
SET param_limit = '256';
SELECT DISTINCT trace_id FROM spans
WHERE project = {project:String}
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({to:Int64})
  AND operation IN ('chat', 'text_completion', 'generate_content', 'invoke_agent')
  AND trace_id > toFixedString(unhex({after:String}), 16)
ORDER BY trace_id LIMIT {limit:UInt32};

