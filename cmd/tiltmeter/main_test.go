package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/store/engine"
)

// asBinary makes the test binary behave as tiltmeter itself, so that tests kill real processes
// without a build of their own.
const asBinary = "TILTMETER_TEST_AS_BINARY"

func TestMain(m *testing.M) {
	engine.RunIfChild()
	if os.Getenv(asBinary) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// startWithin is how long a server may take until it is ready, on a busy machine.
const startWithin = 2 * time.Minute

// server is a tiltmeter process that tests start, kill and start again.
type server struct {
	t    *testing.T
	args []string
	env  []string

	http, grpc, otlpHTTP string

	cmd    *exec.Cmd
	exited chan struct{}

	mu  sync.Mutex
	log bytes.Buffer // mu guards it
}

// newServer makes a server on free ports; start runs it.
func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t, http: freeAddr(t), grpc: freeAddr(t), otlpHTTP: freeAddr(t)}
	s.args = append([]string{"serve", "--http-addr", s.http, "--otlp-grpc-addr", s.grpc, "--otlp-http-addr", s.otlpHTTP}, args...)
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Logf("log of %v:\n%s", s.args, tail(s.log.Bytes(), 16<<10))
		}
	})
	return s
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *server) url() string { return "http://" + s.http }

// launch starts the process and does not wait for it to be ready.
func (s *server) launch() {
	s.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(exe, s.args...)
	s.cmd.Env = append(append(os.Environ(), asBinary+"=1"), s.env...)
	// Tests of one package run in its folder; a tiltmeter.yaml there must not matter.
	s.cmd.Dir, err = filepath.Abs(".")
	if err != nil {
		s.t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	w.Close()
	s.exited = make(chan struct{})
	go func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			s.mu.Lock()
			s.log.Write(append(in.Bytes(), '\n'))
			s.mu.Unlock()
		}
		r.Close()
	}()
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait() // killed on purpose
		close(exited)
	}(s.cmd, s.exited)
}

// start launches the process and waits until /readyz says that every part is ready.
func (s *server) start() {
	s.t.Helper()
	s.launch()
	s.waitReady()
}

func (s *server) waitReady() {
	s.t.Helper()
	last := "no answer"
	ok := eventually(startWithin, func() bool {
		select {
		case <-s.exited:
			return true
		default:
		}
		code, body := get(s.url() + "/readyz")
		last = fmt.Sprintf("%d %s", code, body)
		return code == http.StatusOK
	})
	select {
	case <-s.exited:
		s.t.Fatalf("the server exited: %s", s.logged())
	default:
	}
	if !ok {
		s.t.Fatalf("the server was not ready within %s: %s", startWithin, last)
	}
}

func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(tail(s.log.Bytes(), 8<<10))
}

// kill ends the process with SIGKILL and waits until it is gone.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone
	<-s.exited
}

// stop ends the process with SIGTERM and returns its exit code.
func (s *server) stop() int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(time.Minute):
		s.t.Fatal("the server did not stop within a minute of SIGTERM")
	}
	return s.cmd.ProcessState.ExitCode()
}

// enginePID is the process id of the server's engine child, 0 while there is none.
func (s *server) enginePID() int {
	return childOf(s.cmd.Process.Pid)
}

func childOf(parent int) int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		// pid (comm) state ppid …; comm may hold spaces and brackets.
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}

// rssBytes is the resident memory of a process.
func rssBytes(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kb int64
			fmt.Sscan(v, &kb)
			return kb << 10
		}
	}
	return 0
}

// get is a GET that may fail; the code is then 0.
func get(url string) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, b.String()
}

// eventually asks until cond holds or the time is over.
func eventually(within time.Duration, cond func() bool) bool {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if cond() {
			return true
		}
		select {
		case <-deadline.C:
			return cond()
		case <-tick.C:
		}
	}
}

func childGone(pid int) bool { return syscall.Kill(pid, 0) != nil }
