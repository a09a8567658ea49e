import { describe, expect, it } from 'vitest'
import { formatDuration, goDuration, parseDuration, roundDuration, splitDuration } from './duration'
import { formatBytes, formatCount, formatRate, formatShare, formatShort } from './number'
import { msOf, nanosSince, timeTicks } from './time'

describe('durations', () => {
  it.each([
    [0, '0 ms'],
    [1, '1 ns'],
    [999, '999 ns'],
    [1000, '1.00 µs'],
    [999_600, '1.00 ms'],
    [1_234_000, '1.23 ms'],
    [12_340_000, '12.3 ms'],
    [99_960_000, '100 ms'],
    [999_400_000, '999 ms'],
    [1e9, '1.00 s'],
    [59.9e9, '59.9 s'],
    [60e9, '1m 00s'],
    [125e9, '2m 05s'],
    [3600e9, '1h 00m'],
    [5400e9, '1h 30m'],
    [-2_500_000, '−2.50 ms'],
  ])('%d ns reads %s', (ns, text) => expect(formatDuration(ns)).toBe(text))

  it('splits value and unit for alignment', () => expect(splitDuration(825_000)).toEqual({ value: '825', unit: 'µs' }))

  it.each([
    ['50ms', 50e6],
    ['1.5s', 1.5e9],
    ['1m30s', 90e9],
    ['20', 20e6],
    [' 250 µs ', 250e3],
    ['3us', 3e3],
    ['', null],
    ['fast', null],
    ['10 parsecs', null],
    ['-5ms', null],
  ])('reads %j', (text, ns) => expect(parseDuration(text)).toBe(ns))

  it.each([50e6, 1.5e9, 90e9, 1, 1_500_000, 123_456_789])('writes %d ns so that it reads back', (ns) =>
    expect(parseDuration(goDuration(ns))).toBe(ns),
  )

  it('rounds hand-drawn bounds outward, to two digits', () => {
    expect(roundDuration(123_456, false)).toBe(120_000)
    expect(roundDuration(123_456, true)).toBe(130_000)
    expect(roundDuration(120_000, true)).toBe(120_000)
    expect(roundDuration(3, false)).toBe(3)
  })
})

describe('numbers', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1234567, '1,234,567'],
  ])('%d is grouped as %s', (n, text) => expect(formatCount(n)).toBe(text))

  it.each([
    [999, '999'],
    [1234, '1.23k'],
    [999_900, '1.00M'],
    [45_600_000, '45.6M'],
  ])('%d is shortened to %s', (n, text) => expect(formatShort(n)).toBe(text))

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.50 KiB'],
    [100 * 2 ** 20, '100 MiB'],
    [20 * 2 ** 30, '20.0 GiB'],
  ])('%d bytes read %s', (n, text) => expect(formatBytes(n)).toBe(text))

  it('never rounds something to nothing, nor nearly all to all', () => {
    expect(formatShare(0, 100)).toBe('0%')
    expect(formatShare(1, 1_000_000)).toBe('<0.01%')
    expect(formatShare(5, 959)).toBe('0.52%')
    expect(formatShare(9999, 10_000)).toBe('99.9%')
    expect(formatShare(3, 3)).toBe('100%')
    expect(formatShare(0, 0)).toBe('0%')
    expect(formatRate(1, 86400)).toBe('<0.01')
    expect(formatRate(0, 60)).toBe('0')
    expect(formatRate(7200, 3600)).toBe('2.00')
  })
})

describe('time', () => {
  it('keeps the microseconds of decimal nanoseconds', () => {
    expect(msOf('1795434750296795123')).toBeCloseTo(1795434750296.795, 3)
    expect(msOf('1500000')).toBe(1.5)
  })
  it('subtracts exactly', () => expect(nanosSince(1795434750296795123n, '1795434750296795124')).toBe(1))
  it('gives round ticks within the range', () => {
    const { step, at } = timeTicks(Date.UTC(2026, 0, 1, 10, 3), Date.UTC(2026, 0, 1, 11, 3), 7)
    expect(step).toBe(600_000)
    expect(at.length).toBe(6)
    expect(at.every((t) => t % 600_000 === 0)).toBe(true)
  })
})
