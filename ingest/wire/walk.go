package wire

import "fmt"

// deprecatedScopes is the field that held the scopes before OTLP 0.15 (instrumentation_library_
// spans and _logs). As the specification asks, it counts only where the current one is absent:
// senders of that time filled both with the same spans.
const deprecatedScopes = 1000

// names are the names of the fields that traces, logs and metrics share by number, for paths.
type names struct{ resource, scope, item string }

// walker goes over the items (spans, log records, metrics) of a request. The three requests have
// the same shape: request.1 = resources; resource.1 = resource, .2 = scopes, .3 = schema;
// scope.1 = scope, .2 = items, .3 = schema.
type walker struct {
	names *names

	req, res, sc          []byte
	reqPos, resPos, scPos int
	scopeField            int32
	// resIdx, scIdx and itemIdx are the indices of the current ones, -1 before the first.
	resIdx, scIdx, itemIdx int

	resource          Resource
	scope             Scope
	resFault, scFault fault
	// resOwed and scOwed are set while no item has paid for a bad resource or scope. One that no
	// item pays for costs the request: it would be accepted in silence otherwise.
	resOwed, scOwed bool
	// checking is set when nobody will ask for the bytes of a resource or scope, so that pieces
	// need not be joined.
	checking bool
	err      error
}

// pieces are the encodings of one singular message field that was sent in several: concatenated
// encodings are the merged message, says the protobuf specification. Empty ones count for nothing.
type pieces struct {
	first []byte
	n     int
	bytes int
}

func (p *pieces) add(b []byte) {
	if len(b) == 0 {
		return
	}
	if p.n == 0 {
		p.first = b
	}
	p.n++
	p.bytes += len(b)
}

// over says whether there are more pieces than a message may have.
func (p *pieces) over() bool { return p.n > MaxPieces }

// join returns the merged message, whose pieces are fields 1 of group. It copies every byte once,
// and nothing where there is one piece.
func (p *pieces) join(group []byte) []byte {
	if p.n < 2 || p.over() {
		return p.first
	}
	joined := make([]byte, 0, p.bytes)
	for pos := 0; ; {
		piece, ok := nextOf(group, &pos, 1)
		if !ok {
			return joined
		}
		joined = append(joined, piece...)
	}
}

func newWalker(b []byte, n *names) walker {
	return walker{names: n, req: b, resIdx: -1, scIdx: -1, itemIdx: -1}
}

// next returns the next encoded item. It enters scopes and resources as they come.
func (w *walker) next() ([]byte, bool) {
	for w.err == nil {
		for w.scPos < len(w.sc) {
			num, _, _, lo, end := field(w.sc, w.scPos)
			w.scPos = end
			if num == 2 {
				w.itemIdx++
				w.resOwed, w.scOwed = false, false
				return w.sc[lo:end], true
			}
		}
		if !w.nextScope() {
			return nil, false
		}
	}
	return nil, false
}

// nextScope enters the next scope that exists, in this resource or a later one.
func (w *walker) nextScope() bool {
	if w.scOwed && !w.resFault.bad() {
		w.failOwed()
		return false
	}
	for {
		for w.resPos < len(w.res) {
			num, _, _, lo, end := field(w.res, w.resPos)
			w.resPos = end
			if num == w.scopeField {
				w.scIdx++
				w.enterScope(w.res[lo:end])
				return w.err == nil
			}
		}
		if !w.nextResource() {
			return false
		}
	}
}

func (w *walker) nextResource() bool {
	if w.resOwed {
		w.failOwed()
		return false
	}
	for w.reqPos < len(w.req) {
		num, wt, _, lo, end := field(w.req, w.reqPos)
		if end < 0 || (num == 1 && wt != wireLen) {
			w.fail("request", w.reqPos)
			return false
		}
		w.reqPos = end
		if num == 1 {
			w.resIdx++
			w.enterResource(w.req[lo:end])
			return w.err == nil
		}
	}
	return false
}

