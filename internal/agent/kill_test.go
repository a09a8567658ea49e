package agent

const childEnv = "TWINSPAN_AGENT_TEST_CHILD"

func child() {}
