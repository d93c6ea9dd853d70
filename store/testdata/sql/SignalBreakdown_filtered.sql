-- SignalBreakdown
SET param_project = 'default';
SET param_signal = '';
SET param_from = '1772616600123456789';
SET param_to = '1772622000123456789';
SET param_step = '9223372036854775807';
SET param_limit = '10001';
SET param_until = '1772622000123456789';
SET param_f0 = 'shop';
SELECT signal, toString(value) AS value, intDiv(toUnixTimestamp64Nano(time) - {from:Int64}, {step:Int64}) AS bucket,
  count() AS n, countIf(probability >= 0.5), sum(probability), sum(score), sum(score * score), min(score), max(score),
  CAST(sumMap([toString(label)], [toUInt64(1)]), 'Map(String, UInt64)')
FROM
(
  SELECT time, signal, score, probability, label, model AS value
  FROM signals
  WHERE project = {project:String} AND ({signal:String} = '' OR signal = {signal:String})
    AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
    AND time >= fromUnixTimestamp64Nano({from:Int64}) AND time < fromUnixTimestamp64Nano({to:Int64})
    AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM spans WHERE project = {project:String}
      AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
      AND service IN ({f0:String}))
  ORDER BY project, toStartOfFiveMinutes(time), trace_id, span_id, signal, scored_at DESC
  LIMIT 1 BY trace_id, span_id, signal
)
GROUP BY signal, value, bucket
ORDER BY signal, bucket, n DESC, value LIMIT {limit:UInt32};

