package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/api/auth"
)

// ran is what a command printed and how it ended.
type ran struct {
	code     int
	out, err string
}

// tool runs the binary in an empty folder, with the variables given and none of tiltmeter's besides.
func tool(t *testing.T, env []string, args ...string) ran {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Dir = t.TempDir()
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "TILTMETER_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(append(cmd.Env, asBinary+"=1"), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// TestUsage: who asks for help gets it, who calls it wrongly is told and the shell knows.
func TestUsage(t *testing.T) {
	t.Parallel()
	for args, code := range map[string]int{
		"": 2, "help": 0, "--help": 0, "-h": 0, "serve --help": 0, "demo -h": 0, "dead-letters": 2, "dead-letters frobnicate": 2, "keys": 2, "demo now": 2, "loadgen now": 2,
	} {
		got := tool(t, nil, strings.Fields(args)...)
		right, other := got.out, got.err
		if code != 0 {
			right, other = other, right
		}
		if got.code != code || !strings.Contains(right, "Usage: tiltmeter") || other != "" {
			t.Errorf("%q: exit code %d, want %d; on stdout %.60q, on stderr %.60q", args, got.code, code, got.out, got.err)
		}
	}
}

// TestClientsFindTheServer: a flag goes before a variable, that before the settings file, that before
// the default; and where nothing listens they say what to do.
func TestClientsFindTheServer(t *testing.T) {
	t.Parallel()
	byFlag, byVariable, byFile := freeAddr(t), freeAddr(t), freeAddr(t)
	file := filepath.Join(t.TempDir(), "settings.yaml")
	text := "http-addr: " + byFile + "\notlp-grpc-addr: " + byFile + "\notlp-http-addr: " + byFile + "\nretention: 7d\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, flag, variable string }{
		{"dead-letters list", "--http-addr", "TILTMETER_HTTP_ADDR"},
		{"dead-letters replay", "--http-addr", "TILTMETER_HTTP_ADDR"},
		{"demo", "--endpoint", "TILTMETER_OTLP_GRPC_ADDR"},
		{"loadgen", "--endpoint", "TILTMETER_OTLP_GRPC_ADDR"},
		{"loadgen --http", "--endpoint", "TILTMETER_OTLP_HTTP_ADDR"},
	} {
		args := append(strings.Fields(c.args), "--config", file)
		variable := []string{c.variable + "=" + byVariable}
		for addr, got := range map[string]ran{
			byFlag:     tool(t, variable, append(args, c.flag, byFlag)...),
			byVariable: tool(t, variable, args...),
			byFile:     tool(t, nil, args...),
		} {
			if got.code != 1 || !strings.Contains(got.err, "no server answers at "+addr) || !strings.Contains(got.err, "`tiltmeter serve` or name it with "+c.flag) ||
				strings.Contains(got.err, "rpc error") {
				t.Errorf("%s at %s: %+v", c.args, addr, got)
			}
		}
	}
	dir := t.TempDir()
	file = filepath.Join(dir, "folder.yaml")
	if err := os.WriteFile(file, []byte("data-dir: "+dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, env := range [][]string{nil, {"TILTMETER_CONFIG=" + file}} {
		args := []string{"keys", "create", "--scope", "read"}
		if env == nil {
			args = append(args, "--config", file)
		}
		if got := tool(t, env, args...); got.code != 0 {
			t.Errorf("keys: %+v", got)
		}
	}
	if keys, err := auth.Open(dir); err != nil {
		t.Error(err)
	} else if all, err := keys.List(); err != nil || len(all) != 2 {
		t.Errorf("keys in the folder of the settings file: %v, %v", all, err)
	}
	if got := tool(t, nil, "dead-letters", "list", "--http-addr", "nowhere"); got.code != 1 || !strings.Contains(got.err, "--http-addr") {
		t.Errorf("no address: %+v", got)
	}
}

// TestATakenPortLeavesNothing: a server that cannot have its ports says which, and how to choose others,
// before it makes anything.
func TestATakenPortLeavesNothing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, flag := range []string{"--http-addr", "--otlp-grpc-addr", "--otlp-http-addr", "--pprof-addr"} {
		dir := filepath.Join(t.TempDir(), "data")
		args := []string{"serve", "--data-dir", dir}
		for _, f := range []string{"--http-addr", "--otlp-grpc-addr", "--otlp-http-addr"} {
			args = append(args, f, "127.0.0.1:0")
		}
		got := tool(t, nil, append(args, flag, l.Addr().String())...)
		if got.code != 1 || !strings.Contains(got.err, l.Addr().String()+" is in use") || !strings.Contains(got.err, "choose another port with "+flag) {
			t.Errorf("%s: %+v", flag, got)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the data folder is there: %v", flag, err)
		}
	}
}

func TestDialable(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"[::]:8080": "localhost:8080", "0.0.0.0:8080": "localhost:8080", ":8080": "localhost:8080",
		"127.0.0.1:8080": "127.0.0.1:8080", "[::1]:8080": "[::1]:8080", "10.0.0.7:80": "10.0.0.7:80", "host.example:80": "host.example:80", "": "",
	} {
		if got := dialable(addr); got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
}

// TestLoadgenInAProjectOfItsOwn: on a server that needs keys, two keys of a project are enough to send
// and to verify, and no other project is touched. Without one it says which is missing.
func TestLoadgenInAProjectOfItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys, err := auth.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	secret := map[auth.Scope]string{}
	for _, scope := range []auth.Scope{auth.ScopeIngest, auth.ScopeRead} {
		if secret[scope], _, err = keys.Create(scope, "load", "test"); err != nil {
			t.Fatal(err)
		}
	}
	all, _, err := keys.Create(auth.ScopeAdmin, auth.AllProjects, "test")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, "--data-dir", dir, "--flush-every", "100ms", "--require-keys", "--otlp-http-addr", "0.0.0.0:"+port)
	s.start()
	s.said("http://localhost:" + port + " (HTTP)")
	s.said("Tiltmeter is ready: http://" + s.http)

	args := []string{"loadgen", "--endpoint", s.grpc, "--verify", s.url(), "--spans", "2000", "--duration", "0", "--project", "load", "--key", secret[auth.ScopeIngest]}
	got := tool(t, nil, append(args, "--read-key", secret[auth.ScopeRead])...)
	if got.code != 0 {
		t.Errorf("with both keys: %+v", got)
	}
	if got := tool(t, nil, args...); got.code != 1 || !strings.Contains(got.err, "--read-key") {
		t.Errorf("without a key that may read: %+v", got)
	}
	if got := tool(t, nil, "loadgen", "--endpoint", s.grpc, "--project", "load"); got.code != 1 || !strings.Contains(got.err, "keys create --scope ingest --project load") {
		t.Errorf("without a key: %+v", got)
	}
	for want, c := range map[string]ran{
		"no key was sent":           tool(t, nil, "dead-letters", "list", "--http-addr", s.http),
		"scope admin":               tool(t, []string{"TILTMETER_KEY=" + secret[auth.ScopeRead]}, "dead-letters", "list", "--http-addr", s.url()),
		"key with the scope ingest": tool(t, nil, "demo", "--days", "0.01", "--endpoint", s.grpc, "--http-addr", s.http),
	} {
		if c.code != 1 || strings.Contains(c.err, "rpc error") || !strings.Contains(c.err, want) {
			t.Errorf("want %q: %+v", want, c)
		}
	}
	list := tool(t, []string{"TILTMETER_KEY=" + all}, "dead-letters", "list", "--http-addr", s.http)
	if list.code != 0 || !strings.Contains(list.out, "ID") {
		t.Errorf("with a key: %+v", list)
	}
	var projects struct{ Projects []struct{ Name string } }
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url()+"/v1/projects", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+all)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&projects); err != nil {
		t.Fatal(err)
	}
	if len(projects.Projects) != 1 || projects.Projects[0].Name != "load" {
		t.Errorf("projects that hold something: %+v", projects)
	}
}
