package genai

import (
	"encoding/hex"
	"fmt"
)

// TraceID is a W3C trace id, 16 bytes; the zero value is invalid.
type TraceID [16]byte

// SpanID is a W3C parent id, 8 bytes; the zero value is invalid and stands for "no parent".
type SpanID [8]byte

// IsZero reports whether the id is the invalid all-zero id.
func (id TraceID) IsZero() bool { return id == TraceID{} }

// IsZero reports whether the id is the invalid all-zero id.
func (id SpanID) IsZero() bool { return id == SpanID{} }

// String is the lower-case hexadecimal form, 32 characters.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// String is the lower-case hexadecimal form, 16 characters, or "" for no span.
func (id SpanID) String() string {
	if id.IsZero() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// MarshalText is String.
func (id SpanID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 16 hexadecimal characters, or none for no span.
func (id *SpanID) UnmarshalText(b []byte) (err error) {
	if *id = (SpanID{}); len(b) > 0 {
		*id, err = ParseSpanID(string(b))
	}
	return err
}

// ParseTraceID reads 32 hexadecimal characters.
func ParseTraceID(s string) (id TraceID, err error) {
	if len(s) != 2*len(id) {
		return id, fmt.Errorf("trace id %q: want 32 hexadecimal characters, got %d", s, len(s))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return TraceID{}, fmt.Errorf("trace id %q: %w", s, err)
	}
	return id, nil
}

// ParseSpanID reads 16 hexadecimal characters.
func ParseSpanID(s string) (id SpanID, err error) {
	if len(s) != 2*len(id) {
		return id, fmt.Errorf("span id %q: want 16 hexadecimal characters, got %d", s, len(s))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return SpanID{}, fmt.Errorf("span id %q: %w", s, err)
	}
	return id, nil
}

// Kind is the OpenTelemetry span kind, numbered as on the wire.
type Kind uint8

// The span kinds of opentelemetry/proto/trace/v1/trace.proto.
const (
	KindUnspecified Kind = iota
	KindInternal
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

// StatusCode is the OpenTelemetry status code, numbered as on the wire.
type StatusCode uint8

// The status codes of opentelemetry/proto/trace/v1/trace.proto.
const (
	StatusUnset StatusCode = iota
	StatusOK
	StatusError
)
