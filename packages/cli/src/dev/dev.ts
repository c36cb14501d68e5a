import { locate } from '../fleet-file.ts';
import { type Given, type Setting, variables } from '../options.ts';
import { givenSettings } from '../settings.ts';
import { supervise } from './supervise.ts';

/** Runs a fleet while a person works on it. A stop takes at most 2 s unless the options or the environment give another time. */
export async function dev(file: string | undefined, given: Given): Promise<void> {
  const path = locate(file);
  const all: Given = { drain: process.env['SEAWORTHY_DRAIN'] || '2s', ...given };
  givenSettings(all); // refuses a wrong option here, where its flag is known
  const flags = Object.entries(all).map(([name, value]) => [variables[name as Setting][0], value]);
  await supervise(path, { ...process.env, ...Object.fromEntries(flags) });
}
