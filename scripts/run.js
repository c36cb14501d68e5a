// This file is plain JavaScript that any Node can read, so that the check comes before anything newer is loaded.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `Seaworthy needs Node 22.19 or newer, and this is ${process.versions.node}: run it with "npm run", which takes the Node 24 that "npm ci" has put into node_modules, or install a newer Node.\n`,
  );
  process.exit(1);
}
// With --warm this only loads the file, so that the first start with the same flags finds it stripped and compiled.
const [, , ...given] = process.argv;
const warm = given[0] === '--warm';
const [file, ...rest] = warm ? given.slice(1) : given;
if (!file) {
  process.stderr.write('usage: node scripts/run.js FILE [ARGUMENT...]\n       node scripts/run.js --warm FILE\n');
  process.exit(1);
}
// Node warns that type stripping and SQLite are experimental; a user of the scripts cannot act on that.
const { emitWarning } = process;
process.emitWarning = (warning, ...more) => {
  if (more[0] !== 'ExperimentalWarning' && more[0]?.type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...more);
};
// The cache keeps stripped and compiled code for the next start, which then takes half the time and a fifth of the memory.
const { enableCompileCache } = await import('node:module');
const { join, resolve } = await import('node:path');
const { pathToFileURL } = await import('node:url');
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/compiled'));
process.argv = [process.argv[0], resolve(file), ...rest];
// A file without a default export runs when it is loaded, so that it cannot be warmed.
const { default: main } = await import(pathToFileURL(resolve(file)).href);
if (!warm) await main?.();
