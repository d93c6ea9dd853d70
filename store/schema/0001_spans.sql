-- Spans, the contents that they share, log records, and the summaries that follow from them.
-- Everything belongs to a project and is dropped a day at a time, contents after the spans that
-- hold them. docs/adr/005 has the reasons for keys and indexes, docs/adr/004 for contents.

CREATE TABLE IF NOT EXISTS spans {{.OnCluster}}
(
    project            LowCardinality(String),
    trace_id           FixedString(16) CODEC(ZSTD(1)),
    span_id            FixedString(8) CODEC(NONE),
    parent_span_id     FixedString(8) CODEC(LZ4),
    name               LowCardinality(String),
    kind               UInt8,
    start              DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)), -- when it came, where what was sent cannot be (store/place.go)
    duration_ns        Int64 CODEC(ZSTD(1)),      -- negative: the sender's end lies before its start
    status             UInt8,                     -- as sent: 0 unset, 1 ok, 2 error
    outcome            UInt8,                     -- 1: the span failed, by its status or its error type
    service            LowCardinality(String),
    service_namespace  LowCardinality(String),
    service_version    LowCardinality(String),
    service_instance   LowCardinality(String),
    environment        LowCardinality(String),
    language           LowCardinality(String),
    scope_name         LowCardinality(String),
    scope_version      LowCardinality(String),
    dialect            LowCardinality(String),
    dialect_version    LowCardinality(String),
    operation          LowCardinality(String),
    provider           LowCardinality(String),
    framework          LowCardinality(String),
    request_model      LowCardinality(String),
    response_model     LowCardinality(String),
    response_id        String CODEC(ZSTD(1)),
    finish_reasons     Array(LowCardinality(String)),
    input_tokens       Int64 CODEC(ZSTD(1)),      -- -1: unknown, in all five
    output_tokens      Int64 CODEC(ZSTD(1)),
    cache_read_tokens  Int64 CODEC(ZSTD(1)),
    cache_write_tokens Int64 CODEC(ZSTD(1)),
    reasoning_tokens   Int64 CODEC(ZSTD(1)),
    usage_rollup       UInt8,                     -- 1: the counts repeat those of spans below
    usage_rule         LowCardinality(String),    -- how the input count came to include what a cache served
    cost               Decimal(38, 12) CODEC(ZSTD(1)), -- what counts: the book's or the sender's
    cost_currency      LowCardinality(String),    -- '': the cost is unknown, which is not free
    cost_source        LowCardinality(String),    -- name and day of the price book, or 'reported'
    cost_unknown       LowCardinality(String),    -- why the book gives no cost; '': it does, or was not asked
    cost_parts         String CODEC(ZSTD(1)),     -- what of the usage was paid at which price (store/price.go)
    reported_cost      Decimal(38, 12) CODEC(ZSTD(1)), -- the sender's own
    reported_currency  LowCardinality(String),    -- '': the sender gave none
    fingerprint        FixedString(16) CODEC(ZSTD(1)), -- of the four parts; zero: nothing was said of any
    fingerprint_model  UInt64 CODEC(ZSTD(1)),     -- 0: nothing was said, in all four
    fingerprint_system UInt64 CODEC(ZSTD(1)),
    fingerprint_tools  UInt64 CODEC(ZSTD(1)),
    fingerprint_params UInt64 CODEC(ZSTD(1)),
    ttft_ns            Int64 CODEC(ZSTD(1)),      -- 0: not known
    agent_name         LowCardinality(String),
    workflow           LowCardinality(String),
    conversation       String CODEC(ZSTD(1)),
    user               String CODEC(ZSTD(1)),
    prompt_name        LowCardinality(String),
    prompt_version     LowCardinality(String),
    tool_name          LowCardinality(String),
    tool_call_id       String CODEC(ZSTD(1)),
    error_type         LowCardinality(String),
    tags               Array(LowCardinality(String)),
    warnings           Array(LowCardinality(String)),
    attributes         Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    input_messages     UInt32 CODEC(ZSTD(1)),
    output_messages    UInt32 CODEC(ZSTD(1)),
    has_input          UInt8,                     -- 1: instructions or messages say something, a list of roles does not
    has_output         UInt8,
    input_preview      String CODEC(ZSTD(1)),
    output_preview     String CODEC(ZSTD(1)),
    refs               Array(FixedString(16)) CODEC(ZSTD(1)), -- contents and list nodes, used by detail and raw in order
    detail             String CODEC(ZSTD(1)),     -- what no column above holds (store/encode.go)
    resource           FixedString(16) CODEC(ZSTD(1)),
    scope              FixedString(16) CODEC(ZSTD(1)),
    raw                String CODEC(ZSTD(1)),     -- the rest of the wire span, long values cut out (store/content)
    inserted_at        DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    INDEX by_inserted_at inserted_at TYPE minmax GRANULARITY 1,
    INDEX by_ref refs TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {{.Engine "MergeTree"}}
