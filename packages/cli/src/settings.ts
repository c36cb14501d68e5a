import { type Environment, EnvironmentInvalid, environment } from 'seaworthy/fleet';
import { UsageInvalid } from './errors.ts';
import { type Given, type Setting, variables } from './options.ts';

/** The environment with the options before it. Throws `UsageInvalid`, which names what is wrong as it was given. */
export function settings(given: Given, only?: readonly string[]): Environment {
  const env: Record<string, string | undefined> = { ...process.env };
  if (only && only.length > 0) env['SEAWORTHY_ONLY'] = only.join(',');
  const names = Object.keys(variables) as Setting[];
  const told = names.filter((name) => given[name] !== undefined);
  for (const name of told) env[variables[name][0]] = given[name];
  try {
    return environment(env);
  } catch (cause) {
    if (!(cause instanceof EnvironmentInvalid)) throw cause;
    const message = told.reduce((text, name) => {
      const [variable, flags] = variables[name];
      return text.replaceAll(new RegExp(`\\b${variable}\\b`, 'g'), flags.split(' ')[0] as string);
    }, cause.message);
    throw new UsageInvalid(message, { cause });
  }
}
