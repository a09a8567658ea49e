package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// memqName is the name of the queue as a callee: "<system>:<destination>".
const memqName = "memq:" + topicPaid

// send puts a payment into the queue, in a producer span whose context travels in the message's headers.
func (s *service) send(ctx context.Context, p payment) (err error) {
	load := loadTest(ctx)
	ctx, span := s.tracer.Start(ctx, twinspan.Producer, twinspan.MQSend, "send "+topicPaid)
	defer func() {
		span.SetError(err)
		span.End()
		s.counts.add(edge{
			Side: "client", Caller: s.name, Callee: memqName, Type: "mq", Operation: "send " + topicPaid, LoadTest: load,
		}, err != nil)
	}()
	m := message{From: s.name, Headers: make(map[string]string), Body: p}
	span.Inject(twinspan.MapCarrier(m.Headers))
	span.SetRemoteApp(memqName)
	span.SetRemote(s.peers["queue"])
	span.SetTags(twinspan.String(twinspan.TagTopic, topicPaid), twinspan.String(twinspan.TagBroker, s.peers["queue"]))
	var id string
	if err := s.askQueue(ctx, http.MethodPost, "/topics/"+topicPaid, m, &id); err != nil {
		return err
	}
	span.SetTag(twinspan.TagMessageID, id)
	return nil
}

// consumers work side by side.
const consumers = 2

// consume works on the messages of a topic until ctx is done, each in a consumer span below its producer's. A message for
// which work gives an error is delivered again, in a span of its own.
func (s *service) consume(ctx context.Context, work func(context.Context, payment) error) {
	var running sync.WaitGroup
	for range consumers {
		running.Go(func() {
			for ctx.Err() == nil {
				var m message
				if err := s.askQueue(ctx, http.MethodGet, "/topics/"+topicPaid+"/"+s.name, nil, &m); err != nil {
					pause(ctx, 100*time.Millisecond, 200*time.Millisecond)
				} else if m.ID != "" {
					s.work(context.WithoutCancel(ctx), m, work)
				}
			}
		})
	}
	running.Wait()
}

// work works on one message and settles it.
func (s *service) work(ctx context.Context, m message, work func(context.Context, payment) error) {
	inner, span := s.tracer.StartFrom(ctx, twinspan.MapCarrier(m.Headers), twinspan.Consumer, twinspan.MQConsume, "receive "+m.Topic)
	span.SetRemote(s.peers["queue"])
	span.SetTags(
		twinspan.String(twinspan.TagTopic, m.Topic),
		twinspan.String(twinspan.TagMessageID, m.ID),
		twinspan.String(twinspan.TagBroker, s.peers["queue"]),
		twinspan.String(twinspan.TagConsumerGroup, s.name),
		twinspan.Int("delivery.attempt", int64(m.Attempt)),
	)
	err := work(inner, m.Body)
	span.SetError(err)
	span.End()
	s.counts.add(edge{
		Side: "server", Caller: m.From, Callee: s.name, Type: "mq", Operation: "receive " + m.Topic, LoadTest: loadTest(inner),
	}, err != nil)
	path := "/topics/" + m.Topic + "/" + s.name + "/settle"
	if err != nil {
		path += "?failed"
	}
	if err := s.askQueue(ctx, http.MethodPost, path, m, nil); err != nil {
		fmt.Printf("%s: message %s is not settled: %v\n", s.name, m.ID, err)
	}
}

// askQueue asks the broker, outside of any trace.
func (s *service) askQueue(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pollTime+time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+s.peers["queue"]+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode >= 300:
		return fmt.Errorf("the queue answered %s", answer.Status)
	case answer.StatusCode == http.StatusNoContent || out == nil:
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}
