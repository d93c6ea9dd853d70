package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// LibraryEnv names the environment variable that points at libchdb.
const LibraryEnv = "TILTMETER_ENGINE_LIBRARY"

const (
	libraryFile  = "libchdb.so" // the npm packages use this name on every platform
	fetchCommand = "make engine"
	// maxParents bounds the walk towards the root when looking for node_modules.
	maxParents = 32
)

// LibraryError says that libchdb was not found, where it was looked for, and
// which command fetches it.
type LibraryError struct {
	Looked []string
}

func (e *LibraryError) Error() string {
	return fmt.Sprintf(
		"find the ClickHouse engine library (%s) for %s: not there; run `%s`; where that has no library for this platform, install the npm package @chdb/lib-%s by hand and set %s to its %s; looked at:\n  %s",
		libraryFile, npmPlatform(), fetchCommand, npmPlatform(), LibraryEnv, libraryFile, strings.Join(e.Looked, "\n  "))
}

// FindLibrary returns the absolute path of libchdb. A path that was named, by
// the argument or by TILTMETER_ENGINE_LIBRARY, is the only one looked at;
// else the order is: beside the executable, its ../lib, and
// store/engine/node_modules under the working directory, the executable's
// folder and every parent of both. The error is a *LibraryError.
func FindLibrary(named string) (string, error) {
	if named == "" {
		named = os.Getenv(LibraryEnv)
	}
	candidates := []string{named}
	if named == "" {
		candidates = libraryCandidates()
	}
	for _, c := range candidates {
		//nolint:gosec // a path of the settings
		if info, err := os.Stat(c); err == nil && info.Mode().IsRegular() {
			path, err := filepath.Abs(c)
			if err != nil {
				return "", fmt.Errorf("resolve engine library %q: %w", c, err)
			}
			return path, nil
		}
	}
	return "", &LibraryError{Looked: candidates}
}

func libraryCandidates() []string {
	var out []string
	inModules := filepath.Join("store", "engine", "node_modules", "@chdb", "lib-"+npmPlatform(), libraryFile)
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dir := filepath.Dir(exe)
		out = append(out, filepath.Join(dir, libraryFile), filepath.Join(dir, "..", "lib", libraryFile))
		out = append(out, upwards(dir, inModules)...)
	}
	if wd, err := os.Getwd(); err == nil {
		out = append(out, upwards(wd, inModules)...)
	}
	return out
}

// upwards returns rel under dir and under each of its parents.
func upwards(dir, rel string) []string {
	var out []string
	for range maxParents {
		out = append(out, filepath.Join(dir, rel))
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return out
}

// npmPlatform is the platform's name in the npm packages of libchdb.
func npmPlatform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	if runtime.GOOS == "linux" {
		return "linux-" + arch + "-gnu"
	}
	return runtime.GOOS + "-" + arch
}
