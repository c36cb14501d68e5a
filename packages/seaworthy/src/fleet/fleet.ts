import type { Gateway } from '../gateway/gateway.ts';
import type { Service } from '../service/service.ts';

/** Everything used must be in the fleet; otherwise a sentence says what is not. */
type Whole<Name extends string, Used extends string> = [Exclude<Used, Name>] extends [never] ? unknown : { readonly services: `the fleet lacks ${Exclude<Used, Name>}` };
export interface Fleet<Name extends string> { readonly services: readonly Service<Name>[]; readonly gateway: Gateway | undefined }
export function fleet<const Name extends string, Used extends string = never, Routed extends string = never>(
  spec: { readonly services: readonly Service<Name, Used>[]; readonly gateway?: Gateway<Routed> } & Whole<NoInfer<Name>, NoInfer<Used> | NoInfer<Routed>>,
): Fleet<Name> {
  return { services: spec.services, gateway: spec.gateway };
}
