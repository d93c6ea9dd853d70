package otlp

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// encodeResponse returns the protobuf bytes of an Export…ServiceResponse. The three signals
// share the shape: partial_success = 1 {rejected = 1, error_message = 2}. When all is well the
// message is empty, partial_success unset, as the OTLP demands.
func encodeResponse(o outcome) []byte {
	if o == (outcome{}) {
		return nil
	}
	var partial []byte
	partial = protowire.AppendTag(partial, 1, protowire.VarintType)
	partial = protowire.AppendVarint(partial, uint64(o.rejected))
	partial = protowire.AppendTag(partial, 2, protowire.BytesType)
	partial = protowire.AppendString(partial, o.message)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
}

// rejectedNames is the JSON name of the count, by signal.
var rejectedNames = [...]string{
	traces: "rejectedSpans", logs: "rejectedLogRecords", metrics: "rejectedDataPoints",
}

// encodeStatus returns a google.rpc.Status in the encoding of the request.
func encodeStatus(m proto.Message, asJSON bool) ([]byte, error) {
	if asJSON {
		return protojson.Marshal(m)
	}
	return proto.Marshal(m)
}
