import assert from 'node:assert/strict';
import { type Case, caseOf } from '../../core/case.ts';
import { type Runtime, runtime } from '../../core/runtime.ts';
import { breaker } from '../../resilience/breaker.ts';
import { bulkhead } from '../../resilience/bulkhead.ts';
import { BreakerOpen } from '../../resilience/errors.ts';
import { policyOn } from '../../resilience/policy.ts';
import { type CallPolicies, caller } from '../caller.ts';
import { Unreachable } from '../errors.ts';
import type { InstanceSource } from '../instance-source.ts';
import type { Transport } from '../transport.ts';
import { things } from './things.ts';

/** A source that is open. */
export interface Listing {
  readonly source: InstanceSource;
  /** Closes the source. The suite calls it once, at the end of a case. */
  close?(): Promise<void>;
}

/** A source that changes, and a way to change it. */
export interface ChangingListing extends Listing {
  readonly source: Required<InstanceSource>;
  /** Makes the source list these; it may take its time. */
  change(addresses: readonly string[]): Promise<void> | void;
}

const shown = (source: InstanceSource): string =>
  source
    .current()
    .map(({ at }) => at)
    .sort()
    .join('');

/** Changes the list, and waits until the source lists it. */
async function changeTo({ source, change }: ChangingListing, names: string): Promise<void> {
  const listed = Promise.withResolvers<void>();
  const check = (): void => {
    if (shown(source) === names) listed.resolve();
  };
  const leave = source.watch(check);
  await change([...names]);
  check();
  await listed.promise;
  leave();
}

/** A caller of a service whose instances answer with their own address, unless a case holds them up or makes them fail. */
function calling(source: InstanceSource, policies: (on: Runtime) => CallPolicies = () => ({})) {
  const on = runtime();
  const sent: string[] = [];
  const opened: string[] = [];
  const closed: string[] = [];
  const sick = new Set<string>();
  /** What an instance waits for before it answers. */
  const held = new Map<string, Promise<void>>();
  const connect = ({ at }: { readonly at: string }): Transport => {
    opened.push(at);
    return {
      async send() {
        sent.push(at);
        await held.get(at);
        if (sick.has(at)) throw new Unreachable(`${at} does not answer`);
        return { kind: 'output', output: { said: at } };
      },
      async close() {
        closed.push(at);
      },
    };
  };
  const call = caller({ runtime: on, policyOf: () => policyOn(on), transportOf: () => ({ source, connect }), ...policies(on) });
  const ask = async (): Promise<unknown> => ((await call(things.ask, {})) as { readonly said: unknown }).said;
  /** Asks so often that each instance must have been asked, and says which were. */
  const round = async (): Promise<string> => {
    const said = new Set<unknown>();
    for (let time = 0; time < 2 * source.current().length; time++) said.add(await ask());
    return [...said].sort().join('');
  };
  return { sent, opened, closed, sick, held, call, ask, round };
}

function suite<L extends Listing>(open: (addresses: readonly string[]) => Promise<L> | L) {
  return (name: string, addresses: readonly string[], body: (listing: L) => Promise<void>): Case =>
    caseOf(name, async () => {
      const listing = await open(addresses);
      try {
        await body(listing);
      } finally {
        await listing.close?.();
      }
    });
}

/**
 * Returns the suite of the source port, which every source runs as a whole. `open` opens a source that lists the addresses, once for
 * each case. A source that changes runs `changingInstanceSourceConformance` as well.
 */
export function instanceSourceConformance(open: (addresses: readonly string[]) => Promise<Listing> | Listing): readonly Case[] {
  const named = suite(open);
  return [
    named('a list has each address once', ['a', 'b', 'a'], async ({ source }) => assert.equal(shown(source), 'ab')),
    named('a list that was returned cannot be changed', ['a', 'b'], async ({ source }) => {
      assert.throws(() => (source.current() as { at: string }[]).pop(), TypeError);
      assert.equal(shown(source), 'ab');
    }),
    named('a caller sends calls to all instances', ['a', 'b', 'c'], async ({ source }) => {
      const { round, opened } = calling(source);
      assert.equal(await round(), 'abc');
      assert.deepEqual(opened.sort(), ['a', 'b', 'c']);
    }),
    named('a call to a service without instances rejects, and names the service', [], async ({ source }) => {
      const { ask } = calling(source);
      await assert.rejects(
        ask(),
        (error) => error instanceof Unreachable && error.absent && /^things has no instance now/.test(error.message),
      );
    }),
    named('a caller that closes closes every transport once, and refuses later calls', ['a', 'b'], async ({ source }) => {
      const { round, call, ask, closed } = calling(source);
      await round();
      await call.close();
      await call.close();
      assert.deepEqual(closed.sort(), ['a', 'b']);
      await assert.rejects(ask(), Unreachable);
      const unused = calling(source);
      await unused.call.close();
      await assert.rejects(unused.ask(), Unreachable);
      assert.deepEqual(unused.opened, []);
    }),
  ];
}

