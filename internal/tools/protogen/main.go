// Command protogen turns the API contract under proto/ into Go and OpenAPI.
//
// It compiles the .proto files in Go and hands the result to the protoc plugins that go.mod
// pins as tools, so that a machine needs nothing but Go. Well-known types and google/api come
// out of the Go packages that carry them. The same input gives the same bytes.
//
// It knows nothing of what the messages mean.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	_ "google.golang.org/genproto/googleapis/api/annotations" // brings google/api/annotations.proto
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const openAPIPlugin = "protoc-gen-openapiv3"

// plugins are run in this order; a parameter is what protoc would pass.
var plugins = []struct{ name, parameter string }{
	{"protoc-gen-go", "paths=source_relative"},
	{"protoc-gen-go-grpc", "paths=source_relative"},
	{"protoc-gen-grpc-gateway", "paths=source_relative"},
	{openAPIPlugin, ""},
}

func main() {
	src := flag.String("proto", "", "folder that holds the .proto files")
	out := flag.String("out", "", "folder that the generated files go to")
	flag.Parse()
	if err := run(context.Background(), *src, *out); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, src, out string) error {
	if src == "" || out == "" {
		return errors.New("both -proto and -out are needed")
	}
	names, err := protoFiles(src)
	if err != nil {
		return err
	}
	req, err := compile(ctx, src, names)
	if err != nil {
		return err
	}
	var documents [][]byte
	for _, p := range plugins {
		if p.name == openAPIPlugin {
			req = trailingToLeading(req)
		}
		files, err := generate(ctx, p.name, p.parameter, req)
		if err != nil {
			return fmt.Errorf("run %s: %w", p.name, err)
		}
		for _, f := range files {
			if strings.HasSuffix(f.GetName(), ".json") {
				documents = append(documents, []byte(f.GetContent()))
				continue
			}
			if err := write(filepath.Join(out, f.GetName()), []byte(f.GetContent())); err != nil {
				return err
			}
		}
	}
	openapi, err := mergeOpenAPI(documents)
	if err != nil {
		return fmt.Errorf("merge OpenAPI documents: %w", err)
	}
	return write(filepath.Join(out, "openapi.json"), openapi)
}

// protoFiles lists the .proto files below dir by their import path, sorted.
func protoFiles(dir string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".proto") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list proto files in %s: %w", dir, err)
	}
	slices.Sort(names)
	return names, nil
}

// compile parses and links the files and returns what protoc would send a plugin.
func compile(ctx context.Context, dir string, names []string) (*pluginpb.CodeGeneratorRequest, error) {
	linkedIn := protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		d, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err != nil {
			return protocompile.SearchResult{}, err
		}
		return protocompile.SearchResult{Desc: d}, nil
	})
	c := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(protocompile.CompositeResolver{
			&protocompile.SourceResolver{ImportPaths: []string{dir}}, linkedIn,
		}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := c.Compile(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	req := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: names,
		// The version protoc-gen-go would write into its header if there were a protoc.
		CompilerVersion: &pluginpb.Version{Major: proto.Int32(29), Minor: proto.Int32(0), Patch: proto.Int32(0)},
	}
	seen := map[string]bool{}
	for _, f := range files {
		if err := appendFile(req, f, seen); err != nil {
			return nil, err
		}
	}
	return req, nil
}

// appendFile adds a file after everything that it imports.
func appendFile(req *pluginpb.CodeGeneratorRequest, f protoreflect.FileDescriptor, seen map[string]bool) error {
	if seen[f.Path()] {
		return nil
	}
	seen[f.Path()] = true
	imports := f.Imports()
	for i := range imports.Len() {
		if err := appendFile(req, imports.Get(i).FileDescriptor, seen); err != nil {
			return err
		}
	}
	d := protoutil.ProtoFromFileDescriptor(f)
	if r, ok := f.(linker.Result); ok {
		d = r.FileDescriptorProto()
	}
	// Through bytes and back, so that the options are known extensions and not dynamic messages.
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode descriptor of %s: %w", f.Path(), err)
	}
	known := new(descriptorpb.FileDescriptorProto)
	if err := proto.Unmarshal(b, known); err != nil {
		return fmt.Errorf("decode descriptor of %s: %w", f.Path(), err)
	}
	req.ProtoFile = append(req.ProtoFile, known)
	return nil
}

func generate(ctx context.Context, name, parameter string, req *pluginpb.CodeGeneratorRequest) ([]*pluginpb.CodeGeneratorResponse_File, error) {
	req = proto.CloneOf(req)
	req.Parameter = &parameter
	in, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", name) //nolint:gosec // the names are the constants above
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var resp pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(raw, &resp); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	if resp.GetError() != "" {
		return nil, errors.New(resp.GetError())
	}
	return resp.File, nil
}

// trailingToLeading returns the request with comments behind a field moved before it: the OpenAPI
// plugin reads leading comments only, and the contract says most of what it says behind the field.
func trailingToLeading(req *pluginpb.CodeGeneratorRequest) *pluginpb.CodeGeneratorRequest {
	req = proto.CloneOf(req)
	for _, f := range req.ProtoFile {
		for _, l := range f.GetSourceCodeInfo().GetLocation() {
			if l.GetLeadingComments() == "" {
				l.LeadingComments = l.TrailingComments
			}
		}
	}
	return req
}

// ownPackage is cut from schema names, so that they are as short as in the contract.
const ownPackage = "tiltmeter.v1."

// mergeOpenAPI makes one document of the plugin's, which come one a service file.
func mergeOpenAPI(documents [][]byte) ([]byte, error) {
	merged := map[string]any{}
	for _, d := range documents {
		d = bytes.ReplaceAll(d, []byte(`#/components/schemas/`+ownPackage), []byte(`#/components/schemas/`))
		d = bytes.ReplaceAll(d, []byte(`"`+ownPackage), []byte(`"`))
		var one map[string]any
		if err := json.Unmarshal(d, &one); err != nil {
			return nil, err
		}
		mergeInto(merged, one)
	}
	merged["info"] = map[string]any{
		"title": "Tiltmeter", "version": "v1",
		"license": map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
	}
	mergeInto(merged, map[string]any{
		"security": []any{map[string]any{}, map[string]any{"key": []any{}}},
		"components": map[string]any{"securitySchemes": map[string]any{"key": map[string]any{
			"type": "http", "scheme": "bearer", "bearerFormat": "tm_<scope>_<random>",
			"description": "A key made by `tiltmeter keys create`. Needed as soon as the server listens beyond loopback.",
		}}},
	})
	b, err := json.MarshalIndent(merged, "", " ") // object keys come out sorted
	return append(b, '\n'), err
}

// mergeInto adds the entries of src to dst; objects are merged, lists appended, the rest replaced.
func mergeInto(dst, src map[string]any) {
	for k, v := range src {
		switch have := dst[k].(type) {
		case map[string]any:
			if m, ok := v.(map[string]any); ok {
				mergeInto(have, m)
				continue
			}
		case []any:
			if l, ok := v.([]any); ok && k == "tags" {
				dst[k] = append(have, l...)
				continue
			}
		}
		dst[k] = v
	}
}

func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // source code, readable by all
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // source code, readable by all
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
