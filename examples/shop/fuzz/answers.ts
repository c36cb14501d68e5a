/** One HTTP response as received. */
export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

export interface Parsed {
  readonly answers: readonly Answer[];
  /** The data after the last complete response. */
  readonly rest: string;
}

const lengthOf = (headers: Answer['headers']): string | undefined => headers.get('content-length')?.join(',');

/** Finds the end of the body that begins at `from`; `undefined` until it has arrived. */
function bodyEnd(bytes: Buffer, from: number, headers: Answer['headers'], ended: boolean): number | undefined {
  const length = lengthOf(headers);
  if (length !== undefined) return from + Number(length) <= bytes.length ? from + Number(length) : undefined;
  return ended ? bytes.length : undefined;
}

/** Reads HTTP/1.1 responses; interim ones (1xx) are skipped. */
export function parsed(bytes: Buffer, methods: readonly string[], ended: boolean): Parsed {
  const answers: Answer[] = [];
  let at = 0;
  for (;;) {
    const blank = bytes.indexOf('\r\n\r\n', at);
    if (blank < 0) break;
    const [first = '', ...lines] = bytes.toString('latin1', at, blank).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
    if (Number.isNaN(status)) break;
    if (status < 200) {
      at = blank + 4;
      continue;
    }
    const headers = new Map<string, string[]>();
    for (const line of lines) {
      const name = line.slice(0, line.indexOf(':')).toLowerCase();
      headers.set(name, [...(headers.get(name) ?? []), line.slice(line.indexOf(':') + 1).trim()]);
    }
    const bare = status === 204 || status === 304 || methods[answers.length] === 'HEAD';
    const end = bare ? blank + 4 : bodyEnd(bytes, blank + 4, headers, ended);
    if (end === undefined) break;
    answers.push({ status, headers, body: bytes.toString('utf8', blank + 4, end) });
    at = end;
  }
  return { answers, rest: bytes.toString('latin1', at) };
}
