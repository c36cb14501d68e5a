import { userInfo } from 'node:os';

/** Returns the name of the person who makes a change: `--by`, or else the user of the machine. */
export const operatorOf = ({ by }: { readonly by?: string }): string => by ?? userInfo().username;
