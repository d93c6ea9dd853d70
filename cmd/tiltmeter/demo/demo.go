// Package demo plays the agents of an invented company, Fernhill Outdoor: a support assistant with
// retrieval, a coding agent, a data analyst with sub-agents and a service that drafts mail.
//
// It promises that equal seeds at equal times send equal bytes, that performances that differ in either
// share no id, and that three things change in the story as Story says: a prompt, a retriever and a
// model. The truth file names every span concerned.
//
// It knows OTLP and the OpenTelemetry GenAI conventions (1.41, and 1.36 for the mail service). It does
// not know the server.
package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/pflag"
)

// Options is one performance. A zero Now is the clock; everything else is taken as it is, so begin
// with Default.
type Options struct {
	Endpoint string       // OTLP/gRPC, host:port
	Key      string       // bearer key
	CA       string       // PEM file of the authority that signed the server's certificate; set: TLS
	TLS      *tls.Config  // instead of CA
	Seed     uint64       // equal seeds play equal stories
	Days     float64      // of history; 0: none
	Speed    float64      // live sessions come this many times as often
	Forever  bool         // go on live after the history
	Truth    string       // file that says what changed, since when and in which spans
	Now      time.Time    // the end of the history
	Out      io.Writer    // progress, nil: silent
	Logger   *slog.Logger // what goes wrong in the live part, which goes on; nil: silent

	// Played says whether the server holds the demo's traces of that time; then the history is left
	// out. nil: it does not. An error ends the performance.
	Played func(ctx context.Context, from, to time.Time) (bool, error)
}

// Default is what a performance is when nothing is said.
func Default() Options {
	return Options{Endpoint: "127.0.0.1:4317", Seed: 1, Days: 3, Speed: 1}
}

const (
	maxDays        = 60
	sessionsPerDay = 260
	livePerMinute  = 3 // sessions at speed 1
	maxSpeed       = 1000
	maxCatchUp     = time.Minute // live sessions that are missed for longer are left out
)

// Flags binds the options to fs; their values are the defaults.
func (o *Options) Flags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Endpoint, "endpoint", o.Endpoint, "OTLP/gRPC address, host:port; else the server's setting otlp-grpc-addr")
	fs.StringVar(&o.Key, "key", o.Key, "key with the scope ingest; its project gets the traces")
	fs.StringVar(&o.CA, "ca", o.CA, "PEM file of the authority that signed the server's certificate; turns TLS on")
	fs.Uint64Var(&o.Seed, "seed", o.Seed, "equal seeds play equal stories")
	fs.Float64Var(&o.Days, "days", o.Days, "days of history to send at once; 0 with --forever: none")
	fs.Float64Var(&o.Speed, "speed", o.Speed, "with --forever: how many times as often sessions come")
	fs.BoolVar(&o.Forever, "forever", o.Forever, "go on live after the history until stopped")
	fs.StringVar(&o.Truth, "truth", o.Truth, "write what changed, since when and in which spans to this file")
	fs.Func("now", "end of the history, RFC 3339 (default: the clock)", func(s string) (err error) {
		o.Now, err = time.Parse(time.RFC3339, s)
		return err
	})
}

// sessions is how many the history has.
func (o *Options) sessions() int { return int(o.Days * sessionsPerDay) }

func (o *Options) complete() error {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if o.Endpoint == "" {
		errs = append(errs, errors.New("--endpoint is empty: give host:port"))
	}
	if !(o.Days >= 0 && o.Days <= maxDays) { // NaN is in no range
		errs = append(errs, fmt.Errorf("--days %v is not within 0 and %d", o.Days, maxDays))
	} else if o.sessions() == 0 && !o.Forever {
		errs = append(errs, fmt.Errorf("--days %v is too short for a single session, and there is no --forever: nothing would be played", o.Days))
	}
	if o.Forever && !(o.Speed > 0 && o.Speed <= maxSpeed) {
		errs = append(errs, fmt.Errorf("--speed %v is not above 0 and at most %d", o.Speed, maxSpeed))
	}
	if o.CA != "" && o.TLS == nil {
		pem, err := os.ReadFile(o.CA)
		o.TLS = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		if err != nil {
			errs = append(errs, fmt.Errorf("--ca: %w", err))
		} else if !o.TLS.RootCAs.AppendCertsFromPEM(pem) {
			errs = append(errs, fmt.Errorf("--ca: %s holds no PEM certificate", o.CA))
		}
	}
	return errors.Join(errs...)
}

// Run plays the history and, with o.Forever, goes on until ctx ends, which is no error then.
func Run(ctx context.Context, o Options) error {
	if err := o.complete(); err != nil {
		return err
	}
	c, err := dial(&o)
	if err != nil {
		return err
	}
	defer c.close()
	s := NewStory(o.Now, o.Days)
	p := &player{seed: o.Seed, story: s, truth: newTruth(o.Seed, s)}
	played := false
	if o.Played != nil && o.sessions() > 0 {
		if played, err = o.Played(ctx, s.Start, s.End); err != nil {
			return fmt.Errorf("ask what the server holds: %w", err)
		}
	}
	if played {
		next := "nothing is left to play"
		if o.Forever {
			next = "going on live"
		}
		fmt.Fprintln(o.Out, "the server holds the demo's traces of this time already;", next)
		o.Logger.Info("the demo's history is stored already", "next", next)
	} else if err := history(ctx, c, p, &o); err != nil {
		return err
	}
	if !o.Forever {
		return nil
	}
	p.truth = nil // the file is written; live spans are not kept
	live(ctx, c, p, &o)
	return nil
}

