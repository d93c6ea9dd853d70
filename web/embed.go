// Package web serves the trace explorer from within the binary.
//
// Handler answers every path: files of the built page as they are, everything else with the page
// itself, so that each address of the app can be opened directly. Hashed assets are immutable; the
// page is never cached and carries a fresh nonce under a strict Content-Security-Policy.
//
// It does not know the API. Where the page was not built it says which command builds it.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// noncePlaceholder stands in index.html where the nonce of each answer goes.
const noncePlaceholder = "__CSP_NONCE__"

// minGzipBytes: below it, compression costs more than the line saves.
const minGzipBytes = 1 << 10

// placeholder is served where the page was not built.
const placeholder = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>Tiltmeter</title>
<h1>The page is not in this binary</h1>
<p>Run <code>make web</code> and build again. The API works without it: see <a href="/openapi.json">/openapi.json</a>.</p>
</html>
`

// Handler returns the handler of the built page.
func Handler() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		// Cannot happen: the folder is named in the embed directive.
		panic(fmt.Sprintf("open embedded page: %v", err))
	}
	return newHandler(files)
}

// asset is one file, ready to be sent.
type asset struct {
	body        []byte
	gzipped     []byte // nil when compression does not pay
	contentType string
}

type handler struct {
	assets map[string]asset
	index  []byte // nil where the page was not built
}

func newHandler(files fs.FS) http.Handler {
	h := &handler{assets: make(map[string]asset)}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") || name == "manifest.json" {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("read embedded %q: %w", name, err)
		}
		if name == "index.html" {
			h.index = body
			return nil
		}
		h.assets[name] = newAsset(name, body)
		return nil
	})
	if err != nil {
		// Cannot happen with an embedded file system: all of it is in memory.
		panic(fmt.Sprintf("read embedded page: %v", err))
	}
	return h
}

func newAsset(name string, body []byte) asset {
	a := asset{body: body, contentType: mime.TypeByExtension(path.Ext(name))}
	if a.contentType == "" {
		a.contentType = "application/octet-stream"
	}
	if len(body) < minGzipBytes {
		return a
	}
	var buf bytes.Buffer
	// Writing to memory at a level that exists cannot fail.
	zw, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	_, _ = zw.Write(body)
	_ = zw.Close()
	if buf.Len() < len(body) {
		a.gzipped = buf.Bytes()
	}
	return a
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page can only be read", http.StatusMethodNotAllowed)
		return
	}
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if a, ok := h.assets[name]; ok {
		if strings.HasPrefix(name, "assets/") {
			// The name holds a hash of the content.
			header.Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			header.Set("Cache-Control", "no-cache")
		}
		a.serve(w, r)
		return
	}
	// A missing script must not be answered with a page: the browser would run into its first "<".
	if strings.HasPrefix(name, "assets/") {
		http.NotFound(w, r)
		return
	}
	h.servePage(w, r)
}

func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	nonce := newNonce()
	page := []byte(placeholder)
	if h.index != nil {
		page = bytes.ReplaceAll(h.index, []byte(noncePlaceholder), []byte(nonce))
	}
	header := w.Header()
	header.Set("Content-Security-Policy", contentSecurityPolicy(nonce))
	header.Set("Cache-Control", "no-cache")
	asset{body: page, contentType: "text/html; charset=utf-8"}.serve(w, r)
}

// contentSecurityPolicy forbids everything that the page does not need: what it shows was written
// by models and by strangers. Nothing is loaded from elsewhere, images included. The nonce is for
// the one style element that React Aria makes.
func contentSecurityPolicy(nonce string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self' 'nonce-" + nonce + "'",
		"img-src 'self' data:",
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

func newNonce() string {
	var b [16]byte
	// crypto/rand.Read never fails: it ends the program when there is no randomness.
	_, _ = rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	body := a.body
	header := w.Header()
	header.Set("Content-Type", a.contentType)
	if a.gzipped != nil {
		header.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			header.Set("Content-Encoding", "gzip")
			body = a.gzipped
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// The reader is gone when this fails, and nobody is left to tell.
		_, _ = w.Write(body)
	}
}

func acceptsGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return strings.ReplaceAll(params, " ", "") != "q=0"
		}
	}
	return false
}
