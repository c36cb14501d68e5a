import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

/** One side of a comparison, in a process of its own. */
export interface Contestant<Task, Figures> {
  run(task: Task): Promise<Figures>;
  stop(): Promise<void>;
}

type Reply<Figures> = { readonly figures?: Figures; readonly error?: string };

const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning'];

/** Starts a program of the folder `bench` that calls `serve`. Rejects when it cannot take tasks. */
export async function contestant<Task, Figures>(program: string, ...args: readonly string[]): Promise<Contestant<Task, Figures>> {
  const child: ChildProcess = fork(join(import.meta.dirname, '..', `${program}.ts`), args, { execArgv: flags });
  const reply = (): Promise<Reply<Figures>> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`${program} ended with ${code}`));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        resolve(message as Reply<Figures>);
      });
    });
  const answered = async (): Promise<Figures> => {
    const { figures, error } = await reply();
    if (error !== undefined) throw new Error(`${program}: ${error}`);
    return figures as Figures;
  };
  await answered();
  return {
    run(task) {
      const figures = answered();
      child.send(task as object);
      return figures;
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.connected) {
        child.disconnect();
        await ended;
      }
    },
  };
}

/** Takes tasks from the process that started this one, until that lets go of it. */
export async function serve<Task, Figures>(open: () => Promise<Contestant<Task, Figures>>): Promise<void> {
  const answer = async (work: () => Promise<Figures | undefined>): Promise<void> => {
    const reply: Reply<Figures> = await work().then(
      (figures) => (figures === undefined ? {} : { figures }),
      (error: Error) => ({ error: error.stack ?? error.message }),
    );
    process.send?.(reply);
  };
  let opened: Contestant<Task, Figures> | undefined;
  await answer(async () => {
    opened = await open();
    return undefined;
  });
  process.on('message', (task) => void answer(async () => opened?.run(task as Task)));
  process.once('disconnect', async () => {
    await opened?.stop();
    process.exit();
  });
}
