package otlp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// headerTimeout is how long a client may take for the header of a request.
	headerTimeout = 10 * time.Second
	// bodyTimeout is how long a client may take for a whole request: 16 MiB over a slow line.
	bodyTimeout = time.Minute
	// idleTimeout closes connections nobody uses; exporters come every few seconds.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes is far more than an exporter sends.
	maxHeaderBytes = 64 << 10
	// firstBufferBytes holds most requests of an SDK.
	firstBufferBytes = 64 << 10
	// jsonFactor is how many times its size a JSON request holds of the gate: itself and what it
	// becomes, which is smaller.
	jsonFactor = 2
)

func (s *Server) newHTTP() *http.Server {
	mux := http.NewServeMux()
	for _, sig := range []signal{traces, logs, metrics} {
		mux.HandleFunc("POST /v1/"+sig.String(), func(w http.ResponseWriter, r *http.Request) {
			s.serveHTTP(sig, w, r)
		})
	}
	return &http.Server{
		Handler:           s.allowOrigins(mux),
		TLSConfig:         s.config.TLS,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          quietLog(s.deps.Logger),
	}
}

// bodyFormat is how the body of a request, and so of its answer, is encoded.
type bodyFormat struct {
	name, contentType string
	json              bool
}

var (
	formatProto = bodyFormat{"protobuf", "application/x-protobuf", false}
	formatJSON  = bodyFormat{"json", "application/json", true}
)

// formatOf reads the content type. Clients that say "application/protobuf" exist.
func formatOf(r *http.Request) (bodyFormat, error) {
	given := r.Header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(given)
	switch {
	case err == nil && (mediaType == "application/x-protobuf" || mediaType == "application/protobuf"):
		return formatProto, nil
	case err == nil && mediaType == "application/json":
		return formatJSON, nil
	}
	return formatJSON, refuse(wrongType,
		"content type %q is not known: send application/x-protobuf or application/json", given)
}

// serveHTTP answers one export request.
func (s *Server) serveHTTP(sig signal, w http.ResponseWriter, r *http.Request) {
	start := s.deps.Now()
	ctx := r.Context()
	format, err := formatOf(r)
	var out outcome
	if err == nil {
		out, err = s.guarded(ctx, func() (outcome, error) { return s.exportHTTP(ctx, sig, format, r) })
	}
	code := http.StatusOK
	if err == nil {
		s.writeOutcome(w, sig, format, out)
	} else {
		code = s.writeRefusal(ctx, w, sig, format, err)
	}
	s.meters.answered(sig, "http", format.name, strconv.Itoa(code), s.since(start))
}

func (s *Server) exportHTTP(ctx context.Context, sig signal, format bodyFormat, r *http.Request) (outcome, error) {
	project, err := s.admit(ctx, func(name string) string { return r.Header.Get(name) })
	if err != nil {
		return outcome{}, err
	}
	share := budget{gate: &s.gate}
	defer share.release()
	buf, ok := buffers.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	defer putBuffer(buf)
	body, err := s.readBody(r, format, &share, (*buf)[:0])
	*buf = body
	if err != nil {
		return outcome{}, err
	}
	if format.json {
		if body, err = jsonToProto(body, sig); err != nil {
			return outcome{}, &refusal{situation: undecodable, message: err.Error(), cause: err}
		}
	}
	return s.receive(ctx, sig, project, body)
}

// maxPooledBytes keeps a rare huge request from staying in memory.
const maxPooledBytes = 4 << 20

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func putBuffer(b *[]byte) {
	if cap(*b) <= maxPooledBytes {
		buffers.Put(b)
	}
}

