import { type Attributes, type Described, described, type Level, type Observe, systemClock, type TraceContext } from 'seaworthy/core';
import { sourceLocation } from '../source-location.ts';
import { formatDuration, padded, paint, print, timeOfDay, truncate } from '../terminal.ts';

type Colour = 'cyan' | 'magenta' | 'blue' | 'green' | 'yellow';
const palette: readonly Colour[] = ['cyan', 'magenta', 'blue', 'green', 'yellow'];
/** Returns the colour of a service, which is the same wherever its name is printed. */
export const colourOf = (name: string, names: readonly string[]): Colour =>
  palette[Math.max(0, names.indexOf(name)) % palette.length] as Colour;

/** The spans that are printed when they end, with the name of the line and the attribute that it shows. */
const spans: Readonly<Record<string, readonly [kind: string, about: string]>> = {
  seaworthy_gateway_request: ['http', 'route'],
  seaworthy_serve: ['call', 'operation'],
  seaworthy_inbox_handle: ['event', 'event'],
  seaworthy_inbox_retry: ['retry', 'event'],
};
/** The spans that are printed only when they are postponed, and only once for the same reason. */
const waiting: Readonly<Record<string, string>> = { seaworthy_saga_step: 'step', seaworthy_saga_undo: 'undo' };
/** Outcomes that are not printed: an event without a handler here, and a redelivered event. */
const unremarkable = new Set(['unknown', 'repeat']);
const good = /^(2\d\d|output|handled|done|published)$/;
const fair = /^([34]\d\d|declared|undone|postponed|invalid|not_found|conflict|behind)$/;

const ranks: Readonly<Record<Level | 'silent', number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };
const colours: Readonly<Record<Level, 'gray' | 'blue' | 'yellow' | 'red'>> = { debug: 'gray', info: 'blue', warn: 'yellow', error: 'red' };

export interface PrinterOptions {
  /** The names of the services, which determine colours and widths. */
  readonly names: readonly string[];
  /** The lowest level that is printed. Calls and events are `info`. */
  readonly level: Level | 'silent';
  /** Another observer, which gets every report too. */
  readonly beside: Observe;
  readonly write?: (line: string) => void;
}

/** Formats an error and its causes, without messages that the line above (`said`) or an earlier error of the chain already contains. */
export function formatError(error: unknown, said: string): string {
  const parts: string[] = [];
  let before = said;
  for (let one: Described | undefined = error === undefined ? undefined : described(error); one !== undefined; one = one.cause) {
    const { code, type } = one;
    // An error without a message has its name as the message.
    const message = one.message === type ? '' : one.message;
    const mark = typeof code === 'string' ? code : '';
    if (message === '') parts.push(mark);
    else if (!before.includes(message)) parts.push(mark === '' ? message : `${message} (${mark})`);
    before += ` ${message}`;
  }
  return parts.filter((part) => part !== '').join('; cause: ');
}

/** After this many further lines, a line counts as out of sight. */
const sight = 20;

