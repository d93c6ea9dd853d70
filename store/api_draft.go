package store

import (
	"context"
	"errors"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tiltmeter/tiltmeter/genai"
)

// This file holds the signatures that others build against until their files replace it.

var errNotBuilt = errors.New("this part of the store is not built yet")

// Sizes of pages and answers.
const (
	DefaultPage          = 50
	MaxPage              = 500
	MaxTraceSpans        = 100_000
	DefaultKnownContents = 1 << 20
)

type param struct{ name, value string }
type params []param

// Store reads and writes one database. It is safe for concurrent use.
type Store struct{}

// Open connects, brings the schema up to date and returns the store.
func Open(ctx context.Context, o Options) (*Store, error) { return nil, errNotBuilt }

// ParseDSN reads http://user:password@host:8123/database?setting=value.
func ParseDSN(dsn string) (*clickhouse.Options, error) { return nil, errNotBuilt }

// Close ends the connections; the engine goes on.
func (s *Store) Close() error { return nil }

// Ping says whether the engine answers.
func (s *Store) Ping(ctx context.Context) error { return errNotBuilt }

// Batch collects rows column by column. It is reusable, and for one goroutine at a time.
type Batch struct{}

// NewBatch makes an empty batch for this store.
func (s *Store) NewBatch() *Batch { return &Batch{} }

// AddSpan adds a span. What it needs is copied: s and the memory that it aliases may be reused.
func (b *Batch) AddSpan(s *genai.Span) {}

// AddFragment adds what a GenAI log record tells of a span: f is the partial span.
func (b *Batch) AddFragment(f *genai.Span, l *Log) {}

// AddLog adds a log record that is not GenAI or belongs to no trace.
func (b *Batch) AddLog(l *Log) {}

// Rows is the number of spans, fragments and logs.
func (b *Batch) Rows() int { return 0 }

// Bytes is about what the batch takes in memory and on the way to the engine.
func (b *Batch) Bytes() int { return 0 }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {}

// Insert stores the batch. A nil error means that it is stored; after any error the caller MAY
// insert the same rows again under the same token, in this process or a later one, and nothing is stored twice.
func (s *Store) Insert(ctx context.Context, b *Batch, token string) error { return errNotBuilt }

// ListTraces lists traces, newest first.
func (s *Store) ListTraces(ctx context.Context, q TraceQuery) (TracePage, error) {
	return TracePage{}, errNotBuilt
}

// Facets counts the traces that match by the values of the named fields; limit values each.
// Conditions on a field itself are left out when it is counted.
func (s *Store) Facets(ctx context.Context, q TraceQuery, fields []string, limit int) ([]Facet, error) {
	return nil, errNotBuilt
}

// Histogram counts the traces that match in steps of time.
func (s *Store) Histogram(ctx context.Context, q TraceQuery, step time.Duration) ([]HistogramBucket, error) {
	return nil, errNotBuilt
}

// Trace returns a trace with its spans, without contents, or ErrNotFound.
func (s *Store) Trace(ctx context.Context, project string, id genai.TraceID) (*TraceDetail, error) {
	return nil, errNotBuilt
}

// Span returns one span with everything, log fragments merged, or ErrNotFound.
func (s *Store) Span(ctx context.Context, project string, trace genai.TraceID, id genai.SpanID) (*genai.Span, error) {
	return nil, errNotBuilt
}

// SpansWithContent returns the spans of a trace that carry content, with it, by start.
func (s *Store) SpansWithContent(ctx context.Context, project string, trace genai.TraceID, limit int) ([]genai.Span, error) {
	return nil, errNotBuilt
}

// RawSpan returns a span as it was sent, with its log records, or ErrNotFound.
func (s *Store) RawSpan(ctx context.Context, project string, trace genai.TraceID, id genai.SpanID) (*RawSpan, error) {
	return nil, errNotBuilt
}

// SearchContents finds the contents that hold all words, newest first, one hit a trace.
func (s *Store) SearchContents(ctx context.Context, q SearchQuery) (SearchPage, error) {
	return SearchPage{}, errNotBuilt
}

// RecentTraces returns the traces of which a span was stored after since, oldest arrival first.
func (s *Store) RecentTraces(ctx context.Context, project string, since time.Time, limit int, f Filter) ([]TraceSummary, error) {
	return nil, errNotBuilt
}

// Projects lists who owns data.
func (s *Store) Projects(ctx context.Context) ([]Project, error) { return nil, errNotBuilt }

// Counts says how much of a project is stored.
func (s *Store) Counts(ctx context.Context, project string) (Counts, error) {
	return Counts{}, errNotBuilt
}

// StorageStats says what each table costs on disk.
func (s *Store) StorageStats(ctx context.Context) ([]StorageStats, error) { return nil, errNotBuilt }
