//go:build !unix

package upstream

// peekSocket cannot look without reading here; the retry rules alone must do.
func (c *conn) peekSocket(uintptr) { c.quiet = true }
