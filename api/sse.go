package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

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

// tailForm is how the live tail is written over HTTP. The status goes out at once, with joined.
type tailForm struct {
	contentType  string
	joined, idle string
	item         func(id string, data []byte) string
}

// serverSentEvents follows the HTML standard, section 9.2: "event: trace", data a TailTracesResponse in
// JSON, id where to resume with Last-Event-ID; comments while nothing happens.
var serverSentEvents = tailForm{
	contentType: "text/event-stream", joined: ": following\n\n", idle: ": alive\n\n",
	item: func(id string, data []byte) string {
		return fmt.Sprintf("event: trace\nid: %s\ndata: %s\n\n", id, data)
	},
}

// ndjson is one {"result": TailTracesResponse} a line, as the gateway writes streams; empty lines while nothing happens.
var ndjson = tailForm{
	contentType: "application/x-ndjson", idle: "\n",
	item: func(_ string, data []byte) string { return fmt.Sprintf("{\"result\":%s}\n", data) },
}

// serveTail is TailTraces over HTTP. The gateway would send no status before the first trace.
func (s *Server) serveTail(w http.ResponseWriter, r *http.Request) {
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
	form := ndjson
	if wantsEvents(r) {
		form = serverSentEvents
	}
	out := http.NewResponseController(w)
	started := false
	write := func(text string) error {
		if !started { // not before the reader is let in: a refusal has a status of its own
			w.Header().Set("Content-Type", form.contentType)
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
		data, err := jsonFormat.Marshal(tailProto(&i))
		if err != nil {
			return err
		}
		return write(form.item(i.id(), data))
	}
	idle := func() error { return write(form.idle) }
	joined := func() error { return write(form.joined) }
	err = s.tail.follow(ctx, project, params["filter"], since, send, idle, joined)
	if err != nil && !started {
		s.refuse(w, r, err)
	}
}