PARTITION BY toDate(start)
ORDER BY (project, toStartOfFiveMinutes(start), trace_id, start, span_id)
TTL toDateTime(start) + INTERVAL {{.Days "spans"}} DAY
SETTINGS {{.Settings}};

-- Texts that people read and search. The row of a hash is always the same, so that it does not
-- matter which of several is kept.
CREATE TABLE IF NOT EXISTS contents {{.OnCluster}}
(
    project LowCardinality(String),
    day     Date,                                 -- of the spans that hold it: dropped with them
    hash    FixedString(16) CODEC(NONE),
    kind    LowCardinality(String),               -- message, part, tool, document, text
    body    String CODEC(ZSTD(1)),
    -- The tokenizer takes every byte outside ASCII for a letter, so quotes, dashes and spaces there become spaces
    -- first; so do the escapes of JSON, which must not glue to the words behind them.
    INDEX words body TYPE text(tokenizer = 'splitByNonAlpha', preprocessor = if(isValidASCII(body),
        lower(replaceRegexpAll(body, '\\\\[nrtbf]', ' ')),
        lowerUTF8(replaceRegexpAll(body, '\\\\[nrtbf]|[^\\x00-\\x7F\\pL\\pM\\pN]', ' '))))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY day
ORDER BY (project, day, hash)
TTL day + INTERVAL {{.Days "contents"}} DAY
SETTINGS {{.Settings}};

-- Pieces that nobody searches: cut raw values, resources, scopes, vectors, nodes of lists.
CREATE TABLE IF NOT EXISTS chunks {{.OnCluster}}
(
    project  LowCardinality(String),
    day      Date,
    hash     FixedString(16) CODEC(NONE),
    body     String CODEC(ZSTD(1)),
    children Array(FixedString(16)) CODEC(ZSTD(1)) -- of a list's node, else empty
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
PARTITION BY day
ORDER BY (project, day, hash)
TTL day + INTERVAL {{.Days "chunks"}} DAY
SETTINGS {{.Settings}};

-- What GenAI log records tell of a span, merged into it when it is read: which comes first does not matter. Of a record without a
-- span, trace_id or span_id is zero; whose part it is, is decided then, too, by the columns from operation on (store/placement.go).
CREATE TABLE IF NOT EXISTS fragments {{.OnCluster}}
(
    project     LowCardinality(String),
    trace_id    FixedString(16) CODEC(ZSTD(1)),
    span_id     FixedString(8) CODEC(ZSTD(1)),
    time        DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)), -- as spans.start
    seq         UInt64 CODEC(Delta, ZSTD(1)),
    event_name  LowCardinality(String),
    operation   LowCardinality(String),
    response_id String CODEC(ZSTD(1)),
    call_id     String CODEC(ZSTD(1)),            -- of the execution of a tool
    turn        String CODEC(ZSTD(1)),            -- what one prompt led to, and the record's place in it
    sequence    Int64 CODEC(ZSTD(1)),
    warnings    Array(LowCardinality(String)),
    input_messages  UInt32 CODEC(ZSTD(1)),
    output_messages UInt32 CODEC(ZSTD(1)),
    has_input   UInt8,                            -- as in spans
    has_output  UInt8,
    refs        Array(FixedString(16)) CODEC(ZSTD(1)),
    detail      String CODEC(ZSTD(1)),
    resource    FixedString(16) CODEC(ZSTD(1)),
    scope       FixedString(16) CODEC(ZSTD(1)),
    raw         String CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    INDEX by_ref refs TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {{.Engine "MergeTree"}}
PARTITION BY toDate(time)
ORDER BY (project, toStartOfFiveMinutes(time), trace_id, span_id, time, seq)
TTL toDateTime(time) + INTERVAL {{.Days "fragments"}} DAY
SETTINGS {{.Settings}};

-- Log records that are not GenAI or belong to no span: kept, because they were acknowledged.
CREATE TABLE IF NOT EXISTS logs {{.OnCluster}}
(
    project     LowCardinality(String),
    trace_id    FixedString(16) CODEC(ZSTD(1)),
    span_id     FixedString(8) CODEC(ZSTD(1)),
    time        DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)), -- as spans.start
    seq         UInt64 CODEC(Delta, ZSTD(1)),
    event_name  LowCardinality(String),
    severity    UInt8,
    service     LowCardinality(String),
    scope_name  LowCardinality(String),
    body        String CODEC(ZSTD(1)),
    refs        Array(FixedString(16)) CODEC(ZSTD(1)),
    resource    FixedString(16) CODEC(ZSTD(1)),
    scope       FixedString(16) CODEC(ZSTD(1)),
    raw         String CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = {{.Engine "MergeTree"}}
