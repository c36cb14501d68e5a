import { paint, print } from '../terminal.ts';

/** Says what would be done, and how to do it. */
export const dry = (what: string): void => print(`${what}; ${paint('bold', 'nothing was changed')}: add --yes to do it`);
