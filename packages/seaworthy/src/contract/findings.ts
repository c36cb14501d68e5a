import { bounded, fieldOf, textOf } from '../core/thrown.ts';
import type { Finding } from './standard.ts';

/** The limits of what a caller is told, since the sender of a value chooses the number of findings and the length of names. */
const most = { findings: 20, characters: 300 };

function stepOf(part: unknown): string {
  const step = typeof part === 'object' ? fieldOf(part, 'key') : part;
  return typeof step === 'string' ? step : typeof step === 'number' ? String(step) : textOf(step);
}

function pathOf(path: unknown): string {
  if (typeof path === 'string') return bounded(path, most.characters);
  return Array.isArray(path) ? bounded(path.slice(0, most.characters).map(stepOf).join('.'), most.characters) : '';
}

/**
 * Makes findings of issues of any origin: the first 20, each with a bounded text, and the number of further ones. `wording` chooses the
 * message for a path.
 */
export function findingsOf(issues: readonly unknown[], wording = (_path: string, message: string): string => message): readonly Finding[] {
  const findings = issues.slice(0, most.findings).map((issue) => {
    const path = pathOf(fieldOf(issue, 'path'));
    const message = fieldOf(issue, 'message');
    return { path, message: bounded(wording(path, typeof message === 'string' ? message : textOf(issue)), most.characters) };
  });
  const more = issues.length - findings.length;
  return more > 0 ? [...findings, { path: '', message: `and ${more} more` }] : findings;
}
