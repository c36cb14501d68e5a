import { asJson } from '../contract/as-json.ts';
import type { Bound, Operation } from '../contract/contract.ts';
import type { Http, Params } from '../contract/http.ts';
import { responseOf } from '../contract/response.ts';
import { sentence } from '../contract/schema.ts';
import { checkOptions } from '../core/options.ts';
import type { Shown } from '../documents/shown.ts';
import { HandlerFailed } from '../service/errors.ts';
import { callPlan } from './call-plan.ts';
import { GatewayInvalid } from './errors.ts';
import type { Route } from './gateway.ts';
import { gather } from './gather.ts';
import type { Part, PartStatus, Parts } from './part.ts';
import type { Target } from './route.ts';

type OutputOf<P> = P extends Part<string, infer Output, infer Missing> ? Output | (Missing extends true ? undefined : never) : never;
type OptionalNames<P> = { [K in keyof P]: P[K] extends Part<string, unknown, true> ? K : never }[keyof P];
type Flat<T> = { readonly [K in keyof T]: T[K] };

/** The answer of an aggregate. Optional parts may be missing, and `meta.parts` has the status of each part. */
export type Answer<P> = Flat<
  { [K in Exclude<keyof P, OptionalNames<P>>]: OutputOf<P[K]> } & { [K in OptionalNames<P>]?: OutputOf<P[K]> } & {
    meta: { readonly parts: { readonly [K in keyof P]: PartStatus } };
  }
>;
type ServicesOf<P> = { [K in keyof P]: P[K] extends Part<infer S, unknown, boolean> ? S : never }[keyof P];

export type MakePart<Ps> = <S extends string, Sent, Output, A extends Parts = Record<never, never>>(
  operation: Target<S, Sent, Output>,
  input: (context: { readonly params: Ps } & { readonly [K in keyof A]: Exclude<OutputOf<A[K]>, undefined> }) => NoInfer<Sent>,
  options?: { readonly after?: A },
) => Part<S, Output, false>;

export interface Aggregate<P, Body> extends Route<ServicesOf<P> & string> {
  readonly '~answer'?: Body;
}

function make(
  operation: Bound,
  input: (context: never) => unknown,
  options: { readonly after?: Parts } = {},
  required = true,
): Part<string, unknown, boolean> {
  checkOptions('part', options, { after: true });
  const part = { operation, input, after: options.after ?? {}, required, optional: () => make(operation, input, options, false) };
  return part as Part<string, unknown, boolean>;
}

/** Returns the result of a shape as JSON. Throws `HandlerFailed` for what JSON cannot represent. */
function shapedJson(http: Http, body: unknown): unknown {
  const json = asJson(body);
  if ('value' in json) return json.value;
  throw new HandlerFailed(`the shape of ${http} returned what JSON cannot represent: ${sentence([json.fault])}`);
}

type ShownParts = Extract<Shown, { kind: 'aggregate' }>['parts'];

/** Returns the operations that an answer needs: those of required parts, and those that these wait for. */
function decisive(parts: Parts): readonly (Operation & Bound)[] {
  const all = new Set<Bound>();
  const visit = (part: Part<string, unknown, boolean>): void => {
    all.add(part.operation);
    for (const needed of Object.values(part.after)) visit(needed);
  };
  for (const part of Object.values(parts)) if (part.required) visit(part);
  return [...all] as (Operation & Bound)[];
}

/**
 * Answers one request from several operations, called at the same time unless a part names others in `after`.
 * A missing optional part is left out, and `meta.parts` has its status; without a required part the aggregate fails.
 * Throws `GatewayInvalid` when a part is named `meta`, is not returned, or is made later.
 */
export function aggregate<const H extends Http, P extends Parts, Body = Answer<P>>(
  http: H,
  parts: (tools: { readonly part: MakePart<Params<H>> }) => P,
  shape?: (answer: Answer<P>) => Body,
): Aggregate<P, Body> {
  const all: Part<string, unknown, boolean>[] = [];
  let over = false;
  const part = (...given: Parameters<typeof make>): Part<string, unknown, boolean> => {
    if (over) throw new GatewayInvalid(`a part of ${http} was made after the parts were returned: make every part before`);
    const one = make(...given);
    all.push(one);
    return one;
  };
  const made = parts({ part: part as unknown as MakePart<Params<H>> });
  over = true;
  if (made instanceof Promise) {
    made.catch(() => {});
    throw new GatewayInvalid(`the parts of ${http} are a promise: return an object, and read data in the input functions`);
  }
  if ('meta' in made) throw new GatewayInvalid(`a part of ${http} is named meta, which has the status of the parts: choose another name`);
  const plan = callPlan(made);
  const idle = all.find((one) => !plan.calls.some(({ operation, input }) => operation === one.operation && input === one.input));
  if (idle) {
    const { service, name } = idle.operation;
    throw new GatewayInvalid(
      `${http} makes a part of ${service}.${name} that is not used: return it, or name it in the \`after\` of another`,
    );
  }
  return {
    http,
    targets: Object.values(made).map((part) => part.operation) as Bound<ServicesOf<P> & string>[],
    shows: { kind: 'aggregate', parts: made as unknown as ShownParts, decisive: decisive(made), shaped: shape !== undefined },
    async run(incoming, call) {
      const gathered = await gather(http, plan, incoming, call);
      if ('none' in gathered) {
        const { name, data } = gathered.failure;
        return responseOf(gathered.none as Operation & Bound, { kind: 'declared', name, data });
      }
      const { values, status } = gathered;
      const answer = { ...values, meta: { parts: status } } as unknown as Answer<P>;
      const partial = Object.values(status).some((part) => part !== 'ok' && part !== 'absent');
      const headers = { 'content-type': 'application/json', ...(partial && { 'cache-control': 'no-store' }) };
      return { status: 200, headers, body: shape ? shapedJson(http, await shape(answer)) : answer };
    },
  };
}
