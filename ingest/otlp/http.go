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
)

func (s *Server) newHTTP() *http.Server {
	mux := http.NewServeMux()
	for _, sig := range []signal{traces, logs, metrics} {
		mux.Handle("POST /v1/"+sig.String(), s.protect(sig, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.serveHTTP(sig, w, r)
		})))
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
		code = s.writeRefusal(w, r, sig, format, err)
	}
	s.meters.answered(sig, "http", format.name, strconv.Itoa(code), s.since(start))
}

func (s *Server) exportHTTP(ctx context.Context, sig signal, format bodyFormat, r *http.Request) (outcome, error) {
	project, err := s.admit(ctx, r.Header.Get)
	if err != nil {
		return outcome{}, err
	}
	in := s.newIntake()
	defer in.release()
	network := &networkReader{r: r.Body}
	encoding := contentEncoding(r.Header.Get("Content-Encoding"))
	if err := in.read(ctx, network, network, encoding, r.ContentLength); err != nil {
		return outcome{}, err
	}
	if format.json {
		if err := in.fromJSON(sig); err != nil {
			return outcome{}, err
		}
	}
	return s.receive(ctx, sig, project, in.body, in.sent)
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
func (s *Server) writeRefusal(w http.ResponseWriter, r *http.Request, sig signal, format bodyFormat, err error) int {
	refusal := s.refused(r.Context(), sig, err)
	a := refusal.answer()
	if a.retry {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.wait().Seconds()))))
	}
	if a.http == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tiltmeter"`)
	}
	if !s.drain(r) {
		w.Header().Set("Connection", "close")
	}
	body, err := encodeStatus(refusal.status().Proto(), format.json)
	if err != nil {
		body = nil
	}
	s.write(w, a.http, format, body)
	return a.http
}

// drain reads what is left of the body of a refused request, up to Config.DrainBytes, and throws it
// away; it says whether that was all. Many clients look at the answer only when they have written
// everything, and a connection that is closed before is all that they would see of it. A client that
// asks before it sends (Expect: 100-continue) is told no and does not send.
func (s *Server) drain(r *http.Request) bool {
	if r.Header.Get("Expect") != "" || r.ContentLength > s.config.DrainBytes {
		return false
	}
	n, err := io.CopyN(io.Discard, r.Body, s.config.DrainBytes+1)
	s.meters.drained.Add(float64(n))
	return errors.Is(err, io.EOF)
}

func (s *Server) write(w http.ResponseWriter, code int, format bodyFormat, body []byte) {
	w.Header().Set("Content-Type", format.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // a client that went away does not get its answer and sends again
}

// protect refuses what a web page makes a browser send: Deps.Protect says what that is. Pages of
// the origins in Config.AllowedOrigins may; no page can forge its origin.
func (s *Server) protect(sig signal, next http.Handler) http.Handler {
	if s.deps.Protect == nil {
		return next
	}
	guarded := s.deps.Protect(next, func(w http.ResponseWriter, r *http.Request, err error) {
		refusal := &refusal{situation: forbidden, message: err.Error(), cause: err}
		if origin := r.Header.Get("Origin"); origin != "" {
			refusal.message = fmt.Sprintf("pages of the origin %q may not send to this server: "+
				"an operator allows them with --allowed-origins", origin)
		}
		format, _ := formatOf(r)
		code := s.writeRefusal(w, r, sig, format, refusal)
		s.meters.answered(sig, "http", format.name, strconv.Itoa(code), 0)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.allowed(r.Header.Get("Origin")) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

func (s *Server) allowed(origin string) bool {
	return origin != "" && (slices.Contains(s.config.AllowedOrigins, origin) ||
		slices.Contains(s.config.AllowedOrigins, "*"))
}

// allowOrigins answers browsers' questions about the origins in Config.AllowedOrigins.
func (s *Server) allowOrigins(next http.Handler) http.Handler {
	if len(s.config.AllowedOrigins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		allowed := s.allowed(origin)
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
