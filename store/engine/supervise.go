package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
	// stableAfter is how long a child must live for the back-off to begin anew.
	stableAfter = 30 * time.Second

	dialRetryEvery = 20 * time.Millisecond
	pingEvery      = 10 * time.Millisecond
	pingTimeout    = 5 * time.Second

	// Of the child's stderr at most this much reaches the log; the rest is
	// counted, so that a talkative engine cannot fill a disk.
	maxStderrLine      = 4096 // bytes
	maxStderrPerSecond = 50   // lines
	stderrBurst        = 200  // lines
)

// supervise keeps one child running until Close. It holds one OS thread for
// its life because the parent-death signal follows the thread that forked.
func (e *Engine) supervise() {
	runtime.LockOSThread()
	defer close(e.done)
	defer e.setState(stateClosed, ErrClosed, 0)
	backoff := minBackoff
	for {
		started := time.Now()
		err := e.runChild()
		select {
		case <-e.stop:
			return
		default:
		}
		if time.Since(started) > stableAfter {
			backoff = minBackoff
		}
		pause := backoff/2 + rand.N(backoff/2+1) //nolint:gosec // jitter
		backoff = min(2*backoff, maxBackoff)
		e.setState(stateRestarting, fmt.Errorf("engine is being restarted: %w", err), 0)
		e.log.Error("engine child died, restarting", "error", err, "pause_ms", pause.Milliseconds())
		select {
		case <-e.stop:
			return
		case <-time.After(pause):
		}
		e.metrics.restarts.Inc()
	}
}

// runChild starts one child and returns when it has ended, saying how.
func (e *Engine) runChild() error {
	cmd, stderr, err := e.command()
	if err != nil {
		return err
	}
	// The child ends when the other end of this pipe closes. Not its stdin:
	// the engine reads that for an INSERT with inline values.
	theirs, life, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the child's lifeline: %w", err)
	}
	cmd.ExtraFiles = []*os.File{theirs}
	err = cmd.Start()
	closeAll(stderr.child, theirs)
	if err != nil {
		closeAll(stderr.ours, life)
		return fmt.Errorf("start engine child: %w", err)
	}
	e.setState(stateStarting, errors.New("engine is starting"), cmd.Process.Pid)

	ctx, cancel := context.WithCancel(context.Background())
	forwarded := make(chan string, 1)
	go func() { forwarded <- e.forward(stderr.ours) }()
	watched := make(chan string, 1)
	go func() { watched <- e.watch(ctx, cmd.Process) }()

	err = cmd.Wait()
	cancel()
	hung := <-watched
	last := <-forwarded
	closeAll(stderr.ours, life)
	switch {
	case hung != "":
		return fmt.Errorf("engine child: %s", hung)
	case err == nil:
		return errors.New("engine child ended by itself")
	case last != "":
		return fmt.Errorf("engine child: %w: %s", err, last)
	default:
		return fmt.Errorf("engine child: %w", err)
	}
}

type stderrPipe struct{ ours, child *os.File }

// command builds the child: this executable again, marked by the environment.
func (e *Engine) command() (*exec.Cmd, *stderrPipe, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find own executable: %w", err)
	}
	opts := childOptions{
		Dir: filepath.Join(e.cfg.DataDir, dataFolder), Library: e.library, Socket: e.socket,
		MemoryBytes: e.cfg.MemoryBytes, Connections: e.cfg.Connections,
		Fsync: !e.cfg.DisableFsync, StopTimeout: e.cfg.StopTimeout,
	}
	encoded, err := json.Marshal(opts)
	if err != nil {
		return nil, nil, fmt.Errorf("encode options of engine child: %w", err)
	}
	ours, child, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make the child's stderr: %w", err)
	}
	cmd := exec.Command(exe) //nolint:noctx // it ends with its lifeline, in order
	// Hours and days are UTC's, wherever the machine stands; this engine takes the zone from here alone.
	cmd.Env = append(os.Environ(), childEnv+"="+string(encoded), "MALLOC_CONF="+mallocConf, "TZ=UTC")
	cmd.Stderr = child
	cmd.SysProcAttr = childAttributes()
	return cmd, &stderrPipe{ours: ours, child: child}, nil
}

// watch turns the child's life into states: ready at its first answer, asked
// to end when the engine is closed. It returns why it killed the child, if so.
func (e *Engine) watch(ctx context.Context, p *os.Process) string {
	tending, cancel := context.WithCancel(ctx)
	defer cancel()
	tended := make(chan string, 1)
	go func() { tended <- e.tend(tending, p) }()
	select {
	case <-ctx.Done():
	case <-e.stop:
		cancel()
		_ = p.Signal(syscall.SIGTERM) // fails only when it is gone already
		<-ctx.Done()
	}
	return <-tended
}

// awaitPing asks until the child answers; false when it died first.
func (e *Engine) awaitPing(ctx context.Context) bool {
	client := e.socketClient()
	client.Timeout = pingTimeout
	defer client.CloseIdleConnections()
	for !get(ctx, client, "/ping", nil) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pingEvery):
		}
	}
	return true
}

// forward copies the child's stderr into the log, bounded, and returns the
// last line that was said.
func (e *Engine) forward(r io.Reader) string {
	limit := rate.NewLimiter(maxStderrPerSecond, stderrBurst)
	buffered := bufio.NewReaderSize(r, maxStderrLine)
	seen := make(repeats)
	var last string
	for {
		line, more, err := buffered.ReadLine()
		if len(line) > 0 {
			said := string(line)
			switch keep, level := readLine(said); {
			case !keep:
			case seen.again(said):
				e.metrics.stderrDropped.Inc()
			case limit.Allow():
				last = said
				e.log.Log(context.Background(), level, "engine child says", "line", said, "cut", more)
			default:
				last = said
				e.metrics.stderrDropped.Inc()
			}
		}
		for more && err == nil { // the rest of an overlong line
			_, more, err = buffered.ReadLine()
		}
		if err != nil {
			return last
		}
	}
}

// setState records a change and wakes all who wait for one. Nothing follows
// stateClosed, and a late ping does not revive a child that is gone.
func (e *Engine) setState(s state, why error, pid int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == stateClosed || (s == stateReady && pid != e.childPID) {
		return
	}
	if s == stateStarting && e.state == stateRestarting {
		why = fmt.Errorf("engine is starting again; before that: %w", e.lastErr)
		s = stateRestarting
	}
	e.state, e.lastErr, e.childPID = s, why, pid
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *Engine) changes() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

// wait returns when the engine is ready, or says why it is not when ctx ends
// or the engine is closed.
func (e *Engine) wait(ctx context.Context) error {
	for {
		e.mu.Lock()
		s, why, changed := e.state, e.lastErr, e.changed
		e.mu.Unlock()
		switch s {
		case stateReady:
			return nil
		case stateClosed:
			return ErrClosed
		case stateStarting, stateRestarting:
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for engine: %w (%w)", ctx.Err(), why)
		case <-changed:
		}
	}
}

// halt ends the child and waits for it; at the end of ctx it is killed.
func (e *Engine) halt(ctx context.Context) error {
	e.mu.Lock()
	select {
	case <-e.stop:
	default:
		close(e.stop)
	}
	e.mu.Unlock()
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
	}
	e.mu.Lock()
	pid := e.childPID
	e.mu.Unlock()
	if pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
	}
	<-e.done
	return fmt.Errorf("stop engine: killed it, it did not end in time: %w", ctx.Err())
}

// closeAll lets go of pipes, of which closing cannot lose anything.
func closeAll(pipes ...*os.File) {
	for _, p := range pipes {
		_ = p.Close()
	}
}
