import { type Attributes, type Described, described, type Level, type Observe, systemClock, type TraceContext } from 'seaworthy/core';
import { placeOf } from '../place.ts';
import { cut, lasting, padded, paint, print, timeOfDay } from '../terminal.ts';

type Colour = 'cyan' | 'magenta' | 'blue' | 'green' | 'yellow';
const palette: readonly Colour[] = ['cyan', 'magenta', 'blue', 'green', 'yellow'];
/** Each service has the same colour wherever it is named. */
export const colourOf = (name: string, names: readonly string[]): Colour =>
  palette[Math.max(0, names.indexOf(name)) % palette.length] as Colour;

/** What is worth a line when it ends, what the line is called, and which attribute it is about. */
const spans: Readonly<Record<string, readonly [kind: string, about: string]>> = {
  seaworthy_gateway_request: ['http', 'route'],
  seaworthy_serve: ['call', 'operation'],
  seaworthy_inbox_handle: ['event', 'event'],
  seaworthy_inbox_retry: ['retry', 'event'],
};
/** What is worth a line only when it waits: how often it does so says nothing new. */
const waiting: Readonly<Record<string, string>> = { seaworthy_saga_step: 'step', seaworthy_saga_undo: 'undo' };
/** An event that nobody here hears, and one that came before. */
const unremarkable = new Set(['unknown', 'repeat']);
const good = /^(2\d\d|output|handled|done|published)$/;
const fair = /^([34]\d\d|declared|undone|postponed|invalid|not_found|conflict|behind)$/;

const ranks: Readonly<Record<Level | 'silent', number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };
const colours: Readonly<Record<Level, 'gray' | 'blue' | 'yellow' | 'red'>> = { debug: 'gray', info: 'blue', warn: 'yellow', error: 'red' };

export interface PrinterOptions {
  /** Of the services, for colours and widths. */
  readonly names: readonly string[];
  /** Below it there are no lines; calls and events are `info`. */
  readonly level: Level | 'silent';
  /** Is told all the same. */
  readonly beside: Observe;
  readonly write?: (line: string) => void;
}

/** An error and its causes in words, except the words that were said before: by the line above, or by an error that has them in it. */
export function told(error: unknown, said: string): string {
  const parts: string[] = [];
  let before = said;
  for (let one: Described | undefined = error === undefined ? undefined : described(error); one !== undefined; one = one.cause) {
    const { code, type } = one;
    // Without a message the name stands for it.
    const message = one.message === type ? '' : one.message;
    const mark = typeof code === 'string' ? code : '';
    if (message === '') parts.push(mark);
    else if (!before.includes(message)) parts.push(mark === '' ? message : `${message} (${mark})`);
    before += ` ${message}`;
  }
  return parts.filter((part) => part !== '').join(', since ');
}

/** So many lines further down, what was printed is out of sight. */
const sight = 20;

/** Prints calls, events, sagas and what is logged, a line each: when, what, whose, how it ended and how long it took. */
export function printing({ names, level, beside, write = print }: PrinterOptions): Observe {
  const width = Math.max('gateway'.length, ...names.map((name) => name.length));
  const least = ranks[level];
  let lines = 0;
  /** Errors that were told in full, by what they belong to and their words. */
  const inSight = new Map<string, { readonly line: number; readonly time: string }>();

  function say(text: string): void {
    lines++;
    write(text);
  }

  /** When the same was told of the same request, event or saga, if that is in sight: who tries again what is wrong fails each time. */
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
      // Of one that was undone, the log says why.
      if (name === 'seaworthy_saga_ended_total' && attributes['state'] !== 'undone')
        line('saga', attributes, String(attributes['saga']), String(attributes['state']));
      if (name === 'seaworthy_outbox_published_total')
        line('event', attributes, String(attributes['event']), 'published', by === undefined || by === 1 ? '' : `${by} of them`);
    },
    gauge: beside.gauge,
    span(name, attributes: Attributes = {}, place) {
      const counted = beside.span(name, attributes, place);
      const known = spans[name];
      const waits = waiting[name];
      if ((!known && waits === undefined) || least > ranks.info) return counted;
      const began = systemClock.monotonic();
      let noted: Attributes = place?.detail ?? {};
      return {
        trace: counted.trace,
        run: (work) => counted.run(work),
        note(detail) {
          counted.note(detail);
          noted = { ...noted, ...detail };
        },
        end(outcome, error) {
          counted.end(outcome, error);
          const took = lasting(systemClock.monotonic() - began);
          if (known && !unremarkable.has(outcome)) {
            const [kind, about] = known;
            const why = noted['declared'] === undefined ? '' : `  ${noted['declared']} key=${noted['key']}`;
            line(kind, attributes, String(attributes[about]), outcome, `${took}${why}`);
          } else if (waits !== undefined && outcome === 'postponed') {
            const what = `${attributes['saga']}.${attributes['step']}`;
            const words = `waits: ${noted['waits']}`;
            // It is tried again and again, and waits for the same.
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
      const place = placeOf(error);
      const before = error === undefined ? undefined : toldAt(trace, [service, told(error, ''), place].join('\n'), time);
      const details = more.map(([name, value]) => `${name}=${String(value)}`);
      if (before !== undefined) details.push(`(the same error as at ${before})`);
      say(
        `${paint('dim', time)}  ${paint(colours[at], padded(at, 5))}  ${paint(hue, padded(String(service), width))}  ${message} ${paint('dim', details.join(' '))}`.trimEnd(),
      );
      if (before !== undefined) return;
      const words = told(error, message);
      if (words !== '') say(`${' '.repeat(23 + width)}${paint('red', cut(words, 400))}`);
      if (place !== undefined) say(`${' '.repeat(23 + width)}${paint('dim', `at ${place}`)}`);
    },
  };
}