// enterResource checks the framing of a group of scopes, so that walking it afterwards cannot
// fail, and reads its resource, which may stand anywhere in it.
func (w *walker) enterResource(b []byte) {
	var res pieces
	var schema []byte
	var f fault
	w.resource = Resource{ID: lastID.Add(1)}
	w.scopeField = deprecatedScopes
	for i := 0; i < len(b); {
		num, wt, _, lo, end := field(b, i)
		if end < 0 {
			w.fail(fmt.Sprintf("%s[%d]", w.names.resource, w.resIdx), i)
			return
		}
		if num <= 3 || num == deprecatedScopes {
			if wt != wireLen {
				w.fail(fmt.Sprintf("%s[%d]", w.names.resource, w.resIdx), i)
				return
			}
			switch num {
			case 1:
				if res.add(b[lo:end]); !f.bad() && !res.over() {
					f = w.resource.decode(b[lo:end])
				}
			case 2:
				w.scopeField = 2
			case 3:
				schema = b[lo:end]
			}
		}
		i = end
	}
	w.res, w.resPos, w.scIdx = b, 0, -1
	w.sc, w.scPos = nil, 0
	if res.over() {
		f = faulty(ReasonPieces, "")
	}
	if !w.checking {
		w.resource.Raw = res.join(b)
	}
	w.resource.SchemaURL = schema
	w.resFault, w.resOwed = f, f.bad()
}

// enterScope does for a scope what enterResource does for a resource.
func (w *walker) enterScope(b []byte) {
	var sc pieces
	var schema []byte
	var f fault
	w.scope = Scope{ID: lastID.Add(1)}
	for i := 0; i < len(b); {
		num, wt, _, lo, end := field(b, i)
		if end < 0 || (num <= 3 && wt != wireLen) {
			w.fail(fmt.Sprintf("%s[%d].%s[%d]", w.names.resource, w.resIdx, w.names.scope, w.scIdx), i)
			return
		}
		switch num {
		case 1:
			if sc.add(b[lo:end]); !f.bad() && !sc.over() {
				f = w.scope.decode(b[lo:end])
			}
		case 3:
			schema = b[lo:end]
		}
		i = end
	}
	w.sc, w.scPos, w.itemIdx = b, 0, -1
	if sc.over() {
		f = faulty(ReasonPieces, "")
	}
	if !w.checking {
		w.scope.Raw = sc.join(b)
	}
	w.scope.SchemaURL = schema
	w.scFault, w.scOwed = f, f.bad()
}

// fail ends the walk: the framing around the items is broken at byte pos of the message at path.
func (w *walker) fail(path string, pos int) {
	w.err = fmt.Errorf("read %s at byte %d: %w", path, pos, ErrMalformed)
}

// failOwed ends the walk at a bad resource or scope that has no items.
func (w *walker) failOwed() {
	w.err = fmt.Errorf("read %s: %w", w.offender(noFault), ErrMalformed)
}

// offender names the current item and what is wrong with it. It allocates.
func (w *walker) offender(f fault) Offender {
	res := fmt.Sprintf("%s[%d]", w.names.resource, w.resIdx)
	sc := fmt.Sprintf("%s.%s[%d]", res, w.names.scope, w.scIdx)
	switch {
	case w.resFault.bad():
		return Offender{Path: res + ".resource" + w.resFault.suffix(), Reason: w.resFault.reason}
	case w.scFault.bad():
		return Offender{Path: sc + ".scope" + w.scFault.suffix(), Reason: w.scFault.reason}
	}
	return Offender{
		Path:   fmt.Sprintf("%s.%s[%d]%s", sc, w.names.item, w.itemIdx, f.suffix()),
		Reason: f.reason,
	}
}

// groupFault returns what is wrong with the resource or scope of the current item, if anything.
func (w *walker) groupFault() fault {
	if w.resFault.bad() {
		return w.resFault
	}
	return w.scFault
}

// note counts a refused item in r.
func (w *walker) note(r *Report, f fault) {
	r.Rejected++
	r.Reasons[f.reason]++
	if r.Rejected == 1 {
		r.First = w.offender(f)
	}
}

// Err returns why the walk ended early: the request is malformed around its spans. It is nil at
// a regular end and wraps ErrMalformed otherwise.
func (w *walker) Err() error { return w.err }

// Resource returns the resource of the current item. It is valid until the next call of Next.
func (w *walker) Resource() *Resource { return &w.resource }

// Scope returns the scope of the current item. It is valid until the next call of Next.
func (w *walker) Scope() *Scope { return &w.scope }

// Index returns where the current item lies in the request: the indices of its resource group,
// of its scope group in that, and of the item in that.
func (w *walker) Index() (resource, scope, item int) { return w.resIdx, w.scIdx, w.itemIdx }