/** Makes an observer that prints calls, events, sagas and log entries, one line each, with time, service, outcome and duration. */
export function printing({ names, level, beside, write = print }: PrinterOptions): Observe {
  const width = Math.max('gateway'.length, ...names.map((name) => name.length));
  const least = ranks[level];
  let lines = 0;
  /** The errors that were printed in full, by trace and text. */
  const inSight = new Map<string, { readonly line: number; readonly time: string }>();

  function say(text: string): void {
    lines++;
    write(text);
  }

  /** Returns the time at which the same text was printed for the same trace, if it is still in sight: retries fail alike. */
  function toldAt(trace: TraceContext | undefined, words: string, time: string): string | undefined {
    const id = trace?.traceparent?.split('-')[1];
    if (id === undefined) return undefined;
    for (const [key, first] of inSight) if (lines - first.line > sight) inSight.delete(key);
    const key = `${id} ${words}`;
    const before = inSight.get(key);
    if (!before) inSight.set(key, { line: lines, time });
    return before?.time;
  }

  function line(kind: string, attributes: Readonly<Record<string, unknown>>, what: string, outcome: string, more = ''): void {
    const service = String(attributes['service'] ?? '');
    const hue = names.includes(service) ? colourOf(service, names) : 'gray';
    const verdict = paint(good.test(outcome) ? 'green' : fair.test(outcome) ? 'yellow' : 'red', padded(outcome, 9));
    say(
      `${paint('dim', timeOfDay(systemClock.now()))}  ${padded(kind, 5)}  ${paint(hue, padded(service, width))}  ${padded(what, 36)}  ${verdict} ${paint('dim', more)}`.trimEnd(),
    );
  }

  return {
    count(name, attributes: Attributes = {}, by) {
      beside.count(name, attributes, by);
      if (least > ranks.info) return;
      // The log has a line for an undone saga, with the reason.
      if (name === 'seaworthy_saga_ended_total' && attributes['state'] !== 'undone')
        line('saga', attributes, String(attributes['saga']), String(attributes['state']));
      if (name === 'seaworthy_outbox_published_total')
        line('event', attributes, String(attributes['event']), 'published', by === undefined || by === 1 ? '' : `${by} events`);
    },
    gauge: beside.gauge,
    span(name, attributes: Attributes = {}, spanOptions) {
      const counted = beside.span(name, attributes, spanOptions);
      const known = spans[name];
      const waits = waiting[name];
      if ((!known && waits === undefined) || least > ranks.info) return counted;
      const began = systemClock.monotonic();
      let noted: Attributes = spanOptions?.spanAttributes ?? {};
      return {
        trace: counted.trace,
        run: (work) => counted.run(work),
        note(more) {
          counted.note(more);
          noted = { ...noted, ...more };
        },
        end(outcome, error) {
          counted.end(outcome, error);
          const took = formatDuration(systemClock.monotonic() - began);
          if (known && !unremarkable.has(outcome)) {
            const [kind, about] = known;
            const why = noted['declared'] === undefined ? '' : `  ${noted['declared']} key=${noted['key']}`;
            line(kind, attributes, String(attributes[about]), outcome, `${took}${why}`);
          } else if (waits !== undefined && outcome === 'postponed') {
            const what = `${attributes['saga']}.${attributes['step']}`;
            const words = `waits: ${noted['waits']}`;
            // Each retry waits for the same thing.
            if (toldAt(counted.trace, `${what} ${words}`, '') === undefined) line(waits, attributes, what, outcome, words);
          }
        },
      };
    },
    log(at, message, attributes = {}, trace) {
      beside.log(at, message, attributes, trace);
      if (ranks[at] < least) return;
      const { service = '', error, ...rest } = attributes;
      const hue = names.includes(String(service)) ? colourOf(String(service), names) : 'gray';
      const more = Object.entries(rest).filter(([, value]) => typeof value !== 'object' && !message.includes(String(value)));
      const time = timeOfDay(systemClock.now());
      const location = sourceLocation(error);
      const before = error === undefined ? undefined : toldAt(trace, [service, formatError(error, ''), location].join('\n'), time);
      const details = more.map(([name, value]) => `${name}=${String(value)}`);
      if (before !== undefined) details.push(`(the same error as at ${before})`);
      say(
        `${paint('dim', time)}  ${paint(colours[at], padded(at, 5))}  ${paint(hue, padded(String(service), width))}  ${message} ${paint('dim', details.join(' '))}`.trimEnd(),
      );
      if (before !== undefined) return;
      const words = formatError(error, message);
      if (words !== '') say(`${' '.repeat(23 + width)}${paint('red', truncate(words, 400))}`);
      if (location !== undefined) say(`${' '.repeat(23 + width)}${paint('dim', `at ${location}`)}`);
    },
  };
}
