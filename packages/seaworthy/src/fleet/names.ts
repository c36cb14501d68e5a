/** What the fleet itself is called by in settings, files, labels and probes. */
const taken = new Set(['bus', 'gateway']);
/** No file can be called so on Windows, whatever its ending (https://learn.microsoft.com/windows/win32/fileio/naming-a-file). */
const devices = /^(?:con|prn|aux|nul|com\d|lpt\d)$/;
/** With what is added to it the name of a file is to stay below 255. */
const longest = 200;

/** Why no service of a fleet may have this name, as the end of a sentence; `undefined` when it may. */
export function nameFault(name: string): string | undefined {
  if (taken.has(name)) return `is what a fleet calls its own ${name}`;
  if (devices.test(name)) return 'is a device on Windows, where no file can be called so';
  return name.length > longest ? `has ${name.length} letters, and ${longest} is the most` : undefined;
}
