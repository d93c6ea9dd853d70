package wire

import "sync/atomic"

// lastID is the newest ID of a resource or scope.
var lastID atomic.Uint64

// Resource is what a group of spans or log records has in common: who sent them.
type Resource struct {
	// ID tells this resource from every other that this process has read, so that who remembers what
	// it made of one need not compare the bytes for every span.
	ID uint64
	// Raw is the encoded Resource message.
	Raw []byte
	// SchemaURL is the schema of the resource, from the group around it.
	SchemaURL []byte
	// DroppedAttributes is how many attributes the sender dropped.
	DroppedAttributes uint32

	attributes int // that were decoded
}

// Attributes iterates over the resource's attributes.
func (r *Resource) Attributes() KeyValues { return KeyValues{b: r.Raw, field: 1} }

// decode adds the fields of an encoded Resource, or of one piece of it, to r.
func (r *Resource) decode(raw []byte) fault {
	for i := 0; i < len(raw); {
		num, wt, v, lo, end := field(raw, i)
		if end < 0 {
			return faulty(ReasonMalformed, "")
		}
		switch num {
		case 1:
			if wt != wireLen {
				return faulty(ReasonMalformed, "attributes")
			}
			if reason := checkKeyValue(raw[lo:end], 0); reason != ReasonNone {
				return fault{reason, "attributes", r.attributes}
			}
			r.attributes++
		case 2:
			if wt != wireVarint {
				return faulty(ReasonMalformed, "dropped_attributes_count")
			}
			r.DroppedAttributes = uint32(v)
		case 3:
			if wt != wireLen || !checkEntityRef(raw[lo:end]) {
				return faulty(ReasonMalformed, "entity_refs")
			}
		}
		i = end
	}
	return noFault
}

// checkEntityRef says whether an encoded EntityRef is well formed: four fields, all strings.
func checkEntityRef(b []byte) bool {
	for i := 0; i < len(b); {
		num, wt, _, _, end := field(b, i)
		if end < 0 || (num <= 4 && wt != wireLen) {
			return false
		}
		i = end
	}
	return true
}

// Scope is the instrumentation library that made a group of spans or log records.
type Scope struct {
	// ID is as that of Resource.
	ID uint64
	// Raw is the encoded InstrumentationScope message.
	Raw []byte
	// Name and Version name the library.
	Name, Version []byte
	// SchemaURL is the schema of the spans or log records, from the group around them.
	SchemaURL []byte
	// DroppedAttributes is how many attributes the sender dropped.
	DroppedAttributes uint32

	attributes int // that were decoded
}

// Attributes iterates over the scope's attributes.
func (s *Scope) Attributes() KeyValues { return KeyValues{b: s.Raw, field: 3} }

// decode adds the fields of an encoded InstrumentationScope, or of one piece of it, to s.
func (s *Scope) decode(raw []byte) fault {
	for i := 0; i < len(raw); {
		num, wt, v, lo, end := field(raw, i)
		if end < 0 {
			return faulty(ReasonMalformed, "")
		}
		switch num {
		case 1, 2:
			if wt != wireLen {
				return faulty(ReasonMalformed, "name")
			}
			if num == 1 {
				s.Name = raw[lo:end]
			} else {
				s.Version = raw[lo:end]
			}
		case 3:
			if wt != wireLen {
				return faulty(ReasonMalformed, "attributes")
			}
			if reason := checkKeyValue(raw[lo:end], 0); reason != ReasonNone {
				return fault{reason, "attributes", s.attributes}
			}
			s.attributes++
		case 4:
			if wt != wireVarint {
				return faulty(ReasonMalformed, "dropped_attributes_count")
			}
			s.DroppedAttributes = uint32(v)
		}
		i = end
	}
	return noFault
}
