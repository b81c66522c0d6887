package migrate

import "github.com/switchyard-gateway/switchyard/schema"

// Result is what a configuration was turned into.
type Result struct {
	Files []File // sorted by path
	Notes []Note // in the order of the configuration
}

// File is a document to be committed.
type File struct {
	Path string // relative to the root of the repository, slash-separated
	Text string
}

// Note is something that a person has to know: what was not carried over, or
// means something else now.
type Note struct {
	schema.Position
	Message string
}
