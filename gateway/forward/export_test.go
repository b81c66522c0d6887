package forward

// Messages are those of an answer of gRPC, for the fuzz test.
type Messages struct{ m messages }

// Pass takes the bytes that come next.
func (m *Messages) Pass(p []byte) { m.m.pass(p) }

// Between reports whether the last message is whole.
func (m *Messages) Between() bool { return m.m.between() }
