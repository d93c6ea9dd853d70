package store

// Costs that are stored are computed again from the columns that they depend on, once for each different call of an
// hour. The rows do not pass through here: the engine copies a day with other costs.

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
)

// shadowPricesColumns are those of shadowPrices: what a call costs, by what that depends on.
const shadowPricesColumns = `
(
    project       LowCardinality(String),
    start         DateTime64(9, 'UTC'), -- the hour
    input         FixedString(16),
    cost          Decimal(38, 12),
    cost_currency LowCardinality(String),
    cost_source   LowCardinality(String),
    cost_unknown  LowCardinality(String),
    cost_parts    String
)
ENGINE = MergeTree ORDER BY (start, input)`

// costInput names what a cost depends on, besides the day. A span whose start was moved to its arrival is left alone:
// its sender's own time, which counts for its price, is in no column.
var (
	costInput = `sipHash128(provider, request_model, response_model, operation, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, reported_cost, reported_currency)`
	hasCost   = `(operation IN (` + inferenceOperations + `) OR input_tokens >= 0 OR output_tokens >= 0) AND NOT has(warnings, 'time_implausible')`

	repriceCalls = `
SELECT ` + costInput + ` AS input, any(operation), any(provider), any(request_model), any(response_model),
    any(input_tokens), any(output_tokens), any(cache_read_tokens), any(cache_write_tokens), any(reasoning_tokens), toString(any(reported_cost)), any(reported_currency)
FROM spans
WHERE project = {project:String} AND toStartOfFiveMinutes(start) BETWEEN {at:DateTime('UTC')} AND {at:DateTime('UTC')} + INTERVAL 55 MINUTE AND ` + hasCost + `
GROUP BY input`

	repriceHour = `
INSERT INTO ` + shadowSpans + ` (%[1]s)
SELECT %[2]s
FROM (SELECT *, ` + costInput + ` AS input, ` + hasCost + ` AS priced FROM spans WHERE toStartOfHour(start) = toDateTime('%[3]s', 'UTC')) AS old
LEFT ANY JOIN (SELECT * FROM ` + shadowPrices + ` WHERE start = toDateTime('%[3]s', 'UTC')) AS new
    ON old.project = new.project AND old.input = new.input`
)

type priceColumns struct {
	table
	project lowCol
	start   timeCol
	input   hashCol
	cost    costColumns
}

func (c *priceColumns) init() {
	c.name = shadowPrices
	c.columns = append([]namedColumn{
		{"project", &c.project},
		{"start", &c.start},
		{"input", &c.input},
	}, c.cost.columns()...)
}

func (s *Store) repriceInto(ctx context.Context, day string, by Rereader) error {
	places, err := s.rereadPlaces(ctx, day)
	if err != nil {
		return err
	}
	var c priceColumns
	c.init()
	b := s.NewBatch() // for its block
	flush := func() error {
		defer c.reset()
		return s.insert(ctx, &b.block, &c.table, rand.Text())
	}
	for _, p := range places {
		if err := s.repricePlace(ctx, p, &c, &b.enc, by); err != nil {
			return err
		}
		if c.size() >= rereadFlush {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	var changing, names, values []string
	for _, col := range c.cost.columns() {
		changing = append(changing, col.name)
	}
	for _, col := range newRereadBatch(s, "").spans.columns {
		names = append(names, "`"+col.name+"`")
		value := "old.`" + col.name + "`"
		if slices.Contains(changing, col.name) {
			value = fmt.Sprintf("if(old.priced, new.`%[1]s`, old.`%[1]s`)", col.name)
		}
		values = append(values, value)
	}
	for hour := range 24 {
		if err := s.exec(ctx, fmt.Sprintf(repriceHour, strings.Join(names, ", "), strings.Join(values, ", "), fmt.Sprintf("%s %02d:00:00", day, hour))); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) repricePlace(ctx context.Context, p rereadPlace, c *priceColumns, e *encoder, by Rereader) error {
	var price Price
	return s.each(ctx, "Reread", repriceCalls, params{{"project", p.project}, {"at", p.at.UTC().Format(time.DateTime)}}, func(r driver.Rows) error {
		var input, op string
		var counts [5]int64
		call := genai.Span{Project: p.project, Start: p.at.UTC(), Cost: genai.Cost{Source: SourceReported}}
		err := r.Scan(&input, &op, &call.Provider, &call.RequestModel, &call.ResponseModel,
			&counts[0], &counts[1], &counts[2], &counts[3], &counts[4], &call.Cost.Amount, &call.Cost.Currency)
		if err != nil {
			return err
		}
		call.Operation = genai.Operation(op)
		knownCounts(&call.Usage, &counts)
		if call.Cost.Currency == "" {
			call.Cost = genai.Cost{}
		}
		by.Price(&price, &call)
		var own reported
		own.read(call.Cost)
		c.project.str(p.project)
		c.start.i64(p.at.UnixNano())
		c.input.bytes([]byte(input))
		c.cost.add(&price, &own)
		c.cost.parts.bytes(e.encodeParts(price.Parts))
		c.rows++
		return nil
	})
}
