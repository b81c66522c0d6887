package gitsync

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// pktKind is what a pkt-line is: data, or one of the marks between data.
type pktKind int

const (
	pktData  pktKind = iota
	pktFlush         // 0000: the end of a message
	pktDelim         // 0001: the end of a section of a message
	pktEnd           // 0002: the end of a stateless answer
)

// maxPkt is the longest pkt-line that gitprotocol-common(5) allows, its length included.
const maxPkt = 65520

// pktReader reads pkt-lines. What it is given stays unread behind the last one.
type pktReader struct {
	r   io.Reader
	buf [maxPkt]byte
}

// next reads one pkt-line. data is only valid until the next call. The end of
// the stream between two lines is io.EOF, and within one io.ErrUnexpectedEOF.
func (p *pktReader) next() (kind pktKind, data []byte, err error) {
	if _, err := io.ReadFull(p.r, p.buf[:4]); err != nil {
		return 0, nil, err
	}
	length, err := pktLength(p.buf[:4])
	if err != nil {
		return 0, nil, err
	}
	switch length {
	case 0:
		return pktFlush, nil, nil
	case 1:
		return pktDelim, nil, nil
	case 2:
		return pktEnd, nil, nil
	}
	if length < 4 || length > maxPkt {
		return 0, nil, fmt.Errorf("pkt-line of length %d", length)
	}
	data = p.buf[4:length]
	if _, err := io.ReadFull(p.r, data); err != nil {
		return 0, nil, noEOF(err)
	}
	return pktData, data, refused(data)
}

// text is next for lines of text, without their newline. A mark is reported by
// its kind, with no text.
func (p *pktReader) text() (pktKind, string, error) {
	kind, data, err := p.next()
	if err != nil || kind != pktData {
		return kind, "", err
	}
	if n := len(data); n > 0 && data[n-1] == '\n' {
		data = data[:n-1]
	}
	return pktData, string(data), nil
}

func pktLength(hex []byte) (int, error) {
	length := 0
	for _, c := range hex {
		digit := 0
		switch {
		case '0' <= c && c <= '9':
			digit = int(c - '0')
		case 'a' <= c && c <= 'f':
			digit = int(c-'a') + 10
		case 'A' <= c && c <= 'F':
			digit = int(c-'A') + 10
		default:
			return 0, fmt.Errorf("%q is no length of a pkt-line", hex)
		}
		length = length<<4 | digit
	}
	return length, nil
}

// noEOF is err where the stream must not have ended.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// refusalError is what a server says when it ends a conversation.
type refusalError string

// Error is the server's own text.
func (e refusalError) Error() string { return "the server says: " + string(e) }

// notOurs tells whether the server does not give out what it was asked for, for
// which the protocol has no code.
func (e refusalError) notOurs() bool { return strings.Contains(string(e), "not our ref") }

// refused is the error in an ERR line, which may come wherever a line may.
func refused(line []byte) error {
	if len(line) < 4 || string(line[:4]) != "ERR " {
		return nil
	}
	return refusalError(line[4:])
}

// appendPkt appends text, at most maxPkt-4 bytes, as one pkt-line.
func appendPkt(b []byte, text string) []byte {
	return append(fmt.Appendf(b, "%04x", len(text)+4), text...)
}

// The marks as they are sent.
const (
	sendFlush = "0000"
	sendDelim = "0001"
)
