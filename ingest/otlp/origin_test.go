package otlp

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/api/auth"
)

// TestPagesCannotInject: on loopback, where no key is needed, a web page can neither rebind its
// name to this machine nor simply post here; programs and the pages that are allowed can.
func TestPagesCannotInject(t *testing.T) {
	t.Parallel()
	guard := auth.NewGuard(auth.Options{AllowedHosts: []string{"tilt.test"}, Registerer: prometheus.NewRegistry()})
	const friend = "https://app.example"
	r := start(t, Config{AllowedOrigins: []string{friend}}, Deps{Protect: guard.Protect}, &recorder{})
	own := "http://" + r.HTTPAddr().String()
	for name, tc := range map[string]struct {
		host   string
		header map[string]string
		code   int
		says   string
	}{
		"a program":                          {"", nil, 200, ""},
		"a program, by an allowed name":      {"tilt.test:4318", nil, 200, ""},
		"a rebound name":                     {"evil.example:4318", nil, 403, "evil.example"},
		"a page of a rebound name":           {"evil.example:4318", map[string]string{"Origin": "http://evil.example:4318"}, 403, "--allowed-origins"},
		"a page of another origin":           {"", map[string]string{"Origin": "https://evil.example"}, 403, "--allowed-origins"},
		"a page without an origin":           {"", map[string]string{"Origin": "null"}, 403, "--allowed-origins"},
		"a page, by the browser's own word":  {"", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, ""},
		"a page of ours":                     {"", map[string]string{"Origin": own, "Sec-Fetch-Site": "same-origin"}, 200, ""},
		"a page that is allowed":             {"", map[string]string{"Origin": friend, "Sec-Fetch-Site": "cross-site"}, 200, ""},
		"a page that is nearly that":         {"", map[string]string{"Origin": friend + ".evil.example"}, 403, "--allowed-origins"},
		"a form, which asks nobody before":   {"", map[string]string{"Origin": "https://evil.example", "Content-Type": "text/plain"}, 403, "--allowed-origins"},
		"a form that is JSON by its content": {"", map[string]string{"Sec-Fetch-Site": "same-site", "Content-Type": "text/plain"}, 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(r.log.all())
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, own+"/v1/traces", strings.NewReader(string(oneSpan(ids))))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			for k, v := range tc.header {
				req.Header.Set(k, v)
			}
			req.Host = tc.host
			resp, err := r.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.code || !strings.Contains(string(text), tc.says) {
				t.Errorf("%d, want %d with %q: %s", resp.StatusCode, tc.code, tc.says, text)
			}
			if taken := len(r.log.all()) > before; taken != (tc.code == 200) {
				t.Errorf("the request reached the log: %v", taken)
			}
			if cors := resp.Header.Get("Access-Control-Allow-Origin"); cors != "" && cors != friend {
				t.Errorf("the page may read the answer: %q", cors)
			}
		})
	}
}
