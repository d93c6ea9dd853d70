package api

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// LoadTLS returns nil when no files are named. A renewed certificate is used from the next
// connection on; while new files cannot be read as a pair, the old pair stays.
func LoadTLS(certFile, keyFile string) (*tls.Config, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // plain text is what the absence of files means
	}
	c := &certificate{certFile: certFile, keyFile: keyFile}
	if err := c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}, nil
}

type certificate struct {
	certFile, keyFile string

	mu       sync.Mutex // guards everything below
	pair     *tls.Certificate
	modified [2]time.Time
}

func (c *certificate) load() error {
	modified, err := c.stat()
	if err != nil {
		return fmt.Errorf("read TLS files: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read TLS files %s and %s: %w", c.certFile, c.keyFile, err)
	}
	c.pair, c.modified = &pair, modified
	return nil
}

func (c *certificate) stat() (m [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return m, err
		}
		m[i] = info.ModTime()
	}
	return m, nil
}

func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, err := c.stat(); err == nil && m != c.modified {
		_ = c.load() // half-written files: the old pair stays until they are whole
	}
	return c.pair
}
