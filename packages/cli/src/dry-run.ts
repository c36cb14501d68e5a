import { paint, print } from './terminal.ts';

/** Prints what the command would do, and how to make it do that. */
export const dryRun = (what: string): void => print(`${what}; ${paint('bold', 'nothing was changed')}: add --yes to do it`);
