import type { Attributes } from '../core/observe.ts';

/** The bounds of the buckets in seconds, from a call in the same process to a job of a minute. */
export const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

/** The largest number of series of a metric; further ones are counted in one series labelled `overflow="true"`. */
const largest = 500;
const overflow = 'overflow="true"';

interface Counter {
  total: number;
}

interface Gauge {
  read(): number;
}

interface Histogram {
  readonly counts: Float64Array;
  sum: number;
  count: number;
}

interface Metric<V> {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly series: Map<string, V>;
}

/** The counters, gauges and histograms of one process, and their text for Prometheus. */
export interface Metrics {
  add(name: string, attributes: Attributes, by: number): void;
  observe(name: string, attributes: Attributes, outcome: string, seconds: number): void;
  gauge(name: string, attributes: Attributes, read: () => number): () => void;
  /** Returns the text for Prometheus, exposition format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
  exposition(): string;
}

const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/** Formats labels in the order of their names, so that equal labels are one series. */
export function labels(attributes: Attributes): string {
  const names = Object.keys(attributes);
  if (names.length > 1) names.sort();
  return names.map((name) => `${name.replaceAll(/\W/g, '_')}="${escaped(String(attributes[name]))}"`).join(',');
}

const braces = (text: string): string => (text === '' ? '' : `{${text}}`);
const number = (value: number): string =>
  Number.isNaN(value) ? 'NaN' : value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);

/** Makes a key of a series faster than `labels`, by which a known series is found. */
function markOf(name: string, attributes: Attributes, outcome = ''): string {
  let mark = `${name}\0${outcome}`;
  for (const key in attributes) mark += `\0${key}\0${attributes[key]}`;
  return mark;
}

export function metrics(): Metrics {
  const all = new Map<string, Metric<unknown>>();
  const counters = new Map<string, Counter>();
  const histograms = new Map<string, Histogram>();

  /** Returns the series of a metric, and the key of these attributes, which is the overflow key beyond the limit. */
  function seriesOf<V>(
    name: string,
    kind: Metric<V>['kind'],
    attributes: Attributes,
  ): { readonly series: Map<string, V>; readonly key: string } {
    const metric = (all.get(name) as Metric<V> | undefined) ?? { kind, series: new Map<string, V>() };
    all.set(name, metric);
    const { series } = metric;
    const key = labels(attributes);
    return { series, key: series.has(key) || series.size < largest ? key : overflow };
  }

  /** Finds or makes the value of these attributes; from the second time on it is found by its mark. Overflow has no mark. */
  function found<V>(marks: Map<string, V>, mark: string, look: () => ReturnType<typeof seriesOf<V>>, fresh: () => V): V {
    const known = marks.get(mark);
    if (known) return known;
    const { series, key } = look();
    const value = series.get(key) ?? fresh();
    series.set(key, value);
    if (key !== overflow) marks.set(mark, value);
    return value;
  }

  function histogram(name: string, series: ReadonlyMap<string, Histogram>, lines: string[]): void {
    for (const [key, { counts, sum, count }] of series) {
      const prefix = key === '' ? '' : `${key},`;
      bounds.forEach((bound, index) => void lines.push(`${name}_bucket{${prefix}le="${bound}"} ${counts[index]}`));
      lines.push(
        `${name}_bucket{${prefix}le="+Inf"} ${count}`,
        `${name}_sum${braces(key)} ${number(sum)}`,
        `${name}_count${braces(key)} ${count}`,
      );
    }
  }

  return {
    add(name, attributes, by) {
      const look = () => seriesOf<Counter>(name, 'counter', attributes);
      found(counters, markOf(name, attributes), look, () => ({ total: 0 })).total += by;
    },
    observe(name, attributes, outcome, seconds) {
      const look = () => seriesOf<Histogram>(name, 'histogram', { ...attributes, outcome });
      const fresh = () => ({ counts: new Float64Array(bounds.length), sum: 0, count: 0 });
      const one = found(histograms, markOf(name, attributes, outcome), look, fresh);
      one.sum += seconds;
      one.count++;
      for (let index = bounds.length - 1; index >= 0 && seconds <= (bounds[index] as number); index--)
        one.counts[index] = (one.counts[index] as number) + 1;
    },
    gauge(name, attributes, read) {
      const { series, key } = seriesOf<Gauge>(name, 'gauge', attributes);
      const gauge = { read };
      series.set(key, gauge);
      return () => {
        if (series.get(key) === gauge) series.delete(key);
      };
    },
    exposition() {
      const lines: string[] = [];
      for (const [name, { kind, series }] of [...all].sort(([a], [b]) => (a < b ? -1 : 1))) {
        lines.push(`# TYPE ${name} ${kind}`);
        if (kind === 'histogram') histogram(name, series as Map<string, Histogram>, lines);
        else
          for (const [key, value] of series)
            lines.push(`${name}${braces(key)} ${number(kind === 'gauge' ? (value as Gauge).read() : (value as Counter).total)}`);
      }
      return `${lines.join('\n')}\n`;
    },
  };
}