// history plays the days before now at once.
func history(ctx context.Context, c *client, p *player, o *Options) error {
	n := o.sessions()
	began := time.Now()
	var b batch
	for i := range n {
		b.add(p.session(i, p.story.sessionTime(i, n)))
		if b.full() {
			if err := c.export(ctx, &b); err != nil {
				return err
			}
		}
	}
	if err := c.export(ctx, &b); err != nil {
		return err
	}
	if o.Truth != "" {
		if err := p.truth.write(o.Truth); err != nil {
			return err
		}
	}
	o.Logger.Info("the demo's history is played", "days", o.Days, "traces", c.traces, "spans", c.spans)
	fmt.Fprintf(o.Out, "played %v days of Fernhill Outdoor: %d traces, %d spans, %d log records in %.1f s\n",
		o.Days, c.traces, c.spans, c.records, time.Since(began).Seconds())
	return nil
}

// exporter sends a batch and empties it.
type exporter interface {
	export(ctx context.Context, b *batch) error
}

// live plays sessions as they happen until ctx ends: a trace is sent when it has ended. What the server
// does not take is lost, as it would be in life, and the play goes on.
func live(ctx context.Context, c exporter, p *player, o *Options) {
	n := o.sessions()
	gap := time.Duration(float64(time.Minute) / (livePerMinute * o.Speed))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var waiting []played
	var failing bool
	next := time.Now()
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return
		case now = <-tick.C:
		}
		if now.Sub(next) > maxCatchUp {
			next = now // the machine slept, or the server was away: what would have happened meanwhile did not
		}
		for ; next.Before(now); next = next.Add(gap) {
			waiting = append(waiting, p.session(n, next)...)
			n++
		}
		var b batch
		later := waiting[:0]
		for _, t := range waiting {
			if t.end.After(now) {
				later = append(later, t)
			} else {
				b.add([]played{t})
			}
		}
		clear(waiting[len(later):])
		waiting = later
		if !b.opened {
			continue
		}
		err := c.export(ctx, &b)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			o.Logger.Warn("the demo's traces are not taken; going on", "error", err)
		case err == nil && failing:
			o.Logger.Info("the demo's traces are taken again")
		}
		failing = err != nil
	}
}

// Story is when what happens. The live part goes on as the history ends.
type Story struct {
	Start, End time.Time
	PromptV2   time.Time // support-answer v2: short, no greeting, bullet points
	StaleDocs  time.Time // the support retriever returns last year's policies
	Refusals   time.Time // the analyst's model refuses harmless questions
}

// Shares of the history after which something changes, and how much of the traffic changes.
const (
	promptAfter    = 0.50
	staleAfter     = 0.66
	refusalAfter   = 0.75
	staleShare     = 0.70
	refusalShare   = 0.35
	refusalNatural = 0.01 // before
)

// NewStory lays the changes over the days before now.
func NewStory(now time.Time, days float64) Story {
	length := time.Duration(days * 24 * float64(time.Hour))
	start := now.Add(-length)
	at := func(share float64) time.Time { return start.Add(time.Duration(share * float64(length))) }
	return Story{Start: start, End: now, PromptV2: at(promptAfter), StaleDocs: at(staleAfter), Refusals: at(refusalAfter)}
}

// maxSession is longer than any session lasts, so that the history ends before it says.
const maxSession = 10 * time.Minute

func (s Story) sessionTime(i, n int) time.Time {
	room := s.End.Sub(s.Start) - maxSession
	return s.Start.Add(time.Duration(float64(max(0, room)) * float64(i) / float64(n)))
}

// Truth is the file that detectors are held against.
type Truth struct {
	Company string    `json:"company"`
	Seed    uint64    `json:"seed"`
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Changes []*Change `json:"changes"`
}

// Change is one thing that changed and the spans that show it; a few refusals lie before Since, as they do in life.
type Change struct {
	Name    string    `json:"name"`
	Subject string    `json:"subject"`
	Since   time.Time `json:"since"`
	What    string    `json:"what"`
	Spans   []SpanRef `json:"spans"`
}

// SpanRef names a span.
type SpanRef struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// The names of the changes.
const (
	changePrompt  = "prompt_v2"
	changeStale   = "stale_documents"
	changeRefusal = "refusals"
)

func newTruth(seed uint64, s Story) *Truth {
	return &Truth{Company: company, Seed: seed, Start: s.Start, End: s.End, Changes: []*Change{
		{
			Name: changePrompt, Subject: "prompt support-answer", Since: s.PromptV2,
			What: "version v2: answers lose greeting and closing and become bullet points",
		},
		{
			Name: changeStale, Subject: "data source help-center", Since: s.StaleDocs,
			What: "last year's policies are retrieved; answers repeat them and contradict the current facts",
		},
		{
			Name: changeRefusal, Subject: "model " + analystModel.request, Since: s.Refusals,
			What: "harmless questions about sales data are refused",
		},
	}}
}

func (t *Truth) note(name string, ref SpanRef) {
	if t == nil {
		return
	}
	for _, c := range t.Changes {
		if c.Name == name {
			c.Spans = append(c.Spans, ref)
		}
	}
}

func (t *Truth) write(path string) error {
	b, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("encode truth: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write truth: %w", err)
	}
	return nil
}
