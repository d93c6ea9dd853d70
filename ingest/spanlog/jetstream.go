package spanlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sys/unix"
)

// Names on the server. They are fixed, so that an operator can create the streams beforehand.
const (
	streamName     = "TILTMETER_LOG"
	subjectPrefix  = "tiltmeter.log."
	deadStreamName = "TILTMETER_DEAD"
	deadPrefix     = "tiltmeter.dead."
	readerBucket   = "tiltmeter_readers"
)

const (
	// openTimeout bounds the calls that create or look up the streams.
	openTimeout = 30 * time.Second
	// reconnectWait is short because the usual reason is our own server being opened again.
	reconnectWait = 100 * time.Millisecond
)

// log implements Log on JetStream, embedded or external.
type log struct {
	opts    Options
	metrics *metrics
	server  *embedded // nil with an external server
	disk    *disk     // nil with an external server
	lock    *os.File  // nil with an external server
	conn    *nats.Conn
	js      jetstream.JetStream
	readers jetstream.KeyValue
	room    *semaphore.Weighted // bytes of running appends
	stop    context.CancelFunc
	work    sync.WaitGroup // background goroutines
	failed  chan string    // a write error was seen; capacity 1
	samples trimSamples

	// mu guards everything below.
	mu      sync.Mutex
	closed  bool
	appends sync.WaitGroup // Add only under mu while not closed
	// healthy is done while writes fail; its cancel is unhealthy.
	healthy   context.Context
	unhealthy context.CancelFunc
	wake      chan struct{} // closed and replaced after each append
}

// Open opens or creates the log.
func Open(ctx context.Context, o Options) (Log, error) {
	return open(ctx, o)
}

func open(ctx context.Context, o Options) (_ *log, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("check log options: %w", err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &log{
		opts: o, metrics: newMetrics(), stop: stop, failed: make(chan string, 1),
		room: semaphore.NewWeighted(o.MaxInFlightBytes), wake: make(chan struct{}),
	}
	l.healthy, l.unhealthy = context.WithCancel(background)
	defer func() {
		if err != nil {
			_ = l.Close()
		}
	}()
	if o.URL == "" {
		if err := l.startEmbedded(); err != nil {
			return nil, err
		}
	}
	if err := l.connect(); err != nil {
		return nil, err
	}
	octx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := l.ensureStreams(octx); err != nil {
		return nil, err
	}
	if o.Registerer != nil {
		for _, c := range l.metrics.collectors(l) {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("register log metrics: %w", err)
			}
		}
	}
	l.work.Go(func() { l.trimLoop(background) })
	l.work.Go(func() { l.recoverLoop(background) })
	return l, nil
}

func (l *log) startEmbedded() error {
	dir := l.opts.Dir
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("create log folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return fmt.Errorf("open log lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return fmt.Errorf("lock log folder %q: another process uses it; stop that one or choose another folder: %w", dir, err)
	}
	l.lock = f
	l.disk = &disk{dir: dir}
	l.server = newEmbedded(l.opts, l.markFailed)
	return l.server.start()
}

func (l *log) connect() error {
	options := []nats.Option{
		nats.Name("tiltmeter"), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(0, 0), nats.IgnoreAuthErrorAbort(),
		// Nothing is buffered while disconnected: an append must fail, not wait in memory.
		nats.ReconnectBufSize(-1),
	}
	o := l.opts
	if l.server != nil {
		options = append(options, nats.InProcessServer(l.server))
	}
	if o.CredsFile != "" {
		options = append(options, nats.UserCredentials(o.CredsFile))
	}
	if o.TLSCAFile != "" {
		options = append(options, nats.RootCAs(o.TLSCAFile))
	}
	if o.TLSCertFile != "" {
		options = append(options, nats.ClientCert(o.TLSCertFile, o.TLSKeyFile))
	}
	conn, err := nats.Connect(o.URL, options...)
	if err != nil {
		return fmt.Errorf("connect to log at %q: %w", o.URL, err)
	}
	l.conn = conn
	if max := conn.MaxPayload(); max < int64(o.MaxPayloadBytes+headerHeadroom) {
		return fmt.Errorf("connect to log at %q: its max_payload is %d bytes; raise it to %d or lower max_payload_bytes", o.URL, max, o.MaxPayloadBytes+headerHeadroom)
	}
	if l.js, err = jetstream.New(conn); err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	return nil
}

// ensureStreams creates what is missing. An embedded stream follows the settings; on an external
// server the operator's stream stays as it is.
func (l *log) ensureStreams(ctx context.Context) error {
	o := l.opts
	configs := []jetstream.StreamConfig{
		{
			Name: streamName, Subjects: []string{subjectPrefix + ">"}, MaxBytes: o.MaxBytes,
			Duplicates: o.Duplicates, Description: "requests as they were received",
		},
		{
			Name: deadStreamName, Subjects: []string{deadPrefix + ">"}, MaxBytes: o.MaxDeadLetterBytes,
			Description: "records that could not be processed",
		},
	}
	for _, c := range configs {
		c.Storage, c.Retention, c.Discard = jetstream.FileStorage, jetstream.LimitsPolicy, jetstream.DiscardNew
		c.AllowDirect, c.Replicas = true, o.Replicas
		if l.server == nil {
			if _, err := l.js.Stream(ctx, c.Name); err == nil {
				continue
			}
		}
		if _, err := l.js.CreateOrUpdateStream(ctx, c); err != nil {
			return fmt.Errorf("create log stream %s: %w", c.Name, err)
		}
	}
	kv, err := l.js.KeyValue(ctx, readerBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = l.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: readerBucket, History: 1, Storage: jetstream.FileStorage, Replicas: o.Replicas,
			Description: "positions and intents of the log's readers",
		})
	}
	if err != nil {
		return fmt.Errorf("open reader positions: %w", err)
	}
	l.readers = kv
	return nil
}

