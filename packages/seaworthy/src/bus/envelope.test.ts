import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedEnvelope, envelope } from './envelope.ts';
import { EnvelopeInvalid } from './errors.ts';

const good = envelope({ id: 'a', service: 'orders', event: 'placed', key: 'k', now: 0, data: {} });

test('id, type and key of an event are texts that every database keeps as keys', () => {
  for (const attribute of ['id', 'type', 'partitionkey']) {
    assert.ok(checkedEnvelope({ ...good, [attribute]: '\u{1F600}'.repeat(127) }));
    for (const value of ['', 'x'.repeat(256), 'a\0b', 'half \ud83d', 7, undefined])
      assert.throws(
        () => checkedEnvelope({ ...good, [attribute]: value }),
        (error: unknown) => error instanceof EnvelopeInvalid && new RegExp(`: ${attribute} must be .* 255 characters`).test(error.message),
        `${attribute} ${value}`,
      );
  }
});
