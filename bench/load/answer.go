package load

import (
	"bytes"
	"errors"
	"strconv"
)

const maxHead = 16 << 10

var errAnswer = errors.New("the answer is malformed")

// answer reads one answer after the other. The proxies that are measured frame
// all of them by Content-Length, as the deployments do; another framing is
// malformed.
type answer struct {
	status int
	first  byte // of the body; 0 if it is empty
	closes bool // the connection ends after it

	head []byte // that came in parts
	left int    // bytes of the body still to come
	body bool   // the head is read
}

// read consumes p and tells whether the answer is whole. What follows a whole
// answer is malformed: nothing was asked yet.
func (a *answer) read(p []byte) (done bool, err error) {
	if !a.body {
		if p, err = a.readHead(p); err != nil || !a.body {
			return false, err
		}
	}
	if len(p) > a.left {
		return false, errAnswer
	}
	if len(p) > 0 && a.first == 0 {
		a.first = p[0]
	}
	a.left -= len(p)
	return a.left == 0, nil
}

// readHead returns what follows the head in p.
func (a *answer) readHead(p []byte) ([]byte, error) {
	if len(a.head) > 0 { // rare: the head came in parts
		a.head = append(a.head, p...)
		p = a.head
	}
	end := bytes.Index(p, []byte("\r\n\r\n"))
	switch {
	case end < 0 && len(p) > maxHead:
		return nil, errAnswer
	case end < 0:
		if len(a.head) == 0 {
			a.head = append(a.head, p...)
		}
		return nil, nil
	}
	a.body = true
	return p[end+4:], a.parse(p[:end])
}

func (a *answer) parse(head []byte) error {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < len("HTTP/1.1 200") || string(line[:len("HTTP/1.")]) != "HTTP/1." {
		return errAnswer
	}
	a.status, a.closes, a.left = number(line[9:12]), false, -1
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		switch value, ok := cutField(line, "content-length:"); {
		case ok:
			a.left = number(value)
		default:
			if value, ok := cutField(line, "connection:"); ok {
				a.closes = bytes.EqualFold(value, []byte("close"))
			}
		}
	}
	if a.status < 200 || a.left < 0 {
		return errAnswer
	}
	return nil
}

// cutField is the value of the header field if it is the one named, in lower case.
func cutField(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || line[len(name)-1] != ':' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name):]), true
}

// number is a decimal, or -1.
func number(p []byte) int {
	n, err := strconv.Atoi(string(p))
	if err != nil {
		return -1
	}
	return n
}

// reset makes it ready for the next answer.
func (a *answer) reset() { *a = answer{head: a.head[:0]} }