// Append implements Log.
func (l *log) Append(ctx context.Context, r Record) (uint64, bool, error) {
	if err := validate(r); err != nil {
		l.metrics.refused.WithLabelValues("invalid").Inc()
		return 0, false, err
	}
	return l.append(ctx, r, contentID(r))
}

func (l *log) append(ctx context.Context, r Record, id string) (uint64, bool, error) {
	began := time.Now()
	seq, duplicate, err := l.tryAppend(ctx, r, id)
	switch {
	case err != nil:
		l.metrics.refused.WithLabelValues(refusalReason(err)).Inc()
	case duplicate:
		l.metrics.duplicates.Inc()
	default:
		l.metrics.records.WithLabelValues(string(r.Signal)).Inc()
		l.metrics.bytes.WithLabelValues(string(r.Signal)).Add(float64(len(r.Payload)))
		l.metrics.seconds.Observe(time.Since(began).Seconds())
	}
	return seq, duplicate, err
}

func (l *log) tryAppend(ctx context.Context, r Record, id string) (uint64, bool, error) {
	size := len(r.Payload)
	if size > l.opts.MaxPayloadBytes {
		return 0, false, fmt.Errorf("append record of %d bytes: %w: the limit is %d bytes; send smaller requests", size, ErrTooLarge, l.opts.MaxPayloadBytes)
	}
	msg := &nats.Msg{Subject: subjectPrefix + string(r.Signal), Header: nats.Header{}, Data: r.Payload}
	writeHeader(msg.Header, r)
	ack, err := l.publish(ctx, msg, size, jetstream.WithMsgID(id))
	if err != nil {
		return 0, false, err
	}
	return ack.Sequence, ack.Duplicate, nil
}

// publish stores one message on whichever stream takes its subject, and returns after the fsync.
func (l *log) publish(ctx context.Context, msg *nats.Msg, size int, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, fmt.Errorf("append record: %w", ErrClosed)
	}
	l.appends.Add(1)
	healthy := l.healthy
	l.mu.Unlock()
	defer l.appends.Done()

	if why := l.refusing(healthy); why != "" {
		return nil, retryable(ErrDisk, retryDisk, "append record: %s", why)
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, l.opts.AppendTimeout)
	defer cancel()
	defer context.AfterFunc(healthy, cancel)()
	weight := int64(size) + 1
	weight = min(weight, l.opts.MaxInFlightBytes)
	if err := l.room.Acquire(ctx, weight); err != nil {
		return nil, l.publishError(outer, healthy, err)
	}
	defer l.room.Release(weight)
	ack, err := l.js.PublishMsg(ctx, msg, append(opts, jetstream.WithRetryAttempts(0))...)
	if err != nil {
		return nil, l.publishError(outer, healthy, err)
	}
	l.wakeReaders()
	return ack, nil
}

// refusing says why appends are refused now, or nothing.
func (l *log) refusing(healthy context.Context) string {
	if healthy.Err() != nil {
		return "a write to the log failed; it is opened again when the disk has space"
	}
	if free := l.disk.freeBytes(time.Now()); l.disk != nil && free < l.opts.MinFreeBytes {
		return fmt.Sprintf("the disk has %d bytes left and %d are reserved; free some space or lower the reserve", free, l.opts.MinFreeBytes)
	}
	return ""
}

// publishError classifies what stopped a publish. outer is the caller's context.
func (l *log) publishError(outer, healthy context.Context, err error) error {
	var api *jetstream.APIError
	switch {
	case healthy.Err() != nil:
		return retryable(ErrDisk, retryDisk, "append record: a write to the log failed; it is opened again when the disk has space")
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return err
	case errors.As(err, &api) && isFull(api):
		return retryable(ErrFull, retryFull, "append record: the log has reached its limit of bytes; its readers are behind")
	case outer.Err() != nil:
		return fmt.Errorf("append record: %w", outer.Err())
	default:
		return retryable(ErrUnavailable, retryUnavailable, "append record: the log did not answer: %v", err)
	}
}

// isFull recognises the two ways in which JetStream says that there is no room: the stream's own
// limit (10077 with its text) and the account's or server's (10047).
func isFull(e *jetstream.APIError) bool {
	const storeFailed, noStorage = 10077, 10047
	return e.ErrorCode == noStorage || e.ErrorCode == storeFailed && e.Description == "maximum bytes exceeded"
}

func (l *log) wakeReaders() {
	l.mu.Lock()
	close(l.wake)
	l.wake = make(chan struct{})
	l.mu.Unlock()
}

func (l *log) woken() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wake
}

// Close implements Log.
func (l *log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.appends.Wait()
	l.stop()
	l.work.Wait()
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server != nil {
		l.server.stop()
	}
	if l.opts.Registerer != nil {
		for _, c := range l.metrics.collectors(l) {
			l.opts.Registerer.Unregister(c)
		}
	}
	if l.lock != nil {
		return l.lock.Close()
	}
	return nil
}
