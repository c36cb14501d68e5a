import { locate } from '../fleet-file.ts';
import { type Given, type Setting, variables } from '../options.ts';
import { told } from '../settings.ts';
import { supervise } from './supervise.ts';

/** Runs a fleet while a person works on it. A stop takes 2 s at most unless the options or the environment say otherwise. */
export async function dev(file: string | undefined, given: Given): Promise<void> {
  const path = locate(file);
  const all: Given = { drain: process.env['SEAWORTHY_DRAIN'] || '2s', ...given };
  told(all); // what is wrong is refused here, by its flag
  const flags = Object.entries(all).map(([name, value]) => [variables[name as Setting][0], value]);
  await supervise(path, { ...process.env, ...Object.fromEntries(flags) });
}
