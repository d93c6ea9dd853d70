package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// childEnv marks a process as the engine's child; its value is childOptions.
const childEnv = "TILTMETER_ENGINE_CHILD"

// lifelineFD is the child's end of a pipe that closes with the parent, the
// first of exec.Cmd's ExtraFiles.
const lifelineFD = 3

// childOptions is all that the child needs to know, as JSON in childEnv.
type childOptions struct {
	Dir         string        `json:"dir"`
	Library     string        `json:"library"`
	Socket      string        `json:"socket"`
	MemoryBytes int64         `json:"memory_bytes"`
	Connections int           `json:"connections"`
	Fsync       bool          `json:"fsync"`
	StopTimeout time.Duration `json:"stop_timeout"`
}

// RunIfChild runs the engine and does not return when this process is the
// child of a Start. It must be the first call in main and in every TestMain
// of a binary that calls Start.
func RunIfChild() {
	encoded, ok := os.LookupEnv(childEnv)
	if !ok {
		return
	}
	var opts childOptions
	err := json.Unmarshal([]byte(encoded), &opts)
	if err == nil {
		err = runChildProcess(opts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runChildProcess serves until SIGTERM, or until the parent is gone.
func runChildProcess(opts childOptions) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(lifelineFD, "lifeline"))
		os.Exit(1) // the parent is gone; every acknowledged insert is on disk
	}()
	lock, err := lockChild(ctx, opts.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	configFile := filepath.Join(opts.Dir, "config.xml")
	if err := os.WriteFile(configFile, []byte(configXML(opts)), 0o600); err != nil {
		return fmt.Errorf("write engine config: %w", err)
	}
	lib, err := loadLibrary(opts.Library)
	if err != nil {
		return err
	}
	pool, err := openPool(lib, opts, configFile)
	if err != nil {
		return err
	}
	defer pool.close()
	front, err := newFront(pool)
	if err != nil {
		return err
	}
	return serve(ctx, front, opts)
}

// serve answers on the socket until ctx ends, then lets statements finish.
func serve(ctx context.Context, front *front, opts childOptions) error {
	if err := os.Remove(opts.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old engine socket: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", opts.Socket)
	if err != nil {
		return fmt.Errorf("listen on engine socket: %w", err)
	}
	if err := os.Chmod(opts.Socket, 0o600); err != nil {
		return fmt.Errorf("protect engine socket: %w", err)
	}
	server := &http.Server{
		Handler:           front,
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    maxURLBytes,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve engine socket: %w", err)
	case <-ctx.Done():
	}
	// The parent kills at StopTimeout; closing the engine needs some of it.
	stopping, cancel := context.WithTimeout(context.Background(), opts.StopTimeout*3/4)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		front.cancelAll()
		grace, cancelGrace := context.WithTimeout(context.Background(), opts.StopTimeout/8)
		defer cancelGrace()
		_ = server.Shutdown(grace) // what does not end now is killed by the parent
	}
	return nil
}
