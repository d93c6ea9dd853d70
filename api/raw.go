package api

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

// Field numbers of opentelemetry/proto/trace/v1 and logs/v1. They are the same for both signals.
const (
	fieldResourceGroups = 1 // TracesData.resource_spans, LogsData.resource_logs
	fieldResource       = 1 // ResourceSpans.resource
	fieldScopeGroups    = 2 // ResourceSpans.scope_spans
	fieldScope          = 1 // ScopeSpans.scope
	fieldItems          = 2 // ScopeSpans.spans, ScopeLogs.log_records
)

// wrap puts one span or log record into its scope, resource and request.
func wrap(resource, scope, item []byte) []byte {
	field := func(dst []byte, number protowire.Number, value []byte) []byte {
		dst = protowire.AppendTag(dst, number, protowire.BytesType)
		return protowire.AppendBytes(dst, value)
	}
	group := field(field(nil, fieldScope, scope), fieldItems, item)
	return field(nil, fieldResourceGroups, field(field(nil, fieldResource, resource), fieldScopeGroups, group))
}

// rawSpanProto shows a span as OTLP/JSON, which pdata writes as the specification says.
func rawSpanProto(raw *store.RawSpan) (*pb.RawSpan, error) {
	traces, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(wrap(raw.Resource, raw.Scope, raw.Span))
	if err != nil {
		return nil, fmt.Errorf("decode stored span: %w", err)
	}
	text, err := new(ptrace.JSONMarshaler).MarshalTraces(traces)
	if err != nil {
		return nil, fmt.Errorf("encode stored span: %w", err)
	}
	out := &pb.RawSpan{Truncated: raw.Truncated}
	group, err := onlyGroup(text, "resourceSpans")
	if err != nil {
		return nil, fmt.Errorf("encode stored span: %w", err)
	}
	out.ResourceSpans = []*structpb.Struct{group}
	for _, l := range raw.Logs {
		logs, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(wrap(l.Resource, l.Scope, l.Record))
		if err != nil {
			return nil, fmt.Errorf("decode stored log record: %w", err)
		}
		if text, err = new(plog.JSONMarshaler).MarshalLogs(logs); err != nil {
			return nil, fmt.Errorf("encode stored log record: %w", err)
		}
		group, err := onlyGroup(text, "resourceLogs")
		if err != nil {
			return nil, fmt.Errorf("encode stored log record: %w", err)
		}
		out.ResourceLogs = append(out.ResourceLogs, group)
	}
	return out, nil
}

// onlyGroup returns the one element of the list that a request consists of.
func onlyGroup(text []byte, list string) (*structpb.Struct, error) {
	var request structpb.Struct
	if err := request.UnmarshalJSON([]byte(validText(string(text)))); err != nil {
		return nil, err
	}
	groups := request.GetFields()[list].GetListValue().GetValues()
	if len(groups) != 1 || groups[0].GetStructValue() == nil {
		return nil, fmt.Errorf("want one element in %s, got %d", list, len(groups))
	}
	return groups[0].GetStructValue(), nil
}
