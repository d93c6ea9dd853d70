package embed

// The vectors of texts that were embedded before.

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// digest is the hash of a text.
type digest = [sha256.Size]byte

// cache keeps the vectors that were used last.
type cache struct {
	most int

	mu    sync.Mutex // guards everything below
	order *list.List // of entries, the last used in front
	at    map[digest]*list.Element
}

type entry struct {
	key    digest
	vector []float32
}

// newCache keeps most vectors; 0: none.
func newCache(most int) *cache {
	return &cache{most: most, order: list.New(), at: map[digest]*list.Element{}}
}

// get is the vector of a text, or nil.
func (c *cache) get(key digest) []float32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry).vector
}

func (c *cache) put(key digest, vector []float32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most == 0 || c.at[key] != nil {
		return
	}
	c.at[key] = c.order.PushFront(&entry{key, vector})
	if c.order.Len() > c.most {
		last := c.order.Back()
		delete(c.at, last.Value.(*entry).key)
		c.order.Remove(last)
	}
}
