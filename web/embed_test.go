package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var script = strings.Repeat("console.log(1);\n", 200)

func built() http.Handler {
	return newHandler(fstest.MapFS{
		"index.html":        {Data: []byte(`<meta property="csp-nonce" nonce="__CSP_NONCE__"><div id="root"></div>`)},
		"theme.js":          {Data: []byte("1")},
		"manifest.json":     {Data: []byte("{}")},
		".gitkeep":          {},
		"assets/app-abc.js": {Data: []byte(script)},
	})
}

func get(t *testing.T, h http.Handler, method, target string, header map[string]string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, http.NoBody)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandler(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, method, path string
		status             int
		cache, contentType string
		isPage             bool
	}{
		{"the root is the page", "GET", "/", 200, "no-cache", "text/html; charset=utf-8", true},
		{"an address of the app is the page", "GET", "/traces/0af7651916cd43dd8448eb211c80319c?span=1", 200, "no-cache", "text/html; charset=utf-8", true},
		{"a hashed asset is immutable", "GET", "/assets/app-abc.js", 200, "public, max-age=31536000, immutable", "text/javascript; charset=utf-8", false},
		{"a file without a hash is asked for again", "GET", "/theme.js", 200, "no-cache", "text/javascript; charset=utf-8", false},
		{"a missing asset is not the page", "GET", "/assets/gone.js", 404, "", "text/plain; charset=utf-8", false},
		{"the build's manifest is not served", "GET", "/manifest.json", 200, "no-cache", "text/html; charset=utf-8", true},
		{"dots do not leave the folder", "GET", "/../../etc/passwd", 200, "no-cache", "text/html; charset=utf-8", true},
		{"a page cannot be written", "POST", "/", 405, "", "text/plain; charset=utf-8", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res := get(t, built(), c.method, c.path, nil)
			if res.StatusCode != c.status {
				t.Errorf("status = %d, want %d", res.StatusCode, c.status)
			}
			if got := res.Header.Get("Cache-Control"); got != c.cache {
				t.Errorf("Cache-Control = %q, want %q", got, c.cache)
			}
			if got := res.Header.Get("Content-Type"); got != c.contentType {
				t.Errorf("Content-Type = %q, want %q", got, c.contentType)
			}
			if got := res.Header.Get("Content-Security-Policy") != ""; got != c.isPage {
				t.Errorf("has a Content-Security-Policy = %v, want %v", got, c.isPage)
			}
		})
	}
}

func TestHandlerGivesEachPageItsOwnNonce(t *testing.T) {
	t.Parallel()
	h := built()
	seen := map[string]bool{}
	for range 2 {
		res := get(t, h, "GET", "/", nil)
		page := body(t, res.Body)
		m := regexp.MustCompile(`nonce="([^"]+)"`).FindStringSubmatch(page)
		if m == nil || m[1] == noncePlaceholder {
			t.Fatalf("page carries no nonce: %s", page)
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "'nonce-"+m[1]+"'") {
			t.Errorf("policy %q does not name the page's nonce %q", policy, m[1])
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("policy %q allows what is unsafe", policy)
		}
		seen[m[1]] = true
	}
	if len(seen) != 2 {
		t.Error("two pages share a nonce")
	}
}

func TestHandlerCompresses(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{"gzip, br": "gzip", "": "", "gzip;q=0": "", "br": ""} {
		res := get(t, built(), "GET", "/assets/app-abc.js", map[string]string{"Accept-Encoding": accept})
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: Content-Encoding = %q, want %q", accept, got, want)
			continue
		}
		var r io.Reader = res.Body
		if want == "gzip" {
			zr, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			r = zr
		}
		if body(t, r) != script {
			t.Errorf("Accept-Encoding %q: the script came out changed", accept)
		}
	}
	res := get(t, built(), "HEAD", "/assets/app-abc.js", nil)
	if b := body(t, res.Body); b != "" || res.ContentLength != int64(len(script)) {
		t.Errorf("HEAD answered %d bytes, Content-Length %d", len(b), res.ContentLength)
	}
}

func TestHandlerWithoutABuild(t *testing.T) {
	t.Parallel()
	res := get(t, newHandler(fstest.MapFS{".gitkeep": {}}), "GET", "/traces", nil)
	if page := body(t, res.Body); !strings.Contains(page, "make web") {
		t.Errorf("the placeholder does not say what builds the page: %s", page)
	}
}

func TestEmbeddedHandler(t *testing.T) {
	t.Parallel()
	if res := get(t, Handler(), "GET", "/", nil); res.StatusCode != http.StatusOK {
		t.Errorf("status = %d, want 200", res.StatusCode)
	}
}
