// Package engine is the embedded ClickHouse: libchdb in a supervised child
// process of the same binary, spoken to over a unix socket in the data folder.
//
// A child that dies, whatever the reason, is started again with back-off; the
// data folder has one owner at a time; when the owner dies the child dies too.
// A statement that was running when the child died has failed and may be
// repeated; what an insert acknowledged is on disk (unless DisableFsync).
//
// It knows statements, formats and bytes. It does not know any table of ours.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// defaultStartTimeout bounds the first start: loading a library of 566 MB
	// from a cold disk and opening every table takes seconds, not minutes.
	defaultStartTimeout = 2 * time.Minute

	// defaultStopTimeout bounds a graceful stop, after which the child is killed.
	defaultStopTimeout = 20 * time.Second

	// statementTimeout is how long the driver waits for the first byte of an
	// answer; a heavier question belongs behind a context of the caller's own.
	statementTimeout = 10 * time.Minute
)

// ErrClosed is returned by every call on an engine that was closed.
var ErrClosed = errors.New("engine is closed")

// Config says where the engine lives and how much it may take.
type Config struct {
	// DataDir is the server's data folder; the engine keeps to DataDir/engine
	// and the lock file DataDir/engine.lock.
	DataDir string
	// LibraryPath is the libchdb to load; empty means search (see FindLibrary).
	LibraryPath string
	// MemoryBytes caps what the engine tracks; 0 means min(4 GiB, a third of
	// the memory this process may use).
	MemoryBytes int64
	// Connections is how many statements run at once; further ones queue.
	// 0 means twice the cores, at least 4 and at most 16.
	Connections int
	// DisableFsync leaves new parts to the page cache: faster, and a power cut
	// (not a crash) may then lose acknowledged inserts. For tests and demos.
	DisableFsync bool
	// StartTimeout bounds Start until the first ping; 0 means 2 minutes.
	StartTimeout time.Duration
	// StopTimeout bounds Close when its context has no deadline; 0 means 20 s.
	StopTimeout time.Duration
	// HangTimeout is how long the child may owe an answer to SELECT 1 before it
	// is killed and replaced; 0 means 1 minute.
	HangTimeout time.Duration
	// Logger receives the supervisor's events and the child's stderr; nil
	// means slog.Default().
	Logger *slog.Logger
	// Registerer receives the metrics; nil means none are exposed.
	Registerer prometheus.Registerer
}

// Engine is a running embedded ClickHouse. Its methods are safe for
// concurrent use.
type Engine struct {
	cfg     Config
	library string
	socket  string
	tempDir string // holds the socket when DataDir's path is too long for one
	lock    *os.File
	log     *slog.Logger
	metrics *metrics

	stop chan struct{} // closed by Close: the supervisor ends
	done chan struct{} // closed by the supervisor when no child is left

	// mu guards everything below.
	mu       sync.Mutex
	state    state
	lastErr  error         // why the engine is not ready
	changed  chan struct{} // closed and replaced at every change of state
	childPID int
}

type state int

const (
	stateStarting state = iota
	stateReady
	stateRestarting
	stateClosed
)

// Start is Launch, and returns when the engine answers. The context bounds the
// start alone.
func Start(ctx context.Context, cfg Config) (*Engine, error) {
	e, err := Launch(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.StartTimeout)
	defer cancel()
	if err := e.wait(ctx); err != nil {
		stopped, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.StopTimeout)
		defer cancelStop()
		return nil, errors.Join(fmt.Errorf("start engine in %q: %w", e.cfg.DataDir, err), e.halt(stopped), e.release())
	}
	return e, nil
}

// Launch takes the lock of the data folder and starts the child, and does not
// wait for it: Ready says when it answers, and Dial waits until then. The error
// says what to do: an *InUseError names the owner of the folder, a
// *LibraryError the command that fetches the library.
func Launch(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	if cfg.DataDir == "" {
		return nil, errors.New("start engine: Config.DataDir is empty; name the data folder")
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("resolve data folder %q: %w", cfg.DataDir, err)
	}
	cfg.DataDir = dir
	library, err := FindLibrary(cfg.LibraryPath)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, dataFolder), 0o750); err != nil {
		return nil, fmt.Errorf("create engine folder in %q: %w", dir, err)
	}
	lock, err := lockDataDir(dir)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		cfg: cfg, library: library, lock: lock, log: cfg.Logger,
		stop: make(chan struct{}), done: make(chan struct{}),
		changed: make(chan struct{}), lastErr: errors.New("engine is starting"),
	}
	if err := e.begin(); err != nil {
		return nil, errors.Join(err, e.release())
	}
	return e, nil
}

