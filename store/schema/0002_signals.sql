-- What analyzers say of spans: one row a span and signal, the one that was scored last. The columns that people break
-- down by are those of the span, so that rates over time need no join.

CREATE TABLE IF NOT EXISTS signals {{.OnCluster}}
(
    project        LowCardinality(String),
    time           DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)), -- the span's start, as spans has it
    trace_id       FixedString(16) CODEC(ZSTD(1)),
    span_id        FixedString(8) CODEC(ZSTD(1)),
    signal         LowCardinality(String),
    analyzer       LowCardinality(String),
    version        UInt32 CODEC(ZSTD(1)),          -- of the analyzer
    score          Float64 CODEC(ZSTD(1)),         -- in the signal's unit
    probability    Float64 CODEC(ZSTD(1)),         -- of what the signal detects; 0 of a plain fact
    label          LowCardinality(String),
    evidence       String CODEC(ZSTD(1)),          -- JSON: a list of analyzers.Evidence
    service        LowCardinality(String),
    environment    LowCardinality(String),
    operation      LowCardinality(String),
    model          LowCardinality(String),         -- that answered, or else was asked
    agent_name     LowCardinality(String),
    prompt_name    LowCardinality(String),
    prompt_version LowCardinality(String),
    scored_at      DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree" "scored_at"}}
PARTITION BY toDate(time)
ORDER BY (project, toStartOfFiveMinutes(time), trace_id, span_id, signal)
TTL toDateTime(time) + INTERVAL {{.Days "signals"}} DAY
SETTINGS {{.Settings}};
