package schema

import (
	"bytes"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// document is one file while it is parsed: it collects the problems.
type document struct {
	file     File
	text     []byte // what was read, without a byte order mark
	problems Diagnostics
}

// open reads the file as far as all documents are alike: one YAML document that
// is a mapping, within the limits. It is false when nothing in the file can be
// told apart; the problems say why.
func open(f File) (*document, *mapping, bool) {
	d := &document{file: f, text: f.Data}
	if len(d.text) > MaxFileSize {
		d.report(d.whole(), RuleSize, "the file is larger than %d KiB", MaxFileSize>>10)
		return d, nil, false
	}
	d.text = bytes.TrimPrefix(f.Data, []byte(byteOrderMark))
	if offset, problem := badCharacter(d.text); offset >= 0 {
		d.report(d.offset(offset), RuleSyntax, "%s", problem)
		return d, nil, false
	}
	root, ok := d.root()
	if !ok || !d.withinLimits(root) {
		return d, nil, false
	}
	m, ok := d.mapping(d.resolve(root), "the document")
	return d, m, ok
}

// report adds a problem.
func (d *document) report(at Position, rule Rule, format string, args ...any) {
	d.problems = append(d.problems, Diagnostic{Position: at, Rule: rule, Message: fmt.Sprintf(format, args...)})
}

// whole is the position of the file as such.
func (d *document) whole() Position {
	return Position{Branch: d.file.Branch, File: d.file.Path}
}

// at is a position in the file.
func (d *document) at(line, column int) Position {
	return Position{Branch: d.file.Branch, File: d.file.Path, Line: line, Column: column}
}

// offset is the position of a byte of the text.
func (d *document) offset(n int) Position { return d.at(place(d.text, n)) }

// finish is all problems of the file, in order and with their source lines.
func (d *document) finish() Diagnostics {
	if len(d.problems) == 0 {
		return nil
	}
	return capped(d.problems.Sort()).WithSource(d.file)
}

// capped bounds the diagnostics of one file: a file of nothing but mistakes has
// thousands, each with its line.
func capped(ds Diagnostics) Diagnostics {
	const most = 100
	if len(ds) <= most {
		return ds
	}
	last := ds[most-1]
	last.Rule, last.Message = RuleSize, fmt.Sprintf("%d more problems from here on", len(ds)-most+1)
	return append(ds[:most-1:most-1], last)
}

// WithSource is ds in which the diagnostics that point into one of the files
// and have no source line yet have got it, for diagnostics that come from
// positions alone. Credentials in URLs are starred out of the line.
func (ds Diagnostics) WithSource(files ...File) Diagnostics {
	type place struct{ branch, path string }
	split := map[place][]string{}
	for i, d := range ds {
		if d.Line == 0 || d.Source != "" {
			continue
		}
		at := place{d.Branch, d.File}
		if _, ok := split[at]; !ok {
			split[at] = sourceLines(files, d.Position)
		}
		if all := split[at]; d.Line <= len(all) {
			ds[i].Source = all[d.Line-1]
		}
	}
	return ds
}

// sourceLines is the lines of the file that p is in, as they may be shown.
func sourceLines(files []File, p Position) []string {
	i := slices.IndexFunc(files, func(f File) bool { return f.Branch == p.Branch && f.Path == p.File })
	if i < 0 {
		return nil
	}
	all := lines(bytes.TrimPrefix(files[i].Data, []byte(byteOrderMark)))
	for i := range all {
		all[i] = redacted(all[i])
	}
	return all
}

// node is a YAML node where it is used: behind an alias, the content is that of
// the anchor and the position that of the alias.
type node struct {
	*yaml.Node
	pos Position
}

// resolve is the node n as it is used. It follows aliases to their end; that
// there is one was checked by withinLimits.
func (d *document) resolve(n *yaml.Node) node {
	at := d.at(n.Line, n.Column)
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return node{Node: n, pos: at}
}
