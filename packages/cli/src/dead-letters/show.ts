import { shownLetter } from '../secrets.ts';
import type { Where } from '../stores.ts';
import { ago, columns, paint, print, printJson, timeOfDay, truncate } from '../terminal.ts';
import { findDeadLetter, onDeadLetterStores } from './dead-letter-stores.ts';

/** Prints one dead letter with its data and its attempts. */
export async function show(id: string, options: Where & { readonly json?: boolean }): Promise<void> {
  await onDeadLetterStores(options, async (stores, { clock }) => {
    const { store, letter: kept } = await findDeadLetter(stores, id);
    const letter = shownLetter(store.service, kept);
    if (options.json) return printJson(letter);
    const { consumer, type, key, reason, at, envelope, text, history } = letter;
    const line = (name: string, value: string): void => print(`${paint('dim', name.padEnd(11))}${value}`);
    print(`${paint('bold', type)} ${id}`);
    line('service', consumer);
    line('key', key);
    line('published', envelope?.time ?? 'unknown');
    line('dead since', `${new Date(at).toISOString()}, ${ago(at, clock.now())}`);
    line('reason', reason);
    if (envelope) print(`\n${paint('dim', 'data')}\n${JSON.stringify(envelope.data, null, 2)}`);
    else print(`\n${paint('dim', 'unreadable')}\n${text}`);
    print(`\n${paint('dim', 'attempts')}`);
    for (const { attempt, at: when, error } of history) {
      print(
        `${String(attempt).padStart(3)}  ${timeOfDay(when)}  ${paint('red', error.name)}: ${truncate(error.message, (columns() ?? 10_000) - 24)}`,
      );
      for (const { path, message } of error.issues ?? []) print(`     ${path}: ${message}`);
    }
  });
}
