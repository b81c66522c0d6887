package schema

// Deployment is a parsed deployment document of schemaVersion 1, as written:
// placeholders in headers are not resolved yet.
type Deployment struct {
	Name     string   // from the file's name
	Pos      Position // the document's start
	Versions []DeploymentVersion
	Aliases  []Alias

	// Of a document with diagnostics: whether there may be more versions or
	// aliases than the above, because some could not be read.
	UnreadVersions, UnreadAliases bool
}

// DeploymentVersion is one numbered version and where it answers.
type DeploymentVersion struct {
	Number  Value[int]      // above 0; in a document with diagnostics, 0 if it could not be read
	URLs    []Value[string] // at least one; absolute http or https URLs without credentials, query or fragment
	Methods []Value[string] // upper case; empty: any
	Rules
	Serving Serving // as written for it, or else for all versions
}

// Header is a header field with a value that may hold ${env:NAME} and
// ${file:PATH} placeholders.
type Header struct {
	Name  Value[string] // canonical
	Value Value[string]
}

// Alias is a name for a numbered version.
type Alias struct {
	Name    Value[string] // in a document with diagnostics, empty if it could not be read
	Version Value[int]
}
