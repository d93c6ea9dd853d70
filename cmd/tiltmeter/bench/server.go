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
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	startWithin  = time.Minute
	settleWithin = 5 * time.Minute
	pollEvery    = 200 * time.Millisecond
	// The server is done when it has used less than quietCPU seconds in quietFor: nothing is merged any more.
	quietFor = 3 * time.Second
	quietCPU = 0.12
)

// server is a `serve` process that is measured.
type server struct {
	cmd        *exec.Cmd
	http, grpc string
	out        bytes.Buffer
	client     http.Client
}

func launch(ctx context.Context, dir string) (*server, error) {
	s := &server{client: http.Client{Timeout: 10 * time.Second}}
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
	ready, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		if _, err = s.get(ready, "/readyz"); err == nil {
			return s, nil
		}
		select {
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
	return s.cmd.Wait()
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
type usage struct {
	goCPU, engineCPU float64 // seconds
	mallocs          float64
	peakRSS          int64 // bytes, both processes' own peaks added up
}

func (u usage) cpu() float64 { return u.goCPU + u.engineCPU }

func (s *server) usage(ctx context.Context) (u usage, err error) {
	pid := s.cmd.Process.Pid
	child, err := childOf(pid)
	if err != nil {
		return u, err
	}
	if u.goCPU, err = cpuSeconds(pid); err != nil {
		return u, err
	}
	if u.engineCPU, err = cpuSeconds(child); err != nil {
		return u, err
	}
	for _, p := range []int{pid, child} {
		rss, err := peakRSS(p)
		if err != nil {
			return u, err
		}
		u.peakRSS += rss
	}
	body, err := s.get(ctx, "/metrics")
	if err != nil {
		return u, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return u, err
	}
	for _, m := range families["go_memstats_mallocs_total"].GetMetric() {
		u.mallocs += m.GetCounter().GetValue()
	}
	return u, nil
}

// settle waits until all spans are stored and the processes have gone quiet.
func (s *server) settle(ctx context.Context, spans int64) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	var last float64
	since := time.Now()
	for {
		var st struct {
			Stored string `json:"storedSpans"`
		}
		body, err := s.get(ctx, "/v1/ingest/status")
		if err == nil {
			err = json.Unmarshal(body, &st)
		}
		if err != nil {
			return err
		}
		u, err := s.usage(ctx)
		if err != nil {
			return err
		}
		stored, _ := strconv.ParseInt(st.Stored, 10, 64) // absent while it is 0
		if u.cpu()-last > quietCPU || stored < spans {
			last, since = u.cpu(), time.Now()
		}
		if time.Since(since) > quietFor {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d spans stored: %w", stored, spans, ctx.Err())
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

// childOf finds the engine: the only child of the server.
func childOf(parent int) (int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		fields, err := statFields(path)
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			return strconv.Atoi(filepath.Base(filepath.Dir(path)))
		}
	}
	return 0, errors.New("the server has no engine child; the benchmark reads /proc and needs Linux")
}

// statFields are the fields of /proc/PID/stat behind the command's name: state, parent, …
func statFields(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.Fields(rest), nil
}

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

func cpuSeconds(pid int) (float64, error) {
	fields, err := statFields(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	const user, system = 11, 12 // fields 14 and 15 of proc(5), counted from the state
	u, err1 := strconv.ParseFloat(fields[user], 64)
	k, err2 := strconv.ParseFloat(fields[system], 64)
	return (u + k) / ticksPerSecond, errors.Join(err1, err2)
}

func peakRSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d shows no VmHWM", pid)
}
