package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
)

// The colours of a terminal in which records are shown.
const (
	logDim    = "2"
	logRed    = "31"
	logYellow = "33"
	logCyan   = "36"
)

// logLines shows records.
type logLines struct {
	out    io.Writer
	color  bool
	headed bool
}

func (l *logLines) paint(color, text string) string {
	if !l.color || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// line shows a record as it was written.
func (l *logLines) line(line []byte) error {
	_, err := l.out.Write(append(bytes.TrimRight(line, "\r\n"), '\n'))
	return err
}

const logColumns = "%-12s  %-6s  %-20s %-14s %-26s %-20s %10s  %-10s %s"

// row shows a record as a row of columns.
func (l *logLines) row(r *records.Record) error {
	head := ""
	if !l.headed {
		l.headed = true
		head = l.paint(logDim, fmt.Sprintf(logColumns, "time", "role", "endpoint", "backend", "deployment", "result", "ms", "subject", "request")) + "\n"
	}
	row := fmt.Sprintf(logColumns, r.Time.Local().Format("15:04:05.000"), r.Role, r.Endpoint, r.Backend, deploymentOf(r),
		resultOf(r), strconv.FormatFloat(r.Duration, 'f', 1, 64), cmp.Or(r.Subject, "-"), r.RequestID)
	_, err := io.WriteString(l.out, head+l.paint(rowColor(r), report.Printable(row))+"\n")
	return err
}

func rowColor(r *records.Record) string {
	switch {
	case r.Outcome == records.Error:
		return logRed
	case r.Outcome != records.OK:
		return logYellow
	case r.Role == records.Mirror:
		return logCyan
	}
	return ""
}

func deploymentOf(r *records.Record) string {
	if r.DeploymentName == "" {
		return "-"
	}
	return fmt.Sprintf("%s %d (%s)", r.DeploymentName, r.DeploymentVersion, r.Branch)
}

// resultOf is the status, or why there is none; for copies also how they compare.
func resultOf(r *records.Record) string {
	var parts []string
	if r.Status != 0 {
		parts = append(parts, strconv.Itoa(r.Status))
	}
	if r.Outcome != records.OK {
		parts = append(parts, r.Outcome)
		if r.Status == 0 {
			parts = append(parts, r.ErrorKind)
		}
	}
	switch r.Agree {
	case records.Agrees:
		parts = append(parts, "agrees")
	case records.Differs:
		parts = append(parts, "differs")
	case records.NotCompared:
	}
	return strings.Join(parts, " ")
}

// pair shows a live attempt and a copy side by side, and where their answers differ.
func (l *logLines) pair(live, mirror *held) error {
	r := &mirror.record
	color := logCyan
	if r.Agree == records.Differs || r.Outcome == records.Error {
		color = logRed
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s\n", r.Time.Local().Format("15:04:05.000"), l.paint(logDim, report.Printable(r.RequestID)), report.Printable(r.Endpoint))
	fmt.Fprintf(&b, "  %s | %s\n", cell(live.name(), 44), l.paint(color, report.Printable(r.Backend+"  "+deploymentOf(r))))
	fmt.Fprintf(&b, "  %s | %s\n", cell(live.result(), 44), l.paint(color, report.Printable(mirror.result())))
	if r.Outcome == records.Error {
		fmt.Fprintf(&b, "  %s | %s\n", cell(live.answer(), 44), l.paint(color, report.Printable(mirror.answer())))
	}
	for _, c := range r.Changes() {
		path := cmp.Or(c.Path, "(all)")
		fmt.Fprintf(&b, "  %s\n  %s | %s\n", l.paint(logYellow, report.Printable(path)), cell(valueOf(c.Live), 44), l.paint(color, report.Printable(valueOf(c.Mirror))))
	}
	_, err := io.WriteString(l.out, b.String())
	return err
}

func valueOf(json string) string { return "  " + cmp.Or(json, "(not there)") }

// cell is text that fills so many columns.
func cell(text string, width int) string {
	runes := []rune(report.Printable(text))
	if len(runes) > width {
		runes = append(runes[:width-1], '…')
	}
	return string(runes) + strings.Repeat(" ", width-len(runes))
}

// pairJSON shows both records as they were written, in one line.
func (l *logLines) pairJSON(live, mirror *held) error {
	_, err := fmt.Fprintf(l.out, "{\"live\":%s,\"mirror\":%s}\n", cmp.Or(string(bytes.TrimSpace(live.line)), "null"), bytes.TrimSpace(mirror.line))
	return err
}
