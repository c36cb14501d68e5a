import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerInvalid, CallFailed } from '../client/errors.ts';
import { seededRandom, virtualClock } from '../testing/clock.ts';
import { suite } from './conformance/suite.ts';
import { trip } from './conformance/world.ts';
import { waitsForCodeMs } from './step.ts';

const { named } = suite(virtualClock, () => seededRandom(1));
const outdated = { type: 'about:blank', title: 'Internal Server Error', status: 500, code: 'SW_ANSWER_OUTDATED' };
const unreadable = {
  'that its contract does not promise': new AnswerInvalid('the output of remote.book is not what its contract promises'),
  'that its callee does not declare any more': new CallFailed('remote.book', outdated),
};

for (const [what, error] of Object.entries(unreadable)) {
  named(`a step with an answer ${what} is not undone: it waits for code that can read it, and says so once`, async (sea) => {
    let mended = false;
    sea.callee.answers = {
      book() {
        if (!mended) throw error;
        return { seat: 7 };
      },
    };
    const { engine } = await sea.process([trip]);
    await sea.start(engine);
    await sea.when('it was repeated', async () => {
      await sea.clock.advance(10_000);
      return sea.callee.log.length > 5;
    });
    const { state, attempts, error: waits } = await sea.instance();
    assert.deepEqual([state, attempts, waits], ['running', 0, error.message]);
    mended = true;
    const { journal } = await sea.until('done');
    assert.deepEqual(
      journal.map(({ state: each }) => each),
      ['done', 'done', 'done', 'done'],
    );
    assert.ok(!sea.callee.log.some((one) => one.startsWith('unbook')));
    assert.deepEqual(sea.said, ['error: the step book of trip has an answer of another version, and waits for code that can read it']);
  });
}

test('a step waits for such code for half the time that its callee keeps the answer', () => {
  const hour = 3_600_000;
  for (const error of Object.values(unreadable)) {
    assert.equal(waitsForCodeMs(error, 0, 11 * hour), 30_000);
    assert.equal(waitsForCodeMs(error, 0, 12 * hour), undefined);
  }
  assert.equal(waitsForCodeMs(new Error('no answer'), 0, 1), undefined);
});
