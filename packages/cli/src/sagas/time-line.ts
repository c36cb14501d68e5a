import type { Entry, Instance, SagaState } from 'seaworthy/saga';
import { columns, cut, lasting, padded, paint } from '../terminal.ts';

const colours = { running: 'cyan', undoing: 'yellow', stuck: 'red', done: 'green', undone: 'yellow' } as const;
export const inColour = (state: SagaState): string => paint(colours[state], state);

interface Moment {
  readonly at: number | undefined;
  readonly mark: string;
  readonly what: string;
  readonly detail: string;
  readonly error?: string | undefined;
}

const runs = (count: number | undefined): string => (count !== undefined && count > 1 ? `${count} runs` : '');
const told = (...parts: readonly (string | undefined)[]): string => parts.filter((part) => part !== undefined && part !== '').join(', ');
const brief = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));

function doing(entry: Entry, { state, attempts, error }: Instance, now: number): Moment {
  const { step, began, ended, result } = entry;
  const took = began !== undefined && ended !== undefined && ended > began ? lasting(ended - began) : undefined;
  if (entry.state === 'refused')
    return { at: ended, mark: paint('red', '✗'), what: step, detail: told('refused', took), error: entry.error };
  if (entry.state === 'intended' && ended === undefined && state === 'running') {
    const since = began === undefined ? undefined : `for ${lasting(now - began)}`;
    return { at: began, mark: paint('cyan', '…'), what: step, detail: told('at it', since, runs(attempts + 1)), error };
  }
  if (entry.unseen)
    return {
      at: ended,
      mark: paint('yellow', '?'),
      what: step,
      detail: told('outcome never seen', took, runs(entry.runs)),
      error: entry.error,
    };
  return { at: ended, mark: paint('green', '✓'), what: step, detail: told(took, runs(entry.runs), brief(result)), error: entry.error };
}

function undoing({ step, state, undo }: Entry): Moment | undefined {
  if (state !== 'undone' && state !== 'skipped' && state !== 'stuck') return undefined;
  const word = state === 'stuck' ? 'undo is stuck' : state === 'skipped' ? 'undo given up by a verdict' : 'undone';
  const mark = state === 'stuck' ? paint('red', '!') : paint('yellow', '↶');
  return { at: undo?.ended, mark, what: step, detail: told(word, runs(undo?.runs)), error: undo?.error };
}

function cause({ cause: why, stopping }: Instance): string | undefined {
  if (!why) return stopping === undefined ? undefined : `to be stopped: ${stopping}`;
  if (why.kind === 'stopped') return `stopped: ${why.reason}`;
  if (why.kind === 'declared') return `${why.step} was refused: ${why.name}${why.data === undefined ? '' : ` ${brief(why.data)}`}`;
  return `${why.step} failed: ${why.code === undefined ? '' : `${why.code}: `}${why.message}`;
}

/** The time line of an instance: what was done and undone when, in how many runs, and what is next. */
export function timeLine(service: string, instance: Instance, now: number): readonly string[] {
  const { id, name, key, state, started, changed, journal } = instance;
  const over = state === 'done' || state === 'undone';
  const done = journal.map((entry) => doing(entry, instance, now));
  // Undos run in reverse: so they are told in the order in which they happened.
  const undone = journal.toReversed().flatMap((entry) => undoing(entry) ?? []);
  const moments = [...done, ...undone];
  const head = [
    `${paint('bold', `${service} · ${name}`)}  ${id}`,
    `${paint('dim', 'state  ')} ${inColour(state)} ${over ? `after ${lasting(changed - started)}` : `for ${lasting(now - changed)}`}`,
    ...(key === id ? [] : [`${paint('dim', 'key    ')} ${key}`]),
    `${paint('dim', 'started')} ${new Date(started).toISOString()}`,
    `${paint('dim', 'input  ')} ${cut(brief(instance.input), (columns() ?? 10_000) - 8)}`,
  ];
  const why = cause(instance);
  if (why !== undefined) head.push(`${paint('dim', 'cause  ')} ${cut(why, (columns() ?? 10_000) - 8)}`);
  const width = Math.max(4, ...moments.map(({ what }) => what.length));
  const after = (at: number | undefined): string => (at === undefined ? '' : `+${lasting(at - started)}`).padStart(10);
  const room = (columns() ?? 10_000) - 10 - width - 8;
  const lines = moments.flatMap(({ at, mark, what, detail, error }) => [
    `${paint('dim', after(at))}  ${mark} ${padded(what, width)}  ${cut(detail, room)}`.trimEnd(),
    ...(error === undefined ? [] : [`${' '.repeat(14 + width)}  ${paint('red', cut(error, room))}`]),
  ]);
  const end = over
    ? `${paint('dim', after(changed))}  ${paint(colours[state], '■')} ${state}`
    : state === 'stuck'
      ? `            ${paint('red', `waits for a verdict: seaworthy sagas verdict ${id} retry|skip|result`)}`
      : `            ${paint('cyan', '→')} ${instance.due > now ? `goes on in ${lasting(instance.due - now)}${instance.error === undefined ? '' : `, after: ${instance.error}`}` : 'goes on'}`;
  const plan = instance.plan.split(', ').map((step) => step.split(' ')[1] ?? '');
  const ahead = state === 'running' ? plan.slice(journal.length).map((step) => `${' '.repeat(12)}${paint('dim', `· ${step}`)}`) : [];
  return [...head, '', ...lines, ...ahead, end];
}
