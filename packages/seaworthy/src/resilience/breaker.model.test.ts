import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runtime } from '../core/runtime.ts';
import { seededRandom } from '../testing/clock.ts';
import { type Admission, type BreakerMode, type BreakerState, breaker } from './breaker.ts';
import type { BreakerOptions } from './settings.ts';

const openMs = 100;
const leaseMs = 500;
const windowMs = 1000;
const slowMs = 50;

interface Rules {
  readonly failures: number;
  readonly failureRate: number;
  readonly slowRate: number;
  readonly minimumCalls: number;
  readonly successes: number;
  readonly probeFailures: number;
  readonly probes: number;
}

type How = 'well' | 'badly' | 'ignored';
interface Call {
  readonly at: number;
  readonly era: number;
}

/** A plain model of a breaker, which remembers every call and derives its state from all of them. */
class Model {
  state: BreakerState = 'closed';
  mode: BreakerMode = 'auto';
  era = 0;
  openUntil = 0;
  well = 0;
  bad = 0;
  probes: Call[] = [];
  failuresInARow = 0;
  past: { readonly at: number; readonly badly: boolean; readonly slow: boolean }[] = [];
  rules: Rules;

  constructor(rules: Rules) {
    this.rules = rules;
  }

  #to(state: BreakerState): void {
    this.state = state;
    this.era++;
    this.well = 0;
    this.bad = 0;
    this.probes = [];
  }

  #open(now: number): void {
    this.#to('open');
    this.openUntil = now + openMs;
  }

  set(mode: BreakerMode): void {
    if (mode === this.mode) return;
    this.mode = mode;
    this.era++;
    this.well = 0;
    this.bad = 0;
    this.probes = [];
  }

  reload(rules: Rules): void {
    this.rules = rules;
    this.era++;
    this.probes = [];
  }

  admit(now: number): Call | undefined {
    if (this.mode === 'forced-open') return undefined;
    if (this.mode !== 'auto') return { at: now, era: this.era };
    if (this.state === 'open') {
      if (now < this.openUntil) return undefined;
      this.#to('half-open');
    }
    if (this.state === 'half-open') {
      for (const probe of [...this.probes]) {
        if (now - probe.at < leaseMs) continue;
        this.probes = this.probes.filter((one) => one !== probe);
        if (++this.bad > this.rules.probeFailures) {
          this.#open(now);
          return undefined;
        }
      }
      if (this.probes.length >= this.rules.probes) return undefined;
    }
    const call = { at: now, era: this.era };
    if (this.state === 'half-open') this.probes.push(call);
    return call;
  }

  end(call: Call, how: How, now: number): void {
    if (call.era !== this.era || this.mode === 'disabled' || this.mode === 'forced-open') return;
    if (this.state === 'half-open' && this.mode === 'auto') {
      if (!this.probes.includes(call)) return;
      this.probes = this.probes.filter((one) => one !== call);
      if (how === 'badly' && ++this.bad > this.rules.probeFailures) this.#open(now);
      if (how === 'well' && ++this.well >= this.rules.successes) {
        this.#to('closed');
        this.failuresInARow = 0;
        this.past = [];
      }
      return;
    }
    if (how === 'ignored') return;
    this.failuresInARow = how === 'badly' ? this.failuresInARow + 1 : 0;
    this.past.push({ at: now, badly: how === 'badly', slow: now - call.at >= slowMs });
    const { failures, failureRate, slowRate, minimumCalls } = this.rules;
    const seen = this.inWindow(now);
    const rate = (count: number): number => count / seen.length;
    const rated = seen.length >= minimumCalls;
    const trips =
      (how === 'badly' && this.failuresInARow >= failures) ||
      (rated &&
        (rate(seen.filter(({ badly }) => badly).length) >= failureRate || rate(seen.filter(({ slow }) => slow).length) >= slowRate));
    if (trips && this.mode === 'auto') this.#open(now);
  }

  /** The time in steps of a tenth of the window. */
  inWindow(now: number): typeof this.past {
    const bucket = (at: number): number => Math.floor(at / (windowMs / 10));
    return this.past.filter(({ at }) => bucket(at) > bucket(now) - 10);
  }
}

const rules: fc.Arbitrary<Rules> = fc.record({
  failures: fc.constantFrom(1, 2, 3, 4, 1000),
  failureRate: fc.constantFrom(0.3, 0.5, 1),
  slowRate: fc.constantFrom(0.5, 1),
  minimumCalls: fc.integer({ min: 1, max: 6 }),
  successes: fc.integer({ min: 1, max: 3 }),
  probeFailures: fc.integer({ min: 0, max: 2 }),
  probes: fc.integer({ min: 1, max: 3 }),
});
const optionsOf = (chosen: Rules): BreakerOptions => ({
  ...chosen,
  slowAfter: `${slowMs}ms`,
  window: `${windowMs}ms`,
  openFor: `${openMs}ms`,
  probeLease: `${leaseMs}ms`,
});

const step = fc.oneof(
  { weight: 10, arbitrary: fc.constant({ do: 'call' } as const) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat(20),
      how: fc.constantFrom<How>('well', 'well', 'badly', 'badly', 'badly', 'ignored'),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 10, 49, 50, 99, 100, 101, 500, 1000, 3000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      mode: fc.constantFrom<BreakerMode>('auto', 'auto', 'forced-open', 'disabled', 'metrics-only'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reload' as const), rules }) },
);

test('the breaker agrees with its plain model in a thousand random schedules', () => {
  const seen = new Set<string>();
  const schedule = fc.property(fc.array(step, { maxLength: 120, size: 'max' }), rules, (steps, chosen) => {
    const model = new Model(chosen);
    const real = breaker({ runtime: runtime({ random: seededRandom(1) }), ...optionsOf(chosen) });
    const calls: { readonly modelled: Call; readonly admitted: Admission }[] = [];
    let now = 0;
    for (const one of steps) {
      if (one.do === 'wait') now += one.ms;
      else if (one.do === 'set') {
        model.set(one.mode);
        real.set(one.mode);
      } else if (one.do === 'reload') {
        model.reload(one.rules);
        real.configure(optionsOf(one.rules));
      } else if (one.do === 'call') {
        const modelled = model.admit(now);
        let admitted: Admission | undefined;
        try {
          admitted = real.admit(now);
        } catch {
          admitted = undefined; // the model says whether it should be
        }
        assert.equal(admitted !== undefined, modelled !== undefined, `admitted at ${now}`);
        if (admitted && modelled) calls.push({ modelled, admitted });
      } else if (calls.length > 0) {
        const [{ modelled, admitted }] = calls.splice(one.which % calls.length, 1) as [(typeof calls)[number]];
        model.end(modelled, one.how, now);
        if (one.how === 'well') real.succeeded(admitted, now);
        else if (one.how === 'badly') real.failed(admitted, now, new Error('failed'));
        else real.ignored(admitted);
      }
      assert.equal(real.state, model.state);
      assert.equal(real.mode, model.mode);
      assert.equal(real.counts.failuresInARow, model.failuresInARow);
      seen.add(`${real.mode} ${real.state}`);
    }
  });
  fc.assert(schedule, { numRuns: 1000, seed: 42 });
  assert.equal(seen.size, 12, 'the schedules led through every state in every mode');
});
