/** The names that the fleet itself uses in settings, files, labels and probes. */
const taken = new Set(['bus', 'gateway']);
/** Names that no file can have on Windows, whatever its ending (https://learn.microsoft.com/windows/win32/fileio/naming-a-file). */
const devices = /^(?:con|prn|aux|nul|com\d|lpt\d)$/;
/** The longest name. With the fleet's own endings the name of a file stays below 255. */
const longest = 200;

/** Says why no service of a fleet may have this name, as the end of a sentence; `undefined` when it may. */
export function nameFault(name: string): string | undefined {
  if (taken.has(name)) return `is reserved for the ${name} of the fleet`;
  if (devices.test(name)) return 'is the name of a device on Windows, which no file can have';
  return name.length > longest ? `has ${name.length} letters, where ${longest} are allowed` : undefined;
}
