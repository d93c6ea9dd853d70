package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// fileName is the file of the keys inside the data folder.
const fileName = "keys.json"

// maxKeys bounds the file: it is held in memory and written whole. A fleet needs a key a team, not one a process.
const maxKeys = 10_000

// maxNameChars bounds the note that a key carries.
const maxNameChars = 200

// ErrNoSuchKey is returned by Revoke for an id that names no key.
var ErrNoSuchKey = errors.New("no such key")

// Keys is the file of keys. It is safe for use by several goroutines and several processes:
// a change takes a lock, writes a new file and puts it in the place of the old one, and a reader
// notices the new file with its next look-up.
type Keys struct {
	path string
	now  func() time.Time

	mu     sync.RWMutex
	loaded fileState
	keys   []Key
	byHash map[[sha256.Size]byte]int // index into keys
}

// fileState tells one version of the file from another. Every version is a new file.
type fileState struct {
	exists  bool
	inode   uint64
	size    int64
	modTime time.Time
}

type document struct {
	Version int   `json:"version"`
	Keys    []Key `json:"keys"`
}

// Open reads <dataDir>/keys.json. A file that is not there holds no key; one that cannot be read is an error.
func Open(dataDir string) (*Keys, error) {
	k := &Keys{path: filepath.Join(dataDir, fileName), now: time.Now}
	if err := k.refresh(); err != nil {
		return nil, err
	}
	return k, nil
}

// Create makes a key and returns its secret, which is not stored and cannot be had again.
// An empty project means DefaultProject, and AllProjects for an admin key. An ingest key names one project.
func (k *Keys) Create(scope Scope, project, name string) (secret string, key Key, err error) {
	if _, err := ParseScope(string(scope)); err != nil {
		return "", Key{}, err
	}
	switch {
	case project == "" && scope == ScopeAdmin:
		project = AllProjects
	case project == "":
		project = DefaultProject
	}
	if project == AllProjects && scope == ScopeIngest {
		return "", Key{}, errors.New("create key: a key that ingests must name one project")
	}
	if project != AllProjects {
		if err := CheckProject(project); err != nil {
			return "", Key{}, err
		}
	}
	if len(name) > maxNameChars {
		return "", Key{}, fmt.Errorf("create key: the name has %d characters, at most %d are kept", len(name), maxNameChars)
	}
	secret = newSecret(scope)
	sum := hashHex(hashSecret(secret))
	key = Key{ID: sum[:idChars], Name: name, Scope: scope, Project: project, SHA256: sum, CreatedAt: k.now().UTC().Truncate(time.Second)}
	err = k.change(func(keys []Key) ([]Key, error) {
		if len(keys) >= maxKeys {
			return nil, fmt.Errorf("there are %d keys, which is the most: revoke some", len(keys))
		}
		return append(keys, key), nil
	})
	if err != nil {
		return "", Key{}, fmt.Errorf("create key: %w", err)
	}
	return secret, key, nil
}

// List returns the keys, oldest first.
func (k *Keys) List() ([]Key, error) {
	if err := k.refresh(); err != nil {
		return nil, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Clone(k.keys), nil
}

// Revoke removes the key with this id. It holds from the next request on.
func (k *Keys) Revoke(id string) error {
	err := k.change(func(keys []Key) ([]Key, error) {
		left := slices.DeleteFunc(slices.Clone(keys), func(key Key) bool { return key.ID == id })
		if len(left) == len(keys) {
			return nil, ErrNoSuchKey
		}
		return left, nil
	})
	if err != nil {
		return fmt.Errorf("revoke key %q: %w", id, err)
	}
	return nil
}

// lookup finds the key with this secret. The map is asked for the hash of what the client sent,
// which the client cannot steer towards a stored hash, so the time it takes tells nothing.
func (k *Keys) lookup(secret string) (Key, bool, error) {
	if err := k.refresh(); err != nil {
		return Key{}, false, err
	}
	h := hashSecret(secret)
	k.mu.RLock()
	defer k.mu.RUnlock()
	i, ok := k.byHash[h]
	if !ok || subtle.ConstantTimeCompare([]byte(k.keys[i].SHA256), []byte(hashHex(h))) != 1 {
		return Key{}, false, nil
	}
	return k.keys[i], true, nil
}

// byID finds a key by its id, for sessions.
func (k *Keys) byID(id string) (Key, bool, error) {
	if err := k.refresh(); err != nil {
		return Key{}, false, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, key := range k.keys {
		if key.ID == id {
			return key, true, nil
		}
	}
	return Key{}, false, nil
}

// refresh reads the file when it is another than the one read last. That costs one stat a request.
func (k *Keys) refresh() error {
	state, err := stat(k.path)
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	k.mu.RLock()
	same := k.byHash != nil && state == k.loaded
	k.mu.RUnlock()
	if same {
		return nil
	}
	keys, err := readFile(k.path)
	if err != nil {
		return err
	}
	byHash := make(map[[sha256.Size]byte]int, len(keys))
	for i, key := range keys {
		var h [sha256.Size]byte
		if n, err := hex.Decode(h[:], []byte(key.SHA256)); err != nil || n != len(h) {
			return fmt.Errorf("read keys from %s: key %q has no SHA-256: remove it and create it anew", k.path, key.ID)
		}
		byHash[h] = i
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.loaded, k.keys, k.byHash = state, keys, byHash
	return nil
}

func stat(path string) (fileState, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fileState{}, nil
	}
	if err != nil {
		return fileState{}, err
	}
	s := fileState{exists: true, size: info.Size(), modTime: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s, nil
}

func readFile(path string) ([]Key, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("read keys from %s: %w", path, err)
	}
	if d.Version != 1 {
		return nil, fmt.Errorf("read keys from %s: version %d is unknown to this program, which knows 1", path, d.Version)
	}
	return d.Keys, nil
}

// change runs f over the stored keys under a lock that holds for every process, and stores what it returns.
func (k *Keys) change(f func([]Key) ([]Key, error)) error {
	if err := os.MkdirAll(filepath.Dir(k.path), 0o750); err != nil {
		return err
	}
	lock, err := os.OpenFile(k.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock keys: %w", err)
	}
	if err := ownFile(lock, filepath.Dir(k.path)); err != nil {
		return errors.Join(fmt.Errorf("lock keys: %w", err), lock.Close())
	}
	defer func() { _ = lock.Close() }() // closing releases the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock keys: %w", err)
	}
	keys, err := readFile(k.path)
	if err != nil {
		return err
	}
	if keys, err = f(keys); err != nil {
		return err
	}
	b, err := json.MarshalIndent(document{Version: 1, Keys: keys}, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(k.path, append(b, '\n')); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return k.refresh()
}

// ownFile gives a file to the owner of the data folder. Whoever creates keys as root would else
// leave a file behind that the server, under its own user, cannot read, and answers to nobody.
func ownFile(f *os.File, dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	folder, ok := info.Sys().(*syscall.Stat_t)
	if info, err = f.Stat(); err != nil {
		return err
	}
	file, okToo := info.Sys().(*syscall.Stat_t)
	if !ok || !okToo || folder.Uid == file.Uid && folder.Gid == file.Gid {
		return nil
	}
	err = f.Chown(int(folder.Uid), int(folder.Gid))
	if errors.Is(err, fs.ErrPermission) && folder.Uid == file.Uid {
		return nil // a group that this user is not in: the owner alone matters with mode 0600
	}
	return err
}

// replaceFile puts a whole, synced file of mode 0600 in the place of path: after a crash there is the old one or the new one.
func replaceFile(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := ownFile(f, dir); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