PARTITION BY toDate(time)
ORDER BY (project, toStartOfFiveMinutes(time), trace_id, time, seq)
TTL toDateTime(time) + INTERVAL {{.Days "logs"}} DAY
SETTINGS {{.Settings}};

-- Where in time a trace is, for a look-up by its id.
CREATE TABLE IF NOT EXISTS trace_times {{.OnCluster}}
(
    project  LowCardinality(String),
    day      Date,
    trace_id FixedString(16),
    first    SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    last     SimpleAggregateFunction(max, DateTime64(9, 'UTC'))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY day
ORDER BY (project, trace_id, day)
TTL day + INTERVAL {{.Days "trace_times"}} DAY
SETTINGS index_granularity = 1024, {{.Settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_times_of_spans {{.OnCluster}} TO trace_times AS
SELECT project, toDate(start) AS day, trace_id, min(start) AS first, max(start) AS last
FROM spans
GROUP BY project, day, trace_id;

-- One row a trace and hour in which spans of it start. Model calls alone count tokens and cost, and of these
-- none that says of itself that it repeats others: what a single span tells. What the whole trace tells (a call seen
-- twice, an agent without calls) is worked out when it is read (store/usage.go).
CREATE TABLE IF NOT EXISTS traces {{.OnCluster}}
(
    project           LowCardinality(String),
    hour              DateTime('UTC'),
    trace_id          FixedString(16),
    start             SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    end               SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    -- The least of (0 for a root else 1, start, name, service, operation): the root, or else the earliest.
    root              SimpleAggregateFunction(min, Tuple(UInt8, Int64, String, String, String)),
    spans             SimpleAggregateFunction(sum, UInt64),
    genai_spans       SimpleAggregateFunction(sum, UInt64),
    errors            SimpleAggregateFunction(sum, UInt64),
    warnings          SimpleAggregateFunction(sum, UInt64),
    services          SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    operations        SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    models            SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    agents            SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    tools             SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    prompt_versions   SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    environment       SimpleAggregateFunction(max, String),
    conversation      SimpleAggregateFunction(max, String),
    user              SimpleAggregateFunction(max, String),
    -- Each pair: the sum of the known counts, and how many were known.
    input_tokens       SimpleAggregateFunction(sum, Int64),
    input_known        SimpleAggregateFunction(sum, UInt64),
    output_tokens      SimpleAggregateFunction(sum, Int64),
    output_known       SimpleAggregateFunction(sum, UInt64),
    cache_read_tokens  SimpleAggregateFunction(sum, Int64),
    cache_read_known   SimpleAggregateFunction(sum, UInt64),
    cache_write_tokens SimpleAggregateFunction(sum, Int64),
    cache_write_known  SimpleAggregateFunction(sum, UInt64),
    reasoning_tokens   SimpleAggregateFunction(sum, Int64),
    reasoning_known    SimpleAggregateFunction(sum, UInt64),
    cost               SimpleAggregateFunction(sum, Decimal(38, 12)),
    cost_currency      SimpleAggregateFunction(max, String),
    unpriced           SimpleAggregateFunction(sum, UInt64), -- model calls whose tokens are known and whose cost is not
    input_preview      SimpleAggregateFunction(min, Tuple(Int64, String)), -- (start, text); the earliest
    output_preview     SimpleAggregateFunction(max, Tuple(Int64, String))  -- (end, text); the latest
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PARTITION BY toDate(hour)
ORDER BY (project, hour, trace_id)
TTL hour + INTERVAL 1 HOUR + INTERVAL {{.Days "traces"}} DAY
SETTINGS {{.Settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS traces_of_spans {{.OnCluster}} TO traces AS
WITH operation IN ('chat', 'text_completion', 'generate_content', 'embeddings', 'rerank') AND usage_rollup = 0 AS counts
SELECT
    project,
    toStartOfHour(spans.start) AS hour,
    trace_id,
    min(spans.start) AS start,
    max(addNanoseconds(spans.start, greatest(duration_ns, 0))) AS end,
    min((parent_span_id != toFixedString('', 8), toUnixTimestamp64Nano(spans.start), toString(name), toString(service), toString(operation))) AS root,
    count() AS spans,
    countIf(operation != '') AS genai_spans,
    sum(outcome) AS errors,
    sum(length(spans.warnings)) AS warnings,
    groupUniqArrayIf(toString(service), service != '') AS services,
    groupUniqArrayIf(toString(operation), operation != '') AS operations,
    groupUniqArrayIf(toString(if(response_model != '', response_model, request_model)), response_model != '' OR request_model != '') AS models,
    groupUniqArrayIf(toString(agent_name), agent_name != '') AS agents,
    groupUniqArrayIf(toString(tool_name), tool_name != '') AS tools,
    groupUniqArrayIf(concat(prompt_name, if(prompt_version != '', concat('@', prompt_version), '')), prompt_name != '') AS prompt_versions,
    max(toString(spans.environment)) AS environment,
    max(spans.conversation) AS conversation,
    max(spans.user) AS user,
    sumIf(spans.input_tokens, counts AND spans.input_tokens >= 0) AS input_tokens,
    countIf(counts AND spans.input_tokens >= 0) AS input_known,
    sumIf(spans.output_tokens, counts AND spans.output_tokens >= 0) AS output_tokens,
    countIf(counts AND spans.output_tokens >= 0) AS output_known,
    sumIf(spans.cache_read_tokens, counts AND spans.cache_read_tokens >= 0) AS cache_read_tokens,
    countIf(counts AND spans.cache_read_tokens >= 0) AS cache_read_known,
    sumIf(spans.cache_write_tokens, counts AND spans.cache_write_tokens >= 0) AS cache_write_tokens,
    countIf(counts AND spans.cache_write_tokens >= 0) AS cache_write_known,
    sumIf(spans.reasoning_tokens, counts AND spans.reasoning_tokens >= 0) AS reasoning_tokens,
    countIf(counts AND spans.reasoning_tokens >= 0) AS reasoning_known,
    sumIf(spans.cost, counts AND spans.cost_currency != '') AS cost,
    maxIf(toString(spans.cost_currency), counts) AS cost_currency,
    countIf(counts AND spans.cost_currency = '' AND (spans.input_tokens >= 0 OR spans.output_tokens >= 0)) AS unpriced,
    min((if(spans.input_preview = '', 9223372036854775807, toUnixTimestamp64Nano(spans.start)), spans.input_preview)) AS input_preview,
    max((if(spans.output_preview = '', 0, toUnixTimestamp64Nano(spans.start) + greatest(duration_ns, 0)), spans.output_preview)) AS output_preview
FROM spans
GROUP BY project, hour, trace_id;
