import type { Metric } from '../harness.ts';
import { type Contestant, contestant } from '../shared/contestant.ts';
import { dropDatabase, freshDatabase, postgresMissing } from '../shared/postgres.ts';
import { type Figures, median, type Task } from '../shared/workload.ts';

const together: Task = { count: 1200, atOnce: 32 };
const compensated: Task = { count: 600, atOnce: 32, compensated: true };
const alone: Task = { count: 150, atOnce: 1 };

/** What the toolkit says of itself as well: commits of each saga, and runs for each commit that a conflict made in vain. */
interface Own extends Figures {
  readonly commits: number;
  readonly reruns: number;
}
type Saga = Contestant<Task, Figures>;

/** The metrics of sagas on PostgreSQL; none, and a note, where there is no server. */
export interface PostgresSagas {
  readonly metrics: readonly Metric[];
  readonly notes: () => readonly string[];
  stop(): Promise<void>;
}

export async function postgresSagas(): Promise<PostgresSagas> {
  if (postgresMissing !== undefined) return { metrics: [], notes: () => [postgresMissing as string], stop: async () => {} };
  const notes: string[] = [];
  const urls: string[] = [];
  const opened: Saga[] = [];
  const open = async <F extends Figures>(program: string, ...given: readonly string[]): Promise<Contestant<Task, F>> => {
    const url = await freshDatabase([program, ...given].join('_'));
    urls.push(url);
    const one = await contestant<Task, F>(`sagas/${program}`, url, ...given);
    opened.push(one);
    // Code that is compiled, tables that are known.
    for (const task of [together, compensated, alone]) await one.run({ ...task, count: task.count / 3 });
    return one;
  };
  const ours = await open<Own>('seaworthy');
  const commits = await open('by-hand', 'commits');
  const batched = await open('by-hand', 'batched');
  const peers = new Map<string, Saga>([['DBOS Transact', await open('dbos')]]);
  try {
    peers.set('Restate', await open('restate'));
  } catch (error) {
    notes.push(`Restate is left out: ${(error as Error).message}.`);
  }
  const own: { readonly task: Task; readonly figures: Own }[] = [];
  const measured = (task: Task, figure: 'rate' | 'p50'): Pick<Metric, 'ours' | 'peers'> => ({
    async ours() {
      const figures = await ours.run(task);
      own.push({ task, figures });
      return figures[figure];
    },
    peers: Object.fromEntries([...peers].map(([name, peer]) => [name, async () => (await peer.run(task))[figure]])),
  });
  const limits = (task: Task): Pick<Metric, 'limit' | 'beside'> => ({
    limit: { name: `same rows, ${task.compensated ? 10 : 5} commits, by hand`, run: async () => (await commits.run(task)).rate },
    beside: { 'same rows batched, by hand': async () => (await batched.run(task)).rate },
  });
  const ownMedian = (task: Task, figure: keyof Own): string =>
    median(own.filter((one) => one.task === task).map(({ figures }) => figures[figure])).toFixed(2);

  return {
    metrics: [
      { metric: 'postgres sagas per second', unit: '1/s', higher: true, ...measured(together, 'rate'), ...limits(together) },
      {
        metric: 'postgres saga p50',
        unit: 'ms',
        ...measured(alone, 'p50'),
        limit: { name: 'same rows, 5 commits, by hand', run: async () => (await commits.run(alone)).p50 },
      },
      { metric: 'postgres compensated per second', unit: '1/s', higher: true, ...measured(compensated, 'rate'), ...limits(compensated) },
    ],
    notes: () => [
      `PostgreSQL: ${together.atOnce} in flight, each contestant in a process and a database of its own on one server; p50: one in flight. Compensated: the last step fails, and all four are undone.`,
      'DBOS: a workflow of four steps, 32 connections. Restate: a handler of four `run`s; its server keeps a log of its own, and no rows in PostgreSQL.',
      'By hand: the rows that the toolkit writes, by `pg` with prepared statements in pipelines over 16 connections, without reading anything; batched: the rows of all sagas that wait, in one statement.',
      `Of the toolkit: ${ownMedian(together, 'cpu')} ms of Node's CPU a saga with ${together.atOnce} in flight, ${ownMedian(alone, 'cpu')} alone; ${ownMedian(together, 'commits')} commits a saga; ${ownMedian(together, 'reruns')} reruns a commit.`,
      ...notes,
    ],
    async stop() {
      for (const one of opened) await one.stop();
      for (const url of urls) await dropDatabase(url);
    },
  };
}
