package api

// Fields are the API's names for the fields of genai.Span.
func Fields() map[string]string { return fieldPaths }
