// Package schema parses the documents that people commit and says what is wrong
// with them. It owns the forms of endpoints, deployments, API keys and the
// configuration file, positions and diagnostics, and the JSON Schemas for editors.
// It is the only package that knows YAML.
//
// A document is parsed by itself: whether what it names exists is for the
// packages deployments and endpoints to say, which report Diagnostics of the
// same kind.
//
//	files, problems := schema.Documents(tree, "", schema.EndpointsFolder)
//	for _, f := range files {
//		endpoint, more := schema.ParseEndpoint(f)
//		...
//	}
//
// A Folder does the same for one revision after another and parses only what has
// changed.
//
// What it guarantees:
//
//   - All problems of a file are reported at once, in order, each at its line
//     and column: up to 100 of one file, and then how many more there are.
//   - A value without a problem holds what its type's comments say, so that
//     nobody has to check it again. What comes with problems is only there for
//     further checks, so that people see all problems at once.
//   - No input panics or takes long. Files are at most 64 KiB, nest at most 64
//     levels, and may not grow beyond fixed limits by their aliases.
//   - Nothing is guessed. Numbers are plain decimal, only true and false are
//     booleans (yes, no, on and off are texts, as in YAML 1.2), what reads as a
//     number or a date must be quoted to be a text, and tags are not taken.
//     Anchors, aliases and merge keys (<<) are. A byte order mark at the start
//     is passed over; line ends are LF, CR LF or CR.
//
// All functions may be called concurrently; what they return belongs to the
// caller. A Folder is for one goroutine at a time, and what it returns for nobody
// to change.
package schema
