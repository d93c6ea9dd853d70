package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

// Store is what the API reads. Implementations MUST be safe for concurrent use, MUST return
// store.ErrNotFound for ids that name nothing in the project, and MUST obey the context's deadline.
type Store interface {
	ListTraces(context.Context, store.TraceQuery) (store.TracePage, error)
	Facets(ctx context.Context, q store.TraceQuery, fields []string, limit int) ([]store.Facet, error)
	Histogram(ctx context.Context, q store.TraceQuery, step time.Duration) ([]store.HistogramBucket, error)
	Trace(ctx context.Context, project string, id genai.TraceID) (*store.TraceDetail, error)
	TraceTree(ctx context.Context, project string, id genai.TraceID) ([]genai.Span, error)
	Span(ctx context.Context, project string, trace genai.TraceID, id genai.SpanID) (*store.SpanDetail, error)
	SpansWithContent(ctx context.Context, project string, trace genai.TraceID, limit int, budget int64) (store.ContentSpans, error)
	RawSpan(ctx context.Context, project string, trace genai.TraceID, id genai.SpanID) (*store.RawSpan, error)
	SearchContents(context.Context, store.SearchQuery) (store.SearchPage, error)
	RecentTraces(ctx context.Context, project string, after store.Arrival, limit int, f store.Filter) (store.RecentPage, error)
	Projects(context.Context) ([]store.Project, error)
	Counts(ctx context.Context, project string) (store.Counts, error)
	Instrumentations(context.Context, store.InstrumentationQuery) (store.InstrumentationReport, error)
	StorageStats(context.Context) ([]store.StorageStats, error)
	Detections(ctx context.Context, project string, traces []store.TraceSummary) (map[genai.TraceID][]store.Detection, error)
	Signals(ctx context.Context, project string, trace genai.TraceID, span genai.SpanID) (list []store.Signal, more bool, err error)
	SignalSeries(ctx context.Context, q store.SignalQuery, step time.Duration) (rows []store.SignalCounts, more bool, err error)
	SignalBreakdown(ctx context.Context, q store.SignalQuery, by string) (rows []store.SignalCounts, more bool, err error)
}

const (
	maxFacetValues     = 100 // of one field; a longer list is searched, not read
	defaultFacetValues = 20
	maxBuckets         = 500 // of a histogram: more than a wide screen has room for
	defaultBuckets     = 60
)

// traceService answers TraceService.
type traceService struct {
	pb.UnimplementedTraceServiceServer
	store  Store
	tail   *tailHub
	reader Reader // may be nil
	limits Limits
	now    func() time.Time
}

// projectOf returns the project that a request means, if its key may read it.
func projectOf(ctx context.Context, named string) (string, error) {
	p, ok := auth.FromContext(ctx)
	if !ok {
		return "", fmt.Errorf("%w: the request was not authenticated", auth.ErrUnauthenticated)
	}
	if named != "" {
		if err := auth.CheckProject(named); err != nil {
			return "", invalid("project", "%v", err)
		}
	}
	return p.For(named)
}

// filterOf reads the filter expressions of a request.
func (l Limits) filterOf(exprs []string) (store.Filter, error) {
	if len(exprs) > l.Filters {
		return store.Filter{}, invalid("filter", "there are %d filters, at most %d are read", len(exprs), l.Filters)
	}
	for i, e := range exprs {
		if len(e) > l.FilterBytes {
			return store.Filter{}, invalid(fmt.Sprintf("filter[%d]", i), "the filter has %d bytes, at most %d are read", len(e), l.FilterBytes)
		}
	}
	f, err := store.ParseFilter(exprs)
	if err != nil {
		return store.Filter{}, invalidFilter(err)
	}
	return f, nil
}

// selection is what the requests that choose traces have in common.
type selection interface {
	GetProject() string
	GetStartTime() *timestamppb.Timestamp
	GetEndTime() *timestamppb.Timestamp
	GetFilter() []string
	GetQuery() string
}

