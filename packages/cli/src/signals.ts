import { systemClock } from 'seaworthy/core';

/** How often the command looks whether npm still runs, in milliseconds. */
const pollMs = 200;

/** Resolves with the name of the first SIGTERM or SIGINT, or when npm runs the command and has died of a signal without passing it on. */
export function stopAsked(): Promise<string> {
  return new Promise((resolve) => {
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
    if (process.env['npm_lifecycle_event'] === undefined) return;
    const parent = process.ppid;
    const poll = (): void => {
      if (process.ppid === parent) systemClock.after(pollMs, poll, { background: true });
      else resolve('npm has ended');
    };
    poll();
  });
}
