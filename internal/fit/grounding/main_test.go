package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/model"
)

// The command fits a model that can be read, and measures it, on made-up rows in which the number is wrong in every other answer.
func TestFitsAndMeasures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, set := range []string{"ragtruth_qa", "summedits", "finqa_detection"} {
		var b strings.Builder
		for i := range 60 {
			r := map[string]any{
				"source_id": fmt.Sprint(i / 2), "model": []string{"a", "b"}[i%2], "prompt": "How many boats?", "label": i % 2,
				"context":  fmt.Sprintf("Yard %d sold %d boats. Its owner sails.", i, 100+i),
				"response": fmt.Sprintf("Yard %d sold %d boats. It was a good year, and many more are to come. Its owner sails.", i, 100+i+i%2*7),
			}
			if i%2 == 1 && set == "ragtruth_qa" {
				r["spans"] = []map[string]int{{"start": 0, "end": 20}}
			}
			if set != "ragtruth_qa" {
				delete(r, "source_id")
				r["edit_types"] = []string{"entity_modification"}
			}
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(line)
			b.WriteByte('\n')
		}
		if err := os.MkdirAll(filepath.Join(dir, set), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, set, set+".jsonl"), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "weights.bin")
	var told strings.Builder
	if err := run([]string{"--data", dir, "--out", out}, &told); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := model.Read(b); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"5 folds by question", "leave one model out", "AUROC", "findings in answers"} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("%q is not told:\n%s", want, told.String())
		}
	}
}

func TestMissingDataIsSaid(t *testing.T) {
	t.Parallel()
	if err := run([]string{"--data", t.TempDir()}, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "ragtruth_qa") {
		t.Errorf("error %v", err)
	}
}
