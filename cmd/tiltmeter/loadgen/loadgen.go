// Package loadgen sends GenAI traffic as it really is: agents that resend their history, retrieval with
// documents, long contexts, tools, plain HTTP spans, text that is new in every request.
//
// It promises that equal seeds give equal requests but for their times, that no id occurs twice, that
// latencies count from the moment a request was due, and that its ledger names every acknowledged span.
//
// It knows OTLP and the server's REST answers. It does not know how the server stores anything.
package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"
)

// Limits of what can be asked for.
const (
	maxBatch       = 1 << 14 // spans a request; also the stride of id places
	maxConnections = 1 << 10
	maxConcurrency = 1 << 14
	openInFlight   = 16 // requests in flight a connection at a rate, when not said
)

// defaultProject is the project of spans that come without a key.
const defaultProject = "default"

// Options is one run. Zero values of Batch, Connections, Compression, Timeout, RetryFor, VerifyTimeout and
// VerifySample mean the flags' defaults; everything else is taken as it is.
type Options struct {
	Endpoint      string        // host:port of OTLP
	HTTP          bool          // OTLP/HTTP protobuf instead of gRPC
	Duration      time.Duration // how long requests fall due; 0 with Spans: until all are sent
	Rate          float64       // spans a second, 0: as fast as acknowledged
	Spans         int64         // total, 0: as many as fit in Duration
	Batch         int           // spans a request
	Seed          uint64        // 0: from the clock
	Connections   int
	Concurrency   int             // requests in flight; 0: Connections at full speed, 16 each at a rate
	Compression   string          // none, gzip, zstd
	Timeout       time.Duration   // of one attempt
	RetryFor      time.Duration   // how long a request is retried after it was first sent, then given up
	RetryAll      bool            // every acknowledged request is sent once more
	DropFirst     bool            // every request is sent, hung up on while the server works on it, and sent again
	Key           string          // bearer key for ingest; its project gets the spans
	ReadKey       string          // bearer key for Verify; empty: Key
	Project       string          // the project of Key, which Verify reads; empty: that of the key it reads with
	CA            string          // PEM file; set: TLS
	Ledger        string          // file, see ReadLedger
	Verify        string          // base URL of the REST API
	VerifyTimeout time.Duration   // how long to wait for the server to store what it took
	VerifySample  int             // traces fetched whole
	Stop          <-chan struct{} // closed: no further request falls due
	JSON          bool            // report as JSON
	Out           io.Writer       // where the report goes
}

// Flags binds the options to fs with their defaults.
func (o *Options) Flags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Endpoint, "endpoint", "127.0.0.1:4317", "OTLP address, host:port (4318 with --http); else the server's setting otlp-grpc-addr or otlp-http-addr")
	fs.BoolVar(&o.HTTP, "http", false, "send OTLP/HTTP with protobuf instead of gRPC")
	fs.DurationVar(&o.Duration, "duration", 30*time.Second, "how long to send; 0 with --spans: until all are sent")
	fs.Float64Var(&o.Rate, "rate", 0, "spans per second on a fixed timetable; 0: as fast as they are acknowledged")
	fs.Int64Var(&o.Spans, "spans", 0, "stop after this many spans; 0: no total")
	fs.IntVar(&o.Batch, "batch", 200, "spans per request")
	fs.Uint64Var(&o.Seed, "seed", 0, "equal seeds send equal traffic; 0: take one from the clock")
	fs.IntVar(&o.Connections, "connections", 4, "connections")
	fs.IntVar(&o.Concurrency, "concurrency", 0, "requests in flight; 0: one per connection, 16 with --rate")
	fs.StringVar(&o.Compression, "compression", compressionNone, "none, gzip or zstd")
	fs.DurationVar(&o.Timeout, "timeout", 10*time.Second, "give up one attempt after this time and retry")
	fs.DurationVar(&o.RetryFor, "retry-for", time.Minute, "give up a request this long after it was first sent")
	fs.BoolVar(&o.RetryAll, "retry-all", false, "send every acknowledged request a second time, as a client does that missed the answer")
	fs.BoolVar(&o.DropFirst, "drop-first", false, "hang up on the first attempt of every request once its bytes have gone, then retry at once, as a client does that times out too soon")
	fs.StringVar(&o.Key, "key", "", "key with the scope ingest; its project gets the traffic (without one: the project default)")
	fs.StringVar(&o.ReadKey, "read-key", "", "key with the scope read for --verify (default: --key)")
	fs.StringVar(&o.Project, "project", "", "project of --key, in which --verify looks (default: that of the key it reads with)")
	fs.StringVar(&o.CA, "ca", "", "PEM file of the authority that signed the server's certificate; turns TLS on")
	fs.StringVar(&o.Ledger, "ledger", "", "write a line for each trace of each acknowledged request to this file")
	fs.StringVar(&o.Verify, "verify", "", "base URL of the server, e.g. http://127.0.0.1:8080: compare what it stored with what it acknowledged")
	fs.DurationVar(&o.VerifyTimeout, "verify-timeout", 2*time.Minute, "how long to wait for the server to store everything")
	fs.IntVar(&o.VerifySample, "verify-sample", 50, "traces to fetch whole and compare span by span")
	fs.BoolVar(&o.JSON, "json", false, "print the report as JSON")
}

