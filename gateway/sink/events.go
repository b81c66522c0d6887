package sink

// EventSink is the value of the field event for what becomes of receivers.
const EventSink = "sink"

// FieldSink names the sink in these events.
const FieldSink = "sink"
