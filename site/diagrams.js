import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';

/** The parts of a browser that the parser touches; drawing needs a real one, and is left to it. */
function browser() {
  const context = createContext({ console, structuredClone, setTimeout, clearTimeout, queueMicrotask, URL, crypto, performance });
  const document = { nodeType: 9, implementation: {}, addEventListener() {}, createElement: () => ({}) };
  Object.assign(context, { window: context, self: context, document, addEventListener() {}, Element: class {} });
  return context;
}

/** Which diagrams of the pages cannot be parsed, each with its page and what the parser says. */
export async function brokenDiagrams(script, pages) {
  const context = browser();
  runInContext(readFileSync(script, 'utf8'), context);
  const broken = [];
  for (const page of globSync('**/*.md', { cwd: pages })) {
    for (const [, source] of readFileSync(join(pages, page), 'utf8').matchAll(/^```mermaid\n([\s\S]*?)^```$/gm)) {
      await context.mermaid.parse(source).catch((error) => broken.push(`${page}: ${error.message}`));
    }
  }
  return broken;
}
