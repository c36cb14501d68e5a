import { currentStep, type Entry, type Instance, plannedSteps, type SagaState } from 'seaworthy/saga';
import { columns, formatDuration, padded, paint, truncate } from '../terminal.ts';
import { causeOf } from './saga-position.ts';

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
const joined = (...parts: readonly (string | undefined)[]): string => parts.filter((part) => part !== undefined && part !== '').join(', ');
const jsonText = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));

function doing(entry: Entry): Moment {
  const { step, began, ended, result } = entry;
  const took = began !== undefined && ended !== undefined && ended > began ? formatDuration(ended - began) : undefined;
  if (entry.state === 'refused')
    return { at: ended, mark: paint('red', '✗'), what: step, detail: joined('refused', took), error: entry.error };
  if (entry.unseen || entry.state === 'intended')
    return {
      at: ended,
      mark: paint('yellow', '?'),
      what: step,
      detail: joined('outcome never seen', took, runs(entry.runs)),
      error: entry.error,
    };
  return { at: ended, mark: paint('green', '✓'), what: step, detail: joined(took, runs(entry.runs), jsonText(result)), error: entry.error };
}

const stuckMark = (): string => paint('red', '!');

/** Returns how the undo of a step was stuck before, and the verdict of each time. */
const verdictsOf = ({ step, verdicts = [] }: Entry): readonly Moment[] =>
  verdicts.flatMap(({ kind, by, at, stuck }) => [
    ...(stuck
      ? [{ at: stuck.ended, mark: stuckMark(), what: step, detail: joined('undo was stuck', runs(stuck.runs)), error: stuck.error }]
      : []),
    { at, mark: paint('cyan', '»'), what: step, detail: `verdict ${kind}${by === undefined ? '' : ` by ${by}`}` },
  ]);

function undoing(entry: Entry, saga: SagaState): readonly Moment[] {
  const { step, state, undo } = entry;
  const before = verdictsOf(entry);
  if (state === 'undone')
    return [
      ...before,
      { at: undo?.ended, mark: paint('yellow', '↶'), what: step, detail: joined('undone', runs(undo?.runs)), error: undo?.error },
    ];
  // The verdict of a step that is no longer stuck has been drawn already.
  if (state === 'stuck' && saga === 'stuck')
    return [
      ...before,
      { at: undo?.ended, mark: stuckMark(), what: step, detail: joined('undo is stuck', runs(undo?.runs)), error: undo?.error },
    ];
  return before;
}

const ordinals = new Intl.PluralRules('en', { type: 'ordinal' });
const endings: Readonly<Record<string, string>> = { one: 'st', two: 'nd', few: 'rd', other: 'th' };
/** Returns `for the 3rd time`, or nothing for the first. */
const nth = (count: number): string => (count === 1 ? '' : `for the ${count}${endings[ordinals.select(count)]} time`);

/** Returns the run of a step or of its undo that is in flight or waits for its time. */
function currentRun(instance: Instance, now: number): Moment | undefined {
  const { attempts, due, error, journal } = instance;
  const position = instance.state === 'stuck' ? undefined : currentStep(instance);
  if (!position) return undefined;
  const { step, undo } = position;
  const began = undo ? undefined : journal.findLast((entry) => entry.step === step)?.began;
  const time = nth(attempts + 1);
  const detail =
    due > now
      ? joined(undo ? 'undo waits' : 'waits', time, `in ${formatDuration(due - now)}`)
      : joined(undo ? 'being undone' : began === undefined ? 'running' : `running for ${formatDuration(now - began)}`, time);
  return { at: began, mark: paint(undo ? 'yellow' : 'cyan', '…'), what: step, detail, error };
}

/** Returns how long a saga took, or has been stuck. For one that continues, it returns when it began: each run changes `changed`. */
function age({ state, started, changed }: Instance, now: number): string {
  if (state === 'stuck') return `for ${formatDuration(now - changed)}`;
  return state === 'done' || state === 'undone'
    ? `after ${formatDuration(changed - started)}`
    : `began ${formatDuration(now - started)} ago`;
}

/** Returns how many processes died while they ran the saga. After two deaths it runs while no other such saga does. */
const deaths = ({ crashes }: Instance): string =>
  crashes === 1 ? 'a process died while it ran this saga' : `${crashes} processes died while they ran this saga: it runs alone`;

/** Returns the lines of an instance's timeline: what was done and undone when, in how many runs, and what is next. */
export function timeline(service: string, instance: Instance, now: number): readonly string[] {
  const { id, name, key, state, started, changed, journal } = instance;
  const over = state === 'done' || state === 'undone';
  const current = currentRun(instance, now);
  const begun = journal.filter((entry) => state !== 'running' || entry.step !== current?.what);
  // Undos run in reverse, so this is the order in which they happened.
  const undone = journal.toReversed().flatMap((entry) => undoing(entry, state));
  const moments = [...begun.map(doing), ...undone, ...(current ? [current] : [])];
  const head = [
    `${paint('bold', `${service} · ${name}`)}  ${id}`,
    `${paint('dim', 'state  ')} ${inColour(state)} ${age(instance, now)}`,
    ...(key === id ? [] : [`${paint('dim', 'key    ')} ${key}`]),
    `${paint('dim', 'started')} ${new Date(started).toISOString()}`,
    `${paint('dim', 'input  ')} ${truncate(jsonText(instance.input), (columns() ?? 10_000) - 8)}`,
  ];
  if (instance.unreadable !== undefined) return [...head.slice(0, -1), paint('red', instance.unreadable)];
  if (instance.deadlineMs !== undefined) {
    const left = (instance.until ?? now) - now;
    const when = state !== 'running' ? '' : left > 0 ? `, in ${formatDuration(left)}` : ', and has passed';
    head.push(`${paint('dim', 'deadline')} after ${formatDuration(instance.deadlineMs)}${when}`);
  }
  if (instance.crashes > 0) head.push(`${paint('dim', 'deaths ')} ${paint('red', deaths(instance))}`);
  const why = causeOf(instance);
  const data = instance.cause?.kind === 'declared' ? instance.cause.data : undefined;
  if (why !== undefined)
    head.push(`${paint('dim', 'cause  ')} ${truncate(`${why} ${jsonText(data)}`.trimEnd(), (columns() ?? 10_000) - 8)}`);
  const width = Math.max(4, ...moments.map(({ what }) => what.length));
  const after = (at: number | undefined): string => (at === undefined ? '' : `+${formatDuration(at - started)}`).padStart(10);
  const room = (columns() ?? 10_000) - 10 - width - 8;
  const lines = moments.flatMap(({ at, mark, what, detail, error }) => [
    `${paint('dim', after(at))}  ${mark} ${padded(what, width)}  ${truncate(detail, room)}`.trimEnd(),
    ...(error === undefined ? [] : [`${' '.repeat(14 + width)}  ${paint('red', truncate(error, room))}`]),
  ]);
  const end = over
    ? `${paint('dim', after(changed))}  ${paint(colours[state], '■')} ${state}`
    : state === 'stuck'
      ? `            ${paint('red', `waits for a verdict: seaworthy sagas verdict ${id} retry|skip|result`)}`
      : `            ${paint('cyan', '→')} ${instance.due > now ? `continues in ${formatDuration(instance.due - now)}` : 'continues'}`;
  const ahead = state === 'running' ? plannedSteps(instance).slice(begun.length + 1) : [];
  const later = ahead.map((step) => `${' '.repeat(12)}${paint('dim', `· ${step.name}`)}`);
  return [...head, '', ...lines, ...later, end];
}
