package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	tiltmeterv1 "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
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

	read, err := settingsOfServe(settings)
	if err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	if err := testDialects(read.normalizer(nil), []string{request}, false, nil, &out, &complaints); err != nil || complaints.Len() > 0 {
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
	if err := listDialects(read.rules, &list); err != nil || !strings.Contains(list.String(), "rules acme-gateway  scope acme.gateway*\n") {
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
	var reading struct {
		Sources         []struct{ Key, Rule string }
		DifferingFields []string
	}
	getJSON(t, address+"/reading", &reading)
	if s := fmt.Sprint(reading.Sources); !strings.Contains(s, "{acme.model acme-gateway}") || len(reading.DifferingFields) > 0 {
		t.Errorf("how the span was read: %+v", reading)
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

// settingsFile writes a settings file into a folder of its own.
func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMistakesAtOnce: settings and rules are refused together, each with its line.
func TestMistakesAtOnce(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"retension: 5d\nmax-spans: 0\ndialects:\n- {name: a, match: {scope: x}, set: {trace_id: k}}\n- {match: {scope: x}, set: {user_id: k}}": {
			"t.yaml:1: retension: no such setting", "--max-spans: must be at least 1", "t.yaml:4: dialects[0].set.trace_id: rules never change", "t.yaml:5: dialects[1]: the rule has no name",
		},
		"dialect: []":    {`t.yaml:1: dialect: no such setting; did you mean "dialects"?`},
		"dialects: [":    {"t.yaml: yaml: "},
		"dialects: {}":   {"t.yaml:1: dialects: want a list of rules"},
		"- dialects: []": {"t.yaml: yaml: "},
	} {
		_, err := settingsOfServe(settingsFile(t, text))
		if err == nil {
			t.Errorf("%s is taken", text)
			continue
		}
		for _, w := range want {
			if strings.Count(err.Error(), w) != 1 {
				t.Errorf("%s\n%s\nsays not once %q", text, err, w)
			}
		}
	}
	if _, err := settingsOfServe(filepath.Join(t.TempDir(), "none.yaml")); err == nil || strings.Count(err.Error(), "none.yaml") != 1 {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestDialectTestReadsAsTheServer: the limits of the settings hold for `dialect test`, too.
func TestDialectTestReadsAsTheServer(t *testing.T) {
	t.Parallel()
	s, err := settingsOfServe(settingsFile(t, "max-attribute: 3B\ndialects: [{name: a, match: {span: n}, set: {user_id: k}}]"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	in := strings.NewReader(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"n",
		"attributes":[{"key":"k","value":{"stringValue":"abcdef"}}]}]}]}]}`)
	if err := testDialects(s.normalizer(nil), []string{"-"}, true, in, &out, &out); err != nil || !strings.Contains(out.String(), `"user":"abc"`) || !strings.Contains(out.String(), `"rule":"a"`) {
		t.Errorf("%v: %s", err, &out)
	}
}

// TestDialectTestSaysWhyARuleFillsNothing: a span that a rule could not read has the reason, though nobody read it.
func TestDialectTestSaysWhyARuleFillsNothing(t *testing.T) {
	t.Parallel()
	s, err := settingsOfServe(settingsFile(t, "dialects: [{name: limits, match: {span: n}, set: {request.max_tokens: k}}]"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	in := strings.NewReader(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"n",
		"attributes":[{"key":"k","value":{"stringValue":"1.5"}}]}]}]}]}`)
	want := `n  (span 0102030405060708, trace 0102030405060708090a0b0c0d0e0f10)
  no dialect reads it; its attributes are kept as they are: 1
  warning       rule_failed: k rule limits: the value does not fit request.max_tokens (count)

`
	if err := testDialects(s.normalizer(nil), []string{"-"}, false, in, &out, &out); err != nil || out.String() != want {
		t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(want, out.String()))
	}
}

// TestRuleFieldsAreTheAPIs: rules name fields as the API shows them.
func TestRuleFieldsAreTheAPIs(t *testing.T) {
	t.Parallel()
	notShown := []string{"usage.total_tokens"} // a sum, of which the API has the parts
	for _, f := range dialect.RuleFields() {
		shown := true
		at := (&tiltmeterv1.Span{}).ProtoReflect().Descriptor()
		for step := range strings.SplitSeq(f.Name, ".") {
			field := at.Fields().ByName(protoreflect.Name(step))
			if shown = field != nil; !shown {
				break
			}
			if at = field.Message(); at != nil && at.FullName() == "google.protobuf.Struct" {
				break // request: its members have no descriptor
			}
		}
		if shown == slices.Contains(notShown, f.Name) {
			t.Errorf("the field %s is in the API: %v", f.Name, shown)
		}
	}
}

// TestRereadAnewByOtherRules: a run that was interrupted is gone on with by the same rules alone; prices are computed without any.
func TestRereadAnewByOtherRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(kind store.RereadKind, rules string) *rereadRun {
		s, err := settingsOfServe(settingsFile(t, "data-dir: "+dir+"\ndialects: ["+rules+"]"))
		if err != nil {
			t.Fatal(err)
		}
		return &rereadRun{s: s, kind: kind}
	}
	one, other := "{name: a, match: {span: n}, set: {user_id: k}}", "{name: a, match: {span: n}, set: {user_id: l}}"
	for _, c := range []struct {
		kind          store.RereadKind
		before, after string
		goesOn        bool
	}{
		{store.RereadAll, "", "", true},
		{store.RereadAll, one, one, true},
		{store.RereadAll, one, other, false},
		{store.RereadAll, one, "", false},
		{store.RereadAll, "", one, false},
		{store.RereadPrices, one, other, true},
	} {
		before := run(c.kind, c.before)
		if err := before.forget(); err != nil {
			t.Fatal(err)
		}
		p, err := before.progress()
		if err != nil || len(p.Done) > 0 {
			t.Fatal(p, err)
		}
		p.Done = []string{"2026-05-06"}
		if err := before.note(p); err != nil {
			t.Fatal(err)
		}
		after, err := run(c.kind, c.after).progress()
		if err != nil || (len(after.Done) == 1) != c.goesOn {
			t.Errorf("%s by %q after %q: %+v, %v", c.kind, c.after, c.before, after, err)
		}
	}
}
