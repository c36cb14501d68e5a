import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Edit } from './mutant.ts';

export const workspace = resolve(import.meta.dirname, '../..');
const sources = 'packages/seaworthy/src';

/** Returns a sentence that says why an edit cannot be made, and `undefined` if it can. */
export function misplaced([file, is]: Edit, root: string = workspace): string | undefined {
  const times = readFileSync(join(root, sources, file), 'utf8').split(is).length - 1;
  return times === 1
    ? undefined
    : `${file} has ${JSON.stringify(is)} ${times} times; an edit needs a text that occurs once: make it longer or correct it`;
}

/** An editable copy of the workspace, with its own package and examples and the installed modules of the original. */
export interface Field {
  readonly root: string;
  /** Makes the edits. Returns a function that reverts them. */
  plant(edits: readonly Edit[]): () => void;
}

const copied = ['package.json', 'tsconfig.json', 'packages', 'examples', 'scripts'];
const isCopied = (path: string): boolean => !/(^|\/)(node_modules|dist|\.seaworthy)(\/|$)/.test(path.slice(workspace.length));

/** Makes the copy in `root`, an empty folder. */
export function field(root: string): Field {
  for (const one of copied) cpSync(join(workspace, one), join(root, one), { recursive: true, filter: isCopied });
  const modules = join(root, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(join(workspace, 'node_modules'))) {
    if (name !== 'seaworthy') symlinkSync(join(workspace, 'node_modules', name), join(modules, name));
  }
  symlinkSync(join(root, 'packages/seaworthy'), join(modules, 'seaworthy'));
  return {
    root,
    plant(edits) {
      const before = new Map<string, string>();
      const restore = (): void => {
        for (const [path, text] of before) writeFileSync(path, text);
      };
      try {
        for (const edit of edits) {
          const wrong = misplaced(edit, root);
          if (wrong !== undefined) throw new Error(wrong);
          const [file, is, becomes] = edit;
          const path = join(root, sources, file);
          const text = readFileSync(path, 'utf8');
          if (!before.has(path)) before.set(path, text);
          writeFileSync(
            path,
            text.replace(is, () => becomes),
          );
        }
      } catch (error) {
        restore();
        throw error;
      }
      return restore;
    },
  };
}

/** Removes the copy that `field` has made. */
export const clear = (root: string): void => rmSync(root, { recursive: true, force: true });
