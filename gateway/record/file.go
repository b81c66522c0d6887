package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/DeRuina/timberjack"
)

const mebibyte = 1 << 20

// FileOptions says where a log file lies and what becomes of it when it is full.
type FileOptions struct {
	Path     string
	Size     int64         // bytes at which the file is rotated, in whole MiB; 100 MiB when 0
	Every    time.Duration // the file is rotated as often as this too, counted from its opening; 0 rotates by size only
	Age      time.Duration // rotated files older than this are removed, in whole days; 0 keeps them
	Files    int           // so many rotated files are kept; 0 keeps all
	Compress bool          // rotated files are compressed with gzip
}

// File is a log file that rotates by size and by time. It is safe for concurrent use.
type File struct {
	opts FileOptions

	mu  sync.Mutex
	log io.WriteCloser
}

var _ io.WriteCloser = (*File)(nil)

// OpenFile opens the file for appending, or creates it with mode 0640, and fails
// if that is not possible. If a process was killed within a line, that line is
// ended, so that it does not spoil the next. What is no regular file, such as a
// device or a named pipe, is written to and never rotated.
func OpenFile(opts FileOptions) (*File, error) {
	f := &File{opts: opts}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

// open makes f.log.
func (f *File) open() error {
	info, err := os.Stat(f.opts.Path)
	if err == nil && !info.Mode().IsRegular() {
		// For reading too: a named pipe then opens without a reader.
		file, err := os.OpenFile(f.opts.Path, os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			return fmt.Errorf("open log: %w", err)
		}
		f.log = file
		return nil
	}
	f.log = f.rotating() // which tries again with each write
	return endLine(f.opts.Path)
}

func (f *File) rotating() *timberjack.Logger {
	compression := "none"
	if f.opts.Compress {
		compression = "gzip"
	}
	const day = 24 * time.Hour
	return &timberjack.Logger{
		Filename:         f.opts.Path,
		RotationInterval: f.opts.Every,

		MaxSize:     int((f.opts.Size + mebibyte - 1) / mebibyte),
		MaxAge:      int((f.opts.Age + day - 1) / day),
		MaxBackups:  f.opts.Files,
		Compression: compression,
		FileMode:    0o640,
	}
}

// Write appends p, and rotates first if the file would become too large.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(p)
}

// Reopen closes the file and opens the path anew, for those who move log files
// away by themselves.
func (f *File) Reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.log.Close(), f.open())
}

// Close closes the file, after any compression that is under way.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Close()
}

// endLine creates the file if there is none, and writes a newline if it ends
// within a line.
func endLine(path string) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, size-1); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	if last[0] == '\n' {
		return nil
	}
	if _, err := file.Write([]byte{'\n'}); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	return nil
}
