package wire

// Event is one event of a span, read in place.
type Event struct {
	// Raw is the encoded Event message.
	Raw []byte
	// TimeUnixNano is nanoseconds since 1970, as sent.
	TimeUnixNano      uint64
	Name              []byte
	DroppedAttributes uint32
}

// Attributes iterates over the event's attributes.
func (e *Event) Attributes() KeyValues { return KeyValues{b: e.Raw, field: 3} }

// Events iterates over the events of a span; see KeyValues for the use.
type Events struct {
	b   []byte
	pos int
	cur Event
}

// Next moves to the next event and says whether there is one.
func (it *Events) Next() bool {
	b, ok := nextOf(it.b, &it.pos, 11)
	if ok {
		it.cur.decode(b)
	}
	return ok
}

// Event returns the event Next moved to. It is overwritten by the next call of Next.
func (it *Events) Event() *Event { return &it.cur }

func (e *Event) decode(b []byte) {
	*e = Event{Raw: b}
	for i := 0; i < len(b); {
		num, _, v, lo, end := field(b, i)
		if end < 0 {
			return
		}
		switch num {
		case 1:
			e.TimeUnixNano = v
		case 2:
			e.Name = b[lo:end]
		case 4:
			e.DroppedAttributes = uint32(v)
		}
		i = end
	}
}

// Link is one link of a span to another, read in place.
type Link struct {
	// Raw is the encoded Link message.
	Raw               []byte
	TraceID           [16]byte
	SpanID            [8]byte
	TraceState        []byte
	DroppedAttributes uint32
	Flags             uint32
}

// Attributes iterates over the link's attributes.
func (l *Link) Attributes() KeyValues { return KeyValues{b: l.Raw, field: 4} }

// Links iterates over the links of a span; see KeyValues for the use.
type Links struct {
	b   []byte
	pos int
	cur Link
}

// Next moves to the next link and says whether there is one.
func (it *Links) Next() bool {
	b, ok := nextOf(it.b, &it.pos, 13)
	if ok {
		it.cur.decode(b)
	}
	return ok
}

// Link returns the link Next moved to. It is overwritten by the next call of Next.
func (it *Links) Link() *Link { return &it.cur }

func (l *Link) decode(b []byte) {
	*l = Link{Raw: b}
	for i := 0; i < len(b); {
		num, _, v, lo, end := field(b, i)
		if end < 0 {
			return
		}
		switch num {
		case 1:
			setID(l.TraceID[:], b[lo:end])
		case 2:
			setID(l.SpanID[:], b[lo:end])
		case 3:
			l.TraceState = b[lo:end]
		case 5:
			l.DroppedAttributes = uint32(v)
		case 6:
			l.Flags = uint32(v)
		}
		i = end
	}
}

// nextOf returns the next length-delimited field num of b at or after *pos and moves *pos
// behind it.
func nextOf(b []byte, pos *int, num int32) ([]byte, bool) {
	for *pos < len(b) {
		n, wt, _, lo, end := field(b, *pos)
		if end < 0 {
			break
		}
		*pos = end
		if n == num && wt == wireLen {
			return b[lo:end], true
		}
	}
	*pos = len(b)
	return nil, false
}

var (
	eventWire = [5]uint8{anyWire, wireI64, wireLen, wireLen, wireVarint}
	linkWire  = [7]uint8{anyWire, wireLen, wireLen, wireLen, wireLen, wireVarint, wireI32}
)

// checkEvent says what is wrong with an encoded Event, the index-th of its span.
func checkEvent(b []byte, index int) fault {
	return fault{checkFields(b, eventWire[:], 3), "events", index}
}

// checkLink says what is wrong with an encoded Link, the index-th of its span.
func checkLink(b []byte, index int) fault {
	if r := checkFields(b, linkWire[:], 4); r != ReasonNone {
		return fault{r, "links", index}
	}
	for i := 0; i < len(b); {
		num, _, _, lo, end := field(b, i)
		n := end - lo
		if (num == 1 && n != 0 && n != 16) || (num == 2 && n != 0 && n != 8) {
			return fault{ReasonLink, "links", index}
		}
		i = end
	}
	return noFault
}

// checkFields checks the fields of a message against the wire types by field number, and the
// attributes in field attrs.
func checkFields(b []byte, wires []uint8, attrs int32) Reason {
	for i := 0; i < len(b); {
		num, wt, _, lo, end := field(b, i)
		if end < 0 {
			return ReasonMalformed
		}
		if int(num) < len(wires) && wires[num] != wt && wires[num] != anyWire {
			return ReasonMalformed
		}
		if num == attrs {
			if r := checkKeyValue(b[lo:end], 0); r != ReasonNone {
				return r
			}
		}
		i = end
	}
	return ReasonNone
}
