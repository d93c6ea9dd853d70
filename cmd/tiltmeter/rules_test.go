package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/engine"
)

// TestRulesOfUsers does what docs/dialect-rules.md tells, with the files that it shows: a rule is tried, a server reads by
// it, a rule with a mistake keeps one from starting, and a changed rule reads what is stored.
func TestRulesOfUsers(t *testing.T) {
	t.Parallel()
	doc := filepath.Join("..", "..", "docs", "dialect-rules.md")
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string) string {
		m := regexp.MustCompile("(?s)```" + kind + "\n(.*?)```").FindSubmatch(text)
		if m == nil {
			t.Fatalf("%s has no example in %s", doc, kind)
		}
		return string(m[1])
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	request, settings := file("request.json", block("json")), file("tiltmeter.yaml", block("yaml"))

	rules, err := readRules(settings)
	if err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	if err := testDialects(rules, []string{request}, false, nil, &out, &complaints); err != nil || complaints.Len() > 0 {
		t.Fatalf("%v: %s", err, &complaints)
	}
	shown := strings.TrimSpace(out.String()) + "\n"
	if want := block("text"); want != shown {
		if *update {
			text = bytes.Replace(text, []byte("```text\n"+want), []byte("```text\n"+shown), 1)
			if err := os.WriteFile(doc, text, 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Errorf("docs/dialect-rules.md shows another output: go test ./cmd/tiltmeter -run TestRulesOfUsers -update (-doc +program)\n%s", cmp.Diff(want, shown))
		}
	}
	var list bytes.Buffer
	if err := listDialects(rules, &list); err != nil || !strings.Contains(list.String(), "rules acme-gateway  scope acme.gateway*\n") {
		t.Errorf("%v: %s", err, &list)
	}

	data := filepath.Join(dir, "data")
	s := newServer(t, "--data-dir", data, "--flush-every", "20ms", "--config", settings)
	s.start()
	res, err := http.Post("http://"+s.otlpHTTP+"/v1/traces", "application/json", strings.NewReader(block("json")))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	address := s.url() + "/v1/traces/0102030405060708090a0b0c0d0e0f10/spans/0102030405060708"
	if !eventually(startWithin, func() bool {
		code, _ := get(address)
		return code == http.StatusOK
	}) {
		t.Fatal("the span is not stored")
	}
	var got struct {
		Dialect, DialectVersion, Operation, Provider, RequestModel string
		Usage                                                      struct{ InputTokens, OutputTokens string }
	}
	getJSON(t, address, &got)
	if s := got; s.Dialect != "rules" || s.DialectVersion != "acme-gateway" || s.Operation != "chat" || s.RequestModel != "gpt-4o-mini" ||
		s.Usage.InputTokens != "12" || s.Usage.OutputTokens != "7" {
		t.Errorf("the API has %+v", s)
	}
	if code := s.stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}

	broken := file("broken.yaml", strings.Replace(block("yaml"), "request_model:", "model:", 1))
	c := &server{t: t, args: []string{"serve", "--config", broken, "--data-dir", data}}
	c.launch()
	<-c.exited
	if log := c.logged(); c.cmd.ProcessState.ExitCode() == 0 || !strings.Contains(log, "broken.yaml:9: dialects[0].set.model: no such field; did you mean request_model") {
		t.Errorf("a server with a wrong rule said %s", log)
	}

	changed := file("changed.yaml", strings.Replace(block("yaml"), "{value: openai}", "acme.region", 1))
	c = &server{t: t, args: []string{"reread", "--config", changed, "--data-dir", data, "--since", "2d"}}
	c.launch()
	<-c.exited
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit code %d: %s", code, c.logged())
	}
	e, err := engine.Start(t.Context(), engine.Config{DataDir: data})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if got := statement(t, e, store.DefaultDatabase, "SELECT provider, count() FROM spans GROUP BY provider"); got != "eu\t1\n" {
		t.Errorf("after the rule changed the store has %q", got)
	}
}
