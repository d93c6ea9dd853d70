package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T) (*Keys, string) {
	t.Helper()
	dir := t.TempDir()
	k, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k, dir
}

func create(t *testing.T, k *Keys, s Scope, project string) (string, Key) {
	t.Helper()
	secret, key, err := k.Create(s, project, "a name")
	if err != nil {
		t.Fatal(err)
	}
	return secret, key
}

func headers(kv ...string) func(string) string {
	h := http.Header{}
	for i := 0; i < len(kv); i += 2 {
		h.Set(kv[i], kv[i+1])
	}
	return h.Get
}

func TestSecretForm(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile("^" + SecretPattern + "$")
	seen := map[string]bool{}
	for _, s := range Scopes() {
		for range 50 {
			secret := newSecret(s)
			if !pattern.MatchString(secret) || !wellFormed(secret) || seen[secret] {
				t.Fatalf("secret %q: pattern %v, well formed %v, seen before %v", secret, pattern.MatchString(secret), wellFormed(secret), seen[secret])
			}
			seen[secret] = true
			for i := range secret { // any one wrong character is noticed without looking anything up
				wrong := secret[:i] + "x" + secret[i+1:]
				if wrong != secret && wellFormed(wrong) {
					t.Errorf("%q passes for a key", wrong)
				}
			}
			if wellFormed(secret[:len(secret)-1]) {
				t.Error("a cut key passes")
			}
		}
	}
}