// readBody appends the decoded body to buf, within the size limit and the gate.
func (s *Server) readBody(r *http.Request, format bodyFormat, share *budget, buf []byte) ([]byte, error) {
	limit := s.config.Limits.RequestBytes
	if r.ContentLength > int64(limit) {
		return buf, refuseSize(limit)
	}
	network := &networkReader{r: r.Body}
	src := io.Reader(network)
	known := r.ContentLength
	switch enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
	default:
		d, ok := newDecoder(enc, network)
		if !ok {
			return buf, refuse(unknownEncoding,
				"content encoding %q is not known: send gzip, zstd, deflate or none", enc)
		}
		defer d.Close()
		src, known = d, -1
	}
	factor := int64(1)
	if format.json {
		factor = jsonFactor
	}
	// room is how much of buf the gate has granted; a pooled buffer may be larger.
	room := min(max(firstBufferBytes, int(known)+1), limit+1)
	for granted := false; ; {
		if len(buf) == room {
			room, granted = min(2*room, limit+1), false
		}
		if !granted {
			if !share.grow(factor * int64(room)) {
				return buf, s.refuseGate()
			}
			buf, granted = slices.Grow(buf, room-len(buf)), true
		}
		n, err := src.Read(buf[len(buf):room])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return buf, refuseSize(limit)
		case errors.Is(err, io.EOF):
			return buf, nil
		case network.err != nil:
			r := refuse(failing, "the body did not arrive in full, send it again")
			r.cause = network.err
			return buf, r
		case err != nil:
			return buf, &refusal{situation: undecodable, message: "read body: " + err.Error(), cause: err}
		}
	}
}

// networkReader remembers the network's error, to tell it from a decoder's.
type networkReader struct {
	r   io.Reader
	err error
}

func (n *networkReader) Read(p []byte) (int, error) {
	k, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return k, err
}

func (s *Server) writeOutcome(w http.ResponseWriter, sig signal, format bodyFormat, out outcome) {
	body := encodeResponse(out)
	if format.json {
		body = jsonResponse(sig, out)
	}
	s.write(w, http.StatusOK, format, body)
}

// jsonResponse returns the answer in OTLP/JSON: 64-bit numbers are strings.
func jsonResponse(sig signal, out outcome) []byte {
	if out == (outcome{}) {
		return []byte("{}")
	}
	message, err := json.Marshal(out.message)
	if err != nil {
		message = []byte(`""`)
	}
	return fmt.Appendf(nil, `{"partialSuccess":{"%s":"%d","errorMessage":%s}}`,
		rejectedNames[sig], out.rejected, message)
}

// writeRefusal answers with the refusal's status in the request's own encoding.
func (s *Server) writeRefusal(ctx context.Context, w http.ResponseWriter, sig signal, format bodyFormat, err error) int {
	r, ok := asRefusal(err)
	if !ok {
		r = &refusal{situation: failing, message: "the request could not be handled, try again", cause: err}
	}
	s.logRefusal(ctx, sig, r)
	a := r.answer()
	if a.retry {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(r.wait().Seconds()))))
	}
	if a.http == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tiltmeter"`)
	}
	if a.http == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close") // the rest of the body is not worth reading
	}
	body, err := encodeStatus(r.status().Proto(), format.json)
	if err != nil {
		body = nil
	}
	s.write(w, a.http, format, body)
	return a.http
}

func (s *Server) write(w http.ResponseWriter, code int, format bodyFormat, body []byte) {
	w.Header().Set("Content-Type", format.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // a client that went away does not get its answer and sends again
}

// allowOrigins answers browsers' questions about the origins in Config.AllowedOrigins.
func (s *Server) allowOrigins(next http.Handler) http.Handler {
	if len(s.config.AllowedOrigins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		allowed := origin != "" && (slices.Contains(s.config.AllowedOrigins, origin) ||
			slices.Contains(s.config.AllowedOrigins, "*"))
		if allowed {
			w.Header().Add("Vary", "Origin")
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			if allowed {
				w.Header().Set("Access-Control-Allow-Methods", "POST")
				w.Header().Set("Access-Control-Allow-Headers",
					r.Header.Get("Access-Control-Request-Headers"))
				w.Header().Set("Access-Control-Max-Age", "3600")
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
