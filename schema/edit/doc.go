// Package edit changes endpoint documents as a careful person would: the values
// that are meant, and nothing else. Comments, order, quotes, indentation and line
// ends stay byte for byte as they are, outside of the lines that change.
//
// A [Document] is text and the YAML nodes that yaml.v3 finds in it. Each change
// cuts or inserts text at the place of a node. Afterwards the new text is parsed
// again, and is kept only if it holds exactly what the old one held with the
// change made to it, compared node by node with anchors followed. So whatever
// form a file has, a change is right or is refused with an [*Error]; then it has to be
// made by hand.
//
//	d, err := edit.Open(file)
//	err = d.SetWeight("experiment", 10)
//	err = d.AddMirror("candidate", ref, 25)
//	text := d.Bytes()
//
// # What belongs to an entry
//
// An entry that is removed goes with all that belongs to it, and nothing else does. In
// lines and in braces alike that is:
//
//   - its text, from the key to the end of the value, with the comments and line breaks
//     in it;
//   - the lines of comment directly above the line that it begins, indented as that is;
//   - the comment behind it, in the line in which it ends;
//   - the lines of comment directly below that, indented further than the line that it
//     begins, up to those that belong to the next entry;
//   - in braces a comma: the one behind it; or the one before it, if there is none behind
//     it or if that before it begins the line.
//
// A comment above a line that several entries begin, or behind several that end in one
// line, belongs to all of them and goes with the last. A comment behind a brace belongs
// to what the brace closes. All others, and empty lines, belong to the mapping around
// them.
//
// A line of which nothing is left goes with its line break; the others keep theirs. But
// the last entry in braces, if the closing one follows in its line, goes with all that
// is between it and the entry before, as long as no comment of others is.
//
// A new entry stands behind all that belongs to the one that it follows, in a line of its
// own if that has one, and takes none of its comments.
package edit