func (s *traceService) traceQuery(ctx context.Context, r selection) (store.TraceQuery, error) {
	project, err := projectOf(ctx, r.GetProject())
	if err != nil {
		return store.TraceQuery{}, err
	}
	w, err := resolveWindow(r.GetStartTime(), r.GetEndTime(), s.now())
	if err != nil {
		return store.TraceQuery{}, err
	}
	f, err := s.limits.filterOf(r.GetFilter())
	if err != nil {
		return store.TraceQuery{}, err
	}
	if n := len(r.GetQuery()); n > s.limits.QueryBytes {
		return store.TraceQuery{}, invalid("query", "the query has %d bytes, at most %d are read", n, s.limits.QueryBytes)
	}
	return store.TraceQuery{Project: project, From: w.from, To: w.to, Filter: f, Words: r.GetQuery()}, nil
}

// page fills in the window and place of a page token, and the size of the page.
func (s *traceService) page(q *store.TraceQuery, method string, r selection, size int32, token string) (query, error) {
	bound := query{method, q.Project, r.GetStartTime(), r.GetEndTime(), r.GetFilter(), r.GetQuery()}
	var err error
	if q.Limit, err = pageSize(size); err != nil || token == "" {
		return bound, err
	}
	w, at, err := decodeToken(token, bound)
	if err != nil {
		return bound, err
	}
	q.From, q.To, q.After = w.from, w.to, at
	return bound, nil
}

func (s *traceService) ListTraces(ctx context.Context, r *pb.ListTracesRequest) (*pb.ListTracesResponse, error) {
	q, err := s.traceQuery(ctx, r)
	if err != nil {
		return nil, err
	}
	bound, err := s.page(&q, "ListTraces", r, r.GetPageSize(), r.GetPageToken())
	if err != nil {
		return nil, err
	}
	page, err := s.store.ListTraces(ctx, q)
	if err != nil {
		return nil, err
	}
	found, err := s.store.Detections(ctx, q.Project, page.Traces)
	if err != nil {
		return nil, err
	}
	return &pb.ListTracesResponse{
		Traces: each(page.Traces, func(t *store.TraceSummary) *pb.TraceSummary {
			p := summaryProto(t)
			p.Detections = each(found[t.TraceID], func(d *store.Detection) *pb.Detection {
				return &pb.Detection{Signal: validText(d.Signal), Spans: d.Spans}
			})
			return p
		}),
		NextPageToken: encodeToken(bound, window{q.From, q.To}, page.Next),
	}, nil
}

func (s *traceService) GetFacets(ctx context.Context, r *pb.GetFacetsRequest) (*pb.GetFacetsResponse, error) {
	q, err := s.traceQuery(ctx, r)
	if err != nil {
		return nil, err
	}
	fields := r.GetField()
	if len(fields) == 0 {
		fields = store.DefaultFacets
	}
	known := store.FacetFields()
	for i, f := range fields {
		if !slices.Contains(known, f) {
			return nil, invalid(fmt.Sprintf("field[%d]", i), "%q is no field that can be counted: want one of %v", f, known)
		}
	}
	if len(fields) > len(known) {
		return nil, invalid("field", "%d fields are named, and there are %d", len(fields), len(known))
	}
	limit, err := bounded("limit", r.GetLimit(), defaultFacetValues, maxFacetValues, "")
	if err != nil {
		return nil, err
	}
	facets, err := s.store.Facets(ctx, q, fields, limit)
	if err != nil {
		return nil, err
	}
	return &pb.GetFacetsResponse{Facets: each(facets, func(f *store.Facet) *pb.Facet {
		return &pb.Facet{Field: f.Field, Truncated: f.Truncated, Values: each(f.Values, func(v *store.FacetValue) *pb.FacetValue {
			return &pb.FacetValue{Value: validText(v.Value), Traces: v.Traces}
		})}
	})}, nil
}

