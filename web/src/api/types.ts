// The wire types by the names that the rest of the app uses. This is the only file that knows how
// the generator spells them.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type WireSpan = Schemas["Span"];
export type WireTrace = Schemas["Trace"];
export type WireTraceSummary = Schemas["TraceSummary"];
export type WireTail = Schemas["TailTracesResponse"];
export type WireFacets = Schemas["GetFacetsResponse"];
export type WireHistogram = Schemas["GetTraceHistogramResponse"];
export type WireHit = Schemas["SearchHit"];
export type WireIngestStatus = Schemas["IngestStatus"];
export type WireTraceTree = Schemas["TraceTree"];
export type SpanNode = Schemas["SpanNode"];
export type Receiver = Schemas["Receiver"];
export type WireStorageStatus = Schemas["StorageStatus"];
export type WireDeadLetters = Schemas["ListDeadLettersResponse"];
export type WireRpcStatus = Schemas["google.rpc.Status"];
export type WireConversation = Schemas["GetConversationResponse"];
export type WireError = Schemas["Error"];
export type WireReading = Schemas["SpanReading"];
export type ReadingSource = Schemas["ReadingSource"];
export type Turn = Schemas["Turn"];
export type Thread = Schemas["Thread"];
export type Message = Schemas["Message"];
export type Part = Schemas["Part"];
export type Document = Schemas["Document"];
export type Usage = Schemas["Usage"];
export type Cost = Schemas["Cost"];
export type Facet = Schemas["Facet"];
export type Evaluation = Schemas["Evaluation"];
export type WireReadingReport = Schemas["ReadingReport"];
export type WireSignal = Schemas["Signal"];
export type WireEvidence = Schemas["Evidence"];
export type Passage = Schemas["Passage"];
export type WireCatalog = Schemas["SignalCatalog"];
export type WireSignalSum = Schemas["SignalSum"];
export type WireSignalSeries = Schemas["GetSignalSeriesResponse"];
export type WireSignalBreakdown = Schemas["GetSignalBreakdownResponse"];
export type WireSignals = Schemas["ListSignalsResponse"];
