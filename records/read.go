package records

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLine bounds a line that is read; longer ones are passed over.
const maxLine = 16 << 20

// Reader reads the lines of files. Its zero value is ready. It is not for concurrent use.
type Reader struct {
	// Unread counts lines that are no JSON objects, or too long: text that got
	// between the records, or a last line that is still being written.
	Unread int64

	decoder Decoder
	record  Record
	long    []byte
}

// Read calls use for each line of in that is a JSON object, also for those that are no
// records, until ctx ends. What comes compressed by gzip is decompressed. use gets the
// line as well; neither is kept for it. The error of use ends it.
func (r *Reader) Read(ctx context.Context, in io.Reader, use func(line []byte, rec *Record) error) error {
	buffered := bufio.NewReaderSize(in, 256<<10)
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return err
		}
		buffered = bufio.NewReaderSize(unpacked, 256<<10)
	}
	for ctx.Err() == nil {
		line, err := r.line(buffered)
		if len(bytes.TrimSpace(line)) > 0 {
			if err := r.use(line, use); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (r *Reader) use(line []byte, use func([]byte, *Record) error) error {
	readable := len(line) <= maxLine && r.decoder.Decode(line, &r.record) == nil
	if !readable {
		r.Unread++
		return nil
	}
	return use(line, &r.record)
}

// line reads one line. Of one that is too long it keeps enough to tell.
func (r *Reader) line(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	r.long = append(r.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = in.ReadSlice('\n')
		if len(r.long) <= maxLine {
			r.long = append(r.long, line...)
		}
	}
	return r.long, err
}

// ReadFiles reads files one after the other, see Read and [Expand]. The path - is stdin.
func (r *Reader) ReadFiles(ctx context.Context, paths []string, stdin io.Reader, use func(line []byte, rec *Record) error) error {
	for _, path := range paths {
		if path == "-" {
			if err := r.Read(ctx, stdin, use); err != nil {
				return fmt.Errorf("read records: %w", err)
			}
			continue
		}
		files, err := Expand(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := r.readFile(ctx, file, use); err != nil {
				return fmt.Errorf("read records of %s: %w", file, err)
			}
		}
	}
	return nil
}

func (r *Reader) readFile(ctx context.Context, path string, use func([]byte, *Record) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return r.Read(ctx, file, use)
}

// Expand gives the files that a path means, the oldest first: of a file with its rotated
// ones (records-2026-11-28T07-10-00.000.log.gz beside records.log) all of them,
// of a directory all files whose names end with .log, .json, .jsonl or .ndjson, with or
// without .gz.
func Expand(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	folder, base := filepath.Dir(path), filepath.Base(path)
	extension := filepath.Ext(base)
	wanted := func(name string) bool {
		rest, ok := strings.CutPrefix(name, strings.TrimSuffix(base, extension)+"-")
		rest = strings.TrimSuffix(rest, ".gz")
		return ok && len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' && strings.HasSuffix(rest, extension)
	}
	if info.IsDir() {
		folder = path
		wanted = func(name string) bool {
			return slices.Contains([]string{".log", ".json", ".jsonl", ".ndjson"}, filepath.Ext(strings.TrimSuffix(name, ".gz")))
		}
	} else if extension == ".gz" {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && wanted(entry.Name()) {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	if info.IsDir() {
		if len(files) == 0 {
			return nil, fmt.Errorf("read records: %s holds no .log, .json, .jsonl or .ndjson files", path)
		}
		return files, nil
	}
	return append(files, path), nil
}
