import { currentStep, type Entry, type Instance, plannedSteps, type SagaState } from 'seaworthy/saga';
import { columns, formatDuration, padded, paint, truncate } from '../terminal.ts';
import { causeOf } from './at.ts';

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

function doing(entry: Entry): Moment {
  const { step, began, ended, result } = entry;
  const took = began !== undefined && ended !== undefined && ended > began ? formatDuration(ended - began) : undefined;
  if (entry.state === 'refused')
    return { at: ended, mark: paint('red', '✗'), what: step, detail: told('refused', took), error: entry.error };
  if (entry.unseen || entry.state === 'intended')
    return {
      at: ended,
      mark: paint('yellow', '?'),
      what: step,
      detail: told('outcome never seen', took, runs(entry.runs)),
      error: entry.error,
    };
  return { at: ended, mark: paint('green', '✓'), what: step, detail: told(took, runs(entry.runs), brief(result)), error: entry.error };
}

const stuckMark = (): string => paint('red', '!');

/** How its undo was stuck before, and what was decided each time. */
const judging = ({ step, verdicts = [] }: Entry): readonly Moment[] =>
  verdicts.flatMap(({ kind, by, at, stuck }) => [
    ...(stuck
      ? [{ at: stuck.ended, mark: stuckMark(), what: step, detail: told('undo was stuck', runs(stuck.runs)), error: stuck.error }]
      : []),
    { at, mark: paint('cyan', '»'), what: step, detail: `verdict ${kind}${by === undefined ? '' : ` by ${by}`}` },
  ]);

function undoing(entry: Entry, saga: SagaState): readonly Moment[] {
  const { step, state, undo } = entry;
  const before = judging(entry);
  if (state === 'undone')
    return [
      ...before,
      { at: undo?.ended, mark: paint('yellow', '↶'), what: step, detail: told('undone', runs(undo?.runs)), error: undo?.error },
    ];
  // Of one that was given up, the verdict has said all.
  if (state === 'stuck' && saga === 'stuck')
    return [
      ...before,
      { at: undo?.ended, mark: stuckMark(), what: step, detail: told('undo is stuck', runs(undo?.runs)), error: undo?.error },
    ];
  return before;
}

const ordinals = new Intl.PluralRules('en', { type: 'ordinal' });
const endings: Readonly<Record<string, string>> = { one: 'st', two: 'nd', few: 'rd', other: 'th' };
/** `for the 3rd time`; of the first nothing is said. */
const nth = (count: number): string => (count === 1 ? '' : `for the ${count}${endings[ordinals.select(count)]} time`);

/** The run of a step or of its undo that is at hand, or comes once its time has come. */
function atHand(instance: Instance, now: number): Moment | undefined {
  const { attempts, due, error, journal } = instance;
  const place = instance.state === 'stuck' ? undefined : currentStep(instance);
  if (!place) return undefined;
  const { step, undo } = place;
  const began = undo ? undefined : journal.findLast((entry) => entry.step === step)?.began;
  const time = nth(attempts + 1);
  const detail =
    due > now
      ? told(undo ? 'to be undone' : 'to be run', time, `in ${formatDuration(due - now)}`)
      : told(undo ? 'being undone' : began === undefined ? 'at it' : `at it for ${formatDuration(now - began)}`, time);
  return { at: began, mark: paint(undo ? 'yellow' : 'cyan', '…'), what: step, detail, error };
}

/** Of one that goes on: each of its runs changes it, so when it began says more. */
function lasted({ state, started, changed }: Instance, now: number): string {
  if (state === 'stuck') return `for ${formatDuration(now - changed)}`;
  return state === 'done' || state === 'undone'
    ? `after ${formatDuration(changed - started)}`
    : `begun ${formatDuration(now - started)} ago`;
}

/** Of processes that had it in hand; at two of them it is run while no other such saga is. */
const deaths = ({ crashes }: Instance): string =>
  crashes === 1 ? 'a process died with it in hand' : `${crashes} processes died with it in hand: it is run alone`;

/** The time line of an instance: what was done and undone when, in how many runs, and what is next. */
export function timeLine(service: string, instance: Instance, now: number): readonly string[] {
  const { id, name, key, state, started, changed, journal } = instance;
  const over = state === 'done' || state === 'undone';
  const current = atHand(instance, now);
  const begun = journal.filter((entry) => state !== 'running' || entry.step !== current?.what);
  // Undos run in reverse: so they are told in the order in which they happened.
  const undone = journal.toReversed().flatMap((entry) => undoing(entry, state));
  const moments = [...begun.map(doing), ...undone, ...(current ? [current] : [])];
  const head = [
    `${paint('bold', `${service} · ${name}`)}  ${id}`,
    `${paint('dim', 'state  ')} ${inColour(state)} ${lasted(instance, now)}`,
    ...(key === id ? [] : [`${paint('dim', 'key    ')} ${key}`]),
    `${paint('dim', 'started')} ${new Date(started).toISOString()}`,
    `${paint('dim', 'input  ')} ${truncate(brief(instance.input), (columns() ?? 10_000) - 8)}`,
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
  if (why !== undefined) head.push(`${paint('dim', 'cause  ')} ${truncate(`${why} ${brief(data)}`.trimEnd(), (columns() ?? 10_000) - 8)}`);
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
      : `            ${paint('cyan', '→')} ${instance.due > now ? `goes on in ${formatDuration(instance.due - now)}` : 'goes on'}`;
  const ahead = state === 'running' ? plannedSteps(instance).slice(begun.length + 1) : [];
  const later = ahead.map((step) => `${' '.repeat(12)}${paint('dim', `· ${step.name}`)}`);
  return [...head, '', ...lines, ...later, end];
}
