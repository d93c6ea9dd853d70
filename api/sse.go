package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tiltmeter/tiltmeter/api/auth"
)

// tailPath is the REST path of TraceService.TailTraces.
const tailPath = "/v1/traces:tail"

// eventWriteTime is how long one event may take to reach the network before the reader is given up.
const eventWriteTime = 30 * time.Second

// wantsEvents reports whether the client asked for server-sent events.
func wantsEvents(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// serveEvents is TailTraces as server-sent events (HTML standard, section 9.2): "event: trace", data a
// TailTracesResponse in JSON, id where to resume with Last-Event-ID; comments while nothing happens.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	p, err := s.guard.Authorize(r.Header.Get, auth.ScopeRead)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	ctx, cancel := context.WithCancel(auth.WithPrincipal(r.Context(), p))
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	params := r.URL.Query()
	project, err := projectOf(ctx, params.Get("project"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if _, err := s.limits.filterOf(params["filter"]); err != nil {
		s.refuse(w, r, err)
		return
	}
	var since time.Time
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		var ok bool
		if since, ok = parseTailID(last); !ok {
			s.refuse(w, r, invalid("Last-Event-ID", "Last-Event-ID is not one that this server gave out"))
			return
		}
	}
	out := http.NewResponseController(w)
	started := false
	write := func(text string) error {
		if !started { // not before there is something to say: a refusal has a status of its own
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
			started = true
		}
		_ = out.SetWriteDeadline(time.Now().Add(eventWriteTime)) // not every writer has one
		if _, err := w.Write([]byte(text)); err != nil {
			return err
		}
		return out.Flush()
	}
	send := func(i tailItem) error {
		data, err := protojson.Marshal(tailProto(&i))
		if err != nil {
			return err
		}
		return write(fmt.Sprintf("event: trace\nid: %s\ndata: %s\n\n", i.id(), data))
	}
	idle := func() error { return write(": alive\n\n") }
	joined := func() error { return write(": following\n\n") }
	err = s.tail.follow(ctx, project, params["filter"], since, send, idle, joined)
	if err != nil && !started {
		s.refuse(w, r, err)
	}
}
