import { userInfo } from 'node:os';

/** Who does it: as said, else the user of the machine. */
export const who = ({ by }: { readonly by?: string }): string => by ?? userInfo().username;
