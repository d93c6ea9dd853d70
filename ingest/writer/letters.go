package writer

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// leftOver is a request of its own with some items of another, in their order. Each resource and
// scope is there once, as in the request that it was made from: it is never larger than that.
type leftOver struct {
	payload    []byte // whole resources
	res, scope []byte // the ones that are being filled, without their schema URLs
	resURL     []byte
	scopeURL   []byte
	resAt      int
	scopeAt    int
	items      int
	first      error
}

// add appends an item. Traces and logs number these fields alike.
func (l *leftOver) add(resAt, scopeAt int, res *wire.Resource, scope *wire.Scope, item []byte) {
	switch {
	case l.items == 0 || resAt != l.resAt:
		l.endResource()
		l.res, l.resURL, l.resAt = field(nil, 1, res.Raw), res.SchemaURL, resAt
		l.beginScope(scope, scopeAt)
	case scopeAt != l.scopeAt:
		l.endScope()
		l.beginScope(scope, scopeAt)
	}
	l.scope = protowire.AppendBytes(protowire.AppendTag(l.scope, 2, protowire.BytesType), item)
	l.items++
}

func (l *leftOver) beginScope(scope *wire.Scope, at int) {
	l.scope, l.scopeURL, l.scopeAt = field(nil, 1, scope.Raw), scope.SchemaURL, at
}

func (l *leftOver) endScope() {
	l.res = field(l.res, 2, field(l.scope, 3, l.scopeURL))
	l.scope = nil
}

func (l *leftOver) endResource() {
	if l.items == 0 {
		return
	}
	l.endScope()
	l.payload = field(l.payload, 1, field(l.res, 3, l.resURL))
	l.res = nil
}

// request is what was added. Nothing can be added afterwards.
func (l *leftOver) request() []byte {
	l.endResource()
	l.items = 0
	return l.payload
}

// field appends a length-delimited protobuf field; an empty one is left out.
func field(dst []byte, num protowire.Number, b []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	return protowire.AppendBytes(protowire.AppendTag(dst, num, protowire.BytesType), b)
}

// putAway stores dead letters, which may have been stored before.
func (w *Writer) putAway(ctx context.Context, letters []spanlog.DeadLetter) error {
	for _, d := range letters {
		if err := w.putOne(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// putOne stores one letter. One that is larger than the log takes today is stored in halves, each
// under an origin of its own (writer, writer-2, …) and a request that can be replayed by itself.
func (w *Writer) putOne(ctx context.Context, d spanlog.DeadLetter) error {
	left := []spanlog.Record{d.Record}
	for n := 1; len(left) > 0; {
		if d.Record = left[0]; n > 1 {
			d.Reader = fmt.Sprintf("%s-%d", ReaderName, n)
		}
		var halves []spanlog.Record
		err := w.retry(ctx, "keep a dead letter", func() error {
			err := w.log.DeadLetters().Put(ctx, d)
			if errors.Is(err, spanlog.ErrTooLarge) {
				if halves = halve(d.Record); halves != nil {
					return nil
				}
				err = fmt.Errorf("%w; raise --max-request to what it was when the request came", err)
			}
			return err
		})
		if err != nil {
			return err
		}
		if left = left[1:]; halves != nil {
			left = append(halves, left...)
			continue
		}
		n++
	}
	return nil
}

// halve makes two requests of one; nil when it has fewer than two items.
func halve(r spanlog.Record) []spanlog.Record {
	var total int
	items(r, func(int, int, *wire.Resource, *wire.Scope, []byte) { total++ })
	if total < 2 {
		return nil
	}
	var parts [2]leftOver
	n := 0
	items(r, func(resAt, scopeAt int, res *wire.Resource, scope *wire.Scope, item []byte) {
		parts[2*n/total].add(resAt, scopeAt, res, scope, item)
		n++
	})
	a, b := r, r
	a.Payload, b.Payload = parts[0].request(), parts[1].request()
	return []spanlog.Record{a, b}
}

// items walks the good items of a request.
func items(r spanlog.Record, visit func(resAt, scopeAt int, res *wire.Resource, scope *wire.Scope, item []byte)) {
	switch r.Signal {
	case spanlog.SignalTraces:
		for t := wire.ReadTraces(r.Payload); t.Next(); {
			resAt, scopeAt, _ := t.Index()
			visit(resAt, scopeAt, t.Resource(), t.Scope(), t.Span().Raw)
		}
	case spanlog.SignalLogs:
		for l := wire.ReadLogs(r.Payload); l.Next(); {
			resAt, scopeAt, _ := l.Index()
			visit(resAt, scopeAt, l.Resource(), l.Scope(), l.Record().Raw)
		}
	}
}
