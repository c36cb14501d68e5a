import { AsyncLocalStorage } from 'node:async_hooks';

/** The outputs of the command: standard output, standard error and exit status. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Sets the exit status, which is 0 by default. */
  status(code: 1 | 2): void;
}

const shell: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  status(code) {
    process.exitCode = code;
  },
};
const others = new AsyncLocalStorage<Io>();

/** Returns the outputs of the current call: those of the process, unless `withIo` set others. */
export const io = (): Io => others.getStore() ?? shell;
/** Runs `work` with other outputs. */
export const withIo = <V>(other: Io, work: () => V): V => others.run(other, work);
