package soak_test

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// tensor is a ModelInferRequest or a ModelInferResponse of the Open Inference Protocol
// with one tensor of one INT64: both have the same field numbers for that.
type tensor struct {
	model, id string
	value     int64
}

// The numbers of the fields, by message.
const (
	messageModel, messageID, messageTensors             = 1, 3, 5
	tensorName, tensorType, tensorShape, tensorContents = 1, 2, 3, 5
	contentsInt64                                       = 3
)

// tensorCodec writes and reads tensors for package grpc.
type tensorCodec struct{}

func (tensorCodec) Name() string { return "proto" }

func (tensorCodec) Marshal(v any) ([]byte, error) {
	m := v.(*tensor)
	contents := appendField(nil, contentsInt64, protowire.AppendVarint(nil, uint64(m.value))) // packed
	var t []byte
	t = appendField(t, tensorName, []byte("x"))
	t = appendField(t, tensorType, []byte("INT64"))
	t = appendField(t, tensorShape, protowire.AppendVarint(nil, 1))
	t = appendField(t, tensorContents, contents)
	var out []byte
	out = appendField(out, messageModel, []byte(m.model))
	out = appendField(out, messageID, []byte(m.id))
	return appendField(out, messageTensors, t), nil
}

func appendField(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func (tensorCodec) Unmarshal(data []byte, v any) error {
	m := v.(*tensor)
	model, err := field(data, messageModel)
	if err != nil {
		return err
	}
	id, err := field(data, messageID)
	if err != nil {
		return err
	}
	value, err := field(data, messageTensors, tensorContents, contentsInt64)
	if err != nil {
		return err
	}
	n, length := protowire.ConsumeVarint(value)
	*m = tensor{string(model), string(id), int64(n)}
	return protowire.ParseError(min(length, 0))
}

// field is the field that a way of numbers leads to.
func field(data []byte, way ...protowire.Number) ([]byte, error) {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 || kind != protowire.BytesType {
			return nil, errors.New("not a message of the protocol")
		}
		value, length := protowire.ConsumeBytes(data[n:])
		switch {
		case length < 0:
			return nil, protowire.ParseError(length)
		case number == way[0] && len(way) == 1:
			return value, nil
		case number == way[0]:
			return field(value, way[1:]...)
		}
		data = data[n+length:]
	}
	return nil, errors.New("the message lacks a field")
}
