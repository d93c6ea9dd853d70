package otlp

import "google.golang.org/protobuf/encoding/protowire"

// The messages of the OTLP, by canonical member name (opentelemetry-proto 1.11). Metrics are read
// only as far as their data points are counted.

var resourceFields = fields{
	"attributes":             {1, readKeyValues},
	"droppedattributescount": {2, readVarint},
	"entityrefs":             {3, repeated(message(entityFields))},
}

var entityFields = fields{
	"schemaurl":       {1, readString},
	"type":            {2, readString},
	"idkeys":          {3, repeated(readString)},
	"descriptionkeys": {4, repeated(readString)},
}

var scopeFields = fields{
	"name":                   {1, readString},
	"version":                {2, readString},
	"attributes":             {3, readKeyValues},
	"droppedattributescount": {4, readVarint},
}

var statusFields = fields{
	"message": {2, readString},
	"code":    {3, readEnum("STATUS_CODE_", "UNSET", "OK", "ERROR")},
}

var eventFields = fields{
	"timeunixnano":           {1, readFixed64},
	"name":                   {2, readString},
	"attributes":             {3, readKeyValues},
	"droppedattributescount": {4, readVarint},
}

var linkFields = fields{
	"traceid":                {1, readID(16)},
	"spanid":                 {2, readID(8)},
	"tracestate":             {3, readString},
	"attributes":             {4, readKeyValues},
	"droppedattributescount": {5, readVarint},
	"flags":                  {6, readFixed32},
}

var spanFields = fields{
	"traceid":                {1, readID(16)},
	"spanid":                 {2, readID(8)},
	"tracestate":             {3, readString},
	"parentspanid":           {4, readID(8)},
	"name":                   {5, readString},
	"kind":                   {6, readEnum("SPAN_KIND_", "UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")},
	"starttimeunixnano":      {7, readFixed64},
	"endtimeunixnano":        {8, readFixed64},
	"attributes":             {9, readKeyValues},
	"droppedattributescount": {10, readVarint},
	"events":                 {11, repeated(message(eventFields))},
	"droppedeventscount":     {12, readVarint},
	"links":                  {13, repeated(message(linkFields))},
	"droppedlinkscount":      {14, readVarint},
	"status":                 {15, message(statusFields)},
	"flags":                  {16, readFixed32},
}

var logFields = fields{
	"timeunixnano":           {1, readFixed64},
	"severitynumber":         {2, readEnum("SEVERITY_NUMBER_", severityNames()...)},
	"severitytext":           {3, readString},
	"body":                   {5, readAnyValue},
	"attributes":             {6, readKeyValues},
	"droppedattributescount": {7, readVarint},
	"flags":                  {8, readFixed32},
	"traceid":                {9, readID(16)},
	"spanid":                 {10, readID(8)},
	"observedtimeunixnano":   {11, readFixed64},
	"eventname":              {12, readString},
}

// severityNames returns UNSPECIFIED, TRACE, TRACE2 … FATAL4: the numbers 0 to 24.
func severityNames() []string {
	names := []string{"UNSPECIFIED"}
	for _, level := range []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"} {
		names = append(names, level, level+"2", level+"3", level+"4")
	}
	return names
}

var pointsFields = fields{"datapoints": {1, repeated(message(fields{}))}}

var metricFields = fields{
	"name":                 {1, readString},
	"gauge":                {5, message(pointsFields)},
	"sum":                  {7, message(pointsFields)},
	"histogram":            {9, message(pointsFields)},
	"exponentialhistogram": {10, message(pointsFields)},
	"summary":              {11, message(pointsFields)},
}

// request returns the fields of an export request: groups of scopes, each a list of items.
// library and deprecated are the names before OTLP 0.15.
func request(groups, scopes, items, deprecated string, item fields) fields {
	scope := fields{
		"scope":                  {1, message(scopeFields)},
		"instrumentationlibrary": {1, message(scopeFields)},
		items:                    {2, repeated(message(item))},
		"schemaurl":              {3, readString},
	}
	group := fields{
		"resource":  {1, message(resourceFields)},
		scopes:      {2, repeated(message(scope))},
		"schemaurl": {3, readString},
		deprecated:  {deprecatedScopes, repeated(message(scope))},
	}
	return fields{groups: {1, repeated(message(group))}}
}

// deprecatedScopes is the field number of instrumentation_library_spans and its like.
const deprecatedScopes protowire.Number = 1000

var requestFields = map[signal]fields{
	traces:  request("resourcespans", "scopespans", "spans", "instrumentationlibraryspans", spanFields),
	logs:    request("resourcelogs", "scopelogs", "logrecords", "instrumentationlibrarylogs", logFields),
	metrics: request("resourcemetrics", "scopemetrics", "metrics", "instrumentationlibrarymetrics", metricFields),
}

// signalByField finds the signal of a request by its one member, to tell a sender who posts one
// signal to the path of another.
var signalByField = map[string]signal{
	"resourcespans": traces, "resourcelogs": logs, "resourcemetrics": metrics,
}
