package schema

// ParseEndpoint parses an endpoint document. The endpoint is nil when there is
// any diagnostic: what is parsed is valid by itself.
func ParseEndpoint(f File) (*Endpoint, Diagnostics) { panic("not yet") }

// ParseDeployment parses a deployment document. The deployment is nil when
// there is any diagnostic.
func ParseDeployment(f File) (*Deployment, Diagnostics) { panic("not yet") }

// Documents lists and reads the documents in one folder of a tree, sorted by
// path. branch is as in Position: empty for the endpoints branch. Entries that
// are no documents (other endings, folders) are passed over; entries that ought
// to be and cannot (not regular files, bad names, too large, .yml beside .yaml)
// are diagnostics.
func Documents(t Tree, branch, folder string) ([]File, Diagnostics) { panic("not yet") }
