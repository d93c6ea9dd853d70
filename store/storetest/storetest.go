// Package storetest gives tests a real embedded engine: one for each test
// binary, in a temporary folder, stopped when the tests are over.
//
// A package that uses it hands its TestMain to Main. It promises nothing about
// what other tests of the same binary have put into the engine: use a database
// or table names of your own.
package storetest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiltmeter/tiltmeter/store/engine"
)

var shared struct {
	once   sync.Once
	dir    string
	engine *engine.Engine
	err    error
}

// Main runs the tests, stops the shared engine, and fails when a goroutine of the tests is left
// then; call it as the only statement of TestMain. It also turns the process into the engine's child
// when it is one.
func Main(m *testing.M) {
	engine.RunIfChild()
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop shared engine:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left behind:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// Engine returns the binary's shared engine, started at first use. A test
// without the library fails with the command that fetches it.
func Engine(tb testing.TB) *engine.Engine {
	tb.Helper()
	shared.once.Do(start)
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.engine
}

func start() {
	if shared.dir, shared.err = os.MkdirTemp("", "tiltmeter-store-"); shared.err != nil {
		return
	}
	// The page cache survives everything a test can do to the process.
	shared.engine, shared.err = engine.Start(context.Background(), engine.Config{
		DataDir: shared.dir, DisableFsync: true,
	})
}

func stop() error {
	if shared.engine != nil {
		if err := shared.engine.Close(context.Background()); err != nil {
			return err
		}
	}
	if shared.dir == "" {
		return nil
	}
	return os.RemoveAll(shared.dir)
}
