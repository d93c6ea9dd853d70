package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/tiltmeter/tiltmeter/proto"
)

var update = flag.Bool("update", false, "write the generated parts of docs/ anew")

// block holds the part of a file of docs/ between its markers against what it should be, or writes it.
func block(t *testing.T, file, name, want string) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	marked := regexp.MustCompile(`(?s)(<!-- begin ` + name + `: [^\n]*-->\n)(.*)(<!-- end ` + name + ` -->\n)`)
	m := marked.FindSubmatchIndex(text)
	if m == nil {
		t.Fatalf("docs/%s has no part %q", file, name)
	}
	if string(text[m[4]:m[5]]) == want {
		return
	}
	if !*update {
		t.Errorf("docs/%s: the part %q is not what the program has: go test ./cmd/tiltmeter -run Reference -update", file, name)
		return
	}
	text = slices.Concat(text[:m[4]], []byte(want), text[m[5]:])
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// headings are set before the setting named.
var headings = map[string]string{
	"data-dir":       "The process",
	"http-addr":      "Ports, and who may come",
	"clickhouse-dsn": "ClickHouse, the store",
	"nats-url":       "NATS JetStream, the log before it",
	"max-request":    "Limits of ingest",
	"batch-rows":     "Writing",
	"log-level":      "Operation",
}

// TestReferenceOfSettings: docs/configuration.md has every flag of serve, and its file is one that serve
// takes: with it everything is as without it.
func TestReferenceOfSettings(t *testing.T) {
	t.Parallel()
	var s serveSettings
	fs := newFlags("serve", "", io.Discard)
	s.flags(fs)
	var doc, file strings.Builder
	seen := 0
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name == "config" { // a file does not name another
			return
		}
		if h := headings[f.Name]; h != "" {
			fmt.Fprintf(&doc, "\n# %s\n", h)
			seen++
		}
		value := f.Value.String()
		line := f.Name + ": " + value
		switch {
		case value == "" || value == "[]":
			line = "#" + f.Name + ":"
		case f.Value.Type() == "string":
			line = fmt.Sprintf("%s: %q", f.Name, value)
		}
		line = strings.ReplaceAll(line, ",", ", ")
		fmt.Fprintf(&doc, "\n# %s\n%s\n", f.Usage, line)
		fmt.Fprintln(&file, line)
	})
	if seen != len(headings) {
		t.Errorf("%d headings of %d have a setting", seen, len(headings))
	}
	block(t, "configuration.md", "settings", "```yaml\n"+strings.TrimPrefix(doc.String(), "\n")+"```\n")

	var read serveSettings
	again := newFlags("serve", "", io.Discard)
	read.flags(again)
	if _, errs := fromYAML(again, "tiltmeter.yaml", []byte(file.String())); len(errs) > 0 {
		t.Error(errs)
	}
	fs.VisitAll(func(f *pflag.Flag) {
		if got := again.Lookup(f.Name).Value.String(); got != f.Value.String() {
			t.Errorf("%s is %q with the file and %q without", f.Name, got, f.Value)
		}
	})
}

// operation is a method of the OpenAPI document.
type operation struct {
	Summary    string
	Parameters []struct {
		Name, In, Description string
		Schema                struct{ Type, Format string }
	}
}

const (
	docTrace = "5b8efff798038103d269b633813fc60c"
	docSpan  = "eee19b7ec3c1b174"
)

// examples are what is asked in docs/api.md, by method and path.
var examples = map[string]string{
	"get /v1/traces":                                    `/v1/traces?filter=service=docs&pageSize=10`,
	"get /v1/traces:facets":                             `/v1/traces:facets?field=model&field=service`,
	"get /v1/traces:histogram":                          `/v1/traces:histogram?buckets=24`,
	"get /v1/traces:tail":                               `/v1/traces:tail`,
	"get /v1/spans:search":                              `/v1/spans:search?query=order`,
	"get /v1/traces/{trace_id}":                         `/v1/traces/` + docTrace,
	"get /v1/traces/{trace_id}/tree":                    `/v1/traces/` + docTrace + `/tree`,
	"get /v1/traces/{trace_id}/conversation":            `/v1/traces/` + docTrace + `/conversation`,
	"get /v1/traces/{trace_id}/spans/{span_id}":         `/v1/traces/` + docTrace + `/spans/` + docSpan,
	"get /v1/traces/{trace_id}/spans/{span_id}/raw":     `/v1/traces/` + docTrace + `/spans/` + docSpan + `/raw`,
	"get /v1/traces/{trace_id}/spans/{span_id}/reading": `/v1/traces/` + docTrace + `/spans/` + docSpan + `/reading`,
	"get /v1/traces/{trace_id}/signals":                 `/v1/traces/` + docTrace + `/signals`,
	"get /v1/traces/{trace_id}/spans/{span_id}/signals": `/v1/traces/` + docTrace + `/spans/` + docSpan + `/signals`,
	"get /v1/signals/catalog":                           `/v1/signals/catalog`,
	"get /v1/signals/series":                            `/v1/signals/series?signal=refusal&step=3600s`,
	"get /v1/signals/breakdown":                         `/v1/signals/breakdown?signal=refusal&by=model`,
	"get /v1/instrumentation":                           `/v1/instrumentation`,
	"get /v1/projects":                                  `/v1/projects`,
	"get /v1/storage":                                   `/v1/storage`,
	"get /v1/ingest/status":                             `/v1/ingest/status`,
	"get /v1/ingest/dead-letters":                       `/v1/ingest/dead-letters`,
	"post /v1/ingest/dead-letters:replay":               `/v1/ingest/dead-letters:replay`,
}

