package schema

import "io/fs"

// Revision is what one check and one compile read: the trees of the endpoints
// branch and of every other branch that a backend or mirror names, at the
// commits at which they were read together.
type Revision struct {
	Branch string          // the endpoints branch, such as "main"
	Trees  map[string]Tree // by branch, with Branch among them; a named branch that is missing here does not exist
}

// Tree is one branch at one commit.
type Tree struct {
	Commit string // full object name; empty for a work tree
	FS     fs.FS  // rooted at the tree's root, so that "endpoints" and "deployments" are its folders
}

// File is one committed document before it is parsed.
type File struct {
	Branch string // as in Position
	Path   string // such as "endpoints/pricing.yaml"
	Data   []byte
}
