package traceql

import "strconv"

// parser reads one token ahead. Expressions of spans and of sets of spans are read by precedence; what is what comes from
// the operands.
type parser struct {
	lexer
	token token
	depth int
}

// maxNesting bounds parentheses within each other.
const maxNesting = 100

func (p *parser) advance() *ParseError {
	t, err := p.next()
	if err == nil {
		p.token = t
	}
	return err
}

func (p *parser) expected(what string) *ParseError {
	return failAt(p.token.at, max(p.token.end, p.token.at+1), "expected %s, found %s", what, p.token.describe())
}

func (p *parser) take(symbol string) *ParseError {
	if !p.token.is(symbol) {
		return p.expected(strconv.Quote(symbol))
	}
	return p.advance()
}

// enter counts a level of nesting.
func (p *parser) enter() *ParseError {
	if p.depth++; p.depth > maxNesting {
		return failAt(p.token.at, p.token.end, "more than %d parentheses within each other", maxNesting)
	}
	return nil
}

func (p *parser) attributeAlone() (a Attribute, err *ParseError) {
	if err = p.advance(); err != nil {
		return a, err
	}
	if p.token.kind != tokenAttribute {
		return a, p.expected("an attribute")
	}
	a = p.token.attr
	if err = p.advance(); err == nil && p.token.kind != tokenEnd {
		err = p.expected("the end of the attribute")
	}
	return a, err
}

func (p *parser) query() (*Query, *ParseError) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind == tokenEnd {
		return nil, failAt(0, 0, "the query is empty: { } finds all spans")
	}
	q := &Query{Pipeline: &Pipeline{}}
	for {
		if q.Metrics == nil && p.isMetrics() {
			if len(q.Pipeline.Stages) == 0 {
				return nil, failAt(p.token.at, p.token.end, "%s needs spans to work on: begin with { } |", p.token.text)
			}
			m, err := p.metrics()
			if err != nil {
				return nil, err
			}
			q.Metrics = m
		} else if q.Metrics != nil {
			r, err := p.rank()
			if err != nil {
				return nil, err
			}
			q.Rank = r
		} else {
			at, end := p.token.at, p.token.end
			s, err := p.stage()
			if err != nil {
				return nil, err
			}
			if kindOf(s) != kindSpans {
				return nil, failAt(at, end, "%s is a number and finds nothing by itself: compare it, such as %s > 2", s, s)
			}
			q.Pipeline.Stages = append(q.Pipeline.Stages, s)
		}
		if !p.token.is("|") {
			break
		}
		if q.Rank != nil {
			return nil, failAt(p.token.at, p.token.end, "nothing can follow %s", q.Rank)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if p.token.kind == tokenWord && p.token.text == "with" {
		if err := p.hints(); err != nil {
			return nil, err
		}
	}
	if p.token.kind != tokenEnd {
		what := `an operator, "|" or the end of the query`
		if q.Metrics != nil {
			what = `"|" or the end of the query`
		}
		return nil, p.expected(what)
	}
	return q, nil
}

// hints reads with(name=value, …), which tell Tempo how to work, and passes over them: they change no answer.
func (p *parser) hints() *ParseError {
	if err := p.advance(); err != nil {
		return err
	}
	if err := p.take("("); err != nil {
		return err
	}
	for {
		if p.token.kind != tokenWord {
			return p.expected("the name of a hint")
		}
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.take("="); err != nil {
			return err
		}
		if p.token.kind != tokenValue {
			return p.expected("the value of the hint")
		}
		if err := p.advance(); err != nil {
			return err
		}
		if !p.token.is(",") {
			return p.take(")")
		}
		if err := p.advance(); err != nil {
			return err
		}
	}
}
