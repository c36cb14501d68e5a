import { type ChildProcess, fork } from 'node:child_process';
import { statSync } from 'node:fs';
import { systemClock } from 'seaworthy/core';
import { displayPath } from '../fleet-file.ts';
import { stopAsked } from '../signals.ts';
import { paint, print, timeOfDay } from '../terminal.ts';
import { type FromChild, stopMessage } from './messages.ts';
import { watching } from './watch.ts';

/** How long a fleet may take to stop before it is killed. The next start continues the work that was in flight. */
const stopWithinMs = 5000;

const say = (text: string): void => print(`${paint('dim', timeOfDay(systemClock.now()))}  ${text}`);

/** Runs the fleet in its own process, and restarts it whenever a file that it loaded has changed. Resolves when it is stopped. */
export function supervise(file: string, env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve) => {
    let child: ChildProcess | undefined;
    let port = env['PORT'];
    let again = false;
    let stopping = false;

    const files = watching({ changed: restart, anything: () => child === undefined });
    files.add(file, statSync(file).mtimeMs);

    function begin(): void {
      again = false;
      const own = fork(process.argv[1] as string, ['dev-child', file], { env: { ...env, ...(port !== undefined && { PORT: port }) } });
      child = own;
      own.on('message', (message: FromChild) => {
        if (message.kind === 'loaded') files.add(message.path, message.mtimeMs);
        else port = String(message.port);
      });
      own.once('exit', (code, signal) => {
        child = undefined;
        if (stopping) {
          files.close();
          resolve();
        } else if (again) begin();
        else say(paint('yellow', `the fleet ended${code === 0 ? '' : ` with ${signal ?? code}`}; restarting when a file changes`));
      });
    }

    function end(): void {
      const own = child;
      if (!own) return;
      if (own.connected) own.send(stopMessage, () => {});
      else own.kill('SIGTERM');
      const timer = systemClock.after(stopWithinMs, () => own.kill('SIGKILL'));
      own.once('exit', timer.cancel);
    }

    function restart(path: string): void {
      if (stopping) return;
      say(`${paint('cyan', displayPath(path))} changed; restarting`);
      if (child) {
        again = true;
        end();
      } else begin();
    }

    void stopAsked().then(() => {
      stopping = true;
      if (child) end();
      else {
        files.close();
        resolve();
      }
    });
    begin();
  });
}