func (s *traceService) GetTraceHistogram(ctx context.Context, r *pb.GetTraceHistogramRequest) (*pb.GetTraceHistogramResponse, error) {
	q, err := s.traceQuery(ctx, r)
	if err != nil {
		return nil, err
	}
	buckets, err := bounded("buckets", r.GetBuckets(), defaultBuckets, maxBuckets, "")
	if err != nil {
		return nil, err
	}
	step := histogramStep(q.To.Sub(q.From), buckets)
	found, err := s.store.Histogram(ctx, q, step)
	if err != nil {
		return nil, err
	}
	return &pb.GetTraceHistogramResponse{
		Step: durationpb.New(step),
		Buckets: each(found, func(b *store.HistogramBucket) *pb.HistogramBucket {
			return &pb.HistogramBucket{StartTime: timestamp(b.Start), Traces: b.Traces, Errors: b.Errors}
		}),
	}, nil
}

// histogramSteps are the steps that people can read off an axis.
var histogramSteps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// histogramStep returns the smallest readable step that needs no more than this many buckets.
func histogramStep(span time.Duration, buckets int) time.Duration {
	least := (span + time.Duration(buckets) - 1) / time.Duration(buckets)
	for _, s := range histogramSteps {
		if s >= least {
			return s
		}
	}
	day := histogramSteps[len(histogramSteps)-1]
	return (least + day - 1).Truncate(day)
}

// traceOf reads the project and trace id of a request.
func traceOf(ctx context.Context, project, traceID string) (string, genai.TraceID, error) {
	project, err := projectOf(ctx, project)
	if err != nil {
		return "", genai.TraceID{}, err
	}
	id, err := genai.ParseTraceID(traceID)
	if err != nil {
		return "", id, invalid("trace_id", "%v", err)
	}
	return project, id, nil
}

func (s *traceService) trace(ctx context.Context, project, traceID string) (*store.TraceDetail, error) {
	project, id, err := traceOf(ctx, project, traceID)
	if err != nil {
		return nil, err
	}
	t, err := s.store.Trace(ctx, project, id)
	if err != nil {
		return nil, missing(err, "trace", id.String(), project)
	}
	return t, nil
}

func (s *traceService) GetTrace(ctx context.Context, r *pb.GetTraceRequest) (*pb.Trace, error) {
	t, err := s.trace(ctx, r.GetProject(), r.GetTraceId())
	if err != nil {
		return nil, err
	}
	return &pb.Trace{Summary: summaryProto(&t.Summary), Spans: each(t.Spans, outlineProto), Truncated: t.Truncated}, nil
}

func (s *traceService) GetTraceTree(ctx context.Context, r *pb.GetTraceTreeRequest) (*pb.TraceTree, error) {
	t, err := s.trace(ctx, r.GetProject(), r.GetTraceId())
	if err != nil {
		return nil, err
	}
	return &pb.TraceTree{Summary: summaryProto(&t.Summary), Spans: each(t.Spans, nodeProto), Truncated: t.Truncated}, nil
}

func (s *traceService) GetSpan(ctx context.Context, r *pb.GetSpanRequest) (*pb.Span, error) {
	project, trace, err := traceOf(ctx, r.GetProject(), r.GetTraceId())
	if err != nil {
		return nil, err
	}
	id, err := genai.ParseSpanID(r.GetSpanId())
	if err != nil {
		return nil, invalid("span_id", "%v", err)
	}
	span, err := s.store.Span(ctx, project, trace, id)
	if err != nil {
		return nil, missing(err, "span", trace.String()+"/"+id.String(), project)
	}
	p := spanProto(&span.Span)
	derivedProto(p, &span.Derived)
	p.Truncated = span.Truncated
	return p, nil
}

func (s *traceService) GetRawSpan(ctx context.Context, r *pb.GetRawSpanRequest) (*pb.RawSpan, error) {
	project, trace, err := traceOf(ctx, r.GetProject(), r.GetTraceId())
	if err != nil {
		return nil, err
	}
	id, err := genai.ParseSpanID(r.GetSpanId())
	if err != nil {
		return nil, invalid("span_id", "%v", err)
	}
	raw, err := s.store.RawSpan(ctx, project, trace, id)
	if err != nil {
		return nil, missing(err, "span", trace.String()+"/"+id.String(), project)
	}
	return rawSpanProto(raw)
}

