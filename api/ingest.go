package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tiltmeter/tiltmeter/api/auth"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
)

// Ingest tells what the way into the store is doing. Implementations MUST be safe for concurrent use.
type Ingest interface {
	Status(ctx context.Context, project string) (IngestStatus, error)
	// DeadLetters lists at most limit records that could not be read, oldest first, behind the one
	// with the id after ("" from the beginning). More says that there are further ones.
	DeadLetters(ctx context.Context, after string, limit int) (letters []DeadLetter, more bool, err error)
	// Replay puts the records with these ids back at the end of the log, all when there are none, and says how many.
	Replay(ctx context.Context, ids []string) (int64, error)
}

// IngestStatus counts since the process started, where not said otherwise.
type IngestStatus struct {
	// Of the project.
	ReceivedSpans, ReceivedLogRecords, ReceivedMetricPoints int64
	RejectedSpans                                           map[string]int64 // by reason
	StoredSpans, StoredLogRecords                           int64            // in the store now; only when EngineReady

	// Of all projects.
	ReceivedRequests, AcknowledgedRequests, DuplicateRequests int64
	LogMessages, LogBytes, LogMaxBytes, LogPending            int64
	LogLag                                                    time.Duration // age of the oldest record that is not yet stored
	DeadLetters                                               int64

	StartedAt     time.Time
	EngineReady   bool
	EngineMessage string // why the engine is not ready

	Receivers   []Receiver // none where this process only answers questions
	KeyRequired bool       // to send, too
}

// Receiver is a port that takes OTLP.
type Receiver struct {
	Protocol string // as OTEL_EXPORTER_OTLP_PROTOCOL calls it
	Address  string // host:port that is listened on
	TLS      bool
}

// DeadLetter is a record of the log that could not be read.
type DeadLetter struct {
	ID, Project, Signal, Reason, Error string
	ReceivedAt, FailedAt               time.Time
	SizeBytes                          int64
}

// ingestService answers IngestService.
type ingestService struct {
	pb.UnimplementedIngestServiceServer
	ingest Ingest
	limits Limits
}

func (s *ingestService) GetIngestStatus(ctx context.Context, r *pb.GetIngestStatusRequest) (*pb.IngestStatus, error) {
	project, err := projectOf(ctx, r.GetProject())
	if err != nil {
		return nil, err
	}
	st, err := s.ingest.Status(ctx, project)
	if err != nil {
		return nil, err
	}
	out := &pb.IngestStatus{
		ReceivedSpans: st.ReceivedSpans, ReceivedLogRecords: st.ReceivedLogRecords, ReceivedMetricPoints: st.ReceivedMetricPoints,
		ReceivedRequestsAllProjects: st.ReceivedRequests, AcknowledgedRequestsAllProjects: st.AcknowledgedRequests,
		DuplicateRequestsAllProjects: st.DuplicateRequests,
		Log: &pb.LogStatus{
			Messages: st.LogMessages, Bytes: st.LogBytes, MaxBytes: st.LogMaxBytes,
			PendingMessages: st.LogPending, Lag: durationpb.New(st.LogLag),
		},
		DeadLetters: st.DeadLetters, StartedAt: timestamp(st.StartedAt),
		EngineReady: st.EngineReady, EngineMessage: validText(st.EngineMessage),
		KeyRequired: st.KeyRequired,
		Receivers: each(st.Receivers, func(r *Receiver) *pb.Receiver {
			return &pb.Receiver{Protocol: r.Protocol, Address: r.Address, Tls: r.TLS}
		}),
	}
	if st.EngineReady {
		out.StoredSpans, out.StoredLogRecords = &st.StoredSpans, &st.StoredLogRecords
	}
	for reason, n := range st.RejectedSpans {
		out.Rejected = append(out.Rejected, &pb.RejectedCount{Reason: reason, Spans: n})
	}
	slices.SortFunc(out.Rejected, func(a, b *pb.RejectedCount) int { return strings.Compare(a.GetReason(), b.GetReason()) })
	return out, nil
}

// allProjects refuses a key of one project: the log, and what could not be read of it, holds every project's records.
func allProjects(ctx context.Context) error {
	if p, ok := auth.FromContext(ctx); !ok || p.Project != auth.AllProjects {
		return fmt.Errorf("%w: dead letters belong to every project: this needs an admin key of all projects", auth.ErrForbidden)
	}
	return nil
}

// maxLetterID bounds an id, which is a place in the log.
const maxLetterID = 64

func (s *ingestService) ListDeadLetters(ctx context.Context, r *pb.ListDeadLettersRequest) (*pb.ListDeadLettersResponse, error) {
	if err := allProjects(ctx); err != nil {
		return nil, err
	}
	size, err := pageSize(r.GetPageSize())
	if err != nil {
		return nil, err
	}
	if len(r.GetPageToken()) > maxLetterID {
		return nil, invalid("page_token", "page_token is not one that this server gave out")
	}
	letters, more, err := s.ingest.DeadLetters(ctx, r.GetPageToken(), size)
	if err != nil {
		return nil, err
	}
	out := &pb.ListDeadLettersResponse{DeadLetters: each(letters, func(l *DeadLetter) *pb.DeadLetter {
		return &pb.DeadLetter{
			Id: l.ID, Project: validText(l.Project), Signal: l.Signal, Reason: validText(l.Reason), Error: validText(l.Error),
			ReceivedAt: timestamp(l.ReceivedAt), FailedAt: timestamp(l.FailedAt), SizeBytes: l.SizeBytes,
		}
	})}
	if more && len(letters) > 0 {
		out.NextPageToken = letters[len(letters)-1].ID
	}
	return out, nil
}

func (s *ingestService) ReplayDeadLetters(ctx context.Context, r *pb.ReplayDeadLettersRequest) (*pb.ReplayDeadLettersResponse, error) {
	if err := allProjects(ctx); err != nil {
		return nil, err
	}
	if n := len(r.GetIds()); n > s.limits.ReplayIDs {
		return nil, invalid("ids", "%d ids are named, at most %d are read: name none to replay all", n, s.limits.ReplayIDs)
	}
	n, err := s.ingest.Replay(ctx, r.GetIds())
	if err != nil {
		return nil, err
	}
	return &pb.ReplayDeadLettersResponse{Replayed: n}, nil
}
