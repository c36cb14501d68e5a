/** A number of sagas to run. */
export interface Task {
  readonly count: number;
  readonly atOnce: number;
  /** Whether the last step of each fails, so that it is undone. */
  readonly compensated?: boolean;
}

/** What a run has measured. */
export interface Figures {
  /** Sagas a second. */
  readonly rate: number;
  /** The median time from the start of a saga to its end, in milliseconds. */
  readonly p50: number;
  /** Milliseconds of this process's CPU for each saga. */
  readonly cpu: number;
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/** Calls `one` for each index below `count`, a fixed number at one time. */
export async function workload({ count, atOnce }: Task, one: (index: number) => PromiseLike<unknown>): Promise<Figures> {
  let next = 0;
  const took: number[] = [];
  const client = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const from = performance.now();
      await one(index);
      took.push(performance.now() - from);
    }
  };
  const cpu = process.cpuUsage();
  const from = performance.now();
  await Promise.all(Array.from({ length: atOnce }, client));
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: count / seconds, p50: median(took), cpu: (user + system) / 1000 / count };
}

/** Returns the value below which a share of the values lies. */
export const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] as number;
