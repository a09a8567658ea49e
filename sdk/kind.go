package twinspan

// Kind says on which side of which sort of invocation a span is.
type Kind uint8

// The kinds of spans. Client and Producer spans are the calling half, Server and Consumer spans the called one.
const (
	Internal Kind = iota
	Client
	Server
	Producer
	Consumer
)

// String gives the text of "span.kind" in the logs.
func (k Kind) String() string {
	switch k {
	case Client:
		return "client"
	case Server:
		return "server"
	case Producer:
		return "producer"
	case Consumer:
		return "consumer"
	}
	return "internal"
}

// calls says that the span is the calling half: what starts locally below it is numbered in its branch ".0".
func (k Kind) calls() bool { return k == Client || k == Producer }
