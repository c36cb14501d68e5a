import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FilesInTheWay, UsageInvalid } from './errors.ts';
import { displayPath, project, usualFleet } from './fleet-file.ts';
import { paint, print } from './terminal.ts';

const templates = fileURLToPath(new URL('../templates/', import.meta.url));
const serviceFiles = ['contract.ts', 'service.ts', 'service.test.ts'];
const projectFiles = { 'package.json': 'package.json', 'tsconfig.json': 'tsconfig.json', gitignore: '.gitignore' } as const;

/** The names that are keywords of JavaScript, and those whose paths a gateway or service answers itself. */
const reserved = new Set(
  'gateway bus metrics docs await break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof undefined var void while with yield'.split(
    ' ',
  ),
);

const camel = (name: string): string => name.replaceAll(/-+(.)?/g, (_, letter: string | undefined) => (letter ?? '').toUpperCase());

/** The text of each new file, by its path. */
type Files = ReadonlyMap<string, string>;

function filled(template: string, name: string): string {
  return readFileSync(join(templates, template), 'utf8').replaceAll('template-name', name).replaceAll('templateName', camel(name));
}

/** Makes a service, and a project around it if there is none. Throws `UsageInvalid` for an invalid name, and `FilesInTheWay`. */
export function create(name: string): void {
  if (!/^[a-z][a-z0-9-]*$/.test(name) || name.endsWith('-'))
    throw new UsageInvalid(
      `${JSON.stringify(name)} cannot name a service: use lower case letters, digits and hyphens, such as card-payments`,
    );
  if (reserved.has(camel(name)))
    throw new UsageInvalid(`${name} cannot name a service, because the name is reserved: choose another name, such as all-${name}`);
  const { root, manifest, fleet } = project(process.cwd());
  const fleetFile = fleet === undefined ? usualFleet(root) : join(root, fleet);
  const base = fleetFile === undefined ? root : dirname(fleetFile);
  const files = new Map<string, string>();
  const unchecked = manifest && !hasTsconfig(base);
  for (const [template, file] of Object.entries(projectFiles))
    if ((!manifest || (unchecked && file === 'tsconfig.json')) && !existsSync(join(root, file)))
      files.set(join(root, file), filled(template, name));
  for (const file of serviceFiles) files.set(join(base, name, file), filled(`template-name/${file}`, name));
  if (fleetFile === undefined) files.set(join(root, 'fleet.ts'), filled('fleet.ts', name));
  write(files);
  if (fleetFile !== undefined && existsSync(fleetFile)) printAdditions(name, fleetFile);
  const wanted = manifest ? missing(root, unchecked) : [];
  if (wanted.length > 0)
    print(`\n  Install what ${displayPath(join(root, 'package.json'))} lacks:\n\n${wanted.map((line) => `    ${line}`).join('\n')}`);
  const install = manifest ? '' : 'npm install && ';
  const tests = `node --test ${relative(process.cwd(), join(base, name, 'service.test.ts'))}`;
  print(`\n  Try it: ${paint('bold', `${install}${tests} && npx seaworthy dev`)}`);
}

/** Writes all files, or throws `FilesInTheWay` and writes none. */
function write(files: Files): void {
  const there = [...files.keys()].filter((path) => existsSync(path));
  if (there.length > 0)
    throw new FilesInTheWay(
      `${there.map(displayPath).join(', ')} ${there.length === 1 ? 'exists' : 'exist'} already: choose another name, or move ${there.length === 1 ? 'it' : 'them'}`,
    );
  for (const [path, text] of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: 'wx' });
    print(`  ${paint('green', '+')} ${displayPath(path)}`);
  }
}

function printAdditions(name: string, fleetFile: string): void {
  print(`\n  Add it to ${paint('bold', displayPath(fleetFile))}:\n
    import ${camel(name)} from './${name}/service.ts';

    fleet({ services: [..., ${paint('bold', camel(name))}], ... })

  and to its gateway, if it has one:

    import { ${camel(name)} as ${camel(name)}Contract } from './${name}/contract.ts';

    route('POST /${name}/{entryId}', ${camel(name)}Contract.add),
    route('GET /${name}', ${camel(name)}Contract.tally),`);
}

/** Tells whether the compiler would find a tsconfig.json for the files of a folder: it looks upwards. */
const hasTsconfig = (folder: string): boolean =>
  existsSync(join(folder, 'tsconfig.json')) || (folder !== dirname(folder) && hasTsconfig(dirname(folder)));

/** Lists the commands that add what the new files need to package.json; with `checked` also what the new tsconfig.json needs. */
function missing(root: string, checked: boolean): readonly string[] {
  const { type, ...manifest } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly type?: string;
    readonly [group: `${string}ependencies`]: Readonly<Record<string, string>> | undefined;
  };
  const has = { ...manifest['dependencies'], ...manifest['devDependencies'], ...manifest['peerDependencies'] };
  const lacks = (names: readonly string[]): string => names.filter((one) => has[one] === undefined).join(' ');
  const [run, check] = [lacks(['seaworthy', 'zod']), checked ? lacks(['typescript', '@types/node']) : ''];
  return [
    // Without a type Node detects the module system of each file, and the compiler does not.
    ...(type === 'commonjs' || (type === undefined && checked) ? ['npm pkg set type=module    # name your CommonJS files .cjs'] : []),
    ...(run === '' ? [] : [`npm install ${run}`]),
    ...(check === '' ? [] : [`npm install --save-dev ${check}`]),
  ];
}
