package api

import (
	"context"
	"errors"
	"time"

	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

// Advisor explains findings to people who run the services that send. Implementations MUST be safe for concurrent use.
type Advisor interface {
	// Advise explains a code on spans of a dialect and an instrumentation scope; the zero value: nothing is known of it.
	Advise(code store.FindingCode, dialect, scope string) Advice
}

// Advice is what a finding means, and what can be done about it.
type Advice struct {
	Title, Meaning, Action string
	Settings               []string // to set where the service runs
	Information            bool     // nothing is lost
}

// instrumentationService answers InstrumentationService.
type instrumentationService struct {
	pb.UnimplementedInstrumentationServiceServer
	store   Store
	advisor Advisor
	now     func() time.Time
}

func (s *instrumentationService) GetReadingReport(ctx context.Context, r *pb.GetReadingReportRequest) (*pb.ReadingReport, error) {
	project, err := projectOf(ctx, r.GetProject())
	if err != nil {
		return nil, err
	}
	w, err := resolveWindow(r.GetStartTime(), r.GetEndTime(), s.now())
	if err != nil {
		return nil, err
	}
	found, err := s.store.Instrumentations(ctx, store.InstrumentationQuery{Project: project, From: w.from, To: w.to})
	if errors.Is(err, store.ErrTooManyRecords) {
		return nil, invalid("start_time", "%v", store.ErrTooManyRecords)
	}
	if err != nil {
		return nil, err
	}
	return &pb.ReadingReport{
		Instrumentations: each(found.Rows, s.instrumentationProto), Truncated: found.Truncated,
		StartTime: timestamp(w.from), EndTime: timestamp(w.to),
	}, nil
}

func (s *instrumentationService) instrumentationProto(i *store.Instrumentation) *pb.Instrumentation {
	return &pb.Instrumentation{
		Service: validText(i.Service), ServiceNamespace: validText(i.Namespace),
		Dialect: validText(i.Dialect), DialectVersions: validTexts(i.DialectVersions),
		ScopeName: validText(i.ScopeName), ScopeVersion: validText(i.ScopeVersion),
		Spans: i.Spans, ModelCalls: i.ModelCalls,
		Input: shareProto(i.Input), Output: shareProto(i.Output), Model: shareProto(i.Model), Tokens: shareProto(i.Tokens), Cost: shareProto(i.Cost),
		FirstSeen: timestamp(i.FirstSeen), LastSeen: timestamp(i.LastSeen),
		Findings: each(i.Findings, func(f *store.Finding) *pb.Finding {
			a := s.advisor.Advise(f.Code, i.Dialect, i.ScopeName)
			p := &pb.Finding{
				Code: validText(string(f.Code)), Spans: f.Spans, Information: a.Information,
				Title: a.Title, Meaning: a.Meaning, Action: a.Action, Settings: a.Settings,
				Examples: []*pb.FindingExample{exampleProto(f.First)},
			}
			if f.Last != f.First {
				p.Examples = append(p.Examples, exampleProto(f.Last))
			}
			return p
		}),
	}
}

func shareProto(s store.Share) *pb.Share { return &pb.Share{Have: s.Have, Of: s.Of} }

func exampleProto(r store.SpanRef) *pb.FindingExample {
	return &pb.FindingExample{TraceId: r.TraceID.String(), SpanId: r.SpanID.String(), StartTime: timestamp(r.Start)}
}