// begin starts the supervisor.
func (e *Engine) begin() error {
	var err error
	if e.socket, e.tempDir, err = socketPath(e.cfg.DataDir); err != nil {
		return err
	}
	if e.metrics, err = newMetrics(e.cfg.Registerer, e); err != nil {
		return err
	}
	go e.supervise()
	return nil
}

func (c Config) withDefaults() Config {
	if c.MemoryBytes <= 0 {
		c.MemoryBytes = defaultMemoryBytes()
	}
	if c.Connections <= 0 {
		c.Connections = defaultConnections()
	}
	if c.StartTimeout <= 0 {
		c.StartTimeout = defaultStartTimeout
	}
	if c.StopTimeout <= 0 {
		c.StopTimeout = defaultStopTimeout
	}
	if c.HangTimeout <= 0 {
		c.HangTimeout = defaultHangTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// Dial connects to the engine's HTTP interface. While the child is being
// restarted it waits, as long as ctx allows; the error then says why the
// engine is not there.
func (e *Engine) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	for {
		if err := e.wait(ctx); err != nil {
			return nil, err
		}
		changed := e.changes()
		conn, err := d.DialContext(ctx, "unix", e.socket)
		if err == nil {
			return conn, nil
		}
		// The socket is gone before the supervisor has seen the child die.
		if e.Ready() != nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("dial engine: %w", err)
		case <-changed:
		case <-time.After(dialRetryEvery):
		}
	}
}

// Ready is nil when statements are being answered, else the reason why not.
func (e *Engine) Ready() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == stateReady {
		return nil
	}
	return e.lastErr
}

// Socket is the path of the unix socket on which the engine speaks
// ClickHouse's HTTP interface: curl --unix-socket PATH 'http://engine/' -d 'SELECT 1'.
func (e *Engine) Socket() string { return e.socket }

// PID is the process id of the child, 0 while there is none.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.childPID
}

// MemoryBytes is the cap in force.
func (e *Engine) MemoryBytes() int64 { return e.cfg.MemoryBytes }

// ClickHouse returns the driver's options for this engine. The caller may
// change them; they are built anew by every call.
func (e *Engine) ClickHouse() *clickhouse.Options {
	return &clickhouse.Options{
		Protocol: clickhouse.HTTP,
		Addr:     []string{"localhost:8123"}, // never dialled: DialContext goes to the socket
		Auth:     clickhouse.Auth{Database: "default"},
		DialContext: func(ctx context.Context, _ string) (net.Conn, error) {
			return e.Dial(ctx)
		},
		// A proxy in the environment must not come between us and our child.
		TransportFunc: func(t *http.Transport) (http.RoundTripper, error) {
			t.Proxy = nil
			return t, nil
		},
		DialTimeout:     defaultStartTimeout,
		ReadTimeout:     statementTimeout,
		MaxOpenConns:    e.cfg.Connections + 2, // two may wait, so that none idles between statements
		MaxIdleConns:    e.cfg.Connections,
		ConnMaxLifetime: time.Hour,
		Compression:     &clickhouse.Compression{Method: clickhouse.CompressionNone},
	}
}

// Close stops the child: running statements may finish until the context (or
// Config.StopTimeout) ends, then it is killed. It is idempotent.
func (e *Engine) Close(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.cfg.StopTimeout)
		defer cancel()
	}
	return errors.Join(e.halt(ctx), e.release())
}

// release gives up the lock, the metrics and the socket's folder.
func (e *Engine) release() error {
	e.mu.Lock()
	lock, temp, m := e.lock, e.tempDir, e.metrics
	e.lock, e.tempDir, e.metrics = nil, "", nil
	e.mu.Unlock()
	var errs []error
	if m != nil {
		m.unregister(e.cfg.Registerer)
	}
	if temp != "" {
		errs = append(errs, os.RemoveAll(temp))
	}
	if lock != nil {
		errs = append(errs, lock.Close()) // closing drops the flock
	}
	return errors.Join(errs...)
}
