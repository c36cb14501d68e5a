import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../port.ts';
import { root } from './manifest.ts';
import { matches, partsOf } from './page.ts';
import { shell } from './shell.ts';

const page = 'docs/first-service.md';

/** Tells whether a command only reads, so that a reader repeats it until the result is there. */
const question = (command: string): boolean => /^curl (?!.*(-d|-X) )/.test(command);

/**
 * Does what the tutorial says, word for word, in an empty folder: writes its files, runs its commands in one shell, and compares
 * what they print. Only three words differ: the packages come from their tarballs instead of a clone beside the folder, and the
 * port is a free one. Throws at the first command that fails or prints something else.
 */
export async function followTutorial(toolkit: string, cli: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'seaworthy-tutorial-'));
  const port = String(await freePort());
  const parts = partsOf(readFileSync(join(root, page), 'utf8').replaceAll('8080', port));
  const terminal = shell(folder, { PORT: port, npm_config_prefer_offline: 'true' });
  try {
    for (const part of parts) {
      if (part.kind === 'file') {
        const path = join((await terminal.run('pwd')).printed.trim(), part.path);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, part.text);
        continue;
      }
      const command = part.command.replace('../seaworthy/packages/seaworthy', toolkit).replace('../seaworthy/packages/cli', cli);
      let { printed, status, complained } = await terminal.run(command);
      const shown = part.prints;
      if (shown && command.endsWith('&')) printed += await terminal.background((text) => matches(text, shown));
      for (let tries = 0; shown && question(command) && !matches(printed, shown) && tries < 200; tries++) {
        await pause(50);
        ({ printed, status, complained } = await terminal.run(command));
      }
      const killed = /kill|wait/.test(command);
      if ((status !== 0 && !killed) || (shown && !matches(printed, shown))) {
        throw new Error(
          `${page}:${part.line}: ${command} ended with ${status} and printed\n${printed}\n${complained}\nwhere the page has\n${shown?.join('\n')}`,
        );
      }
    }
    return `${page} holds: ${parts.filter(({ kind }) => kind === 'file').length} files written, ${parts.filter(({ kind }) => kind === 'run').length} commands run`;
  } finally {
    await terminal.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
