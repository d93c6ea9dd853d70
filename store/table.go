package store

import (
	"slices"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

// The types of the columns; their zero values are ready.
type (
	u8Col     struct{ fixedCol }
	u32Col    struct{ fixedCol }
	u64Col    struct{ fixedCol }
	floatCol  struct{ fixedCol }
	int64Col  struct{ fixedCol }
	timeCol   struct{ fixedCol }
	dayCol    struct{ fixedCol }
	costCol   struct{ fixedCol }
	millisCol struct{ fixedCol }
	idCol     struct{ fixedCol }
	hashCol   struct{ fixedCol }
)

func (*u8Col) typeName() string     { return "UInt8" }
func (*u32Col) typeName() string    { return "UInt32" }
func (*u64Col) typeName() string    { return "UInt64" }
func (*floatCol) typeName() string  { return "Float64" }
func (*int64Col) typeName() string  { return "Int64" }
func (*timeCol) typeName() string   { return "DateTime64(9, 'UTC')" }
func (*millisCol) typeName() string { return "DateTime64(3, 'UTC')" }
func (*dayCol) typeName() string    { return "Date" }
func (*costCol) typeName() string   { return "Decimal(38, 12)" }
func (*idCol) typeName() string     { return "FixedString(8)" }
func (*hashCol) typeName() string   { return "FixedString(16)" }

func (c *u8Col) truncate(rows int)     { c.cut(1 * rows) }
func (c *u32Col) truncate(rows int)    { c.cut(4 * rows) }
func (c *u64Col) truncate(rows int)    { c.cut(8 * rows) }
func (c *floatCol) truncate(rows int)  { c.cut(8 * rows) }
func (c *int64Col) truncate(rows int)  { c.cut(8 * rows) }
func (c *timeCol) truncate(rows int)   { c.cut(8 * rows) }
func (c *millisCol) truncate(rows int) { c.cut(8 * rows) }
func (c *dayCol) truncate(rows int)    { c.cut(2 * rows) }
func (c *costCol) truncate(rows int)   { c.cut(16 * rows) }
func (c *idCol) truncate(rows int)     { c.cut(8 * rows) }
func (c *hashCol) truncate(rows int)   { c.cut(hashBytes * rows) }

func (c *hashCol) hash(h content.Hash) { c.bytes(h[:]) }

type hashesCol struct {
	offsets fixedCol
	n       uint64
	elem    hashCol
}

func (c *hashesCol) typeName() string { return "Array(FixedString(16))" }
func (c *hashesCol) size() int        { return c.offsets.size() + c.elem.size() }
func (c *hashesCol) prefix(*block)    {}
func (c *hashesCol) data(to *block)   { c.offsets.data(to); c.elem.data(to) }
func (c *hashesCol) reset()           { c.offsets.reset(); c.n = 0; c.elem.reset() }
func (c *hashesCol) end(n int)        { c.n += uint64(n); c.offsets.u64(c.n) } //nolint:gosec // a length
func (c *hashesCol) truncate(rows int) {
	c.n = c.offsets.offsetAt(rows)
	c.elem.buf = c.elem.buf[:hashBytes*c.n]
}

const hashBytes = 16

type namesCol struct {
	offsets fixedCol
	n       uint64
	elem    lowCol
}

func (c *namesCol) typeName() string { return "Array(LowCardinality(String))" }
func (c *namesCol) size() int        { return c.offsets.size() + c.elem.size() }
func (c *namesCol) prefix(to *block) { c.elem.prefix(to) }
func (c *namesCol) data(to *block)   { c.offsets.data(to); c.elem.data(to) }
func (c *namesCol) reset()           { c.offsets.reset(); c.n = 0; c.elem.reset() }
func (c *namesCol) end(n int)        { c.n += uint64(n); c.offsets.u64(c.n) } //nolint:gosec // a length
func (c *namesCol) truncate(rows int) {
	c.n = c.offsets.offsetAt(rows)
	c.elem.truncate(int(c.n)) //nolint:gosec // a length
}

type contentColumns struct {
	table
	project, kind lowCol
	day           dayCol
	hash          hashCol
	body          stringCol
}

func (c *contentColumns) init() {
	c.name = "contents"
	c.columns = []namedColumn{{"project", &c.project}, {"day", &c.day}, {"hash", &c.hash}, {"kind", &c.kind}, {"body", &c.body}}
}

type chunkColumns struct {
	table
	project  lowCol
	day      dayCol
	hash     hashCol
	body     stringCol
	children hashesCol
}

func (c *chunkColumns) init() {
	c.name = "chunks"
	c.columns = []namedColumn{{"project", &c.project}, {"day", &c.day}, {"hash", &c.hash}, {"body", &c.body}, {"children", &c.children}}
}

// eventColumns are those that every log record has.
type eventColumns struct {
	project, eventName       lowCol
	traceID, resource, scope hashCol
	spanID                   idCol
	time                     timeCol
	seq                      u64Col
	raw                      stringCol
}

func (c *eventColumns) columns() []namedColumn {
	return []namedColumn{
		{"project", &c.project},
		{"trace_id", &c.traceID},
		{"span_id", &c.spanID},
		{"time", &c.time},
		{"seq", &c.seq},
		{"event_name", &c.eventName},
		{"resource", &c.resource},
		{"scope", &c.scope},
		{"raw", &c.raw},
	}
}

func (c *eventColumns) add(e *encoder, l *Log, nanos int64) {
	c.project.str(l.Project)
	c.traceID.bytes(l.TraceID[:])
	c.spanID.bytes(l.SpanID[:])
	c.time.i64(nanos)
	c.seq.u64(l.Seq)
	c.eventName.str(l.EventName)
	c.resource.hash(e.shared(&e.lastResource, l.Service.Raw))
	c.scope.hash(e.shared(&e.lastScope, l.Scope.Raw))
	e.raw = content.Cut(e.raw[:0], l.Raw, content.LogRecordShape, 0, e.putRaw)
	c.raw.bytes(e.raw)
}

type fragmentColumns struct {
	table
	event    eventColumns
	head     headColumns
	warnings namesCol
	said     saidColumns
	refs     hashesCol
	detail   stringCol
}

func (c *fragmentColumns) init() {
	c.name = "fragments"
	c.columns = slices.Concat(c.event.columns(), c.head.columns(), []namedColumn{{"warnings", &c.warnings}}, c.said.columns(),
		[]namedColumn{{"refs", &c.refs}, {"detail", &c.detail}})
}

// headColumns say whose part a record is that names no span.
type headColumns struct {
	operation                lowCol
	responseID, callID, turn stringCol
	sequence                 int64Col
}

func (c *headColumns) columns() []namedColumn {
	return []namedColumn{
		{"operation", &c.operation},
		{"response_id", &c.responseID},
		{"call_id", &c.callID},
		{"turn", &c.turn},
		{"sequence", &c.sequence},
	}
}

func (c *headColumns) add(r *genai.RecordHead) {
	c.operation.str(string(r.Operation))
	c.responseID.str(r.ResponseID)
	c.callID.str(r.CallID)
	c.turn.str(r.Turn.ID)
	c.sequence.i64(r.Turn.Sequence)
}

// saidColumns say how many messages there are, and whether they say anything.
type saidColumns struct {
	inputMessages, outputMessages u32Col
	hasInput, hasOutput           u8Col
}

func (c *saidColumns) columns() []namedColumn {
	return []namedColumn{
		{"input_messages", &c.inputMessages},
		{"output_messages", &c.outputMessages},
		{"has_input", &c.hasInput},
		{"has_output", &c.hasOutput},
	}
}

// add says of a span what it has. A record is a part of one, and may say as well that a side is not to be missed.
func (c *saidColumns) add(s *genai.Span, input, output bool) {
	c.inputMessages.u32(uint32(len(s.Input)))   //nolint:gosec // bounded by the request's size
	c.outputMessages.u32(uint32(len(s.Output))) //nolint:gosec // bounded by the request's size
	c.hasInput.u8(boolean(input))
	c.hasOutput.u8(boolean(output))
}

type logColumns struct {
	table
	event              eventColumns
	severity           u8Col
	service, scopeName lowCol
	body               stringCol
	refs               hashesCol
}

func (c *logColumns) init() {
	c.name = "logs"
	c.columns = append(c.event.columns(), namedColumn{"severity", &c.severity}, namedColumn{"service", &c.service},
		namedColumn{"scope_name", &c.scopeName}, namedColumn{"body", &c.body}, namedColumn{"refs", &c.refs})
}

type spanColumns struct {
	table
	project, name, service, namespace, version, instance, environment, language lowCol
	scopeName, scopeVersion, dialect, dialectVersion                            lowCol
	operation, provider, framework, requestModel, responseModel                 lowCol
	agent, workflow, promptName, promptVersion, tool, errorType                 lowCol
	usageRule, reportedCurrency                                                 lowCol
	traceID, resource, scope, fingerprint                                       hashCol
	spanID, parent                                                              idCol
	kind, status, outcome, rollup                                               u8Col
	printModel, printSystem, printTools, printParams                            u64Col
	start                                                                       timeCol
	duration, ttft                                                              int64Col
	input, output, cacheRead, cacheWrite, reasoning                             int64Col
	reported                                                                    costCol
	cost                                                                        costColumns
	responseID, conversation, user, inputPreview, outputPreview, detail, raw    stringCol
	callID                                                                      stringCol
	finish, tags, warnings                                                      namesCol
	attributes                                                                  mapCol
	said                                                                        saidColumns
	refs                                                                        hashesCol

	insertedAt millisCol // of rows that are made anew; else the engine's clock counts
}

func (c *spanColumns) init() {
	c.table.name = "spans"
	c.columns = slices.Concat([]namedColumn{
		{"project", &c.project},
		{"trace_id", &c.traceID},
		{"span_id", &c.spanID},
		{"parent_span_id", &c.parent},
		{"name", &c.name},
		{"kind", &c.kind},
		{"start", &c.start},
		{"duration_ns", &c.duration},
		{"status", &c.status},
		{"outcome", &c.outcome},
		{"service", &c.service},
		{"service_namespace", &c.namespace},
		{"service_version", &c.version},
		{"service_instance", &c.instance},
		{"environment", &c.environment},
		{"language", &c.language},
		{"scope_name", &c.scopeName},
		{"scope_version", &c.scopeVersion},
		{"dialect", &c.dialect},
		{"dialect_version", &c.dialectVersion},
		{"operation", &c.operation},
		{"provider", &c.provider},
		{"framework", &c.framework},
		{"request_model", &c.requestModel},
		{"response_model", &c.responseModel},
		{"response_id", &c.responseID},
		{"finish_reasons", &c.finish},
		{"input_tokens", &c.input},
		{"output_tokens", &c.output},
		{"cache_read_tokens", &c.cacheRead},
		{"cache_write_tokens", &c.cacheWrite},
		{"reasoning_tokens", &c.reasoning},
		{"usage_rollup", &c.rollup},
		{"usage_rule", &c.usageRule},
	}, c.cost.columns(), []namedColumn{
		{"reported_cost", &c.reported},
		{"reported_currency", &c.reportedCurrency},
		{"fingerprint", &c.fingerprint},
		{"fingerprint_model", &c.printModel},
		{"fingerprint_system", &c.printSystem},
		{"fingerprint_tools", &c.printTools},
		{"fingerprint_params", &c.printParams},
		{"ttft_ns", &c.ttft},
		{"agent_name", &c.agent},
		{"workflow", &c.workflow},
		{"conversation", &c.conversation},
		{"user", &c.user},
		{"prompt_name", &c.promptName},
		{"prompt_version", &c.promptVersion},
		{"tool_name", &c.tool},
		{"tool_call_id", &c.callID},
		{"error_type", &c.errorType},
		{"tags", &c.tags},
		{"warnings", &c.warnings},
		{"attributes", &c.attributes},
	}, c.said.columns(), []namedColumn{
		{"input_preview", &c.inputPreview},
		{"output_preview", &c.outputPreview},
		{"refs", &c.refs},
		{"detail", &c.detail},
		{"resource", &c.resource},
		{"scope", &c.scope},
		{"raw", &c.raw},
	})
}

func (c *spanColumns) core(s *genai.Span, start, duration int64) {
	c.project.str(s.Project)
	c.traceID.bytes(s.TraceID[:])
	c.spanID.bytes(s.SpanID[:])
	c.parent.bytes(s.ParentSpanID[:])
	c.name.str(s.Name)
	c.kind.u8(uint8(s.Kind))
	c.start.i64(start)
	c.duration.i64(duration)
	c.status.u8(uint8(s.StatusCode))
	c.outcome.u8(boolean(s.Failed()))
	c.service.str(s.Service.Name)
	c.namespace.str(s.Service.Namespace)
	c.version.str(s.Service.Version)
	c.instance.str(s.Service.InstanceID)
	c.environment.str(s.Service.Environment)
	c.language.str(s.Service.Language)
	c.scopeName.str(s.Scope.Name)
	c.scopeVersion.str(s.Scope.Version)
	c.dialect.str(s.Dialect)
	c.dialectVersion.str(s.DialectVersion)
}

func (c *spanColumns) genAI(s *genai.Span, price *Price, moved bool) {
	c.operation.str(string(s.Operation))
	c.provider.str(s.Provider)
	c.framework.str(s.Framework)
	c.requestModel.str(s.RequestModel)
	c.responseModel.str(s.ResponseModel)
	c.responseID.str(s.ResponseID)
	for _, f := range s.FinishReasons {
		c.finish.elem.str(string(f))
	}
	c.finish.end(len(s.FinishReasons))
	tokens(&c.input, s.Usage.Input)
	tokens(&c.output, s.Usage.Output)
	tokens(&c.cacheRead, s.Usage.CacheRead)
	tokens(&c.cacheWrite, s.Usage.CacheWrite)
	tokens(&c.reasoning, s.Usage.Reasoning)
	c.rollup.u8(boolean(s.Usage.Rollup))
	c.usageRule.str(string(s.Usage.Rule))
	c.price(s, price)
	c.ttft.i64(int64(s.TimeToFirstToken))
	c.agent.str(s.Agent.Name)
	c.workflow.str(s.Workflow)
	c.conversation.str(s.Conversation)
	c.user.str(s.User)
	c.promptName.str(s.Prompt.Name)
	c.promptVersion.str(s.Prompt.Version)
	c.tool.str(s.Tool.Name)
	c.callID.str(s.Tool.CallID)
	c.errorType.str(s.Error.Type)
	for _, t := range s.Tags {
		c.tags.elem.str(t)
	}
	c.tags.end(len(s.Tags))
	for i := range s.Warnings {
		c.warnings.elem.str(string(s.Warnings[i].Code))
	}
	n := len(s.Warnings)
	if moved {
		c.warnings.elem.str(string(warnMoved.Code))
		n++
	}
	c.warnings.end(n)
}

func boolean(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// print stores the fingerprint of what answered.
func (c *spanColumns) print(f genai.Fingerprint) {
	sum := f.Sum()
	c.fingerprint.bytes(sum[:])
	c.printModel.u64(f.Model)
	c.printSystem.u64(f.System)
	c.printTools.u64(f.Tools)
	c.printParams.u64(f.Params)
}
