import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Found, findByStorm, findByTests } from './find.ts';
import { mutants } from './mutants.ts';
import { clear, type Field, field, misplaced } from './plant.ts';

/** Plants each slip of the list, or those whose name contains one of the words, and prints which tests and storms find it. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    storms: { type: 'boolean', default: false },
    workers: { type: 'string', default: String(availableParallelism()) },
    verbose: { type: 'boolean', default: false },
  },
});
const wanted = mutants.filter(({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)));
if (wanted.length === 0) {
  process.stderr.write(`the name of no slip contains ${positionals.join(' or ')}: scripts/mutants/list has the names\n`);
  process.exit(2);
}
const root = mkdtempSync(join(tmpdir(), 'seaworthy-mutants-'));
process.on('exit', () => clear(root));
const line = [...wanted];
let missed = 0;
let stormed = 0;

function tell(name: string, found: Found): void {
  if (found.kind !== 'found') missed++;
  process.stdout.write(`  ${found.kind === 'found' ? 'found   ' : found.kind.toUpperCase()}  ${name} (${found.by})\n`);
  if (found.kind !== 'found' && values.verbose) process.stdout.write(`${found.output}\n`);
}

async function work(own: Field): Promise<void> {
  for (let mutant = line.shift(); mutant; mutant = line.shift()) {
    const misplacedEdit = mutant.edits.map((edit) => misplaced(edit)).find((wrong) => wrong !== undefined);
    if (misplacedEdit !== undefined) {
      tell(mutant.name, { kind: 'misplaced', by: misplacedEdit, output: '' });
      continue;
    }
    const restore = own.plant(mutant.edits);
    try {
      tell(mutant.name, await findByTests(mutant, own));
      if (!values.storms || !mutant.storm) continue;
      stormed++;
      tell(`${mutant.name}, in storms`, await findByStorm(mutant.storm, own));
    } finally {
      restore();
    }
  }
}

await Promise.all(Array.from({ length: Number(values.workers) }, (_, index) => work(field(join(root, String(index))))));
process.stdout.write(
  `${wanted.length} slips${stormed > 0 ? `, ${stormed} of them in storms` : ''}: ${missed === 0 ? 'all found' : `${missed} not found`}\n`,
);
process.exitCode = missed === 0 ? 0 : 1;