func TestKeysAreStoredAsHashes(t *testing.T) {
	t.Parallel()
	k, dir := open(t)
	secret, key := create(t, k, ScopeRead, "")
	path := filepath.Join(dir, "keys.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := strings.TrimPrefix(secret, "tm_read_")[:randomChars]
	if strings.Contains(string(b), random) {
		t.Error("the secret is in the file")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, want 0600", info.Mode().Perm())
	}
	if key.Project != DefaultProject || key.Scope != ScopeRead || len(key.ID) != idChars {
		t.Errorf("key: %+v", key)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if strings.Contains(n.Name(), ".new-") {
			t.Errorf("left behind: %s", n.Name())
		}
	}
}

// TestKeysBelongToTheFolder: `sudo tiltmeter keys create` must not lock the server out, which runs under another user.
func TestKeysBelongToTheFolder(t *testing.T) {
	t.Parallel()
	k, dir := open(t)
	owner := os.Getuid()
	if owner == 0 { // only root can give files away
		owner = 12345
		if err := os.Chown(dir, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	_, key := create(t, k, ScopeRead, "")
	if err := k.Revoke(key.ID); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keys.json", "keys.json.lock"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Sys().(*syscall.Stat_t).Uid; int(got) != owner || info.Mode().Perm() != 0o600 {
			t.Errorf("%s belongs to %d with mode %v, want %d with 0600", name, got, info.Mode(), owner)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	k, _ := open(t)
	for name, c := range map[string]struct {
		scope         Scope
		project, note string
	}{
		"unknown scope":       {"write", "", ""},
		"ingest into all":     {ScopeIngest, AllProjects, ""},
		"project with spaces": {ScopeRead, "a b", ""},
		"project too long":    {ScopeRead, strings.Repeat("a", 65), ""},
		"name too long":       {ScopeRead, "", strings.Repeat("a", 201)},
	} {
		if _, _, err := k.Create(c.scope, c.project, c.note); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, key, err := k.Create(ScopeAdmin, "", ""); err != nil || key.Project != AllProjects {
		t.Errorf("admin key: %+v, %v; want one of all projects", key, err)
	}
}

// TestOtherProcess: a change by another process is seen with the next request, and none is lost.
func TestOtherProcess(t *testing.T) {
	t.Parallel()
	server, dir := open(t)
	tool, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	secret, key := create(t, tool, ScopeIngest, "shop")
	g := NewGuard(Options{Keys: server, Required: true})
	project, err := g.Ingest(t.Context(), headers("Authorization", "Bearer "+secret))
	if err != nil || project != "shop" {
		t.Fatalf("after create: %q, %v", project, err)
	}
	if err := tool.Revoke(key.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Ingest(t.Context(), headers("Authorization", "Bearer "+secret)); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("after revoke: %v", err)
	}
	if err := tool.Revoke(key.ID); !errors.Is(err, ErrNoSuchKey) {
		t.Errorf("second revoke: %v", err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			k := server
			if i%2 == 0 {
				k = tool
			}
			if _, _, err := k.Create(ScopeRead, "", ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := server.List()
	if err != nil || len(all) != 8 {
		t.Errorf("after 8 concurrent creates: %d keys, %v", len(all), err)
	}
}

func TestBrokenFileAllowsNobody(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"not JSON":   "{",
		"newer":      `{"version": 2, "keys": []}`,
		"hash wrong": `{"version": 1, "keys": [{"id": "a", "sha256": "00"}]}`,
	} {
		k, dir := open(t)
		secret, _ := create(t, k, ScopeRead, "")
		if err := os.WriteFile(filepath.Join(dir, "keys.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		g := NewGuard(Options{Keys: k, Required: true})
		_, err := g.Authenticate(headers("Authorization", "Bearer "+secret))
		if err == nil || errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%s: got %v, want an error of the file", name, err)
		}
		if _, err := Open(dir); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	k, _ := open(t)
	ingest, _ := create(t, k, ScopeIngest, "shop")
	read, _ := create(t, k, ScopeRead, "shop")
	admin, _ := create(t, k, ScopeAdmin, "")
	other, _ := open(t)
	foreign, _ := create(t, other, ScopeAdmin, "")
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for name, c := range map[string]struct {
		required bool
		header   []string
		needed   Scope
		want     error
		project  string
	}{
		"bearer":                   {true, []string{"Authorization", "Bearer " + ingest}, ScopeIngest, nil, "shop"},
		"bearer in small letters":  {true, []string{"Authorization", "bearer  " + ingest + " "}, ScopeIngest, nil, "shop"},
		"bare":                     {true, []string{"Authorization", ingest}, ScopeIngest, nil, "shop"},
		"x-api-key":                {true, []string{"X-Api-Key", ingest}, ScopeIngest, nil, "shop"},
		"basic, password":          {true, []string{"Authorization", basic("pk-lf-1", ingest)}, ScopeIngest, nil, "shop"},
		"basic, user":              {true, []string{"Authorization", basic(ingest, "")}, ScopeIngest, nil, "shop"},
		"read may not ingest":      {true, []string{"Authorization", "Bearer " + read}, ScopeIngest, ErrForbidden, ""},
		"ingest may not read":      {true, []string{"Authorization", "Bearer " + ingest}, ScopeRead, ErrForbidden, ""},
		"read is no admin":         {true, []string{"Authorization", "Bearer " + read}, ScopeAdmin, ErrForbidden, ""},
		"admin may ingest":         {true, []string{"Authorization", "Bearer " + admin}, ScopeIngest, nil, "default"},
		"none":                     {true, nil, ScopeRead, ErrUnauthenticated, ""},
		"foreign key":              {true, []string{"Authorization", "Bearer " + foreign}, ScopeRead, ErrUnauthenticated, ""},
		"cut key":                  {true, []string{"Authorization", "Bearer " + read[:30]}, ScopeRead, ErrUnauthenticated, ""},
		"another product's key":    {true, []string{"Authorization", "Bearer sk-123"}, ScopeRead, ErrUnauthenticated, ""},
		"broken basic":             {true, []string{"Authorization", "Basic %%%"}, ScopeRead, ErrUnauthenticated, ""},
		"a cookie that is none":    {true, []string{"Cookie", "tiltmeter_session=a.9999999999.c"}, ScopeRead, ErrUnauthenticated, ""},
		"loopback, none":           {false, nil, ScopeAdmin, nil, "default"},
		"loopback, other's key":    {false, []string{"Authorization", "Bearer sk-123"}, ScopeRead, nil, "default"},
		"loopback, good key":       {false, []string{"Authorization", "Bearer " + read}, ScopeRead, nil, "shop"},
		"loopback, scope counts":   {false, []string{"Authorization", "Bearer " + read}, ScopeIngest, ErrForbidden, ""},
		"loopback, wrong key told": {false, []string{"Authorization", "Bearer " + foreign}, ScopeRead, ErrUnauthenticated, ""},
	} {
		g := NewGuard(Options{Keys: k, Required: c.required})
		p, err := g.Authorize(headers(c.header...), c.needed)
		if !errors.Is(err, c.want) || (err != nil) != (c.want != nil) {
			t.Errorf("%s: got error %v, want %v", name, err, c.want)
			continue
		}
		if err == nil {
			if project, err := p.For(""); err != nil || project != c.project {
				t.Errorf("%s: project %q, %v; want %q", name, project, err, c.project)
			}
		} else if strings.Contains(err.Error(), read) || strings.Contains(err.Error(), foreign) {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
}

func TestPrincipalFor(t *testing.T) {
	t.Parallel()
	bound, all := Principal{Scope: ScopeRead, Project: "shop"}, Principal{Scope: ScopeRead, Project: AllProjects}
	if p, err := bound.For("shop"); p != "shop" || err != nil {
		t.Errorf("own project: %q, %v", p, err)
	}
	if _, err := bound.For("bank"); !errors.Is(err, ErrForbidden) {
		t.Errorf("another's project: %v", err)
	}
	if p, err := all.For("bank"); p != "bank" || err != nil {
		t.Errorf("key of all projects: %q, %v", p, err)
	}
	if _, err := all.For("*"); err == nil {
		t.Error("no project is named *")
	}
}

func TestRequired(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"127.0.0.1:8080": false, "127.8.9.1:1": false, "[::1]:8080": false, "localhost:8080": false, "unix:/run/x.sock": false,
		"[::ffff:127.0.0.1]:80": false, "LOCALHOST:80": false,
		":8080": true, "0.0.0.0:8080": true, "[::]:8080": true, "192.168.1.2:80": true, "10.0.0.1:80": true,
		"example.com:80": true, "localhost.example.com:80": true, "": true, "127.0.0.1.example.com:80": true,
	} {
		if got := Required("127.0.0.1:4317", addr); got != want {
			t.Errorf("%q: got %v, want %v", addr, got, want)
		}
	}
	if Required() {
		t.Error("no address needs no key")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	k, _ := open(t)
	if required, err := Check(k, "127.0.0.1:8080", "[::1]:4317"); required || err != nil {
		t.Errorf("loopback: %v, %v", required, err)
	}
	required, err := Check(k, "127.0.0.1:8080", "0.0.0.0:4318")
	if !required || !errors.Is(err, ErrNoKeys) {
		t.Fatalf("open without keys: %v, %v", required, err)
	}
	want := "the server listens on 0.0.0.0:4318, which others can reach, and no key exists. " +
		"Run `tiltmeter keys create --scope ingest` for the applications that send and " +
		"`tiltmeter keys create --scope read` for the people who look, or listen on 127.0.0.1"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	create(t, k, ScopeIngest, "")
	if required, err := Check(k, "0.0.0.0:4318"); !required || err != nil {
		t.Errorf("open with keys: %v, %v", required, err)
	}
}

func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, ErrUnauthenticated):
		code = http.StatusUnauthorized
	case errors.Is(err, ErrForbidden):
		code = http.StatusForbidden
	}
	http.Error(w, err.Error(), code)
}

func TestSession(t *testing.T) {
	t.Parallel()
	k, _ := open(t)
	secret, key := create(t, k, ScopeRead, "shop")
	ingest, _ := create(t, k, ScopeIngest, "shop")
	g := NewGuard(Options{Keys: k, Required: true})
	now := time.Unix(1_800_000_000, 0)
	g.sessions.now = func() time.Time { return now }
	h := g.SessionHandler(refuse)
	call := func(method, body string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, SessionPath, strings.NewReader(body))
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for body, want := range map[string]int{
		`{"key":"` + ingest + `"}`: 403, `{"key":"tm_read_x"}`: 401, `{"key":""}`: 401, `{`: 401,
	} {
		if w := call("POST", body); w.Code != want || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("POST %s: got %d, want %d and no cookie", body, w.Code, want)
		}
	}
	w := call("POST", `{"key":" `+secret+`\n"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("POST: %d %s", w.Code, w.Body)
	}
	c := w.Result().Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || strings.Contains(c.Value, secret) {
		t.Errorf("cookie: %v", c)
	}
	cookie := c.Name + "=" + c.Value
	var st sessionState
	if err := json.Unmarshal(call("GET", "", "Cookie", "a=b; "+cookie).Body.Bytes(), &st); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sessionState{Required: true, Authenticated: true, Scope: ScopeRead, Project: "shop"}, st); diff != "" {
		t.Error(diff)
	}
	if _, err := g.Authorize(headers("Cookie", cookie+"x"), ScopeRead); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("forged: %v", err)
	}
	later := strings.Replace(cookie, ".18", ".19", 1)
	if _, err := g.Authorize(headers("Cookie", later), ScopeRead); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("with a later end: %v", err)
	}
	now = now.Add(sessionTime)
	if _, err := g.Authorize(headers("Cookie", cookie), ScopeRead); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("when it is over: %v", err)
	}
	now = now.Add(-time.Second)
	if _, err := g.Authorize(headers("Cookie", cookie), ScopeRead); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	if err := k.Revoke(key.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Authorize(headers("Cookie", cookie), ScopeRead); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("after its key was revoked: %v", err)
	}
	if w := call("DELETE", ""); w.Code != http.StatusNoContent || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("DELETE: %d %v", w.Code, w.Header())
	}
}

// TestProtect: what a page elsewhere makes a browser send does not get through.
func TestProtect(t *testing.T) {
	t.Parallel()
	k, _ := open(t)
	for name, c := range map[string]struct {
		required     bool
		method, host string
		header       []string
		want         int
	}{
		"localhost":                    {false, "GET", "localhost:8080", nil, 200},
		"127.0.0.1":                    {false, "GET", "127.0.0.1:8080", nil, 200},
		"::1":                          {false, "GET", "[::1]:8080", nil, 200},
		"allowed name":                 {false, "GET", "Tilt.internal:8080", nil, 200},
		"rebound name":                 {false, "GET", "evil.example:8080", nil, 403},
		"name that begins so":          {false, "GET", "localhost.evil.example", nil, 403},
		"no host":                      {false, "GET", "", nil, 403},
		"page of this machine":         {false, "GET", "localhost:8080", []string{"Origin", "http://localhost:5173"}, 200},
		"page elsewhere":               {false, "GET", "localhost:8080", []string{"Origin", "https://evil.example"}, 403},
		"page without origin":          {false, "GET", "localhost:8080", []string{"Origin", "null"}, 403},
		"post from the page":           {false, "POST", "localhost:8080", []string{"Origin", "http://localhost:8080", "Sec-Fetch-Site", "same-origin"}, 200},
		"post from a program":          {false, "POST", "localhost:8080", nil, 200},
		"post from another local page": {false, "POST", "localhost:8080", []string{"Origin", "http://localhost:3000", "Sec-Fetch-Site", "same-site"}, 403},
		"with keys, any host":          {true, "GET", "tilt.example:8080", nil, 200},
		"with keys, post from a page":  {true, "POST", "tilt.example", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
		"with keys, old browser":       {true, "POST", "tilt.example", []string{"Origin", "https://evil.example"}, 403},
		"with keys, own page":          {true, "POST", "tilt.example", []string{"Origin", "https://tilt.example"}, 200},
	} {
		g := NewGuard(Options{Keys: k, Required: c.required, AllowedHosts: []string{"tilt.internal"}})
		r := httptest.NewRequest(c.method, "/v1/traces", nil)
		r.Host = c.host
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		w := httptest.NewRecorder()
		g.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), refuse).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: got %d, want %d: %s", name, w.Code, c.want, w.Body)
		}
	}
}

func FuzzAuthorization(f *testing.F) {
	dir := f.TempDir()
	k, err := Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	secret, _, err := k.Create(ScopeRead, "", "")
	if err != nil {
		f.Fatal(err)
	}
	g := NewGuard(Options{Keys: k, Required: true})
	for _, s := range []string{"", "Bearer x", "Basic Og==", "tm_read_", "Bearer tm_read_" + strings.Repeat("a", 40), "Basic " + base64.StdEncoding.EncodeToString([]byte("tm_:tm_"))} {
		f.Add(s, "", "")
		f.Add("", s, "tiltmeter_session="+s)
	}
	f.Fuzz(func(t *testing.T, authorization, apiKey, cookie string) {
		p, err := g.Authenticate(func(name string) string {
			return map[string]string{"authorization": authorization, "x-api-key": apiKey, "cookie": cookie}[name]
		})
		// The secret is random, so nothing that does not hold it may pass.
		if err == nil && !strings.Contains(authorization+apiKey, secret) {
			t.Errorf("%q %q %q passed as %+v", authorization, apiKey, cookie, p)
		}
	})
}
