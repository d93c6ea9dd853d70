package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/ingest/pricing"
)

func priceFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Date(2026, 5, 6, 7, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return path
}

const header = "provider,model,input,output\n"

func TestPriceFilesLieOverTheBook(t *testing.T) {
	t.Parallel()
	first := priceFile(t, "first.csv", header+"openai,gpt-4o,1,1\nollama,*,0,0\nopenai,broken,x,1\n")
	second := priceFile(t, "second.csv", header+"openai,gpt-4o,2,2\n")
	var log bytes.Buffer
	p := priceSettings{files: []string{first, second}, prefer: "book"}
	book, err := p.book(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for model, want := range map[string]string{"openai gpt-4o": "second.csv 2026-05-06", "ollama llama3": "first.csv 2026-05-06", "openai gpt-4o-mini": pricing.Default().Name()} {
		provider, name, _ := strings.Cut(model, " ")
		if e, why := book.Find(provider, name, time.Time{}); why != "" || e.Book != want {
			t.Errorf("%s: %+v %s, want a price of %s", model, e, why, want)
		}
	}
	for _, want := range []string{"first.csv", "line 4, input", "not a decimal number"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says nothing of %q: %s", want, log.String())
		}
	}
	p.files = append(p.files, filepath.Join(t.TempDir(), "none.csv"), priceFile(t, "empty.csv", ""))
	if _, err := p.book(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "none.csv") || !strings.Contains(err.Error(), "empty") {
		t.Errorf("files that cannot be read: %v", err)
	}
	p.prefer = "cheapest"
	if err := p.validate(); err == nil || !strings.Contains(err.Error(), "--cost-prefer") {
		t.Errorf("%v", err)
	}
}

// TestServerPrices sends a call, an agent above it that repeats its tokens, and the sender's own cost to a server
// with a price file, and asks the API for all of it.
func TestServerPrices(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--data-dir", t.TempDir(), "--flush-every", "20ms", "--prices", priceFile(t, "ours.csv", header+"openai,ours-1,1000000,2000000\n"))
	s.start()
	const trace = "0123456789abcdef0123456789abcdef"
	span := func(id, parent, op, more string) string {
		return fmt.Sprintf(`{"traceId":%q,"spanId":%q,"parentSpanId":%q,"name":"n","startTimeUnixNano":"%d","attributes":[
			{"key":"gen_ai.operation.name","value":{"stringValue":%q}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},
			{"key":"gen_ai.request.model","value":{"stringValue":"ours-1"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"3"}},
			{"key":"gen_ai.usage.output_tokens","value":{"intValue":"1"}}%s]}`, trace, id, parent, time.Now().UnixNano(), op, more)
	}
	body := `{"resourceSpans":[{"scopeSpans":[{"spans":[` + span("00000000000000a1", "", "invoke_agent", "") + "," +
		span("00000000000000a2", "00000000000000a1", "chat", `,{"key":"gen_ai.system_instructions","value":{"stringValue":"[{\"type\":\"text\",\"content\":\"be kind\"}]"}}`) + `]}]}]}`
	res, err := http.Post("http://"+s.otlpHTTP+"/v1/traces", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	type cost struct {
		Amount, Currency, Source string
		Parts                    []struct{ Tier, Count, Amount string }
	}
	var got struct {
		Summary struct {
			Usage struct{ InputTokens string }
			Cost  cost
		}
		Spans []struct {
			SpanID      string `json:"spanId"`
			Usage       struct{ Role, RepeatsSpanID string }
			Cost        cost
			Fingerprint struct{ All, Model, System, Tools string }
		}
	}
	if !eventually(startWithin, func() bool {
		code, _ := get(s.url() + "/v1/traces/" + trace)
		return code == http.StatusOK
	}) {
		t.Fatal("the trace is not stored")
	}
	getJSON(t, s.url()+"/v1/traces/"+trace, &got)
	if len(got.Spans) != 2 || got.Summary.Usage.InputTokens != "3" || got.Summary.Cost.Amount != "5" {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{"repeats_below 00000000000000a2", "counts "} {
		if u := got.Spans[i].Usage; u.Role+" "+u.RepeatsSpanID != want {
			t.Errorf("span %d: %+v, want %s", i, u, want)
		}
	}
	call := got.Spans[1]
	if text := fmt.Sprint(call.Cost); text != "{5 USD ours.csv 2026-05-06 [{input 3 3} {output 1 2}]}" {
		t.Errorf("the call's cost: %s", text)
	}
	if f := call.Fingerprint; len(f.All) != 32 || len(f.Model) != 16 || len(f.System) != 16 || f.Tools != "" {
		t.Errorf("the call's fingerprint: %+v", f)
	}
}
