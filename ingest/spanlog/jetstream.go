package spanlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
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

// openTimeout bounds the calls that create or look up the streams.
const openTimeout = 30 * time.Second

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
	// identity is the stream that the log was opened on; replaced is set when it is another now.
	identity string
	replaced atomic.Bool
	room     *semaphore.Weighted // bytes of running appends
	stop     context.CancelFunc
	work     sync.WaitGroup // background goroutines
	failed   chan string    // a write error was seen; capacity 1
	samples  trimSamples
	// trimming is held by a trim and by the registration of a reader.
	trimming sync.Mutex
	// registered are the collectors that Close takes back: those of this log only.
	registered []prometheus.Collector

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
	if err := l.registerMetrics(); err != nil {
		return nil, err
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
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
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

func (l *log) wakeReaders() {
	l.mu.Lock()
	close(l.wake)
	l.wake = make(chan struct{})
	l.mu.Unlock()
}

func (l *log) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
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
	for _, c := range l.registered {
		l.opts.Registerer.Unregister(c)
	}
	if l.lock != nil {
		// Unlocked first: a child that is being started elsewhere in the process may hold a copy of the
		// descriptor for a moment, and with it the lock.
		return errors.Join(unix.Flock(int(l.lock.Fd()), unix.LOCK_UN), l.lock.Close())
	}
	return nil
}
