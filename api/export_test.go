package api

// FieldPaths are the API's names for the fields of genai.Span.
func FieldPaths() map[string]string { return fieldPaths }