func (s *traceService) GetConversation(ctx context.Context, r *pb.GetConversationRequest) (*pb.GetConversationResponse, error) {
	project, id, err := traceOf(ctx, r.GetProject(), r.GetTraceId())
	if err != nil {
		return nil, err
	}
	var focus genai.SpanID
	if r.GetSpanId() != "" {
		if focus, err = genai.ParseSpanID(r.GetSpanId()); err != nil {
			return nil, invalid("span_id", "%v", err)
		}
	}
	found, err := s.store.SpansWithContent(ctx, project, id, s.limits.ConversationMax, s.limits.ConversationBytes)
	if err != nil {
		return nil, missing(err, "trace", id.String(), project)
	}
	// The tree needs the spans between, which carry no content: agents, chains, workflows.
	tree, err := s.store.TraceTree(ctx, project, id)
	if err != nil {
		return nil, missing(err, "trace", id.String(), project)
	}
	c := readConversation(withTree(found.Spans, tree), focus)
	return conversationProto(c, found.Truncated), nil
}

// withTree adds the spans of the trace that carry no content.
func withTree(spans, tree []genai.Span) []genai.Span {
	have := make(map[genai.SpanID]bool, len(spans))
	for i := range spans {
		have[spans[i].SpanID] = true
	}
	return append(slices.Clone(spans), slices.DeleteFunc(tree, func(s genai.Span) bool { return have[s.SpanID] })...)
}

func conversationProto(c conversation, truncated bool) *pb.GetConversationResponse {
	return &pb.GetConversationResponse{
		SpanId:    c.focus.String(),
		Truncated: truncated,
		Turns: each(c.turns, func(t *turn) *pb.Turn {
			return &pb.Turn{
				SpanId: t.spanID.String(), Message: messageProto(&t.message), Time: timestamp(t.time),
				Documents: each(t.documents, documentProto), Agent: validText(t.agent), Model: validText(t.model), History: t.history,
				Error: failureProto(t.failed),
			}
		}),
		Threads: each(c.threads, func(t *thread) *pb.Thread {
			return &pb.Thread{
				SpanId: t.longest.SpanID.String(), AgentSpanId: t.agentSpan.String(), Agent: validText(t.agent),
				Model: validText(t.longest.Model()), ModelCalls: clamp32(len(t.calls)), Messages: clamp32(messageCount(t.longest)),
			}
		}),
	}
}

// failureProto is there for every failure, also for one of which nothing is known.
func failureProto(e *genai.Error) *pb.Error {
	if e == nil {
		return nil
	}
	return cmp.Or(errorProto(e), &pb.Error{})
}

func (s *traceService) SearchContents(ctx context.Context, r *pb.SearchContentsRequest) (*pb.SearchContentsResponse, error) {
	q, err := s.traceQuery(ctx, r)
	if err != nil {
		return nil, err
	}
	if q.Words == "" {
		return nil, invalid("query", "the query names no word")
	}
	bound, err := s.page(&q, "SearchContents", r, r.GetPageSize(), r.GetPageToken())
	if err != nil {
		return nil, err
	}
	page, err := s.store.SearchContents(ctx, store.SearchQuery{
		Project: q.Project, Words: q.Words, From: q.From, To: q.To, Filter: q.Filter, Limit: q.Limit, After: q.After,
	})
	if err != nil {
		return nil, err
	}
	return &pb.SearchContentsResponse{
		Hits:          each(page.Hits, hitProto),
		NextPageToken: encodeToken(bound, window{q.From, q.To}, page.Next),
	}, nil
}

func hitProto(h *store.SearchHit) *pb.SearchHit {
	return &pb.SearchHit{
		TraceId: h.TraceID.String(), SpanId: h.SpanID.String(), StartTime: timestamp(h.Start),
		SpanName: validText(h.SpanName), Service: validText(h.Service), Role: validText(h.Role), Snippet: validText(h.Snippet),
		Highlights: each(h.Highlights, func(l *store.Highlight) *pb.Highlight {
			return &pb.Highlight{Start: clamp32(l.Start), End: clamp32(l.End)}
		}),
	}
}
