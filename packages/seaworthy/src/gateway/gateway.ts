import type { At, Fits, Http, Operation, Params } from '../contract/contract.ts';

type Target<S extends string, Sent, Output> = Operation<'command' | 'query', Sent, unknown, unknown, Output, unknown> & At<S>;
export interface Route<S extends string = string> { readonly http: Http; readonly targets: readonly At<S>[]; readonly run: (params: never, call: Function) => Promise<unknown> }
export type PartStatus = 'ok' | 'failed' | 'timeout' | 'absent';

/** One part of an aggregate. `Value` has `undefined` in it when the part may be missing. */
export interface Part<S extends string, Output, Missing extends boolean> {
  readonly operation: At<S>;
  readonly input: (context: never) => unknown;
  readonly after: { readonly [name: string]: Part<string, unknown, boolean> };
  readonly required: Missing extends true ? false : true;
  readonly '~output'?: Output;
  optional(): Part<S, Output, true>;
}
type Parts = { readonly [name: string]: Part<string, unknown, boolean> };
type OutputOf<P> = P extends Part<string, infer Output, infer Missing> ? Output | (Missing extends true ? undefined : never) : never;
type OptionalNames<P> = { [K in keyof P]: P[K] extends Part<string, unknown, true> ? K : never }[keyof P];
type Flat<T> = { readonly [K in keyof T]: T[K] };
/** What an aggregate answers: parts that may be missing are optional. */
export type Answer<P> = Flat<{ [K in Exclude<keyof P, OptionalNames<P>>]: OutputOf<P[K]> } & { [K in OptionalNames<P>]?: OutputOf<P[K]> } & { meta: { readonly parts: { readonly [K in keyof P]: PartStatus } } }>;
type ServicesOf<P> = { [K in keyof P]: P[K] extends Part<infer S, unknown, boolean> ? S : never }[keyof P];

type MakePart<Ps> = <S extends string, Sent, Output, A extends Parts = {}>(
  operation: Target<S, Sent, Output>,
  input: (context: { readonly params: Ps } & { readonly [K in keyof A]: Exclude<OutputOf<A[K]>, undefined> }) => NoInfer<Sent>,
  options?: { readonly after?: A },
) => Part<S, Output, false>;

export interface Aggregate<P, Body> extends Route<ServicesOf<P> & string> { readonly '~answer'?: Body }
export function aggregate<const H extends Http, P extends Parts, Body = Answer<P>>(
  http: H,
  parts: (tools: { readonly part: MakePart<Params<H>> }) => P,
  shape?: (answer: Answer<P>) => Body,
): Aggregate<P, Body> {
  const make = (operation: At, input: (context: never) => unknown, options: { after?: Parts } = {}, required = true): unknown =>
    ({ operation, input, after: options.after ?? {}, required, optional: () => make(operation, input, options, false) });
  const made = parts({ part: make as never });
  const run = async (params: never, call: Function): Promise<unknown> => {
    const status: Record<string, PartStatus> = {};
    const running = new Map<unknown, Promise<unknown>>();
    const missing = Symbol('missing');
    const value = (part: Parts[string]): Promise<unknown> => running.get(part) ?? running.set(part, (async () => {
      const names = Object.keys(part.after);
      const values = await Promise.all(names.map((name) => value(part.after[name]!)));
      if (values.includes(missing)) return missing; // what it depends on is missing, so it is skipped
      return call(part.operation, part.input({ params, ...Object.fromEntries(names.map((name, i) => [name, values[i]])) } as never));
    })()).get(part)!;
    const entries = await Promise.all(Object.entries(made).map(async ([name, part]) => {
      try { const got = await value(part); status[name] = got === missing ? 'absent' : 'ok'; return got === missing ? undefined : ([name, got] as const); }
      catch (error) { if (part.required) throw error; status[name] = 'failed'; return undefined; }
    }));
    const answer = { ...Object.fromEntries(entries.filter((e) => e !== undefined)), meta: { parts: status } };
    return shape ? shape(answer as never) : answer;
  };
  return { http, targets: Object.values(made).map((p) => p.operation) as never, run };
}
export function route<const H extends Http, S extends string, Sent>(http: Fits<H, NoInfer<Sent>>, operation: Target<S, Sent, unknown>): Route<S> {
  return { http: http as Http, targets: [operation], run: (input: never, call: Function) => call(operation, input) };
}
export interface Gateway<S extends string = string> { readonly routes: readonly Route<S>[] }
export function gateway<S extends string>(spec: { readonly routes: readonly Route<S>[] }): Gateway<S> { return spec; }