// ErrVerify is returned by Run when the server does not hold exactly what it acknowledged.
var ErrVerify = errors.New("the server does not hold exactly what it acknowledged")

// ErrFailed is returned by Run when requests were refused or given up.
var ErrFailed = errors.New("not every request was acknowledged")

func (o *Options) validate() error {
	var errs []error
	bad := func(cond bool, format string, args ...any) {
		if cond {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(o.Endpoint == "", "--endpoint is empty: give host:port")
	bad(o.Project != "" && o.Project != defaultProject && o.Key == "", "--project %s needs --key: spans belong to the project of the key they come with; "+
		"`tiltmeter keys create --scope ingest --project %s` makes one, for servers that need no keys too", o.Project, o.Project)
	bad(o.Batch < 1 || o.Batch > maxBatch, "--batch %d is not within 1 and %d", o.Batch, maxBatch)
	bad(o.Connections < 1 || o.Connections > maxConnections, "--connections %d is not within 1 and %d", o.Connections, maxConnections)
	bad(o.Concurrency < 0 || o.Concurrency > maxConcurrency, "--concurrency %d is not within 0 and %d", o.Concurrency, maxConcurrency)
	bad(o.Rate < 0, "--rate %v is negative", o.Rate)
	bad(o.Spans < 0, "--spans %d is negative", o.Spans)
	bad(o.Duration <= 0 && o.Spans == 0, "--duration is 0 and there is no --spans: the run would never end")
	bad(o.Duration < 0, "--duration %v is negative", o.Duration)
	bad(o.Timeout <= 0, "--timeout %v is not positive", o.Timeout)
	bad(o.Compression != compressionNone && o.Compression != compressionGzip && o.Compression != compressionZstd,
		"--compression %q is none of none, gzip, zstd", o.Compression)
	return errors.Join(errs...)
}

// complete fills in what was not said and what depends on other options.
func (o *Options) complete() {
	var d Options
	d.Flags(pflag.NewFlagSet("", pflag.ContinueOnError))
	o.Batch = cmp.Or(o.Batch, d.Batch)
	o.Connections = cmp.Or(o.Connections, d.Connections)
	o.Compression = cmp.Or(o.Compression, d.Compression)
	o.Timeout = cmp.Or(o.Timeout, d.Timeout)
	o.RetryFor = cmp.Or(o.RetryFor, d.RetryFor)
	o.VerifyTimeout = cmp.Or(o.VerifyTimeout, d.VerifyTimeout)
	o.VerifySample = cmp.Or(o.VerifySample, d.VerifySample)
	o.ReadKey = cmp.Or(o.ReadKey, o.Key)
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano())
	}
	if o.Concurrency == 0 {
		o.Concurrency = o.Connections
		if o.Rate > 0 {
			o.Concurrency *= openInFlight
		}
	}
	o.Connections = min(o.Connections, o.Concurrency)
	if o.Out == nil {
		o.Out = io.Discard
	}
}

// Run sends, prints the report to o.Out and, with o.Verify, compares. It returns ErrVerify when the
// server lost or doubled something and ErrFailed when it did not take everything.
func Run(ctx context.Context, o Options) error {
	r, err := Measure(ctx, o)
	if r != nil && o.Out != nil {
		if werr := r.write(o.Out, o.JSON); werr != nil {
			return errors.Join(err, fmt.Errorf("write report: %w", werr))
		}
	}
	if err != nil {
		return err
	}
	if r.Verify != nil && !r.Verify.OK {
		return ErrVerify
	}
	if r.FailedRequests+r.UnknownRequests+r.UnsentRequests > 0 || r.RejectedSpans > 0 {
		return ErrFailed
	}
	return nil
}
