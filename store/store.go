// Package store keeps spans, their contents and their log records in ClickHouse, and reads them back.
//
// All SQL of the product is in this folder. A batch that was inserted under a token may be
// inserted again under it, after a crash at any point: nothing is stored twice, the summaries
// included. Contents are stored once for each project and day, however often they are sent.
//
// It knows genai.Span and ClickHouse's HTTP interface; it does not know whether the engine
// behind the interface is the embedded one or a cluster, nor where spans come from.
package store

import (
	"errors"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/genai"
)

// DefaultTTLDays is how long data is kept when nothing else is set, in days from a span's start.
const DefaultTTLDays = 30

// MaxTTLDays bounds how long data is kept. The engine's expiry dates end in 2106 and begin anew in
// 1970: with a retention of 36,500 days it would delete everything at once.
const MaxTTLDays = 3650

// ErrNotMigrated says that the schema is not there yet: Migrate has not succeeded so far.
var ErrNotMigrated = errors.New("the schema is not up to date yet")

// ErrNotFound says that nothing is stored under the ids that were asked for.
var ErrNotFound = errors.New("not found")

// Options say where the data is and how long it is kept.
type Options struct {
	// ClickHouse is how to reach the engine. Protocol must be clickhouse.HTTP: rows go in as
	// Native blocks over the same interface, dialled the same way. Auth.Database is the
	// database; it is made when it does not exist ("" means "tiltmeter").
	ClickHouse *clickhouse.Options
	TTLDays    int // days from a span's start until its data is dropped, at most MaxTTLDays; 0 means DefaultTTLDays
	// Cluster is the name of a ClickHouse cluster of one shard: the database and its tables are made
	// on every server of it, replicated. "" is a single server.
	Cluster string
	// Fsync makes tables that are made now survive power loss. The embedded engine has this in its
	// own configuration.
	Fsync bool
	// Exclusive says that nobody else can reach the database, as with the embedded engine.
	Exclusive  bool
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are counted and not exported

	// KnownContents bounds the memory of contents known to be stored, in entries of about
	// 64 bytes; 0 means DefaultKnownContents.
	KnownContents int
}

// Log is a log record. Where it may belong to a GenAI span it comes with the partial span that
// the dialects read from it (Batch.AddFragment), else it is kept as it is (Batch.AddLog).
type Log struct {
	Project   string
	TraceID   genai.TraceID // zero: the record names no trace
	SpanID    genai.SpanID  // zero: it names no span; see genai.Place
	Time      time.Time     // of the event, or when it was observed where the sender gave no other
	Seq       uint64        // arrival: grows with every record that the log holds
	EventName string
	Severity  uint8  // opentelemetry.proto.logs.v1.SeverityNumber
	Body      string // as text; JSON where it was structured
	Service   genai.Service
	Scope     genai.Scope
	Raw       []byte // the whole record as it was sent: protobuf opentelemetry.proto.logs.v1.LogRecord
}

// TraceQuery asks for traces that start in [From, To) and have a span that matches Filter.
type TraceQuery struct {
	Project  string
	From, To time.Time
	Filter   Filter
	Words    string // words that must all occur in one content of the trace; "" asks for none
	Limit    int    // traces a page, at most MaxPage; 0 means DefaultPage
	After    Cursor // the Next of the page before; zero for the first page
}

// Cursor is a place in a list of traces, newest first.
type Cursor struct {
	Start   time.Time
	TraceID genai.TraceID
}

// IsZero reports whether the cursor is no place: before the first page, or after the last.
func (c Cursor) IsZero() bool { return c.TraceID.IsZero() }

// TracePage is one page of a list; Next is zero on the last.
type TracePage struct {
	Traces []TraceSummary
	Next   Cursor
}

// TraceSummary is what a list shows of a trace. Usage and Cost are the sum of the trace's leaves, see
// genai.UsageTree; where Estimated is set, of its model calls without those that say of themselves that
// they repeat others.
type TraceSummary struct {
	TraceID       genai.TraceID
	Start, End    time.Time
	RootName      string // of the root span, or of the earliest when the root has not come
	RootService   string
	RootOperation genai.Operation
	RootMissing   bool

	// Warnings are those that an opened trace shows; where Estimated is set, what its spans say without their log records.
	Spans, GenAISpans, Errors, Warnings int64

	Services, Operations, Models, Agents, Tools []string // sorted
	PromptVersions                              []string // "name@version", sorted

	Conversation, User, Environment string
	Usage                           genai.Usage
	Cost                            genai.Cost
	Unpriced                        int64 // spans that count and whose cost is unknown
	Estimated                       bool  // the trace was too large to be looked at
	InputPreview, OutputPreview     string

	apart bool // a span of it is of genai.ApartDialects

	InsertedAt time.Time // when the latest span of the trace was stored; RecentTraces only
}

