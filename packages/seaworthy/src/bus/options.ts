import type { SubscribeOptions } from './bus.ts';
import { SubscribeInvalid } from './errors.ts';

/** The options with their defaults. Throws `SubscribeInvalid`. */
export function checkedOptions({ topic, group, handle, concurrency = 64 }: SubscribeOptions): Required<SubscribeOptions> {
  const refuse = (name: string, rule: string): never => {
    throw new SubscribeInvalid(`${name} of the subscription of ${JSON.stringify(group)} to ${JSON.stringify(topic)} ${rule}`);
  };
  if (typeof topic !== 'string' || topic === '') refuse('topic', 'must be a text that is not empty');
  if (typeof group !== 'string' || group === '') refuse('group', 'must be a text that is not empty');
  if (typeof handle !== 'function') refuse('handle', 'must be a function');
  if (!Number.isSafeInteger(concurrency) || concurrency < 1)
    refuse('concurrency', `is ${concurrency}: it must be a whole number from 1 on`);
  return { topic, group, handle, concurrency };
}
