import { AsyncLocalStorage } from 'node:async_hooks';

/** Who called the command, and hears what it says and how it ends. */
export interface Caller {
  out(text: string): void;
  err(text: string): void;
  /** Is told the exit status unless it is 0. */
  status(code: 1 | 2): void;
}

const shell: Caller = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  status(code) {
    process.exitCode = code;
  },
};
const others = new AsyncLocalStorage<Caller>();

/** The shell that started this process, unless `work` was called for somebody else. */
export const caller = (): Caller => others.getStore() ?? shell;
export const calledBy = <V>(one: Caller, work: () => V): V => others.run(one, work);