// Arrival is a place in the order in which traces were stored. With a zero TraceID it stands before
// everything that was stored at that time.
type Arrival struct {
	Time    time.Time
	TraceID genai.TraceID
}

// IsZero reports whether the arrival is no place: after the last trace.
func (a Arrival) IsZero() bool { return a.TraceID.IsZero() }

// RecentPage is one page of traces in the order of their arrival; Next is zero when there are no more.
type RecentPage struct {
	Traces []TraceSummary
	Next   Arrival
}

// Facet counts the traces that match by the values of one field.
type Facet struct {
	Field     string
	Values    []FacetValue // most frequent first
	Truncated bool         // there are more values than were asked for
}

// FacetValue is one value of a facet.
type FacetValue struct {
	Value  string
	Traces int64
}

// HistogramBucket counts the traces that start in [Start, Start+step).
type HistogramBucket struct {
	Start          time.Time
	Traces, Errors int64 // Errors: traces with a failed span
}

// TraceDetail is a trace with all its spans, by start, without messages and documents.
type TraceDetail struct {
	Summary   TraceSummary
	Spans     []SpanOutline
	Truncated bool // the trace has more than MaxTraceSpans spans, or more log records than are read
}

// SpanDetail is a span with its contents, log records merged. Its cost is the one that counts.
type SpanDetail struct {
	genai.Span
	Derived
	Truncated bool // the span has more log records, or more bytes, than are read
}

// ContentSpans are spans with their contents.
type ContentSpans struct {
	Spans     []genai.Span
	Truncated bool // there are more, or more log records of them, than are read
}

// Derived is what was worked out of a span when it was stored.
type Derived struct {
	Pricing SpanCost
	Version genai.Fingerprint // of a model call or an agent
}

// SpanOutline is a span without its contents, and how many messages it has. Its cost is the one that counts.
type SpanOutline struct {
	genai.Span
	Derived
	Role                          genai.UsageRole // of its usage in its trace
	Repeats                       genai.SpanID    // the span whose usage this one has, too; see UsageRepeatsBelow and UsageSameResponse
	InputMessages, OutputMessages int
	InputPreview, OutputPreview   string
}

// RawSpan is a span as it was sent.
type RawSpan struct {
	Resource, Scope []byte // protobuf Resource, InstrumentationScope
	Span            []byte // protobuf Span
	Logs            []RawLog
	Truncated       bool // the span has more log records than are read
}

// RawLog is a log record as it was sent.
type RawLog struct {
	Resource, Scope []byte
	Record          []byte // protobuf LogRecord
}

// SearchQuery asks for contents that hold all words, on spans that start in [From, To).
type SearchQuery struct {
	Project  string
	Words    string
	From, To time.Time
	Filter   Filter
	Limit    int // hits a page, at most MaxPage; 0 means DefaultPage
	After    Cursor
}

// SearchPage is one page of hits, newest first, one a trace; Next is zero on the last.
type SearchPage struct {
	Hits []SearchHit
	Next Cursor
}

// SearchHit is a content that holds the words, on the first span of a trace that has it.
type SearchHit struct {
	TraceID    genai.TraceID
	SpanID     genai.SpanID
	Start      time.Time
	SpanName   string
	Service    string
	Role       string // of the message; "" for other contents
	Snippet    string
	Highlights []Highlight
}

// Highlight is a stretch of a snippet, in UTF-8 bytes.
type Highlight struct{ Start, End int }

// Project is an owner of data.
type Project struct {
	Name                string
	FirstSeen, LastSeen time.Time
	Spans               int64
}

// Counts says how much of a project is stored, exactly.
type Counts struct{ Spans, Traces, Logs, Fragments int64 }

// StorageStats says what a table costs.
type StorageStats struct {
	Table                   string
	Rows                    int64
	BytesOnDisk             int64 // compressed, indexes included
	BytesUncompressed       int64
	Parts                   int64
	OldestDay, NewestDay    time.Time
	IndexBytes, MarksInCore int64
}
