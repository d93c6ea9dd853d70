// Package dialect reads what an instrumentation sent into the canonical span.
//
// It never drops a span and never fails: what it cannot read stays an attribute, what it
// doubts becomes a warning on the span. Reading depends on the bytes alone, so the same
// bytes give the same span in every run. Strings of the result share the memory of the
// request; nobody may change it afterwards.
//
// It knows attribute keys, event names and vocabularies. It does not know where spans come
// from, where they go, or which project they belong to.
package dialect

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// dialects are all dialects, the most specific first. A dialect that names its fields itself
// stands before one that shares its keys with others; OpenTelemetry's own keys are what
// everybody else adds to, so they stand last.
var dialects = [...]*speaker{
	&langfuse,
	&langSmith,
	&mlflow,
	&langWatch,
	&openInference,
	&vercel,
	&liteLLM,
	&koog,
	&openLLMetry,
	&strands,
	&adk,
	&springAI,
	&microsoftAI,
	&claudeCode,
	&codex,
	&geminiCLI,
	&copilot,
	&mastra,
	&genkit,
	&haystack,
	&llamaIndex,
	&liveKit,
	&pipecat,
	&flue,
	&crewAI,
	&mcp,
	&laminar,
	&openLIT,
	&pydanticAI,
	&otelGenAI,
}

// Limits bounds what one span may cost. Zero fields mean the default.
type Limits struct {
	// AttributeValueBytes is how much of one attribute value is kept; what is longer is cut and
	// warned about. Default wire.DefaultAttributeValueBytes.
	AttributeValueBytes int
	// Attributes is how many attributes of one span are read. Default wire.DefaultAttributesPerSpan.
	Attributes int
	// ListElements is how many elements a list has that was flattened into keys (llm.input_messages.0.…);
	// attributes with a higher index stay attributes. Default 10,000.
	ListElements int
	// Depth is how many lists or maps within each other are rendered. Default wire.DefaultDepth.
	Depth int
	// Events and Links are how many of them are read of one span. Default 10,000 and 1,000:
	// a streaming instrumentation sends one event a chunk.
	Events, Links int
}

const (
	defaultEvents       = 10_000
	defaultLinks        = 1_000
	defaultListElements = 10_000
)

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.AttributeValueBytes, wire.DefaultAttributeValueBytes)
	set(&l.Attributes, wire.DefaultAttributesPerSpan)
	set(&l.Depth, wire.DefaultDepth)
	set(&l.ListElements, defaultListElements)
	set(&l.Events, defaultEvents)
	set(&l.Links, defaultLinks)
	return l
}

// Options is what New needs; the zero value is good.
type Options struct {
	Limits Limits
	// Rules are read before every dialect; nil: there are none.
	Rules *Rules
	// Registerer takes the metrics; nil: they are not exported.
	Registerer prometheus.Registerer
}

// Normalizer turns wire spans and log records into canonical spans. It is safe for concurrent use.
type Normalizer struct {
	limits   Limits
	rules    *Rules
	spans    [len(dialects) + 2]prometheus.Counter // the last two count spans of no dialect, and of rules alone
	logs     prometheus.Counter
	warnings map[genai.WarningCode]prometheus.Counter
	readings sync.Pool

	ruleSpans, ruleFailures []prometheus.Counter // by rule
}

// The places behind those of the dialects: of spans that no dialect reads, and that rules alone read.
const (
	ofNone = len(dialects) + iota
	ofRules
)

// New builds a Normalizer.
func New(o Options) *Normalizer {
	n := &Normalizer{limits: o.Limits.withDefaults(), rules: o.Rules, warnings: map[genai.WarningCode]prometheus.Counter{}}
	n.readings.New = func() any { return &reading{limits: n.limits, rules: n.rules} }
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tiltmeter_dialect_spans_total",
		Help: "Spans normalised, by the dialect that spoke first.",
	}, []string{"dialect"})
	warnings := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tiltmeter_dialect_warnings_total",
		Help: "Doubts about what was read, by code.",
	}, []string{"code"})
	n.logs = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tiltmeter_dialect_log_fragments_total",
		Help: "Log records that were read as part of a GenAI span.",
	})
	ruleSpans, ruleFailures := n.countRules()
	for i, d := range dialects {
		n.spans[i] = spans.WithLabelValues(d.name)
	}
	n.spans[ofNone], n.spans[ofRules] = spans.WithLabelValues("none"), spans.WithLabelValues(rulesName)
	for _, c := range genai.WarningCodes {
		n.warnings[c] = warnings.WithLabelValues(string(c))
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(spans, warnings, n.logs, ruleSpans, ruleFailures)
	}
	return n
}

// Span fills dst from one wire span. What dst held before is gone; its slices are used again,
// so whoever keeps a part of it must copy that part. Project is left empty.
func (n *Normalizer) Span(dst *genai.Span, res *wire.Resource, scope *wire.Scope, s *wire.Span) {
	r := n.readings.Get().(*reading)
	r.begin(dst, res, scope)
	first := n.read(r, s)
	n.spans[first].Inc()
	n.count(dst.Warnings)
	if n.rules != nil {
		n.countRuling(&r.ruling)
	}
	r.end()
	n.readings.Put(r)
}

// read reads a span and returns the place of the dialect that spoke first, or ofRules or ofNone.
func (n *Normalizer) read(r *reading, s *wire.Span) int {
	dst := r.dst
	r.readSpan(s)
	first := r.listen()
	if by := r.ruling.first; first == ofNone && n.rules != nil && by != nil {
		first = ofRules
		dst.Dialect, dst.DialectVersion = rulesName, by.name
	}
	r.fill()
	r.finish(&dst.Attributes)
	if n.rules != nil {
		r.forgetRuled()
	}
	if s.EventCount > 0 {
		r.readEvents(s.Events())
	}
	if first != ofNone {
		r.settleFields()
	}
	r.settleStatus()
	return first
}

// settleFields fills what follows from several fields.
func (r *reading) settleFields() {
	if r.trace != nil {
		r.traceSettle()
		return
	}
	for _, d := range r.speakers {
		if d.settle != nil {
			d.settle(r.dst, r)
		}
	}
	r.settle()
}

// settleStatus fills what follows from the status.
func (r *reading) settleStatus() {
	if r.trace != nil {
		r.traceStep(Source{Outcome: Derived}, r.settleError)
		return
	}
	r.settleError()
}

// Log reads a log record into dst, a fragment of the span that the record names: it holds the
// record's ids and time and the fields that the record carries. Span.Merge joins it with its
// span. false means that the record says nothing about a GenAI operation; dst then holds the
// record as a plain event in Events.
func (n *Normalizer) Log(dst *genai.Span, res *wire.Resource, scope *wire.Scope, l *wire.LogRecord) bool {
	r := n.readings.Get().(*reading)
	r.begin(dst, res, scope)
	ok := r.readLog(l)
	if ok {
		n.logs.Inc()
		n.count(dst.Warnings)
	}
	r.end()
	n.readings.Put(r)
	return ok
}

func (n *Normalizer) count(ws []genai.Warning) {
	for i := range ws {
		if c := n.warnings[ws[i].Code]; c != nil {
			c.Inc()
		}
	}
}
