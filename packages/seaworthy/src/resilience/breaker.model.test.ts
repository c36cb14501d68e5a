import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runtime } from '../core/runtime.ts';
import { seededRandom } from '../testing/clock.ts';
import { type Admission, type BreakerState, breaker } from './breaker.ts';

/** A breaker as the pattern book tells it, with everything written out and nothing clever. */
class Model {
  state: BreakerState = 'closed';
  era = 0;
  failuresInARow = 0;
  openUntil = 0;
  well = 0;
  probes: { readonly at: number; readonly era: number }[] = [];
  readonly #failures: number;
  readonly #openMs: number;
  readonly #successes: number;
  readonly #leaseMs: number;

  constructor(failures: number, openMs: number, successes: number, leaseMs: number) {
    this.#failures = failures;
    this.#openMs = openMs;
    this.#successes = successes;
    this.#leaseMs = leaseMs;
  }

  #to(state: BreakerState): void {
    this.state = state;
    this.era++;
    this.failuresInARow = 0;
    this.well = 0;
    this.probes = [];
  }

  #open(now: number): void {
    this.#to('open');
    this.openUntil = now + this.#openMs;
  }

  admit(now: number): { readonly at: number; readonly era: number } | undefined {
    if (this.state === 'open') {
      if (now < this.openUntil) return undefined;
      this.#to('half-open');
    }
    if (this.state === 'half-open') {
      if (this.probes.some((probe) => now - probe.at >= this.#leaseMs)) {
        this.#open(now);
        return undefined;
      }
      if (this.probes.length >= this.#successes) return undefined;
    }
    const call = { at: now, era: this.era };
    if (this.state === 'half-open') this.probes.push(call);
    return call;
  }

  end(call: { readonly at: number; readonly era: number }, how: 'well' | 'badly' | 'ignored', now: number): void {
    if (call.era !== this.era) return;
    this.probes = this.probes.filter((probe) => probe !== call);
    if (how === 'ignored') return;
    if (this.state === 'half-open') {
      if (how === 'badly') this.#open(now);
      else if (++this.well >= this.#successes) this.#to('closed');
      return;
    }
    this.failuresInARow = how === 'badly' ? this.failuresInARow + 1 : 0;
    if (this.failuresInARow >= this.#failures) this.#open(now);
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ do: 'call' } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat(20),
      how: fc.constantFrom('well' as const, 'badly' as const, 'badly' as const, 'ignored' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 10, 99, 100, 101, 500, 1000) }) },
);

test('a thousand schedules: the breaker does what its plain model does', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      (steps, failures, successes) => {
        const model = new Model(failures, 100, successes, 500);
        const real = breaker({ runtime: runtime({ random: seededRandom(1) }), failures, openFor: '100ms', successes, probeLease: '500ms' });
        const calls: { readonly modelled: { at: number; era: number }; readonly admitted: Admission }[] = [];
        let now = 0;
        for (const one of steps) {
          if (one.do === 'wait') now += one.ms;
          else if (one.do === 'call') {
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
        }
      },
    ),
    { numRuns: 1000, seed: 42 },
  );
});
