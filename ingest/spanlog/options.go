package spanlog

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Defaults of Options.
const (
	// DefaultMaxBytes bounds the log on disk: hours of a busy sender while the store is away.
	DefaultMaxBytes int64 = 8 << 30
	// DefaultMaxDeadLetterBytes bounds the dead letters on disk.
	DefaultMaxDeadLetterBytes int64 = 1 << 30
	// DefaultMaxPayloadBytes is the largest request; exporters send a few hundred KB.
	DefaultMaxPayloadBytes = 16 << 20
	// DefaultMinFreeBytes of disk stay unused by the log, so that the store beside it can merge.
	DefaultMinFreeBytes int64 = 1 << 30
	// DefaultDuplicates is twice the five minutes after which OpenTelemetry exporters give up a
	// request (max_elapsed_time), so a retry always meets the copy of its first attempt.
	DefaultDuplicates = 10 * time.Minute
	// DefaultMaxInFlightBytes bounds the payloads of running appends in memory. It stays under the
	// 128 MB at which a JetStream stream drops what waits.
	DefaultMaxInFlightBytes int64 = 64 << 20
	// DefaultAppendTimeout is how long an append waits for the disk before it is unavailable.
	DefaultAppendTimeout = 10 * time.Second
	// DefaultTrimEvery is the pace of removing what all readers have committed.
	DefaultTrimEvery = 5 * time.Second
)

// headerHeadroom is what the headers of a record may add to its payload, bytes.
const headerHeadroom = 64 << 10

// Options say where the log is and what bounds it. Zero fields take the defaults above.
type Options struct {
	// Dir holds the embedded server's files. Needed unless URL is set.
	Dir string
	// URL of an external NATS server or cluster (comma-separated); empty: embedded.
	URL string
	// CredsFile, TLSCAFile, TLSCertFile and TLSKeyFile are used with URL only.
	CredsFile   string
	TLSCAFile   string
	TLSCertFile string
	TLSKeyFile  string
	// Replicas of streams that Open creates on an external server; existing streams keep theirs.
	// 0: three on a cluster, one on a single server.
	Replicas int

	MaxBytes           int64
	MaxDeadLetterBytes int64
	MaxPayloadBytes    int
	// MinFreeBytes of the disk are left alone; negative: no reserve.
	MinFreeBytes     int64
	Duplicates       time.Duration
	MaxInFlightBytes int64
	AppendTimeout    time.Duration
	TrimEvery        time.Duration

	// Logger and Registerer MAY be nil: nothing is logged, nothing is registered.
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func (o Options) withDefaults() (Options, error) {
	orDefault(&o.MaxBytes, DefaultMaxBytes)
	orDefault(&o.MaxDeadLetterBytes, DefaultMaxDeadLetterBytes)
	orDefault(&o.MaxPayloadBytes, DefaultMaxPayloadBytes)
	orDefault(&o.MinFreeBytes, DefaultMinFreeBytes)
	orDefault(&o.Duplicates, DefaultDuplicates)
	orDefault(&o.MaxInFlightBytes, DefaultMaxInFlightBytes)
	orDefault(&o.AppendTimeout, DefaultAppendTimeout)
	orDefault(&o.TrimEvery, DefaultTrimEvery)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if o.Dir == "" && o.URL == "" {
		errs = append(errs, errors.New("dir: needed for the embedded log"))
	}
	if o.URL == "" && (o.CredsFile != "" || o.TLSCAFile != "" || o.TLSCertFile != "" || o.Replicas > 1) {
		errs = append(errs, errors.New("credentials, certificates and replicas: only for an external server; set url"))
	}
	if (o.TLSCertFile == "") != (o.TLSKeyFile == "") {
		errs = append(errs, errors.New("tls_cert_file and tls_key_file: one needs the other"))
	}
	for name, v := range map[string]int64{
		"max_bytes": o.MaxBytes, "max_dead_letter_bytes": o.MaxDeadLetterBytes,
		"max_payload_bytes": int64(o.MaxPayloadBytes), "max_in_flight_bytes": o.MaxInFlightBytes,
		"duplicates": int64(o.Duplicates), "append_timeout": int64(o.AppendTimeout),
		"trim_every": int64(o.TrimEvery), "replicas": int64(o.Replicas),
	} {
		if v < 0 {
			errs = append(errs, fmt.Errorf("%s: must not be negative", name))
		}
	}
	if int64(o.MaxPayloadBytes) > o.MaxInFlightBytes {
		errs = append(errs, errors.New("max_payload_bytes: must not be above max_in_flight_bytes"))
	}
	if o.MaxPayloadBytes > maxServerPayload-headerHeadroom {
		errs = append(errs, fmt.Errorf("max_payload_bytes: must be below %d", maxServerPayload))
	}
	return o, errors.Join(errs...)
}

// maxServerPayload is NATS's own ceiling for one message, bytes.
const maxServerPayload = 64 << 20
