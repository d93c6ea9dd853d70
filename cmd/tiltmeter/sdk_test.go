package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// model is a stand-in for the provider's endpoint: the network's edge of a real application.
func model(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini-2024-07-18",
			"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"330 metres."}}],
			"usage":{"prompt_tokens":21,"completion_tokens":4,"total_tokens":25}}`)
	}))
	t.Cleanup(s.Close)
	return s
}

// restSpan is the part of the API's span that this test looks at.
type restSpan struct {
	TraceID                       string `json:"traceId"`
	SpanID                        string `json:"spanId"`
	Operation                     string `json:"operation"`
	Provider                      string `json:"provider"`
	RequestModel                  string `json:"requestModel"`
	ResponseModel                 string `json:"responseModel"`
	Service                       struct{ Name string }
	Usage                         struct{ InputTokens, OutputTokens string }
	FinishReasons                 []string
	InputMessages, OutputMessages []struct {
		Role  string
		Parts []struct{ Type, Content string }
	}
}

// TestARealSDK runs an application with OpenTelemetry's own SDK and instrumentation from npm. Its
// messages come as log records, in another request than the span.
func TestARealSDK(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(filepath.Join("testdata", "node-openai", "node_modules")); err != nil {
		t.Fatalf("the application is not installed; `make test` does it: %v", err)
	}
	s := newServer(t, "--data-dir", t.TempDir(), "--flush-every", "50ms")
	s.start()
	cmd := exec.CommandContext(t.Context(), "node", "app.mjs")
	cmd.Dir = filepath.Join("testdata", "node-openai")
	cmd.Env = append(os.Environ(), "OPENAI_BASE_URL="+model(t).URL+"/v1",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+s.otlpHTTP, "OTEL_METRICS_EXPORTER=none")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the application failed: %v\n%s", err, out)
	}

	var list struct{ Traces []struct{ TraceID string } }
	if !eventually(startWithin, func() bool {
		getJSON(t, s.url()+"/v1/traces?filter=service%3Dnode-openai", &list)
		return len(list.Traces) == 1
	}) {
		t.Fatalf("%d traces of the application are listed", len(list.Traces))
	}
	var trace struct{ Spans []restSpan }
	getJSON(t, s.url()+"/v1/traces/"+list.Traces[0].TraceID, &trace)
	var chat string
	for _, sp := range trace.Spans {
		if sp.Operation == "chat" {
			chat = sp.SpanID
		}
	}
	if chat == "" {
		t.Fatalf("no chat span in %+v", trace.Spans)
	}
	var sp restSpan
	if !eventually(startWithin, func() bool { // its log records are another request
		getJSON(t, s.url()+"/v1/traces/"+list.Traces[0].TraceID+"/spans/"+chat, &sp)
		return len(sp.OutputMessages) > 0
	}) {
		t.Fatalf("the messages of the log records are not on the span: %+v", sp)
	}
	if sp.Provider != "openai" || sp.RequestModel != "gpt-4o-mini" || sp.ResponseModel != "gpt-4o-mini-2024-07-18" ||
		sp.Service.Name != "node-openai" || sp.Usage.InputTokens != "21" || sp.Usage.OutputTokens != "4" {
		t.Errorf("span %+v", sp)
	}
	if len(sp.InputMessages) != 2 || sp.InputMessages[1].Parts[0].Content != "How tall is the Eiffel tower?" ||
		sp.OutputMessages[0].Parts[0].Content != "330 metres." {
		t.Errorf("messages %+v %+v", sp.InputMessages, sp.OutputMessages)
	}
}

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	code, body := get(url)
	if code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", url, code, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("GET %s: %v in %.300s", url, err, body)
	}
}

// TestStopsInTime holds that SIGTERM ends the server by itself, with everything acknowledged in the store or the log.
func TestStopsInTime(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--data-dir", t.TempDir())
	s.start()
	engine := s.enginePID()
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d after SIGTERM:\n%s", code, s.logged())
	}
	if !eventually(10*time.Second, func() bool { return childGone(engine) }) {
		t.Errorf("the engine, process %d, outlives the server", engine)
	}
}
