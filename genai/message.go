package genai

// Role is who speaks. The four names below are canonical; another string is kept as sent.
type Role string

// The roles of the OpenTelemetry message schema.
const (
	RoleSystem    Role = "system"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	RoleTool      Role = "tool"
)

// Message is one turn. Its JSON form is that of the OpenTelemetry GenAI message schema
// (gen_ai.input.messages, gen_ai.output.messages).
type Message struct {
	Role         Role         `json:"role"`
	Name         string       `json:"name,omitempty"`
	Parts        []Part       `json:"parts"`
	FinishReason FinishReason `json:"finish_reason,omitempty"` // output messages only
	Index        int64        `json:"index,omitempty"`         // of a choice event's message, when the model was asked for several

	// Encoded is the sender's own text of the message when reading it gives this very message and it
	// holds no \u escapes, else "". It spares encoding, and makes the stored content and the sender's
	// attribute the same bytes. Whoever changes another field must empty it.
	Encoded JSON `json:"-"`
}

// PartType names what a part holds.
type PartType string

// The part types of the OpenTelemetry message schema; another string is kept, with its JSON in Raw.
const (
	PartText             PartType = "text"
	PartReasoning        PartType = "reasoning"
	PartToolCall         PartType = "tool_call"
	PartToolCallResponse PartType = "tool_call_response"
	PartServerToolCall   PartType = "server_tool_call"
	PartServerToolResult PartType = "server_tool_call_response"
	PartBlob             PartType = "blob" // inline bytes
	PartFile             PartType = "file" // a file known to the provider by id
	PartURI              PartType = "uri"  // an image, audio, video or document by reference
	PartRefusal          PartType = "refusal"
	PartDocument         PartType = "document"
	PartCompaction       PartType = "compaction"
)

// Part is one typed piece of a message. Which fields count follows from Type.
type Part struct {
	Type PartType `json:"type"`

	Content string `json:"content,omitempty"` // text, reasoning, refusal, document: the text; blob: base64

	// Tool calls and their results, server-side tools included.
	ID        string `json:"id,omitempty"`        // correlates a call with its response
	Name      string `json:"name,omitempty"`      // of the tool
	Arguments JSON   `json:"arguments,omitempty"` // of a call
	Response  JSON   `json:"response,omitempty"`  // of a call response

	// Files, images, audio, documents.
	Modality string `json:"modality,omitempty"` // image, audio, video, document
	MIMEType string `json:"mime_type,omitempty"`
	FileID   string `json:"file_id,omitempty"`
	URI      string `json:"uri,omitempty"`

	// Raw is what the fields above do not hold: an object of the fields left over, or the whole part
	// as sent when Type is not one of ours. What says nothing (null, [], {}) is left out.
	Raw JSON `json:"raw,omitempty"`
}

// JSON is a JSON text as it was sent. It marshals as itself; text that is not JSON marshals as a string.
type JSON string

// ToolDefinition is a tool that was offered to the model.
type ToolDefinition struct {
	Type        string `json:"type,omitempty"` // "function" unless the sender said otherwise
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Parameters  JSON   `json:"parameters,omitempty"` // JSON schema
}

// Retrieval is what a retrieval, rerank or vector search asked and found.
type Retrieval struct {
	DataSource string // gen_ai.data_source.id
	Query      string // gen_ai.retrieval.query.text
	TopK       int64  // gen_ai.retrieval.top_k; 0: not said
	Documents  []Document
}

// Document is one retrieved document, in the order in which it was returned.
type Document struct {
	ID       string  `json:"id,omitempty"`
	Score    float64 `json:"score"` // meaning depends on the source: similarity or distance
	HasScore bool    `json:"has_score,omitempty"`
	Content  string  `json:"content,omitempty"`
	Metadata JSON    `json:"metadata,omitempty"`
}

// ToolExecution is what an execute_tool span did.
type ToolExecution struct {
	Name        string // gen_ai.tool.name
	Type        string // gen_ai.tool.type: function, extension, datastore
	Description string // gen_ai.tool.description
	CallID      string // gen_ai.tool.call.id
	Arguments   JSON   // gen_ai.tool.call.arguments
	Result      JSON   // gen_ai.tool.call.result
}

// Embedding is what an embeddings span embedded.
type Embedding struct {
	Dimensions int64 // gen_ai.embeddings.dimension.count
	Items      []EmbeddingItem
}

// EmbeddingItem is one text and its vector; either may be missing.
type EmbeddingItem struct {
	Text   string
	Vector []float32
}