/** Returns the suite of sources that change. `open` opens a source that lists the addresses, once for each case. */
export function changingInstanceSourceConformance(
  open: (addresses: readonly string[]) => Promise<ChangingListing> | ChangingListing,
): readonly Case[] {
  const named = suite(open);
  return [
    named('a change makes a new list, tells every listener once, and leaves earlier lists as they were', ['a'], async (listing) => {
      const { source } = listing;
      const heard: string[] = [];
      const leave = [1, 2].map((listener) => source.watch(() => heard.push(`${listener}${shown(source)}`)));
      const earlier = source.current();
      await changeTo(listing, 'ab');
      assert.deepEqual(heard.splice(0).sort(), ['1ab', '2ab']);
      assert.equal(earlier.length, 1);
      await listing.change(['b', 'a']);
      await changeTo(listing, 'b');
      assert.deepEqual(heard.splice(0).sort(), ['1b', '2b']);
      leave[0]?.();
      leave[0]?.();
      await changeTo(listing, 'abc');
      assert.deepEqual(heard, ['2abc']);
      leave[1]?.();
    }),
    named('an instance that joins is used at once', ['a'], async (listing) => {
      const { round } = calling(listing.source);
      assert.equal(await round(), 'a');
      await changeTo(listing, 'ab');
      assert.equal(await round(), 'ab');
    }),
    named(
      'an instance that leaves gets no new calls, its running call ends, and its transport is closed then',
      ['a', 'b'],
      async (listing) => {
        const { sent, closed, held, ask, round } = calling(listing.source);
        await round();
        sent.length = 0;
        const hold = Promise.withResolvers<void>();
        held.set('b', hold.promise);
        const running = [ask(), ask()];
        await changeTo(listing, 'a');
        sent.length = 0;
        assert.equal(await round(), 'a');
        assert.deepEqual([new Set(sent), closed], [new Set(['a']), []]);
        hold.resolve();
        assert.deepEqual((await Promise.all(running)).sort(), ['a', 'b']);
        assert.deepEqual(closed, ['b']);
      },
    ),
    named('an instance that returns before its last call has ended keeps its transport', ['a'], async (listing) => {
      const { opened, closed, held, ask } = calling(listing.source);
      const hold = Promise.withResolvers<void>();
      held.set('a', hold.promise);
      const running = ask();
      await changeTo(listing, '');
      await changeTo(listing, 'a');
      hold.resolve();
      assert.deepEqual([await running, await ask()], ['a', 'a']);
      assert.deepEqual([opened, closed], [['a'], []]);
    }),
    named('an attempt that waits for an instance that leaves goes to another', ['a', 'b'], async (listing) => {
      const { sent, closed, held, ask } = calling(listing.source, (on) => ({
        policyOf: () => policyOn(on),
        guardOf: (_, at = '') => policyOn(on, bulkhead({ name: at, limit: 1, queue: 9 })),
      }));
      const [a, b] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      held.set('a', a.promise).set('b', b.promise);
      // Each instance has one call, and one that waits for it.
      const calls = Array.from({ length: 4 }, ask);
      await changeTo(listing, 'b');
      a.resolve();
      b.resolve();
      assert.deepEqual((await Promise.all(calls)).sort(), ['a', 'b', 'b', 'b']);
      assert.deepEqual([sent.sort(), closed], [['a', 'b', 'b', 'b'], ['a']]);
    }),
    named('the guard of an instance that stays keeps its state', ['a'], async (listing) => {
      const tripping = (on: Runtime): CallPolicies => ({
        guardOf: (_, at = '') => policyOn(on, breaker({ name: at, failures: 1, openFor: '1h' })),
      });
      const { sick, ask } = calling(listing.source, tripping);
      sick.add('a');
      await assert.rejects(ask(), Unreachable);
      await changeTo(listing, 'ab');
      await changeTo(listing, 'a');
      sick.clear();
      await assert.rejects(ask(), BreakerOpen);
    }),
    named('an empty list rejects calls, and the first instance that joins is used', ['a'], async (listing) => {
      const { ask, closed } = calling(listing.source);
      await ask();
      await changeTo(listing, '');
      assert.deepEqual(closed, ['a']);
      await assert.rejects(ask(), (error) => error instanceof Unreachable && /^things has no instance now/.test(error.message));
      await changeTo(listing, 'b');
      assert.equal(await ask(), 'b');
    }),
    named('a caller that is closed does not follow changes', ['a'], async (listing) => {
      const { ask, call, opened } = calling(listing.source);
      await ask();
      await call.close();
      await changeTo(listing, 'ab');
      assert.deepEqual(opened, ['a']);
    }),
  ];
}
