package proto

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGeneratedCodeIsFresh makes gen/ again and compares it, file by file, with what is committed.
func TestGeneratedCodeIsFresh(t *testing.T) {
	t.Parallel()
	// Read here too, so that the test cache sees when a source of the generated code changes.
	tree(t, "tiltmeter")
	tree(t, filepath.Join("..", "internal", "tools"))
	fresh := t.TempDir()
	cmd := exec.CommandContext(t.Context(), filepath.Join("..", "internal", "tools", "generate.sh"), fresh)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	want, have := tree(t, fresh), tree(t, "gen")
	for name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("gen/%s is no longer made from any .proto: delete it", name)
		}
	}
	for name, content := range want {
		if have[name] != content {
			t.Errorf("gen/%s is stale: run `make generate` and commit what it writes\n%s",
				name, cmp.Diff(have[name], content))
		}
	}
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
