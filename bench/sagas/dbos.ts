import { DBOS } from '@dbos-inc/dbos-sdk';
import { serve } from '../shared/contestant.ts';
import { type Figures, type Task, workload } from '../shared/workload.ts';
import { steps } from './steps.ts';

/** The same trips as a workflow of DBOS Transact. */
const [, , url, connections = '32'] = process.argv as unknown as readonly [string, string, string, string?];

interface Trip {
  readonly id: string;
  readonly bounces?: boolean;
}
const ticket = async (id: string): Promise<{ readonly ticket: string }> => ({ ticket: `t-${id}` });
const undo = async (): Promise<void> => {};
const bookTrip = DBOS.registerWorkflow(
  async ({ id, bounces }: Trip): Promise<number> => {
    const undos: string[] = [];
    try {
      for (const name of steps) {
        undos.unshift(name);
        const step = async (): Promise<unknown> => {
          if (bounces && name === 'mail') throw new Error('the mail bounced');
          return ticket(id);
        };
        await DBOS.runStep(step, { name });
      }
    } catch {
      for (const name of undos) await DBOS.runStep(undo, { name: `undo ${name}` });
    }
    return undos.length;
  },
  { name: 'book-trip' },
);

await serve<Task, Figures>(async () => {
  DBOS.setConfig({ name: 'trips', systemDatabaseUrl: url, systemDatabasePoolSize: Number(connections), logLevel: 'error' });
  await DBOS.launch();
  let first = 0;
  return {
    run(task) {
      const from = first;
      first += task.count;
      return workload(task, async (index) => {
        const id = String(from + index);
        const handle = await DBOS.startWorkflow(bookTrip, { workflowID: id })({ id, ...(task.compensated && { bounces: true }) });
        if ((await handle.getResult()) !== steps.length) throw new Error('a step was not run');
      });
    },
    stop: () => DBOS.shutdown(),
  };
});
