package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Spool says where batches wait on disk.
type Spool struct {
	Dir      string // made if there is none; one sink's alone
	MaxBytes int64  // of all batches; 1 GiB when 0
}

const (
	batchEnding     = ".ndjson"
	unfinishedStart = ".unfinished-"
)

// errSpoolFull is why a batch is not put into a spool.
var errSpoolFull = errors.New("the spool is full")

// spool is batches on disk, each a file whose name is its place in the order and
// its id. A file is complete or has not its name yet. A nil spool holds nothing.
type spool struct {
	dir   string
	most  int64
	wake  chan struct{} // capacity 1; full when there may be a batch
	mu    sync.Mutex
	files []spooled // oldest first
	bytes int64
	last  uint64 // place of the newest
}

type spooled struct {
	name string
	size int64
}

// openSpool finds what an earlier process left.
func openSpool(o Spool) (*spool, error) {
	o.MaxBytes = cmp.Or(max(o.MaxBytes, 0), 1<<30)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s := &spool{dir: o.Dir, most: o.MaxBytes, wake: make(chan struct{}, 1)}
	entries, err := os.ReadDir(o.Dir) // sorted by name, which is by age
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unfinishedStart) {
			_ = os.Remove(filepath.Join(o.Dir, e.Name())) // a process was killed while it wrote
			continue
		}
		place, _, ok := parseName(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("open spool: %w", err)
		}
		s.files = append(s.files, spooled{e.Name(), info.Size()})
		s.bytes += info.Size()
		s.last = max(s.last, place)
	}
	s.signal()
	return s, nil
}

func fileName(place uint64, id string) string {
	return fmt.Sprintf("%016x-%s%s", place, id, batchEnding)
}

// parseName is the inverse of fileName.
func parseName(name string) (place uint64, id string, ok bool) {
	stem, ok := strings.CutSuffix(name, batchEnding)
	if !ok || len(stem) < 18 || stem[16] != '-' {
		return 0, "", false
	}
	place, err := strconv.ParseUint(stem[:16], 16, 64)
	return place, stem[17:], err == nil
}

// held is how many bytes wait.
func (s *spool) held() int64 {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// put writes a batch to disk. When it returns without an error, the batch outlives
// the process and the machine's next start.
func (s *spool) put(b Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+int64(len(b.Lines)) > s.most {
		return errSpoolFull
	}
	name := fileName(s.last+1, b.ID)
	if err := s.write(name, b.Lines); err != nil {
		return fmt.Errorf("spool records: %w", err)
	}
	s.last++
	s.files = append(s.files, spooled{name, int64(len(b.Lines))})
	s.bytes += int64(len(b.Lines))
	s.signal()
	return nil
}

func (s *spool) write(name string, lines []byte) (err error) {
	unfinished := filepath.Join(s.dir, unfinishedStart+name)
	file, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(lines)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(unfinished)
		return err
	}
	if err := os.Rename(unfinished, filepath.Join(s.dir, name)); err != nil {
		_ = os.Remove(unfinished)
		return err
	}
	return syncDir(s.dir)
}

// syncDir makes names last. Where directories cannot be synced, they are left to
// the system.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

// await waits until there is a batch; it is false when ctx ends.
func (s *spool) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		if s.held() > 0 {
			return true
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
	return false
}

// oldest reads the batch that has waited the longest.
func (s *spool) oldest() (Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.files[0].name
	lines, err := os.ReadFile(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		s.forget() // somebody took it away
	}
	if err != nil {
		return Batch{}, fmt.Errorf("read spooled records: %w", err)
	}
	_, id, _ := parseName(name)
	return Batch{ID: id, Lines: lines}, nil
}

// remove takes the oldest batch off the disk.
func (s *spool) remove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Remove(filepath.Join(s.dir, s.files[0].name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove spooled records: %w", err)
	}
	s.forget()
	return nil
}

func (s *spool) forget() {
	s.bytes -= s.files[0].size
	s.files = slices.Delete(s.files, 0, 1)
}

func (s *spool) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
