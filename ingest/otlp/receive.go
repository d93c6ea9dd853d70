package otlp

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// signal is the kind of telemetry a request carries.
type signal uint8

const (
	traces signal = iota
	logs
	metrics
)

var signalNames = [...]string{"traces", "logs", "metrics"}

func (s signal) String() string { return signalNames[s] }

// outcome is what a request that was answered with OK is told: nothing, or how much of it was
// refused and why.
type outcome struct {
	rejected int64
	message  string
}

// metricsMessage is the answer to metrics. They are accepted with everything rejected, which is
// what the OTLP has for this: Unimplemented and 404 make SDKs log an error for each export and
// some collectors stop the pipeline, and silence would be a lie.
const metricsMessage = "Tiltmeter keeps traces and logs; metrics are counted and not stored: " +
	"turn the metrics exporter to this endpoint off"

// header looks up a header or a piece of gRPC metadata by its name in lower case.
type header = func(name string) string

// admit decides whether a request may be read at all: whose it is, and whether that project is
// within its rate.
func (s *Server) admit(ctx context.Context, h header) (project string, err error) {
	project = DefaultProject
	if s.deps.Authorize != nil {
		if project, err = s.deps.Authorize(ctx, h); err != nil {
			return "", refuseAuth(err)
		}
	}
	if wait := s.throttle.wait(project); wait > 0 {
		r := refuse(throttled, "project %q is over its rate of %d spans a second: slow down",
			project, s.config.SpansPerSecond)
		r.retryAfter = wait
		return "", r
	}
	return project, nil
}

// sentForm is the form in which a request came, which its sender is answered in terms of.
type sentForm struct {
	json bool
	// wrong says where the first JSON value lies that is not what its field holds, and what it is.
	wrong string
}

// path puts a path of wire into the sender's words: the OTLP's JSON has its names in camelCase.
func (f sentForm) path(path string) string {
	if !f.json {
		return path
	}
	var b strings.Builder
	for i, word := range strings.Split(path, "_") {
		if i > 0 && word != "" {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		b.WriteString(word)
	}
	return b.String()
}

// refused is the first refused item in the sender's words.
func (f sentForm) refused(first wire.Offender) string {
	text := first.Reason.Text()
	if f.wrong != "" && first.Reason == wire.ReasonMalformed {
		text = "not what this field holds; the first such value: " + f.wrong
	}
	return f.path(first.Path) + ": " + text
}

// refuse is the answer to a request that cannot be walked.
func (f sentForm) refuse(err error) *refusal {
	r := refuseWire(err)
	if f.wrong != "" && errors.Is(err, wire.ErrMalformed) {
		r.message = "read JSON: a value is not what its field holds: " + f.wrong
	}
	return r
}

// receive takes one request: body is its protobuf bytes, whatever form it came in. It returns after
// the log has them on disk and keeps nothing of body.
func (s *Server) receive(ctx context.Context, sig signal, project string, body []byte, form sentForm) (outcome, error) {
	if len(body) > s.config.Limits.RequestBytes {
		return outcome{}, refuseSize(s.config.Limits.RequestBytes)
	}
	s.meters.bytes.WithLabelValues(sig.String()).Add(float64(len(body)))
	if sig == metrics {
		return s.countMetrics(project, body, form)
	}
	rep, err := validate(sig, body, s.config.Limits)
	if err != nil {
		return outcome{}, form.refuse(err)
	}
	if rep.Accepted() == 0 {
		s.meters.refused(project, sig, &rep)
		return partial(&rep, form), nil
	}
	// Charged before the log has them, so that a crowd of requests at once does not pass as one, and
	// given back for what was not taken: a retry is not billed for what back-pressure turned away.
	s.throttle.charge(project, rep.Accepted())
	taken := false
	defer func() {
		if !taken {
			s.throttle.refund(project, rep.Accepted())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.config.AppendTimeout)
	defer cancel()
	_, duplicate, err := s.deps.Log.Append(ctx, spanlog.Record{
		Signal: logSignals[sig], Project: project, ReceivedAt: s.deps.Now(),
		Rejected: uint32(rep.Rejected), Payload: body,
	})
	if err != nil {
		return outcome{}, refuseAppend(err)
	}
	if duplicate {
		s.meters.duplicates.WithLabelValues(sig.String()).Inc()
		return partial(&rep, form), nil
	}
	taken = true
	s.meters.taken(project, sig, &rep)
	return partial(&rep, form), nil
}

var logSignals = map[signal]spanlog.Signal{traces: spanlog.SignalTraces, logs: spanlog.SignalLogs}

func validate(sig signal, body []byte, l wire.Limits) (wire.Report, error) {
	if sig == logs {
		return wire.ValidateLogs(body, l)
	}
	return wire.ValidateTraces(body, l)
}

// partial returns what the sender is told about spans that were refused: nothing if none was.
func partial(rep *wire.Report, form sentForm) outcome {
	if rep.Rejected == 0 {
		return outcome{}
	}
	return outcome{
		rejected: int64(rep.Rejected),
		message:  fmt.Sprintf("%d of %d refused; the first: %s", rep.Rejected, rep.Items, form.refused(rep.First)),
	}
}

func (s *Server) countMetrics(project string, body []byte, form sentForm) (outcome, error) {
	count, err := wire.CountMetrics(body, func(scope []byte, points int) {
		name := s.meters.scopes.fold(string(scope))
		s.meters.points.WithLabelValues(project, name).Add(float64(points))
	})
	if err != nil {
		return outcome{}, form.refuse(err)
	}
	if count.DataPoints == 0 {
		return outcome{}, nil
	}
	return outcome{rejected: int64(count.DataPoints), message: metricsMessage}, nil
}

// guarded runs f and turns a panic into a refusal: whatever a client sends, the process stays,
// and the client keeps its data.
func (s *Server) guarded(ctx context.Context, f func() (outcome, error)) (out outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.meters.panics.Inc()
			s.deps.Logger.ErrorContext(ctx, "recovered from a panic in an ingest handler",
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			out, err = outcome{}, refuse(failing, "the server failed on this request, try again")
		}
	}()
	return f()
}

// boundedSet folds names that clients choose to a bounded number of label values.
type boundedSet struct {
	limit int

	// mu guards everything below.
	mu   sync.Mutex
	seen map[string]struct{}
}

// fold returns name while there is room for it, otherScope afterwards.
func (b *boundedSet) fold(name string) string {
	name = strings.ToValidUTF8(name[:min(len(name), maxScopeBytes)], "\uFFFD")
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.seen[name]; ok {
		return name
	}
	if len(b.seen) >= b.limit {
		return otherScope
	}
	b.seen[name] = struct{}{}
	return name
}

// since returns the time that passed by the server's clock.
func (s *Server) since(t time.Time) time.Duration { return s.deps.Now().Sub(t) }
