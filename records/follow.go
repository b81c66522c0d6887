package records

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// lookEvery is between two looks at a file that is followed.
const lookEvery = 200 * time.Millisecond

// FollowFiles reads files as ReadFiles does, and then goes on with the lines that come to the
// last of them, also after it has been rotated, until ctx ends.
func (r *Reader) FollowFiles(ctx context.Context, paths []string, stdin io.Reader, use func(line []byte, rec *Record) error) error {
	last := len(paths) - 1
	if paths[last] == "-" {
		return r.ReadFiles(ctx, paths, stdin, use) // which ends when whoever writes it does
	}
	if err := r.ReadFiles(ctx, paths[:last], stdin, use); err != nil {
		return err
	}
	files, err := Expand(paths[last])
	if err != nil {
		return err
	}
	current := files[len(files)-1]
	for _, file := range files[:len(files)-1] {
		if err := r.readFile(ctx, file, use); err != nil {
			return fmt.Errorf("read records of %s: %w", file, err)
		}
	}
	for {
		if err := r.followFile(ctx, current, use); err != nil {
			return fmt.Errorf("follow %s: %w", current, err)
		}
	}
}

// followFile reads the lines of a file as they come, until another file has its name.
func (r *Reader) followFile(ctx context.Context, path string, use func([]byte, *Record) error) error {
	file, err := open(ctx, path)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 256<<10)
	var part []byte // of a line that is still being written
	for {
		last := replaced(file, path) // what is there now is all there will be
		if part, err = r.toEnd(in, part, use); err != nil || last {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// toEnd reads the lines that are there, and gives what is behind the last of them.
func (r *Reader) toEnd(in *bufio.Reader, part []byte, use func([]byte, *Record) error) ([]byte, error) {
	for {
		line, err := in.ReadSlice('\n')
		if len(part) <= maxLine {
			part = append(part, line...)
		}
		switch {
		case errors.Is(err, io.EOF):
			return part, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return part, err
		default:
			if err := r.use(part, use); err != nil {
				return part, err
			}
			part = part[:0]
		}
	}
}

// open opens a file as soon as it is there: between the two steps of a rotation it is not.
func open(ctx context.Context, path string) (*os.File, error) {
	for {
		file, err := os.Open(path)
		if !errors.Is(err, os.ErrNotExist) {
			return file, err
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// replaced reports whether a path leads to another file by now, and this one has ended.
func replaced(file *os.File, path string) bool {
	was, err := file.Stat()
	if err != nil {
		return true
	}
	is, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && os.SameFile(was, is) {
		return false
	}
	return true
}

func pause(ctx context.Context) error {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
