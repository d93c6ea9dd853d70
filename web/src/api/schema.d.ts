// Generated from proto/gen/openapi.json by `npm run generate`. Do not edit.

export interface paths {
    "/v1/ingest/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the records that could not be read, oldest first. */
        get: operations["IngestService_ListDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ingest/dead-letters:replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Puts dead letters back at the end of the log. */
        post: operations["IngestService_ReplayDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ingest/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counts what came in since the process started, and says how far storage is behind. */
        get: operations["IngestService_GetIngestStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instrumentation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Reports what each instrumentation of each service sent and what of it is missing, the worst first. Content
         *     counts as there when the span or a log record of it has it.
         */
        get: operations["InstrumentationService_GetReadingReport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the projects that the key may read. */
        get: operations["ProjectService_ListProjects"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/signals/breakdown": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sums signals up by the values of a field of their spans, with an interval for each rate. */
        get: operations["SignalService_GetSignalBreakdown"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/signals/catalog": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the analyzers of this server with the signals that they give. */
        get: operations["SignalService_GetSignalCatalog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/signals/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sums signals up in steps of time, with an interval for each rate. Steps without a scored span are left out. */
        get: operations["SignalService_GetSignalSeries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/spans:search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Finds traces by the words in the contents of their spans and log records, newest first: the first
         *     span of each that matches the filters and holds the words. Words in too many contents to follow
         *     are refused as INVALID_ARGUMENT, so that nothing is left out in silence.
         */
        get: operations["TraceService_SearchContents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/storage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counts what is stored, each span once, and the bytes that it takes. */
        get: operations["StorageService_GetStorageStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists traces, newest first. A trace is listed when one of its spans matches every filter. */
        get: operations["TraceService_ListTraces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces/{trace_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns a trace with all of its spans, without messages and documents. */
        get: operations["TraceService_GetTrace"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces/{trace_id}/conversation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the conversation of a trace: the spans that carry content, with their content. */
        get: operations["TraceService_GetConversation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces/{trace_id}/signals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns what analyzers say of the spans of a trace, with their evidence. */
        get: operations["SignalService_ListTraceSignals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces/{trace_id}/spans/{span_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns one span with everything that is known of it. */
        get: operations["TraceService_GetSpan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces/{trace_id}/spans/{span_id}/raw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns one span as it was sent: OTLP/JSON with its resource and scope, and its log records. */
        get: operations["TraceService_GetRawSpan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces/{trace_id}/spans/{span_id}/reading": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns what each field of a span was read from: the span is read again as it was sent, with its log records, by the
         *     dialects of this server. NOT_FOUND also when the span is stored without what was sent.
         */
        get: operations["TraceService_GetSpanReading"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces/{trace_id}/spans/{span_id}/signals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns what analyzers say of one span, with their evidence. None: it is not scored, or not yet. */
        get: operations["SignalService_ListSpanSignals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces/{trace_id}/tree": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns what a drawing of the trace needs of each span. A trace of many spans is several times smaller so. */
        get: operations["TraceService_GetTraceTree"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces:facets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counts the traces that match by the values of the named fields. */
        get: operations["TraceService_GetFacets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces:histogram": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counts the traces that match over time, for the histogram above the list. */
        get: operations["TraceService_GetTraceHistogram"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traces:tail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sends each trace that matches, as soon as a span of it is stored. Over REST: server-sent events
         *     with "Accept: text/event-stream", newline-delimited JSON otherwise.
         */
        get: operations["TraceService_TailTraces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Agent: {
            description?: string;
            id?: string;
            name?: string;
            version?: string;
        };
        /** @description An analyzer of single spans. */
        AnalyzerInfo: {
            /** @description the first part of its signals' names */
            name?: string;
            signals?: components["schemas"]["SignalInfo"][];
            /**
             * Format: int32
             * @description raised whenever the same span may get other signals
             */
            version?: number;
        };
        /**
         * @description A share as it would be if the detector erred neither way, with its 95 % interval; both how often it errs and how many spans
         *     were scored widen it.
         */
        CorrectedRate: {
            /** Format: double */
            high?: number;
            /** Format: double */
            low?: number;
            /**
             * Format: double
             * @description share of what is there that is found, measured
             */
            sensitivity?: number;
            /** Format: double */
            share?: number;
            /**
             * Format: double
             * @description share of what is not there that is not found, measured
             */
            specificity?: number;
        };
        /** @description What a call or a trace cost. An empty amount is unknown, which is not free. */
        Cost: {
            /** @description exact decimal */
            amount?: string;
            /** @description ISO 4217 */
            currency?: string;
            /** @description of an amount from the price book */
            parts?: components["schemas"]["CostPart"][];
            /** @description the sender's own; unset: it gave none */
            reportedAmount?: string;
            reportedCurrency?: string;
            /** @description the price book's name and day, or "reported" by the sender; empty for a trace */
            source?: string;
            /** @description why the price book gives no amount: unknown_model, no_usage, … (docs/cost.md) */
            unknown?: string;
        };
        /** @description What was paid at one price. */
        CostPart: {
            /** @description exact decimal */
            amount?: string;
            /**
             * Format: int64
             * @description tokens, images or requests; milliseconds of what is paid by the second
             */
            count?: string;
            /** @description input, output, cache_read, … (docs/cost.md) */
            tier?: string;
        };
        DeadLetter: {
            error?: string;
            /** Format: date-time */
            failedAt?: string;
            id?: string;
            project?: string;
            reason?: string;
            /** Format: date-time */
            receivedAt?: string;
            /** @description traces or logs */
            signal?: string;
            /** Format: int64 */
            sizeBytes?: string;
        };
        /** @description A signal that says of spans of a trace that what it detects is there. */
        Detection: {
            signal?: string;
            /**
             * Format: int64
             * @description with a probability of at least one half
             */
            spans?: string;
        };
        Document: {
            content?: string;
            id?: string;
            /** @description JSON text as sent */
            metadata?: string;
            /** Format: double */
            score?: number;
        };
        /** @description What the sender's SDK threw away before it sent the span. */
        Dropped: {
            /** Format: int64 */
            attributes?: number;
            /** Format: int64 */
            events?: number;
            /** Format: int64 */
            links?: number;
        };
        Embedding: {
            /** Format: int64 */
            dimensions?: string;
            items?: components["schemas"]["EmbeddingItem"][];
        };
        EmbeddingItem: {
            text?: string;
            vector?: number[];
        };
        Error: {
            /** Format: int64 */
            httpStatus?: string;
            message?: string;
            stacktrace?: string;
            type?: string;
        };
        Evaluation: {
            errorType?: string;
            explanation?: string;
            label?: string;
            name?: string;
            responseId?: string;
            /** Format: double */
            score?: number;
            /** Format: date-time */
            time?: string;
        };
        Event: {
            attributes?: Record<string, unknown>;
            /** @description of a log record */
            body?: unknown;
            name?: string;
            /** Format: date-time */
            time?: string;
        };
        /** @description One reason for a signal. */
        Evidence: {
            /** @description what it is said of; unset: of the span as a whole */
            passage?: components["schemas"]["Passage"];
            /** @description of the analyzer's vocabulary: "number_unsupported" */
            reason?: string;
            /**
             * Format: double
             * @description this reason's own probability or weight
             */
            score?: number;
            /** @description what that was held against; unset: nothing */
            source?: components["schemas"]["Passage"];
            /** @description one sentence for people */
            text?: string;
        };
        /** @description The values of one field. Filters on the field itself are left out when it is counted, so that a user can change a choice. */
        Facet: {
            field?: string;
            /** @description there are more values than the limit */
            truncated?: boolean;
            values?: components["schemas"]["FacetValue"][];
        };
        FacetValue: {
            /** Format: int64 */
            traces?: string;
            value?: string;
        };
        /** @description What is wrong with some of the spans, or good to know. */
        Finding: {
            /** @description what to do about it, for this dialect where its setting is known */
            action?: string;
            /**
             * @description The code of a warning on the spans (as in Warning), or what spans lack: tokens_missing, model_missing, cost_unknown, unread,
             *     unknown; or usage_repeated.
             */
            code?: string;
            /** @description the earliest span and the latest, when there are two */
            examples?: components["schemas"]["FindingExample"][];
            /** @description nothing is lost: it is handled, or none of the sender's business */
            information?: boolean;
            /** @description what it says of the data */
            meaning?: string;
            /** @description to be set where the service runs, as NAME=value or as the instrumentation's options; may be empty */
            settings?: string[];
            /** Format: int64 */
            spans?: string;
            title?: string;
        };
        FindingExample: {
            spanId?: string;
            /** Format: date-time */
            startTime?: string;
            traceId?: string;
        };
        /**
         * @description The version of what answered, as found in the span: equal when two calls were made alike. Each part is 16 hexadecimal
         *     characters, unset when the sender said nothing of it.
         */
        Fingerprint: {
            /** @description of the four parts, 32 characters */
            all?: string;
            /** @description provider and the model that answered, else that was asked */
            model?: string;
            /** @description the request's parameters */
            params?: string;
            /** @description system instructions, or name and version of the managed prompt */
            system?: string;
            /** @description tools on offer */
            tools?: string;
        };
        /** @description The conversation as people read it: the longest history of the trace, ended by its answer. */
        GetConversationResponse: {
            /** @description the model call whose history this is; empty when no span carries content */
            spanId?: string;
            /** @description The conversations of the trace, this one first, then those of sub-agents and calls on the side. */
            threads?: components["schemas"]["Thread"][];
            /** @description the trace has more content than the server reads at once: in spans, log records or bytes */
            truncated?: boolean;
            turns?: components["schemas"]["Turn"][];
        };
        GetFacetsResponse: {
            facets?: components["schemas"]["Facet"][];
        };
        GetSignalBreakdownResponse: {
            /** @description by the name of the signal */
            breakdowns?: components["schemas"]["SignalBreakdown"][];
            /** @description there are more values than the server sums up: filter, or choose one signal */
            truncated?: boolean;
        };
        GetSignalSeriesResponse: {
            /** @description by the name of the signal */
            series?: components["schemas"]["SignalSeries"][];
            step?: string;
            /** @description there is more than the server sums up: choose a longer step, or one signal */
            truncated?: boolean;
        };
        GetTraceHistogramResponse: {
            buckets?: components["schemas"]["HistogramBucket"][];
            step?: string;
        };
        /** @description A stretch of the snippet, in UTF-8 bytes. */
        Highlight: {
            /** Format: int32 */
            end?: number;
            /** Format: int32 */
            start?: number;
        };
        HistogramBucket: {
            /**
             * Format: int64
             * @description traces with a failed span
             */
            errors?: string;
            /** Format: date-time */
            startTime?: string;
            /** Format: int64 */
            traces?: string;
        };
        /** @description Of the project, and counted since the process started, where not said otherwise. */
        IngestStatus: {
            /** Format: int64 */
            acknowledgedRequestsAllProjects?: string;
            /**
             * Format: int64
             * @description of all projects
             */
            deadLetters?: string;
            /**
             * Format: int64
             * @description retried by the client, recognised, not stored again
             */
            duplicateRequestsAllProjects?: string;
            /** @description why the engine is not ready */
            engineMessage?: string;
            engineReady?: boolean;
            /** @description to send, too */
            keyRequired?: boolean;
            /** @description of all projects */
            log?: components["schemas"]["LogStatus"];
            /** Format: int64 */
            receivedLogRecords?: string;
            /** Format: int64 */
            receivedMetricPoints?: string;
            /** Format: int64 */
            receivedRequestsAllProjects?: string;
            /** Format: int64 */
            receivedSpans?: string;
            /** @description of this process; none where it only answers questions */
            receivers?: components["schemas"]["Receiver"][];
            rejected?: components["schemas"]["RejectedCount"][];
            /** Format: date-time */
            startedAt?: string;
            /** Format: int64 */
            storedLogRecords?: string;
            /**
             * Format: int64
             * @description What the store holds now, whoever wrote it and when. Unset while the store does not answer.
             */
            storedSpans?: string;
        };
        /** @description What one instrumentation sent for one service. */
        Instrumentation: {
            /** @description model calls whose cost is known, of those whose tokens are */
            cost?: components["schemas"]["Share"];
            /** @description docs/dialects.md; empty: no dialect knows these spans, though they look like calls of a model */
            dialect?: string;
            /** @description of the convention, as far as its spans show them */
            dialectVersions?: string[];
            /** @description those of most spans first */
            findings?: components["schemas"]["Finding"][];
            /**
             * Format: date-time
             * @description in the time asked for
             */
            firstSeen?: string;
            /** @description model calls with what was asked, of those that ask in messages */
            input?: components["schemas"]["Share"];
            /** Format: date-time */
            lastSeen?: string;
            /** @description model calls that name a model */
            model?: components["schemas"]["Share"];
            /** Format: int64 */
            modelCalls?: string;
            /** @description model calls with an answer, of those that answer in messages, did not fail and were not filtered */
            output?: components["schemas"]["Share"];
            scopeName?: string;
            scopeVersion?: string;
            service?: string;
            serviceNamespace?: string;
            /** Format: int64 */
            spans?: string;
            /** @description model calls with token counts, of those that did not fail */
            tokens?: components["schemas"]["Share"];
        };
        LabelCount: {
            label?: string;
            /** Format: int64 */
            spans?: string;
        };
        Link: {
            attributes?: Record<string, unknown>;
            spanId?: string;
            traceId?: string;
            traceState?: string;
        };
        ListDeadLettersResponse: {
            deadLetters?: components["schemas"]["DeadLetter"][];
            nextPageToken?: string;
        };
        ListProjectsResponse: {
            projects?: components["schemas"]["Project"][];
        };
        ListSignalsResponse: {
            /** @description by start of the span, then by name */
            signals?: components["schemas"]["Signal"][];
            /** @description the trace has more than are read */
            truncated?: boolean;
        };
        ListTracesResponse: {
            /** @description empty on the last page */
            nextPageToken?: string;
            traces?: components["schemas"]["TraceSummary"][];
        };
        /** @description The durable log between ingest and storage. */
        LogStatus: {
            /** Format: int64 */
            bytes?: string;
            /** @description age of the oldest record that is not yet stored */
            lag?: string;
            /** Format: int64 */
            maxBytes?: string;
            /** Format: int64 */
            messages?: string;
            /**
             * Format: int64
             * @description not yet stored
             */
            pendingMessages?: string;
        };
        Message: {
            finishReason?: string;
            /**
             * Format: int32
             * @description of a choice, when the model was asked for several
             */
            index?: number;
            name?: string;
            parts?: components["schemas"]["Part"][];
            /** @description system, user, assistant, tool, or as sent */
            role?: string;
        };
        /** @description One typed piece of a message. */
        Part: {
            /** @description JSON text as sent */
            arguments?: string;
            content?: string;
            fileId?: string;
            id?: string;
            mimeType?: string;
            modality?: string;
            name?: string;
            /** @description JSON of what no field above holds; of the whole part when its type is unknown */
            raw?: string;
            /** @description JSON text as sent */
            response?: string;
            /** @description text, reasoning, tool_call, tool_call_response, blob, file, uri, refusal, document, … */
            type?: string;
            uri?: string;
        };
        /** @description A part of a text of a span of the same trace. */
        Passage: {
            /**
             * Format: int32
             * @description exclusive
             */
            end?: number;
            /**
             * @description Which text: system (system_instructions[part]), input (input_messages[index].parts[part]), output
             *     (output_messages[index].parts[part]), documents (retrieval.documents[index].content), query (retrieval.query),
             *     tool.arguments, tool.result.
             */
            field?: string;
            /** Format: int32 */
            index?: number;
            /** Format: int32 */
            part?: number;
            /** @description the passage, cut after 512 bytes; secrets and personal data are masked, a character for a character */
            quote?: string;
            spanId?: string;
            /**
             * Format: int32
             * @description In bytes of the text's UTF-8 as GetSpan and GetConversation give it. Of the response of a tool call part and of a tool's result, which
             *     are JSON: when that is a string, of the text that it holds.
             */
            start?: number;
        };
        Project: {
            /** Format: date-time */
            firstSeen?: string;
            /** Format: date-time */
            lastSeen?: string;
            name?: string;
            /** Format: int64 */
            spans?: string;
        };
        Prompt: {
            name?: string;
            variables?: {
                [key: string]: string;
            };
            version?: string;
        };
        /**
         * @description A share with the interval that holds the true one in 95 of 100 cases: the Wilson interval, for spans that are
         *     independent of each other.
         */
        Rate: {
            /** Format: int64 */
            found?: string;
            /** Format: double */
            high?: number;
            /** Format: double */
            low?: number;
            /** Format: double */
            share?: number;
        };
        /** @description In JSON this is OTLP's TracesData, and LogsData, beside a field that readers of those ignore. */
        RawSpan: {
            /** @description OTLP/JSON, one record each */
            resourceLogs?: Record<string, unknown>[];
            /** @description OTLP/JSON, one element with one span */
            resourceSpans?: Record<string, unknown>[];
            /** @description the span has more log records than the server returns */
            truncated?: boolean;
        };
        ReadingReport: {
            /**
             * Format: date-time
             * @description exclusive
             */
            endTime?: string;
            /** @description those that lose most content first */
            instrumentations?: components["schemas"]["Instrumentation"][];
            /**
             * Format: date-time
             * @description of the spans that were looked at, inclusive
             */
            startTime?: string;
            /** @description there are more than the server reports */
            truncated?: boolean;
        };
        /** @description One attribute, event or log record, and what became of it. */
        ReadingSource: {
            /** @description which dialect read it; empty when none did */
            dialect?: string;
            /** @description the span event or log record that has the attribute; empty for one of the span */
            event?: string;
            fields?: string[];
            /** @description empty for a whole event or log record, and for what was derived */
            key?: string;
            /**
             * Format: int32
             * @description its place in resource_logs of GetRawSpan, from 0 on; unset: not of a log record
             */
            logRecord?: number;
            /**
             * @description filled the fields; repeated what they hold; conflict: says something else than what they hold; ignored: nobody reads it;
             *     derived: follows from several.
             */
            outcome?: string;
            /** @description the rule of the server's settings that read it; its dialect is "rules" */
            rule?: string;
            /** @description the beginning of what was sent, at most 200 bytes */
            value?: string;
            /** @description it is longer: GetRawSpan has all */
            valueCut?: boolean;
        };
        /** @description A port that takes OTLP. */
        Receiver: {
            /** @description host:port that is listened on; the host 0.0.0.0 or [::] stands for every address of the machine */
            address?: string;
            /** @description as OTEL_EXPORTER_OTLP_PROTOCOL calls it: grpc or http/protobuf */
            protocol?: string;
            tls?: boolean;
        };
        RejectedCount: {
            reason?: string;
            /** Format: int64 */
            spans?: string;
        };
        ReplayDeadLettersResponse: {
            /** Format: int64 */
            replayed?: string;
        };
        ReportedCount: {
            /** Format: int64 */
            count?: string;
            key?: string;
        };
        Retrieval: {
            dataSource?: string;
            documents?: components["schemas"]["Document"][];
            query?: string;
            /** Format: int64 */
            topK?: string;
        };
        Scope: {
            name?: string;
            version?: string;
        };
        SearchContentsResponse: {
            hits?: components["schemas"]["SearchHit"][];
            nextPageToken?: string;
        };
        SearchHit: {
            highlights?: components["schemas"]["Highlight"][];
            role?: string;
            service?: string;
            /** @description the text around the first hit */
            snippet?: string;
            spanId?: string;
            /** @description empty where only a log record of the span has come */
            spanName?: string;
            /**
             * Format: date-time
             * @description of the span
             */
            startTime?: string;
            traceId?: string;
        };
        Service: {
            environment?: string;
            instanceId?: string;
            language?: string;
            name?: string;
            namespace?: string;
            version?: string;
        };
        /** @description How many of some spans have something. */
        Share: {
            /** Format: int64 */
            have?: string;
            /** Format: int64 */
            of?: string;
        };
        /** @description What an analyzer says of a span: what it said when it scored it last. */
        Signal: {
            analyzer?: string;
            /** Format: int32 */
            analyzerVersion?: number;
            /** @description the weightiest, at most 32 */
            evidence?: components["schemas"]["Evidence"][];
            label?: string;
            name?: string;
            /**
             * Format: double
             * @description calibrated, that what the signal detects is there; of a plain fact 0
             */
            probability?: number;
            /**
             * Format: double
             * @description in the signal's unit; of a detector it orders and is no probability
             */
            score?: number;
            /** Format: date-time */
            scoredAt?: string;
            spanId?: string;
        };
        /** @description One signal by the values of a field. */
        SignalBreakdown: {
            signal?: string;
            /** @description those of most spans first */
            values?: components["schemas"]["SignalSum"][];
        };
        SignalCatalog: {
            analyzers?: components["schemas"]["AnalyzerInfo"][];
            /** @description this process scores what comes in (role "analyze"); another one may */
            scoring?: boolean;
        };
        /** @description A signal that an analyzer gives. */
        SignalInfo: {
            /** @description its probability says that something is there; a plain fact has none */
            detects?: boolean;
            /** @description that it gives; none: a plain number */
            labels?: string[];
            /** @description what a high score says, one sentence */
            meaning?: string;
            /** @description "refusal", "refusal.full" */
            name?: string;
            /** @description of the score, by UCUM: "1" for a share or probability, "{character}", "s" */
            unit?: string;
        };
        /** @description One signal over time. */
        SignalSeries: {
            signal?: string;
            /** @description by start_time */
            steps?: components["schemas"]["SignalSum"][];
            /** @description of the whole time */
            total?: components["schemas"]["SignalSum"];
        };
        /** @description What a signal says of some spans together. */
        SignalSum: {
            /**
             * @description The rate without what the detector misses and invents, as the calibration of the project measured it on labels (Rogan and Gladen
             *     1978); unset without one.
             */
            correctedRate?: components["schemas"]["CorrectedRate"];
            /**
             * Format: double
             * @description of the scores: their standard deviation
             */
            deviation?: number;
            /** Format: double */
            greatestScore?: number;
            /** @description those of most spans first */
            labels?: components["schemas"]["LabelCount"][];
            /** Format: double */
            leastScore?: number;
            /**
             * Format: double
             * @description of a detector; 0 of a plain fact
             */
            meanProbability?: number;
            /**
             * Format: double
             * @description in the signal's unit
             */
            meanScore?: number;
            /** @description of those in which it is there (probability of at least one half); unset for a plain fact */
            rate?: components["schemas"]["Rate"];
            /**
             * Format: int64
             * @description that were scored
             */
            spans?: string;
            /**
             * Format: date-time
             * @description of a step of time
             */
            startTime?: string;
            /** @description of the field of a breakdown */
            value?: string;
        };
        /** @description One span. Messages, documents and the raw form are set where the method says so. */
        Span: {
            agent?: components["schemas"]["Agent"];
            /** @description small attributes that no field above holds */
            attributes?: {
                [key: string]: string;
            };
            /**
             * @description Messages, documents, and the arguments and results of tools are left out here, whether there are any
             *     or not: GetConversation and GetSpan have them.
             */
            contentsLeftOut?: boolean;
            conversationId?: string;
            cost?: components["schemas"]["Cost"];
            /** @description which instrumentation dialect was recognised; empty for a span that is not GenAI */
            dialect?: string;
            dialectVersion?: string;
            /** @description unset: nothing */
            dropped?: components["schemas"]["Dropped"];
            /** @description 0 when the end lies before the start */
            duration?: string;
            /** @description of an embeddings span */
            embedding?: components["schemas"]["Embedding"];
            /** Format: date-time */
            endTime?: string;
            error?: components["schemas"]["Error"];
            evaluations?: components["schemas"]["Evaluation"][];
            events?: components["schemas"]["Event"][];
            /** @description of a model call or an agent; unset: nothing was said of what answered */
            fingerprint?: components["schemas"]["Fingerprint"];
            finishReasons?: string[];
            framework?: string;
            /**
             * Format: int32
             * @description How many messages there are, set even where the messages themselves are not.
             */
            inputMessageCount?: number;
            inputMessages?: components["schemas"]["Message"][];
            /** @description The beginning of the last user text and of the answer, where a list of spans leaves the messages out. */
            inputPreview?: string;
            kind?: components["schemas"]["SpanKind"];
            links?: components["schemas"]["Link"][];
            name?: string;
            /** @description gen_ai.operation.name; empty for a span that is not GenAI */
            operation?: string;
            /** Format: int32 */
            outputMessageCount?: number;
            outputMessages?: components["schemas"]["Message"][];
            outputPreview?: string;
            /** @description empty for a root */
            parentSpanId?: string;
            prompt?: components["schemas"]["Prompt"];
            /** @description gen_ai.provider.name */
            provider?: string;
            /** @description request parameters by the last part of their gen_ai.request.* name */
            request?: Record<string, unknown>;
            requestModel?: string;
            responseId?: string;
            responseModel?: string;
            /** @description of a retrieval or rerank span */
            retrieval?: components["schemas"]["Retrieval"];
            scope?: components["schemas"]["Scope"];
            service?: components["schemas"]["Service"];
            /** @description 16 lower-case hexadecimal characters */
            spanId?: string;
            /** Format: date-time */
            startTime?: string;
            status?: components["schemas"]["Status"];
            systemInstructions?: components["schemas"]["Part"][];
            tags?: string[];
            /** @description unset: not known */
            timeToFirstToken?: string;
            /** @description of an execute_tool span */
            tool?: components["schemas"]["Tool"];
            toolDefinitions?: components["schemas"]["ToolDefinition"][];
            /** @description 32 lower-case hexadecimal characters */
            traceId?: string;
            /** @description W3C tracestate */
            traceState?: string;
            /** @description the span has more log records, or more bytes, than the server reads */
            truncated?: boolean;
            usage?: components["schemas"]["Usage"];
            userId?: string;
            warnings?: components["schemas"]["Warning"][];
            workflow?: string;
        };
        /** @enum {string} */
        SpanKind: "SPAN_KIND_UNSPECIFIED" | "SPAN_KIND_INTERNAL" | "SPAN_KIND_SERVER" | "SPAN_KIND_CLIENT" | "SPAN_KIND_PRODUCER" | "SPAN_KIND_CONSUMER";
        /** @description A span as it stands in the tree. Ask for the span to know more. */
        SpanNode: {
            cost?: components["schemas"]["Cost"];
            /** Format: date-time */
            endTime?: string;
            /** @description set when the span failed; without a stack trace */
            error?: components["schemas"]["Error"];
            /**
             * Format: int64
             * @description unset: unknown
             */
            inputTokens?: string;
            name?: string;
            /** @description gen_ai.operation.name; empty for a span that is not GenAI */
            operation?: string;
            /** Format: int64 */
            outputTokens?: string;
            /** @description empty for a root */
            parentSpanId?: string;
            /** @description as in Usage */
            repeatsSpanId?: string;
            spanId?: string;
            /** Format: date-time */
            startTime?: string;
            /** @description as role in Usage; unset: the span has no tokens */
            usageRole?: string;
            /** Format: int32 */
            warningCount?: number;
        };
        /** @description How a span was read. Fields are named as in Span: request_model, usage.input_tokens. */
        SpanReading: {
            /** @description those that the span shows, in the order in which they are asked */
            dialects?: components["schemas"]["SpokenDialect"][];
            /**
             * @description Fields that are stored otherwise than this server reads them now, because an older version or other rules stored
             *     them: `tiltmeter reread` makes stored spans anew (log records stay as they were read).
             */
            differingFields?: string[];
            /**
             * @description Every attribute in the order sent, then those of log records. Where there are more than the server returns, what
             *     was ignored is left out first.
             */
            sources?: components["schemas"]["ReadingSource"][];
            spanId?: string;
            traceId?: string;
            /** @description there are more sources than the server returns, or more log records than it reads */
            truncated?: boolean;
            /** @description of the span as it is read now */
            warnings?: components["schemas"]["Warning"][];
        };
        /** @description A dialect that a span shows. Of two, the one with the smaller place fills a field. */
        SpokenDialect: {
            name?: string;
            /**
             * Format: int32
             * @description in the order in which all dialects are asked, from 1 on; 0: a rule of the server's settings, its name as the version
             */
            place?: number;
            /** @description empty when it cannot be told */
            version?: string;
        };
        Status: {
            code?: components["schemas"]["Status.Code"];
            message?: string;
        };
        /** @enum {string} */
        "Status.Code": "CODE_UNSET" | "CODE_OK" | "CODE_ERROR";
        /** @description Exact counts of one project. */
        StorageStatus: {
            /**
             * Format: int64
             * @description of all projects, compressed; 0 for a key of one project
             */
            bytesOnDisk?: string;
            /** Format: int64 */
            logRecords?: string;
            /** Format: int64 */
            spans?: string;
            /** Format: int64 */
            traces?: string;
        };
        TailTracesResponse: {
            /**
             * Format: int64
             * @description traces that were left out before this one because the reader is too slow
             */
            skipped?: string;
            trace?: components["schemas"]["TraceSummary"];
        };
        /** @description One conversation of a trace. Ask for its span_id to read it. */
        Thread: {
            agent?: string;
            /** @description the agent's span that it happens in; empty outside of agents */
            agentSpanId?: string;
            /**
             * Format: int32
             * @description of the longest history, answer included
             */
            messages?: number;
            model?: string;
            /** Format: int32 */
            modelCalls?: number;
            /** @description its longest model call */
            spanId?: string;
        };
        Tool: {
            /** @description JSON text as sent */
            arguments?: string;
            callId?: string;
            description?: string;
            name?: string;
            /** @description JSON text as sent */
            result?: string;
            type?: string;
        };
        ToolDefinition: {
            description?: string;
            name?: string;
            /** @description JSON schema as sent */
            parameters?: string;
            type?: string;
        };
        Trace: {
            /** @description by start time, parents before children when they start together */
            spans?: components["schemas"]["Span"][];
            summary?: components["schemas"]["TraceSummary"];
            /** @description the trace has more spans, or more log records of them, than the server reads */
            truncated?: boolean;
        };
        /**
         * @description What a list shows of a trace. Usage and cost are the sum of the trace's leaves: a call that several spans report
         *     counts once, and an agent counts where none of its calls was recorded.
         */
        TraceSummary: {
            agents?: string[];
            conversationId?: string;
            cost?: components["schemas"]["Cost"];
            /** @description what analyzers found in its spans, in lists of traces alone; by the name of the signal */
            detections?: components["schemas"]["Detection"][];
            duration?: string;
            /** Format: date-time */
            endTime?: string;
            environment?: string;
            /** Format: int64 */
            errorCount?: string;
            /** Format: int64 */
            genaiSpanCount?: string;
            /** @description the beginning of the first user text */
            inputPreview?: string;
            models?: string[];
            operations?: string[];
            /** @description the beginning of the last answer */
            outputPreview?: string;
            /** @description "name@version" */
            promptVersions?: string[];
            rootMissing?: boolean;
            /** @description name of the root span, or of the earliest when the root has not come */
            rootName?: string;
            rootOperation?: string;
            rootService?: string;
            services?: string[];
            /** Format: int64 */
            spanCount?: string;
            /** Format: date-time */
            startTime?: string;
            tools?: string[];
            traceId?: string;
            /**
             * Format: int64
             * @description spans whose tokens count and whose cost is unknown: the cost is that of the others
             */
            unpricedCount?: string;
            usage?: components["schemas"]["Usage"];
            /**
             * @description The trace is too large for a list to look at its spans: usage and cost sum up the model calls that do not say
             *     of themselves that they repeat others. Of a trace that is opened: it is truncated.
             */
            usageEstimated?: boolean;
            userId?: string;
            /** Format: int64 */
            warningCount?: string;
        };
        TraceTree: {
            /** @description as in Trace */
            spans?: components["schemas"]["SpanNode"][];
            summary?: components["schemas"]["TraceSummary"];
            /** @description as in Trace */
            truncated?: boolean;
        };
        Turn: {
            agent?: string;
            /** @description retrieved before this turn */
            documents?: components["schemas"]["Document"][];
            /** @description Why the tool or the model call failed; without a stack trace. Where nothing was answered, the message has no parts. */
            error?: components["schemas"]["Error"];
            /**
             * @description Said before this trace: the input of the first call that shows it holds it in front of what was
             *     new then, which is the user and tool messages at its end, and no call of this trace answered it.
             */
            history?: boolean;
            message?: components["schemas"]["Message"];
            model?: string;
            /** @description the span that this turn was first seen on */
            spanId?: string;
            /**
             * Format: date-time
             * @description unset for history
             */
            time?: string;
        };
        /** @description Token counts. An unset count is unknown, which is not zero. */
        Usage: {
            /** Format: int64 */
            cacheReadTokens?: string;
            /** Format: int64 */
            cacheWriteTokens?: string;
            /**
             * Format: int64
             * @description cached tokens included
             */
            inputTokens?: string;
            /**
             * Format: int64
             * @description reasoning included
             */
            outputTokens?: string;
            /** Format: int64 */
            reasoningTokens?: string;
            /** @description a span that has these counts, too: the first of those below, or the one that counts */
            repeatsSpanId?: string;
            /** @description each count as the sender gave it */
            reported?: components["schemas"]["ReportedCount"][];
            /**
             * @description What the counts are to their trace, in GetTrace: counts, repeats_below, same_response, same_span. The trace's usage is the sum
             *     of those that count.
             */
            role?: string;
            /** @description the span says of itself that its counts repeat those of spans below */
            rollup?: boolean;
            /** @description How input_tokens came to include cached tokens: included, added_by_dialect, added_by_sum; unset when nothing was cached. */
            rule?: string;
        };
        Warning: {
            /** @description a closed vocabulary: content_missing, truncated, malformed_json, … */
            code?: string;
            field?: string;
            text?: string;
        };
        /** @description The Status type defines a logical error model suitable for different programming environments. */
        "google.rpc.Status": {
            /**
             * Format: int32
             * @description The status code, which should be an enum value of google.rpc.Code.
             */
            code?: number;
            /** @description A list of messages that carry the error details. */
            details?: ({
                "@type"?: string;
            } & {
                [key: string]: unknown;
            })[];
            /** @description A developer-facing error message. */
            message?: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    IngestService_ListDeadLetters: {
        parameters: {
            query?: {
                /** @description 1 to 500, 0 means 50 */
                pageSize?: number;
                /** @description next_page_token of the page before */
                pageToken?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListDeadLettersResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    IngestService_ReplayDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description empty: all */
                    ids?: string[];
                };
            };
        };
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReplayDeadLettersResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    IngestService_GetIngestStatus: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Of the project, and counted since the process started, where not said otherwise. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IngestStatus"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    InstrumentationService_GetReadingReport: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
                /** @description inclusive; unset: 24 hours before end_time */
                startTime?: string;
                /** @description exclusive; unset: now */
                endTime?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadingReport"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    ProjectService_ListProjects: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListProjectsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    SignalService_GetSignalBreakdown: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
                /** @description of spans, inclusive; unset: 24 hours before end_time */
                startTime?: string;
                /** @description exclusive; unset: now */
                endTime?: string;
                /** @description of the spans, as for the list of traces: docs/filters.md */
                filter?: string[];
                /** @description its name; empty: all signals */
                signal?: string;
                /** @description service, environment, operation, model, agent, prompt.name, prompt.version or label */
                by?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GetSignalBreakdownResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    SignalService_GetSignalCatalog: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignalCatalog"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    SignalService_GetSignalSeries: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
                /** @description of spans, inclusive; unset: 24 hours before end_time */
                startTime?: string;
                /** @description exclusive; unset: now */
                endTime?: string;
                /** @description of the spans, as for the list of traces: docs/filters.md */
                filter?: string[];
                /** @description its name; empty: all signals */
                signal?: string;
                /** @description whole seconds, at most 500 steps in the time; unset: one that gives about 60 */
                step?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GetSignalSeriesResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_SearchContents: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
                /** @description words that must all occur */
                query?: string;
                /** @description inclusive; unset: 24 hours before end_time */
                startTime?: string;
                /** @description exclusive; unset: now */
                endTime?: string;
                /** @description as for the list of traces: docs/filters.md */
                filter?: string[];
                /** @description 1 to 500, 0 means 50 */
                pageSize?: number;
                /** @description next_page_token of the page before */
                pageToken?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SearchContentsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    StorageService_GetStorageStatus: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Exact counts of one project. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StorageStatus"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_ListTraces: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
                /** @description inclusive; unset: 24 hours before end_time */
                startTime?: string;
                /** @description exclusive; unset: now */
                endTime?: string;
                /** @description "field op value" each, op one of = != > >= < <= ~ (contains). Fields: docs/filters.md. */
                filter?: string[];
                /** @description words that must all occur in one content of the trace */
                query?: string;
                /** @description 1 to 500, 0 means 50 */
                pageSize?: number;
                /** @description next_page_token of the page before */
                pageToken?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListTracesResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_GetTrace: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
            };
            header?: never;
            path: {
                trace_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Trace"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_GetConversation: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
                /** @description the model call to read; empty: the last one that has an answer */
                spanId?: string;
            };
            header?: never;
            path: {
                trace_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The conversation as people read it: the longest history of the trace, ended by its answer. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GetConversationResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    SignalService_ListTraceSignals: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
            };
            header?: never;
            path: {
                /** @description 32 hexadecimal characters */
                trace_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListSignalsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_GetSpan: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
            };
            header?: never;
            path: {
                trace_id: string;
                span_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One span. Messages, documents and the raw form are set where the method says so. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Span"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_GetRawSpan: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
            };
            header?: never;
            path: {
                trace_id: string;
                span_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In JSON this is OTLP's TracesData, and LogsData, beside a field that readers of those ignore. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RawSpan"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_GetSpanReading: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
            };
            header?: never;
            path: {
                trace_id: string;
                span_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How a span was read. Fields are named as in Span: request_model, usage.input_tokens. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpanReading"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    SignalService_ListSpanSignals: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
            };
            header?: never;
            path: {
                /** @description 32 hexadecimal characters */
                trace_id: string;
                /** @description 16 hexadecimal characters */
                span_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListSignalsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_GetTraceTree: {
        parameters: {
            query?: {
                project?: string;
            };
            header?: never;
            path: {
                trace_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TraceTree"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_GetFacets: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
                /** @description inclusive; unset: 24 hours before end_time */
                startTime?: string;
                /** @description exclusive; unset: now */
                endTime?: string;
                /** @description as for the list of traces: docs/filters.md */
                filter?: string[];
                /** @description words that must all occur in one content of the trace */
                query?: string;
                /** @description empty: service, operation, model, agent, status, … */
                field?: string[];
                /** @description values a field, 1 to 100, 0 means 20 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GetFacetsResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_GetTraceHistogram: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
                /** @description inclusive; unset: 24 hours before end_time */
                startTime?: string;
                /** @description exclusive; unset: now */
                endTime?: string;
                /** @description as for the list of traces: docs/filters.md */
                filter?: string[];
                /** @description words that must all occur in one content of the trace */
                query?: string;
                /** @description at most 500, 0 means 60 */
                buckets?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GetTraceHistogramResponse"];
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
    TraceService_TailTraces: {
        parameters: {
            query?: {
                /** @description empty: the key's project, or "default" */
                project?: string;
                /** @description as for the list of traces: docs/filters.md */
                filter?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A successful response. (streaming responses) */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        error?: components["schemas"]["google.rpc.Status"];
                        result?: components["schemas"]["TailTracesResponse"];
                    };
                };
            };
            /** @description An unexpected error response. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["google.rpc.Status"];
                };
            };
        };
    };
}
