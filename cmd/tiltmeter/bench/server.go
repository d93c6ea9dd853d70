package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	startWithin  = time.Minute
	settleWithin = 5 * time.Minute
	idleFor      = 5 * time.Second        // how long the idle server is looked at
	pollEvery    = 200 * time.Millisecond // of /proc
	askEvery     = time.Second            // of the server: an answer costs it some 10 ms
	// mergeless is how long no merge thread must have run: longer than the engine pauses between
	// merges that are due. Young parts it leaves for later, for minutes or hours; those are not waited for.
	mergeless = 3 * time.Second
)

// server is a `serve` process that is measured.
type server struct {
	cmd        *exec.Cmd
	exited     chan error // cmd.Wait's answer
	engine     int        // process
	http, grpc string
	out        bytes.Buffer
	client     http.Client
}

func launch(ctx context.Context, dir string) (*server, error) {
	s := &server{client: http.Client{Timeout: 10 * time.Second}, exited: make(chan error, 1)}
	addrs := make([]string, 3)
	for i := range addrs {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		addrs[i] = l.Addr().String()
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	s.http, s.grpc = addrs[0], addrs[1]
	var err error
	s.cmd, err = command(ctx, "serve", "--data-dir", dir, "--http-addr", addrs[0], "--otlp-grpc-addr", addrs[1], "--otlp-http-addr", addrs[2], "--log-level", "warn")
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.exited <- s.cmd.Wait() }()
	ready, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		if _, err = s.get(ready, "/readyz"); err == nil {
			if s.engine, err = childOf(s.cmd.Process.Pid); err != nil {
				return nil, errors.Join(err, s.stop())
			}
			return s, nil
		}
		select {
		case err := <-s.exited:
			return nil, errors.Join(fmt.Errorf("the server ended: %w", err), errors.New(s.out.String()))
		case <-ready.Done():
			return nil, errors.Join(fmt.Errorf("the server was not ready within %s: %w", startWithin, err), s.stop(), errors.New(s.out.String()))
		case <-time.After(pollEvery):
		}
	}
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-s.exited
}

func (s *server) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", path, res.Status, body)
	}
	return body, err
}

// usage is what the server's processes have used so far.
type usage struct{ goCPU, engineCPU float64 } // seconds

func (u usage) cpu() float64 { return u.goCPU + u.engineCPU }

func (s *server) usage() (u usage, err error) {
	var err1, err2 error
	u.goCPU, err1 = cpuSeconds(s.cmd.Process.Pid)
	u.engineCPU, err2 = cpuSeconds(s.engine)
	return u, errors.Join(err1, err2)
}

// resident is the memory of both processes.
func (s *server) resident() (server, engine memory, err error) {
	server, err1 := memoryOf(s.cmd.Process.Pid)
	engine, err2 := memoryOf(s.engine)
	return server, engine, errors.Join(err1, err2)
}

// watchMemory samples until the context ends and returns the most that both processes held at once.
func (s *server) watchMemory(ctx context.Context) (most int64) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if server, engine, err := s.resident(); err == nil {
			most = max(most, server.now+engine.now)
		}
		select {
		case <-ctx.Done():
			return most
		case <-tick.C:
		}
	}
}

// allocated is the counter of objects that the Go process has allocated, stored that of spans in the store.
const (
	allocated = "go_memstats_mallocs_total"
	stored    = "tiltmeter_writer_stored_spans_total"
)

// counter reads a counter from the server's metrics.
func (s *server) counter(ctx context.Context, name string) (float64, error) {
	body, err := s.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	if len(families[name].GetMetric()) != 1 {
		return 0, fmt.Errorf("/metrics has no %s", name)
	}
	return families[name].GetMetric()[0].GetCounter().GetValue(), nil
}

// settle waits until all spans are stored and no merge is due any more. It returns what had been
// used when the last merge was seen at work: an idle server's use is not the spans'.
func (s *server) settle(ctx context.Context, spans int64) (usage, error) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for {
		n, err := s.counter(ctx, stored)
		if err != nil {
			return usage{}, err
		}
		if int64(n) >= spans {
			break
		}
		select {
		case <-ctx.Done():
			return usage{}, fmt.Errorf("%.0f of %d spans stored: %w", n, spans, ctx.Err())
		case <-time.After(askEvery):
		}
	}
	var u usage
	err := merged(ctx, s.engine, func() (err error) { u, err = s.usage(); return err })
	return u, err
}

// merged returns when the engine's merge threads have done nothing for mergeless. It calls moved at
// first and whenever they have done something.
func merged(ctx context.Context, engine int, moved func() error) error {
	var last float64
	since := time.Now()
	for first := true; ; first = false {
		now, err := mergeSeconds(engine)
		if err != nil {
			return err
		}
		if first || now != last {
			last, since = now, time.Now()
			if err := moved(); err != nil {
				return err
			}
		}
		if time.Since(since) > mergeless {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for merges to end: %w", ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// diskBytes is what all tables take on disk.
func (s *server) diskBytes(ctx context.Context) (float64, error) {
	body, err := s.get(ctx, "/v1/storage")
	if err != nil {
		return 0, err
	}
	var st struct {
		BytesOnDisk string `json:"bytesOnDisk"`
	}
	if err := json.Unmarshal(body, &st); err != nil {
		return 0, err
	}
	return strconv.ParseFloat(st.BytesOnDisk, 64)
}
