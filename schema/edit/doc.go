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
// Lines of comment directly above an entry and indented as it is belong to it:
// they go when it is removed, and so do the lines that it has to itself, in braces as
// well.
package edit
