package twinotlpgrpc_test

import (
	"fmt"

	"google.golang.org/grpc/credentials/insecure"

	twinspan "github.com/twinspan/twinspan/sdk"
	twinotlpgrpc "github.com/twinspan/twinspan/sdk/contrib/otlpgrpc"
	"github.com/twinspan/twinspan/sdk/export"
)

// The exporter belongs to the tracer that gets it, which closes it.
func ExampleNew() {
	config := twinspan.DefaultConfig("payment")
	exporter, err := twinotlpgrpc.New(export.Config{}, twinotlpgrpc.Target{Endpoint: "127.0.0.1:4317", Credentials: insecure.NewCredentials()},
		config.App, config.Instance)
	if err != nil {
		panic(err)
	}
	config.Exporters = append(config.Exporters, exporter)
	// tracer, err := twinspan.New(config)

	fmt.Println(exporter.Counters().Sent, exporter.Close())
	// Output: 0 <nil>
}