// TestReferenceOfMethods: docs/api.md has every method of the API as the protobuf files describe it.
func TestReferenceOfMethods(t *testing.T) {
	t.Parallel()
	var api struct {
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal(proto.OpenAPI, &api); err != nil {
		t.Fatal(err)
	}
	var doc strings.Builder
	written := 0
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for method, op := range api.Paths[path] {
			example, ok := examples[method+" "+path]
			if !ok {
				t.Errorf("no example of %s %s", method, path)
			}
			written++
			fmt.Fprintf(&doc, "### %s %s\n%s\n\n", strings.ToUpper(method), path, op.Summary)
			rows := 0
			for _, p := range op.Parameters {
				if p.In == "path" {
					continue
				}
				if rows++; rows == 1 {
					doc.WriteString("| parameter | type | |\n| --- | --- | --- |\n")
				}
				kind := cmp.Or(p.Schema.Format, p.Schema.Type)
				if p.Schema.Type == "array" {
					kind = "string, repeated"
				}
				fmt.Fprintf(&doc, "| `%s` | %s | %s |\n", p.Name, kind, strings.ReplaceAll(p.Description, "|", `\|`))
			}
			if rows > 0 {
				doc.WriteString("\n")
			}
			options := "-s"
			switch {
			case method == "post":
				options = `-s -H 'Content-Type: application/json' -d '{}'`
			case strings.HasSuffix(path, ":tail"):
				options = `-sN -H 'Accept: text/event-stream'`
			}
			fmt.Fprintf(&doc, "```sh\ncurl %s '127.0.0.1:8080%s'\n```\n\n", options, example)
		}
	}
	if written != len(examples) {
		t.Errorf("%d methods, %d examples", written, len(examples))
	}
	block(t, "api.md", "methods", "\n"+doc.String())
}

// TestReferenceOfMetrics: docs/api.md has every metric that a server of all roles registers, those that
// count nothing yet included.
func TestReferenceOfMetrics(t *testing.T) {
	t.Parallel()
	var s serveSettings
	fs := newFlags("serve", "", io.Discard)
	s.flags(fs)
	s.dataDir, s.httpAddr, s.otlpGRPCAddr, s.otlpHTTPAddr = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	a, err := startApp(t.Context(), s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		a.reg.Describe(descs)
		close(descs)
	}()
	known := regexp.MustCompile(`^Desc\{fqName: "(tiltmeter_\w+)", help: "(.*?)"(?:, unit: "[^"]*")?, constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)
	var rows []string
	for d := range descs {
		if m := known.FindStringSubmatch(d.String()); m != nil {
			labels := strings.ReplaceAll(m[3], ",", ", ")
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", m[1], labels, strings.ReplaceAll(m[2], `\"`, `"`)))
		}
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	if len(rows) < 20 {
		t.Fatalf("%d metrics", len(rows))
	}
	slices.Sort(rows)
	block(t, "api.md", "metrics", "| metric | labels | what |\n| --- | --- | --- |\n"+strings.Join(slices.Compact(rows), "")+
		"\nBesides these, Go's own (`go_*`) and the process's (`process_*`).\n")
}

// TestDocsCommands runs every curl of docs/api.md against a server, in the order of the file.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^curl .*$`).FindAllString(string(text), -1)
	if len(lines) < len(examples)+5 {
		t.Fatalf("%d commands, want one for each method and probe", len(lines))
	}
	s := newServer(t, "--data-dir", t.TempDir(), "--flush-every", "100ms")
	s.start()
	for i, line := range lines {
		ask := func() (int, string) { return curl(t, s, line) }
		code, body := ask()
		if i == 0 { // what was sent is there soon, and not at once
			eventually(startWithin, func() bool {
				found, _ := get(s.url() + "/v1/traces/" + docTrace)
				return found == http.StatusOK
			})
		}
		if code != http.StatusOK || body == "" {
			t.Errorf("%s\n%d %s", line, code, body)
		}
		isScored := strings.Contains(line, "/signals") // comes later than the span, where anything is to be said of it
		if strings.Contains(line, docTrace) && i > 0 && !isScored && !strings.Contains(body, docSpan) {
			t.Errorf("%s\nsays nothing of the span: %s", line, body)
		}
	}
}

// curl does what the command line says, with this server's addresses in place of the usual ones. Of a
// stream it reads the beginning.
func curl(t *testing.T, s *server, line string) (int, string) {
	t.Helper()
	words := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1)[1:]
	method, target, body := http.MethodGet, "", ""
	header := http.Header{}
	for i := 0; i < len(words); i++ {
		word := strings.Trim(words[i], "'")
		switch word {
		case "-s", "-sN":
		case "-H":
			i++
			name, value, _ := strings.Cut(strings.Trim(words[i], "'"), ": ")
			header.Set(name, value)
		case "-d":
			i++
			method, body = http.MethodPost, strings.Trim(words[i], "'")
		default:
			target = "http://" + strings.NewReplacer("127.0.0.1:8080", s.http, "127.0.0.1:4318", s.otlpHTTP).Replace(word)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return res.StatusCode, "a stream"
	}
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer.String()
}
